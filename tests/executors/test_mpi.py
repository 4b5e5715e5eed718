"""A run on the processes that mpiexec started."""

import shutil
import sys
from pathlib import Path

import pytest
from conftest import experiment
from toy_runs import values

from ternary.experiments import load_record

MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"
ON_THREE = (MPIEXEC, "-n", "3", sys.executable, "-m", "mpi4py.futures")


def test_two_workers_make_the_record_of_a_single_process(folder, whole, monkeypatch):
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    done = experiment(folder, "--executor", "mpi", launcher=ON_THREE)
    assert (done.returncode, done.stderr) == (0, "")
    record = load_record("toy", folder)
    assert values(record) == whole
    assert {trial["where"]["executor"] for trial in record.trials} == {"mpi"}
    assert len({trial["where"]["pid"] for trial in record.trials}) == 2


def test_a_trial_that_fails_holds_up_no_other(folder, monkeypatch):
    monkeypatch.setenv("TOY_FAIL", "2")
    done = experiment(folder, "--executor", "mpi", launcher=ON_THREE)
    assert done.returncode == 1
    assert "9 of 12 trials are kept, 3 are left; 3 failed:\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_job_that_lost_a_process_goes_on(folder, whole, log, tmp_path, monkeypatch):
    """MPI ends the whole job then; what was kept is kept."""
    monkeypatch.setenv("TOY_KILL_ONCE", str(tmp_path / "once"))
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    assert experiment(folder, "--executor", "mpi", launcher=ON_THREE).returncode != 0
    assert not (folder / "toy.json").exists()
    done = experiment(folder, "--executor", "mpi", launcher=ON_THREE)
    assert (done.returncode, done.stderr) == (0, "")
    assert values(load_record("toy", folder)) == whole
    assert len(log.read_text().splitlines()) <= 12 + 2, "trials that were kept were run again"


@pytest.mark.parametrize(
    ("launcher", "told"),
    [
        ((), "for MPI, the command has to be started so: mpiexec -n 3 python -m mpi4py.futures"),
        ((sys.executable, "-m", "mpi4py.futures"), "there is one process and so no worker; start"),
    ],
)
def test_a_command_that_was_started_otherwise_says_how(folder, launcher, told):
    done = experiment(folder, "--executor", "mpi", launcher=launcher)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.iterdir())
