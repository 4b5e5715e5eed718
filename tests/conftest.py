"""What several test files share: one trained model, small settings, and how Hypothesis runs."""

import os

import pytest
from hypothesis import settings

# For matrices as small as these, threads only wait for each other.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from ternary import Trainer, TrainingConfig

# The same examples at every run, and no time limit on any of them.
settings.register_profile("book", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("book")


@pytest.fixture
def small():
    """Settings of a model that takes a millisecond a step."""
    return {"d_model": 32, "d_ff": 64, "n_heads": 2}


@pytest.fixture(scope="session")
def trained():
    """The book's model after its 500 steps of the copy task. Tests must not change it."""
    trainer = Trainer(TrainingConfig())
    trainer.run()
    return trainer


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A file that has a line for every trial of the toy experiment that was begun."""
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


@pytest.fixture
def folder(tmp_path):
    """An empty folder for records."""
    (tmp_path / "records").mkdir()
    return tmp_path / "records"
