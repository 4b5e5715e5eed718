"""What happens before and after MPI: how a job is recognised, and what is said when it ends."""

import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from ternary.cli import main
from ternary.job import Job
from ternary.ranks import RANK_VARIABLES, SIZE_VARIABLES, open_job

DIES_OR_ENDS = """
import os, sys
from ternary.last_words import LastWords
with LastWords() as last_words:
    last_words.become("these are older")
    last_words.become("these are last")
    if sys.argv[1] != "ends":
        os.kill(os.getpid(), int(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in (*RANK_VARIABLES, *SIZE_VARIABLES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def started_as(monkeypatch):
    def start(rank, size, mpi):
        monkeypatch.setenv("PMI_RANK", str(rank))
        monkeypatch.setenv("PMI_SIZE", str(size))
        monkeypatch.setitem(sys.modules, "mpi4py.MPI", mpi)

    return start


def mpi_of(size):
    """An MPI that sees so many processes."""
    return SimpleNamespace(COMM_WORLD=SimpleNamespace(Get_size=lambda: size))


def ending(how):
    command = [sys.executable, "-c", DIES_OR_ENDS, how]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr


def test_a_process_on_its_own_asks_no_mpi(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    assert type(open_job()) is Job


def test_a_single_rank_asks_no_mpi(started_as):
    started_as(0, 1, None)
    assert type(open_job()) is Job


def test_without_mpi4py_the_extra_is_named(started_as, capsys):
    started_as(0, 2, None)
    assert main(["--quiet"]) == 2
    assert 'pip install "ternary-book[mpi]"' in capsys.readouterr().err


def test_processes_that_do_not_see_each_other_are_refused(started_as, capsys):
    """Each would train the whole model, and write the same file."""
    started_as(1, 4, mpi_of(1))
    assert main(["--quiet"]) == 2
    assert "4 processes were started, but mpi4py sees 1" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_has_its_last_words(number):
    assert ending(str(int(number))) == "these are last\n"


def test_a_process_that_ends_well_has_none():
    assert ending("ends") == ""
