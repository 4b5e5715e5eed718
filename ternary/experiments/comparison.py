"""Two arms of an experiment side by side: their difference, how sure it is, and a verdict.

The verdict follows a rule that is fixed before anyone looks. It uses two measures of chance: an
interval for the difference, from how much it varies between seeds, and a noise floor, from runs
that differ by no more than a rounding error. The chapter "How we measure" argues for both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ternary.errors import TernaryError

MIN_SEEDS = 5  # of two equal arms, one is below the other in every one of five pairs 1 time in 16
CONFIDENCE = 0.95
VERDICTS = ("lower", "higher", "none")


@dataclass(frozen=True)
class Comparison:
    """The difference of two arms, `a` minus `b`, in pairs of the same seed.

    Attributes
    ----------
    difference
        Mean over the pairs.
    low, high
        Ends of the 95 % interval for it, by Student's t.
    floor
        What a rounding error changes in one run, see `noise_floor`; None if nobody measured it.
    n_seeds
        Number of pairs.

    Examples
    --------
    >>> print(Comparison(-0.034, -0.051, -0.017, floor=0.011, n_seeds=5))
    -0.034 [-0.051, -0.017], floor 0.011, 5 seeds: lower
    >>> print(Comparison(-0.009, -0.012, -0.006, floor=0.011, n_seeds=5))
    -0.009 [-0.012, -0.006], floor 0.011, 5 seeds: none
    >>> print(Comparison(-0.034, -0.051, -0.017, floor=None, n_seeds=3))
    -0.034 [-0.051, -0.017], no floor, 3 seeds: undecided: fewer than five seeds, no noise floor
    """

    difference: float
    low: float
    high: float
    floor: float | None
    n_seeds: int

    @property
    def verdict(self) -> str:
        """Whether `a` is lower or higher than `b`: the rule of this book, the same everywhere.

        ``undecided`` with fewer than five seeds, or without a noise floor. ``none`` if the interval
        holds 0, or if the difference is below the floor. Otherwise ``lower`` or ``higher``.
        """
        lacking = ["fewer than five seeds"] if self.n_seeds < MIN_SEEDS else []
        lacking += ["no noise floor"] if self.floor is None else []
        if lacking or self.floor is None:
            return "undecided: " + ", ".join(lacking)
        if self.low <= 0 <= self.high or abs(self.difference) < self.floor:
            return "none"
        return "lower" if self.difference < 0 else "higher"

    def show(self, digits: int = 3) -> str:
        """One line, as the book prints it."""
        difference, low, high = (f"{x:z.{digits}f}" for x in (self.difference, self.low, self.high))
        floor = "no floor" if self.floor is None else f"floor {self.floor:.{digits}f}"
        seeds = f"{self.n_seeds} seed{'' if self.n_seeds == 1 else 's'}"
        return f"{difference} [{low}, {high}], {floor}, {seeds}: {self.verdict}"

    def __str__(self) -> str:
        return self.show()


def compare(
    a: Mapping[int, float], b: Mapping[int, float], floor: float | None = None
) -> Comparison:
    """Compare two arms of an experiment, pair by pair.

    The interval is that of the paired differences. It is right whatever two runs of one seed have
    in common, be it much or nothing; Welch's interval, for two independent groups, supposes that
    they have nothing in common. Where that is so, pairs cost degrees of freedom: with five seeds,
    Student's t is 2.78 for pairs and 2.31 for two groups, so the interval is a fifth wider.

    Parameters
    ----------
    a, b
        The value of every seed.
    floor
        Noise floor of the value, see `noise_floor`.

    Raises
    ------
    TernaryError
        If the seeds of the two differ, or a value is not finite, as that of a run that diverged.

    Examples
    --------
    >>> a = {0: 1.91, 1: 1.93, 2: 1.90, 3: 1.92, 4: 1.94}
    >>> b = {0: 1.95, 1: 1.95, 2: 1.95, 3: 1.96, 4: 1.97}
    >>> print(compare(a, b, floor=0.01))
    -0.036 [-0.050, -0.022], floor 0.010, 5 seeds: lower
    """
    difference = _differences(a, b)
    n = len(difference)
    mean = float(difference.mean())
    error = float(difference.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    half = t_quantile(n - 1) * error if n > 1 else math.inf
    return Comparison(mean, mean - half, mean + half, floor, n)


def noise_floor(baseline: Mapping[int, float], perturbed: Mapping[int, float]) -> float:
    """How far a perturbation of rounding size moves a value: the root mean square of the pairs.

    The two arms differ by nothing that has a direction, so their differences have mean zero, and
    the root of their mean square is their standard deviation. It is not divided by the root of the
    number of seeds: the interval does that. The floor asks whether a reader who trains both arms
    once could see the difference at all.

    Examples
    --------
    >>> round(noise_floor({0: 1.95, 1: 1.97, 2: 1.96}, {0: 1.96, 1: 1.95, 2: 1.96}), 4)
    0.0129
    """
    return float(np.sqrt(np.mean(_differences(baseline, perturbed) ** 2)))


def t_quantile(degrees: int) -> float:
    """The t that Student's distribution exceeds in magnitude with probability 5 %.

    Found by bisection of the probability within, which for whole degrees of freedom is a finite
    sum: Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), 26.7.3 and 26.7.4.

    Examples
    --------
    >>> [round(t_quantile(degrees), 3) for degrees in (1, 2, 4, 9, 1000)]
    [12.706, 4.303, 2.776, 2.262, 1.962]
    """
    if degrees < 1:
        raise TernaryError(f"degrees is {degrees}; expected 1 or more: two seeds or more")
    low, high = 0.0, 16.0  # the quantile of one degree is below 13, and that of more is smaller
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < CONFIDENCE else (low, middle)
    return (low + high) / 2


def _within(t: float, degrees: int) -> float:
    """Probability that Student's t lies between ``-t`` and ``t``."""
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(2 + odd, degrees, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _differences(a: Mapping[int, float], b: Mapping[int, float]) -> np.ndarray:
    """``a - b``, pair by pair."""
    if set(a) != set(b) or not a:
        raise TernaryError(
            f"the seeds are {_listed(a)} on one side and {_listed(b)} on the other; expected the "
            "same ones, in pairs: run the missing trials"
        )
    difference = np.array([a[seed] - b[seed] for seed in a], float)
    if not np.isfinite(difference).all():
        wrong = [seed for seed, x in zip(a, difference, strict=True) if not math.isfinite(x)]
        raise TernaryError(
            f"a value of the seeds {wrong} is not finite; compare runs that did not diverge, and "
            "say how many did"
        )
    return difference


def _listed(values: Mapping[int, float]) -> Sequence[int]:
    return sorted(values)
