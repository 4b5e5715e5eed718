"""One training run on real MPI: the same as in one process, and ended as a whole or not at all."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ternary import Trainer
from ternary.checkpoint import read_format

HERE = Path(__file__).parent
MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"
SIZES = ["--d-model", "32", "--d-ff", "64", "--n-heads", "2"]
SMALL = [*SIZES, "--steps", "20", "--save", "model.npz", "--save-every", "10", "--quiet"]
# Sequences, threads of a rank, share of targets that do not count.
BATCHES = [[8, 1, 0], [7, 1, 0.7], [9, 2, 0.9], [3, 1, 0], [5, 3, 0.5]]
DIED = "ternary: the job ended early, because one of its processes did; "


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def on_ranks(n, *arguments, fault="none"):
    """The command on n ranks; on one, without MPI."""
    launcher = [MPIEXEC, "-n", str(n)] if n > 1 else []
    command = [*launcher, sys.executable, str(HERE / "rank_program.py"), fault, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def trained(n, *options, name="model.npz"):
    """The run after its last step, read from the checkpoint of n ranks."""
    done = on_ranks(n, *SMALL, *options, "--save", name)
    assert done.stderr == ""
    return Trainer.resume(name)


def state(trainer):
    buffers = trainer._buffers().items()
    return {"losses": trainer.losses} | {name: buffer.tolist() for name, buffer in buffers}


@pytest.mark.parametrize("n", [2, 4])
def test_the_gradients_of_the_parts_add_up_to_that_of_the_batch_on_every_rank(n):
    """Also in parts of different sizes, empty ones, and on several threads a rank."""
    done = on_ranks(n, json.dumps(BATCHES), fault="gradient")
    assert done.stderr == ""
    everywhere = json.loads(done.stdout)
    assert [rank for rank, _ in everywhere] == list(range(n))
    assert {len(found) for _, found in everywhere} == {len(BATCHES)}
    assert np.max([found for _, found in everywhere]) < 1e-13


@pytest.mark.parametrize("task", ["copy", "delayed-copy", "text"])
def test_two_ranks_are_two_threads_bit_by_bit(task):
    options = ["--task", task, "--length", "8", "--batch-size", "6"]
    together = state(trained(2, *options, "--threads", "1", name="ranks.npz"))
    assert together == state(trained(1, *options, "--threads", "2", name="threads.npz"))


@pytest.mark.parametrize("n", [2, 4])
def test_ranks_take_the_steps_of_one_within_float32_rounding(n):
    alone = trained(1, "--threads", "1", name="alone.npz")
    together = trained(n, "--threads", "1", name="together.npz")
    np.testing.assert_allclose(together.losses, alone.losses, rtol=1e-5)


def test_only_the_first_rank_writes(here):
    trained(4, "--threads", "1")
    assert (here / "writers").read_text().split() == ["0", "0", "0"]
    assert sorted(path.name for path in here.iterdir()) == ["model.npz", "writers"]


@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_that_dies_ends_the_job_and_another_number_goes_on(victim, monkeypatch):
    whole = trained(1, "--threads", "1", name="whole.npz").losses
    monkeypatch.setenv("FAULT_RANK", str(victim))
    monkeypatch.setenv("FAULT_STEP", "15")
    done = on_ranks(2, *SMALL, "--threads", "1", fault="kill")
    assert done.returncode != 0
    told = (
        "the last checkpoint is model.npz, after 10 of 20 steps; go on with any number of "
        "processes: mpiexec -n 2 python -m ternary --resume model.npz\n"
    )
    assert done.stderr.count(DIED + told) == 1
    assert "Traceback" not in done.stderr
    assert Trainer.resume("model.npz").step == 10
    assert on_ranks(4, "--resume", "model.npz", "--quiet").stderr == ""
    resumed = Trainer.resume("model.npz")
    assert resumed.done
    np.testing.assert_allclose(resumed.losses, whole, rtol=1e-5)


def test_without_a_checkpoint_the_last_words_say_so():
    done = on_ranks(2, *SIZES, "--quiet", fault="kill")
    assert DIED + "no checkpoint was written: --save FILE" in done.stderr


def test_a_run_that_goes_on_with_as_many_ranks_is_the_uninterrupted_one():
    whole = state(trained(2, "--threads", "1", name="whole.npz"))
    done = on_ranks(2, *SMALL, "--threads", "1", "--save-every", "2", fault="kill")
    assert done.returncode != 0
    assert on_ranks(2, "--resume", "model.npz", "--quiet").stderr == ""
    assert state(Trainer.resume("model.npz")) == whole


def test_a_checkpoint_is_read_where_it_lies_and_nowhere_else(here):
    on_ranks(2, *SMALL, "--threads", "1", fault="interrupt")
    assert not Trainer.resume("model.npz").done
    assert on_ranks(2, "--resume", "model.npz", "--quiet", fault="live_elsewhere").stderr == ""
    assert Trainer.resume("model.npz").done
    assert not list((here / "elsewhere").iterdir())


@pytest.mark.parametrize("who", [0, 1])
def test_a_signal_to_any_rank_stops_all_after_the_same_step(who, monkeypatch):
    monkeypatch.setenv("FAULT_RANK", str(who))
    done = on_ranks(2, *SMALL, fault="interrupt")
    step = Trainer.resume("model.npz").step
    assert step in (3, 4)
    assert f"stopped after step {step - 1} of 20, saved to model.npz\n" in done.stdout
    assert done.stdout.count("stopped") == 1
    assert DIED not in done.stderr


@pytest.mark.parametrize(
    ("fault", "what"), [("flip_a_code", "codes"), ("move_a_latent", "latents")]
)
def test_a_rank_with_other_codes_is_found_before_anything_is_saved(fault, what, here):
    """A latent is moved by the last bit of its float32."""
    done = on_ranks(4, *SMALL, "--save-every", "3", fault=fault)
    assert done.returncode == 2
    assert done.stderr.count(f"after 3 steps, the {what} of rank 1 differ from those of") == 1
    assert "Traceback" not in done.stderr
    assert not (here / "model.npz").exists()


def test_ranks_with_different_texts_are_refused():
    done = on_ranks(2, *SMALL, "--task", "text", fault="read_another_text")
    assert done.returncode == 2
    assert "the bytes of the text of rank 1 differ from those of rank 0" in done.stderr


def test_an_error_of_one_rank_ends_all_and_says_whose_it_is():
    done = on_ranks(3, *SMALL, fault="fail")
    assert done.returncode != 0
    assert "ternary: error on rank 1: Traceback" in done.stderr
    assert "ZeroDivisionError: a rank of its own mind" in done.stderr
    assert DIED in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([*SMALL, "--lr", "1e30"], "training diverged at step"),
        (["--resume", "nothing.npz"], "there is no file nothing.npz"),
        ([*SMALL, "--save", "no/where.npz"], "there is no folder no; make it first"),
        ([*SMALL, "--d-model", "30"], "not a multiple of 2 * n_heads"),
    ],
)
def test_an_error_of_all_ranks_is_told_once(options, told):
    done = on_ranks(3, *options)
    assert done.returncode == 2
    assert done.stderr.count("ternary: error: ") == done.stderr.count(told) == 1
    assert "Traceback" not in done.stderr
    assert DIED not in done.stderr


def test_a_checkpoint_does_not_know_how_many_wrote_it():
    trained(2, "--threads", "1", name="two.npz")
    trained(1, "--threads", "1", name="one.npz")
    assert read_format("two.npz") == read_format("one.npz")
    assert Trainer.resume("two.npz").config == Trainer.resume("one.npz").config
