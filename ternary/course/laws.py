"""What many checks do: compare with the book's function, and take slopes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ternary.course.compare import Failed, require, same


def agrees(
    f: Any,
    right: Callable[..., Any],
    *args: Any,
    what: str,
    changes: str = "",
    rtol: float = 1e-4,
    atol: float = 1e-6,
    dtype: bool = True,
) -> Any:
    """Fail unless `f` returns what the book's function does; return what it returned.

    `what` names the values that are returned, `changes` the first arguments, if they are changed in
    place.
    """
    theirs, ours = copy.deepcopy(args), copy.deepcopy(args)
    expected = right(*theirs)
    came = f(*ours)
    if expected is not None:
        same(what, came, expected, rtol, atol, dtype)
    for name, left, wanted in zip(changes.split(", "), ours, theirs, strict=False):
        if name:
            same(f"{name}, changed in place", left, wanted, rtol, atol, dtype)
    return came


def slope_holds(
    what: str, loss: Callable[[Any], float], x: Any, gradient: Any, h: float = 1e-5
) -> None:
    """Fail unless a gradient is the slope of a loss along a random direction, in float64."""
    require(isinstance(gradient, np.ndarray), f"{what}: expected an array")
    if gradient.shape != x.shape:
        raise Failed(f"{what}: the shape is {gradient.shape}, expected {x.shape}")
    step = h * np.random.default_rng(5).standard_normal(x.shape)
    slope = (loss(x + step) - loss(x - step)) / (2 * h)
    same(f"{what}, along a random direction", float((gradient * step).sum() / h), slope, rtol=1e-4)


def fresh(seed: int = 0) -> np.random.Generator:
    """A generator that is the same in every check."""
    return np.random.default_rng(seed)


def normal(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    """Normal numbers, the same in every check."""
    return fresh(seed).standard_normal(shape).astype(dtype)
