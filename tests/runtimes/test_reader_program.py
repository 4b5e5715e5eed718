"""The file that the reader's own program writes, in llama.cpp."""

import numpy as np
import ternary_train as program
from conftest import LLAMA_RMS, require_agreement

from ternary.experiments.readers import LlamaCpp


def test_llama_cpp_computes_the_logits_of_the_reader_s_own_file(tmp_path):
    rng = np.random.default_rng(0)
    latents = program.first_latents(program.SHAPES, rng)
    data, rest = program.text()
    _, weights = program.train(
        latents, lambda: program.windows(data, rng.integers(0, len(data) - 64, 16)), 100
    )
    program.write_gguf(tmp_path / "model.gguf", latents)
    reader = LlamaCpp(tmp_path / "model.gguf", 64)
    window = rest[:63]
    theirs = reader.logits(window)
    ours = program.forward(weights, window[None])[0]
    ours -= ours.mean(axis=-1, keepdims=True)
    theirs -= theirs.mean(axis=-1, keepdims=True)
    require_agreement(theirs[None], ours[None], LLAMA_RMS["q2_0.gguf"])
