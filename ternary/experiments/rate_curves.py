"""Curves of a loss against the learning rate: their best rates, and how one is moved onto another.

Used by the experiment ``learning-rates`` and its figure.
"""

from __future__ import annotations

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.comparison import Comparison, compare, noise_floor
from ternary.experiments.record import Record, Settings

RATES = (0.0017, 0.003, 0.0052, 0.009, 0.016, 0.027)  # a factor of sqrt(3) apart
STEPS = 400
USUAL: Settings = {"clip": 1.0, "decay": "cosine", "perturbed": False}


def losses(record: Record, projection: str, perturbed: bool = False) -> dict[int, Floats]:
    """Held-out bits per byte at every rate of the grid, for every seed.

    The noise arms have only the rates about the best; elsewhere the usual runs stand in for them.
    """
    curves: dict[int, list[float]] = {}
    for lr in RATES:
        run = {"projection": projection, "lr": lr, **USUAL}
        noisy = run | {"perturbed": True}
        chosen = noisy if perturbed and noisy in record.settings else run
        for seed, bpb in record.by_seed("bpb", chosen).items():
            curves.setdefault(seed, []).append(bpb)
    return {seed: np.array(curve) for seed, curve in curves.items()}


def gap_at(record: Record, lr: float) -> Comparison:
    """The ternary model minus its twin at one rate, with the floor of that rate where it is known.

    A perturbation of rounding size makes more of a difference at higher rates.
    """
    arms = [{"projection": name, "lr": lr, **USUAL} for name in ("group", "full-precision")]
    noisy = arms[0] | {"perturbed": True}
    floor = None
    if noisy in record.settings:
        floor = noise_floor(record.by_seed("bpb", arms[0]), record.by_seed("bpb", noisy))
    return record.compare("bpb", *arms, floor=floor)


def gap_at_best(record: Record) -> Comparison:
    """The same where each has its own best rate: the lowest points of the parabolas."""
    ternary, twin, noisy = (
        {seed: best_loss(curve) for seed, curve in losses(record, *which).items()}
        for which in (("group",), ("full-precision",), ("group", True))
    )
    return compare(ternary, twin, noise_floor(ternary, noisy))


def best_rate(bpb: Floats) -> float:
    """The minimum of the parabola in ``log lr`` through the best rate and its two neighbours."""
    a, b, _ = _parabola(bpb)
    return float(np.exp(-b / (2 * a)))


def best_loss(bpb: Floats) -> float:
    """The loss at that minimum."""
    a, b, c = _parabola(bpb)
    return float(c - b**2 / (4 * a))


def _parabola(bpb: Floats) -> Floats:
    middle = min(max(int(np.argmin(bpb)), 1), len(RATES) - 2)
    near = slice(middle - 1, middle + 2)
    return np.polyfit(np.log(RATES[near]), bpb[near], 2)


def log_best_rates(record: Record, projection: str, perturbed: bool = False) -> dict[int, float]:
    """Logarithm of the best rate of every seed."""
    curves = losses(record, projection, perturbed)
    return {seed: float(np.log(best_rate(curve))) for seed, curve in curves.items()}


def compare_best_rates(record: Record) -> Comparison:
    """The logarithm of the best ternary rate minus that of the twin's, with its own noise floor."""
    ternary, twin = (log_best_rates(record, name) for name in ("group", "full-precision"))
    noisy = log_best_rates(record, "group", perturbed=True)
    return compare(ternary, twin, noise_floor(ternary, noisy))


def shift_and_lift(ternary: Floats, twin: Floats) -> tuple[float, float, float]:
    """How the twin's curve must be moved to lie on the ternary one, and the rms that remains.

    Returns the factor by which its rates are multiplied, the bits per byte that are added, and the
    rms in bits per byte. The lowest rate is left out: shifted, it has no neighbour below.
    """
    rates = np.log(RATES)
    fits = []
    for shift in np.arange(0.6, 3, 0.02):
        apart = (ternary - np.interp(rates - np.log(shift), rates, twin))[1:]
        fits.append((float(apart.std()), float(shift), float(apart.mean())))
    rms, shift, lift = min(fits)
    return shift, lift, rms
