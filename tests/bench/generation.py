"""Tokens per second of greedy generation with the default model and its KV cache."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from ternary import TernaryTransformer, TransformerConfig

N_PROMPT, N_TOKENS, ROUNDS = 32, 480, 5


def main() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, NumPy {np.__version__}")
    print(f"{N_TOKENS} greedy tokens after a prompt of {N_PROMPT} bytes, median of {ROUNDS} runs\n")
    print("context                                       first token   tokens/s")
    for context, note in ((64, "half of it read again when full"), (512, "never full")):
        model = TernaryTransformer(TransformerConfig(context=context))
        _time(model)  # to warm up
        first, rate = map(
            statistics.median, zip(*(_time(model) for _ in range(ROUNDS)), strict=True)
        )
        print(f"{context:4} bytes, {note:32}  {first * 1000:8.2f} ms  {rate:9.0f}")


def _time(model: TernaryTransformer) -> tuple[float, float]:
    """Seconds until the first token is there, and tokens a second from then on."""
    prompt = np.random.default_rng(0).integers(0, 256, N_PROMPT)
    began = time.perf_counter()
    tokens = model.generate(prompt, N_TOKENS, temperature=0)
    next(tokens)
    first = time.perf_counter()
    n_others = sum(1 for _ in tokens)
    return first - began, n_others / (time.perf_counter() - first)


if __name__ == "__main__":
    main()
