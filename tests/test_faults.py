"""A process that is killed within a write, or finds no room, loses nothing that was there.

The processes end themselves, by kill -9, at every step that they take with a file in turn: before
each page, flush, renaming and removal. `tests/bench/faults.py` kills at random moments.
"""

import os
import signal
import sys
from functools import cache

import pytest
import slow_disk

from ternary import TernaryTransformer, Trainer, TrainingConfig, TransformerConfig
from ternary.cli import main
from ternary.course import folder as answers
from ternary.course.step import STEPS
from ternary.course.steps import load
from ternary.experiments.record import Record
from ternary.export import TernaryWeights, export_model, files
from ternary.packed import save_packed

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def in_a_process(call):
    """The exit status of a call in a process of its own; minus 9, if it was killed."""
    sys.stdout.flush()
    process = os.fork()
    if not process:
        status = 70
        try:
            status = call() or 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def killed_at(step, call):
    """Whether the call was killed at a step; if it has fewer, it has ended."""
    left = [step]

    def count():
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def disturbed():
        slow_disk.install(count)
        call()

    status = in_a_process(disturbed)
    assert status in (0, -signal.SIGKILL)
    return status != 0


def contents(path):
    """Of a file, or of all files of a folder."""
    if path.is_dir():
        return {each.name: each.read_bytes() for each in path.iterdir()}
    return path.read_bytes() if path.exists() else None


@cache
def model_of(seed):
    config = TransformerConfig(d_model=128, d_ff=128, n_layers=1, n_heads=2)
    return TernaryTransformer(config, seed=seed)


@pytest.fixture(autouse=True)
def large_pages(monkeypatch):
    """A file of a few steps."""
    monkeypatch.setattr(slow_disk, "PAGE", 1 << 20)


def exported(target):
    return lambda path, seed: export_model(
        TernaryWeights.of(model_of(seed)), target, path, force=True
    )


def packed(path, seed):
    save_packed(path, model_of(seed))


@cache
def trainer_of(seed):
    return Trainer(TrainingConfig(seed=seed, d_model=8, d_ff=8, n_heads=2, n_layers=1, threads=1))


def saved(path, seed):
    trainer_of(seed).save(path)


def recorded(path, seed):
    Record(path.stem, {"seeds": [seed]}, [{"seed": seed}] * 200).write(path.parent)


def predicted(path, seed):
    answers.commit(path.parent, f"number-{seed}", "12")


WRITERS = {
    "gguf": exported("gguf"),
    "huggingface": exported("huggingface"),
    "packed.npz": packed,
    "run.npz": saved,
    "name.json": recorded,
    "predictions.json": predicted,
}


@pytest.mark.parametrize("name", WRITERS)
def test_killed_at_any_step_what_was_there_is_the_old_or_the_new_one(tmp_path, name):
    write, path = WRITERS[name], tmp_path / name
    write(path, 1)
    old, seen, step = contents(path), [], 0
    model_of(2), trainer_of(2)  # what every process would do anew
    while killed_at(step, lambda: write(path, 2)):
        assert contents(path) is not None, f"it is lost at step {step}"
        seen.append(contents(path))
        step += 1
    new = contents(path)
    assert new != old
    assert [each for each in seen if each not in (old, new)] == []
    assert seen[0] == old and step >= 3


def test_where_two_names_cannot_be_exchanged_the_old_folder_stays_beside(tmp_path, monkeypatch):
    """On such a system there is one moment in which the folder has another name."""
    monkeypatch.setattr(files, "swap", lambda one, other: False)
    path, step = tmp_path / "out", 0
    WRITERS["huggingface"](path, 1)
    old = contents(path)
    while killed_at(step, lambda: WRITERS["huggingface"](path, 2)):
        left = contents(path) or contents(tmp_path / "out.replaced")
        assert left == old or (left and contents(path) == left)
        step += 1
    assert contents(path) != old


def test_killed_at_any_step_an_answer_is_the_whole_stub_or_not_there(tmp_path):
    load()
    step, stub = 0, STEPS["linear"].stub
    while killed_at(step, lambda: answers.start(tmp_path, STEPS["linear"])):
        assert contents(tmp_path / "linear.py") in (None, stub.encode())
        (tmp_path / "linear.py").unlink(missing_ok=True)
        step += 1
    assert (tmp_path / "linear.py").read_text() == stub


@pytest.mark.parametrize("what", ["save", "pack", "gguf", "huggingface"])
def test_without_room_the_old_one_stays_and_the_error_says_so(tmp_path, capfd, what):
    resource = pytest.importorskip("resource")
    model, target = tmp_path / "model.npz", tmp_path / "target"
    Trainer(TrainingConfig(seed=3, d_model=128, d_ff=128, n_layers=1)).save(model)
    sizes = ["--d-model", "8", "--d-ff", "8", "--n-heads", "2", "--n-layers", "1", "--steps", "2"]
    words = ["export", str(model), str(target), "--to", what, "--force"]
    if what == "save":
        words = [*sizes, "--save", str(target), "--save-every", "1", "--force", "--quiet"]
    elif what == "pack":
        words = ["pack", str(model), "-o", str(target), "--force"]
    assert main(words) in (0, 1)
    old = contents(target)

    def without_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        return main(words)

    capfd.readouterr()
    assert in_a_process(without_room) == 2
    err = capfd.readouterr().err
    assert err.startswith("ternary: error: ") and err.count("\n") == 1
    assert "File too large; nothing that was there was changed. Make room" in err
    assert contents(target) == old
    assert [p.name for p in tmp_path.iterdir() if p not in (model, target)] == []
