"""One trained model and its exports, for every runtime; `pytest` alone does not collect them.

pip install ".[test,runtimes]" and
pytest tests/runtimes --ignore tests/runtimes/test_llama_cpp_python.py
pip install ".[test,llama]" (a C++ compiler and a quarter of an hour) for that file too
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ternary import Trainer, TrainingConfig
from ternary.experiments.runtimes import files
from ternary.export import TernaryWeights

HERE = Path(__file__).parent
PROGRAMS = HERE.parents[1] / "book" / "runtimes"
NAMES = {"q2_0.gguf": "model.gguf", "huggingface": "model-hf", "mlx": "model-mlx"}


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("runtimes")


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A model after 100 steps on Python's documentation, its exports, and held-out text."""
    trainer = Trainer(TrainingConfig(task="text", steps=100))
    trainer.run()
    folder = tmp_path_factory.mktemp("exports")
    files(trainer.model, folder)
    held_out = trainer.task.validation
    length = trainer.model.config.context
    return SimpleNamespace(
        model=trainer.model,
        weights=TernaryWeights.of(trainer.model),
        folder=folder,
        windows=held_out[: 8 * length].reshape(8, length),
        prompt=bytes(held_out[:24].tolist()).decode(),
        context=length,
    )


@pytest.fixture(scope="session")
def expected(exported):
    """What the package computes: logits of the windows, and the greedy continuation."""
    prompt = np.frombuffer(exported.prompt.encode(), np.uint8).astype(np.int64)
    text = bytes(exported.model.generate(prompt, exported.context - len(prompt), temperature=0))
    return SimpleNamespace(
        logits=exported.model.forward(exported.windows).copy(), text=text.decode(errors="replace")
    )


@pytest.fixture(scope="session")
def named_as_in_the_book(exported, tmp_path_factory):
    """A folder where the exports have the names that chapter 11 gives them."""
    folder = tmp_path_factory.mktemp("book")
    for export, name in NAMES.items():
        (folder / name).symlink_to(exported.folder / export)
    return folder
