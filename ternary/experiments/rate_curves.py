"""Curves of a loss against the learning rate: their best rates, and how one is moved onto another.

Used by the experiment ``learning-rates`` and its figure.
"""

from __future__ import annotations

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.record import Record, Settings

RATES = (0.00058, 0.001, 0.0017, 0.003, 0.0052, 0.009, 0.016, 0.027)  # a factor of sqrt(3) apart
USUAL: Settings = {"clip": 1.0, "decay": "cosine"}


def losses(record: Record, projection: str, seed: int) -> Floats:
    """Held-out bits per byte at every rate of the grid."""
    runs = ({"projection": projection, "lr": lr, **USUAL} for lr in RATES)
    return np.array([record.values("bpb", **run)[seed] for run in runs])


def best_rate(record: Record, projection: str, seed: int) -> float:
    """The minimum of the parabola in ``log lr`` through the best rate and its two neighbours."""
    bpb = losses(record, projection, seed)
    middle = min(max(int(np.argmin(bpb)), 1), len(RATES) - 2)
    near = slice(middle - 1, middle + 2)
    a, b, _ = np.polyfit(np.log(RATES[near]), bpb[near], 2)
    return float(np.exp(-b / (2 * a)))


def shift_and_lift(ternary: Floats, twin: Floats) -> tuple[float, float, float]:
    """How the twin's curve must be moved to lie on the ternary one, and the rms that remains.

    Returns the factor by which its rates are multiplied, the bits per byte that are added, and the
    rms in bits per byte. The lowest rate is left out: shifted, it has no neighbour below.
    """
    rates = np.log(RATES)
    fits = []
    for shift in np.arange(1, 2, 0.02):
        apart = (ternary - np.interp(rates - np.log(shift), rates, twin))[1:]
        fits.append((float(apart.std()), float(shift), float(apart.mean())))
    rms, shift, lift = min(fits)
    return shift, lift, rms
