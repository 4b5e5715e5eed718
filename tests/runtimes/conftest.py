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
from ternary.experiments.readers import LlamaCpp
from ternary.experiments.runtimes import files
from ternary.export import TernaryWeights
from ternary.export.gguf import gguf_metadata, gguf_tensors
from ternary.export.gguf_file import write_gguf

HERE = Path(__file__).parent
PROGRAMS = HERE.parents[1] / "book" / "runtimes"
NAMES = {"q2_0.gguf": "model.gguf", "huggingface": "model-hf", "mlx": "model-mlx"}
LLAMA_RMS = {"q2_0.gguf": 0.02, "f16.gguf": 0.002}  # what llama.cpp is allowed in each file


def relative_rms(theirs, ours):
    return float(np.sqrt(((theirs - ours) ** 2).mean() / (ours**2).mean()))


def require_agreement(theirs, ours, allowed):
    """Logits agree to a relative RMS, and so does the likeliest byte where they can decide it."""
    assert relative_rms(theirs, ours) < allowed
    # Equal wherever the decision is not closer than the noise of rounded activations.
    second, first = np.sort(ours, axis=-1)[..., -2:].transpose(2, 0, 1)
    clear = first - second > 2 * abs(theirs - ours).max(axis=-1)
    same = theirs.argmax(axis=-1) == ours.argmax(axis=-1)
    assert same[clear].all()
    assert same.mean() > 0.95


def require_continuation(reader, exported, expected):
    """It fills the context after the prompt, at first with our text."""
    n = exported.context - len(exported.prompt.encode())
    text = reader.continuation(exported.prompt, n)
    assert len(text) == n
    assert text[:8] == expected.text[:8]


def tokens_in_llama_cpp(path, context, text):
    """Load a file in llama.cpp, and what it makes of a text.

    Its server ends only after its queue has begun. A question about tokens passes the queue by, so
    on a busy machine a server that was asked nothing else waits for ever. A byte to predict goes
    through the queue.
    """
    reader = LlamaCpp(path, context)
    reader.ask("/completion", prompt=text, n_predict=1)
    return reader.tokens(text)


def write_q2_0(path, exported, without=None, tensors=None):
    """A file of Q2_0 without one of its keys, or with other tensors."""
    metadata = gguf_metadata(exported.weights, "Q2_0")
    tensors = tensors or gguf_tensors(exported.weights, "Q2_0")
    with open(path, "wb") as file:
        write_gguf(file, {k: v for k, v in metadata.items() if k != without}, tensors)
    return path


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("runtimes")


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A model after 100 steps on Python's documentation, its exports, and held-out text."""
    # By AdamW: after Muon's 100 steps the rotated weights make byte 0 the likeliest, which
    # llama.cpp takes for the end of the text, and tells no probabilities there.
    trainer = Trainer(TrainingConfig(task="text", steps=100, optimizer="adamw"))
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
    """A folder where the exports have the names that chapter 14 gives them."""
    folder = tmp_path_factory.mktemp("book")
    for export, name in NAMES.items():
        (folder / name).symlink_to(exported.folder / export)
    return folder
