"""Checking a hand-written gradient against finite differences, along random directions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ternary.arrays import Floats


def directional_error(
    loss: Callable[[], float],
    array: Floats,
    gradient: Floats,
    rng: np.random.Generator | None = None,
    directions: int = 3,
    step: float = 1e-5,
) -> float:
    """Largest relative error of a gradient along random directions.

    Moves `array` in place by a small step back and forth along a random unit direction ``d`` and
    compares the slope of the loss with ``gradient . d``. One direction tests all entries at once:
    a wrong entry goes unnoticed only if the direction happens to be orthogonal to the error.

    Never check a latent weight so: rounding makes the loss constant along almost every direction
    and finite differences say 0. What the straight-through estimator claims is the gradient with
    respect to the *projected* weight, so that is the array to move.

    Parameters
    ----------
    loss
        Computes the loss from what `array` holds at the moment.
    array
        float64 array of any shape, moved and then restored.
    gradient
        dL/darray, of the same shape; copied before anything moves.
    rng, directions, step
        Source of the directions, by default a generator of seed 0; how many; how far to move.

    Returns
    -------
    ``|numeric - analytic| / max(|numeric|, |analytic|)``, the worst of all directions.

    Notes
    -----
    Central differences err by ``step**2`` times the third derivative, plus rounding by
    ``1e-16 / step``; both are about 1e-10 here.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> directional_error(lambda: float((x**3).sum()), x, 3 * x**2) < 1e-8
    True
    >>> directional_error(lambda: float((x**3).sum()), x, 2 * x**2) > 0.1
    True
    """
    rng = rng or np.random.default_rng(0)
    start, gradient = array.copy(), gradient.copy()
    worst = 0.0
    for _ in range(directions):
        direction = rng.standard_normal(array.shape)
        direction /= np.linalg.norm(direction)
        array[...] = start + step * direction
        ahead = loss()
        array[...] = start - step * direction
        behind = loss()
        array[...] = start
        numeric = (ahead - behind) / (2 * step)
        analytic = float((gradient * direction).sum())
        scale = max(abs(numeric), abs(analytic))
        worst = max(worst, abs(numeric - analytic) / scale if scale else 0.0)
    return worst
