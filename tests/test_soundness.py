"""What a checkpoint claims is looked at before anything is made of it."""

import os
import tracemalloc

import numpy as np
import pytest

from ternary import CheckpointError, Trainer, TrainingConfig
from ternary.checkpoint import require_stored, write_checkpoint
from ternary.cli import main
from ternary.job import resume
from ternary.packed import load_any
from ternary.soundness import MAX_PADDING, problem_of
from ternary.training import _read, load_model

SMALL = {"d_model": 8, "d_ff": 8, "n_heads": 2, "n_layers": 1, "group_size": 8, "threads": 1}


@pytest.fixture
def path(tmp_path):
    """A checkpoint after one step."""
    trainer = Trainer(TrainingConfig(steps=2, **SMALL))
    trainer.take_step()
    trainer.save(tmp_path / "run.npz")
    return tmp_path / "run.npz"


def rewritten(path, **changes):
    """A checkpoint whose settings another program has changed, signed anew."""
    header, arrays = _read(path)
    header["config"] |= changes
    del header["format"]
    write_checkpoint(path, header, arrays)
    return path


HOSTILE = {
    "a size that is no whole number": {"d_model": 8.0},
    "a size that is true": {"n_layers": True},
    "groups far longer than rows": {"group_size": 1 << 16},
    "groups that are no whole number": {"group_size": 8.5},
    "a rate beyond any number": {"lr": 10**400},
    "steps that are no whole number": {"steps": 2.0},
    "a seed that is none": {"seed": 0.5},
    "a text that is a number": {"task": "text", "text": 0},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_settings_that_no_run_can_have_are_refused_and_cost_no_memory(path, what, capsys):
    rewritten(path, **HOSTILE[what])
    tracemalloc.start()
    try:
        for read in (load_model, load_any, resume):
            with pytest.raises(CheckpointError, match=next(reversed(HOSTILE[what]))):
                read(str(path))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    for command in (["check", str(path)], ["--resume", str(path)], ["inspect", str(path)]):
        assert main(command) == 2
        assert "no checkpoint of a run" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["/dev/zero", "nowhere.txt", "a\0b", "a" * 5000, ".", "pipe"])
def test_a_text_that_is_no_ordinary_file_is_never_opened(path, text, monkeypatch):
    """A device or a pipe would be read forever."""
    monkeypatch.chdir(path.parent)
    if hasattr(os, "mkfifo"):
        os.mkfifo("pipe")
    rewritten(path, task="text", text=text)
    with pytest.raises(CheckpointError, match="there is no such file here"):
        resume(str(path))


def test_a_run_that_can_be_started_can_be_resumed():
    """As wide as the padding of the defaults goes: rows of two weights in groups of 128."""
    assert problem_of(TrainingConfig(d_model=2, n_heads=1, d_ff=2)) is None
    assert (
        problem_of(TrainingConfig(d_model=2, n_heads=1, d_ff=2, group_size=2 * MAX_PADDING)) is None
    )
    assert problem_of(TrainingConfig(lr=1, seed=10**300)) is None


def test_a_sound_checkpoint_goes_on_as_it_did(path):
    ours, other = resume(str(path)), Trainer.resume(path)
    ours.run()
    other.run()
    assert ours.losses == other.losses and ours.step == 2


def test_compressed_members_are_refused_before_they_are_opened(path):
    """A dictionary of a gigabyte is asked for in nine bytes; tests/fuzz/corpus has such a file."""
    with np.load(path) as archive:
        arrays = dict(archive)
    require_stored(path)
    np.savez_compressed(path, **arrays)
    for read in (require_stored, load_any, load_model, resume):
        with pytest.raises(CheckpointError, match=r"compressed|cannot be read"):
            read(str(path))
    with pytest.raises(CheckpointError, match="compressed"):
        require_stored(path)
