"""llama.cpp's logits of a Q2_0 file, computed by its own rounding in NumPy."""

import numpy as np
import pytest
from conftest import relative_rms

from ternary.experiments.integer_runtime import SAME, WAYS, computed, position_errors
from ternary.experiments.readers import LlamaCpp


@pytest.fixture(scope="module")
def theirs(exported):
    reader = LlamaCpp(exported.folder / "q2_0.gguf", exported.context)
    return np.stack([reader.logits(window[:-1]) for window in exported.windows[:2]])


def ours(exported, way):
    return computed(exported.model, way).forward(exported.windows[:2, :-1]).astype(np.float64)


def test_with_all_of_its_rounding_every_position_agrees_to_five_digits(exported, theirs):
    assert position_errors(theirs, ours(exported, WAYS[-1])).max() < SAME


def test_its_rounding_of_inputs_alone_does_not_bring_us_near(exported, theirs):
    for way in ("float32", "8 bits a token", "8 bits a block"):
        assert 1e-3 < relative_rms(theirs, ours(exported, way)) < 2e-2
