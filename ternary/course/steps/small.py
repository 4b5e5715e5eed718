"""A small model for steps that need a whole one: the program's own functions, smaller sizes."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from ternary.course import program


def sizes(d: int = 36, vocab: int = 40, ff: int = 48) -> dict[str, Any]:
    """The program's constants for a model of two layers that takes a millisecond."""
    block: dict[str, tuple[int, ...]] = {**dict.fromkeys("qkvo", (d, d)), "up": (ff, d)}
    block |= {"down": (d, ff), "norm1": (d,), "norm2": (d,)}
    shapes: dict[str, tuple[int, ...]] = {"embedding": (vocab, d)}
    shapes |= {f"layers.{i}.{name}": shape for i in range(2) for name, shape in block.items()}
    shapes |= {"head": (vocab, d), "norm": (d,)}
    constants = {"VOCAB": vocab, "D": d, "HEADS": 2, "FF": ff, "LAYERS": 2}
    return {**constants, "BLOCK": block, "SHAPES": shapes}


@cache
def small_book() -> Any:
    """The book's functions, of the small model."""
    module = program.modules()["ternary_train"]
    vars(module).update(sizes())
    return SimpleNamespace(**vars(module))


def latents(dtype: Any = np.float64) -> dict[str, Any]:
    """Latents of the small model whose gains are no ones, so that none can be forgotten."""
    rng = np.random.default_rng(3)
    found = small_book().first_latents(sizes()["SHAPES"], rng)
    for name, w in found.items():
        found[name] = (w + 0.3 * rng.random(w.shape) * (w.ndim == 1)).astype(dtype)
    return dict(found)


def batch() -> tuple[Any, Any]:
    """Tokens and targets `(2, 6)`, the same in every check."""
    rng = np.random.default_rng(4)
    return rng.integers(0, 40, (2, 6)), rng.integers(0, 40, (2, 6))
