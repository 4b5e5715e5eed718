"""Chapter 1: entropy and zeros against the threshold, and one group with its three bins."""

import math

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, panels

from ternary import GroupAbsMean, project

MEAN = math.sqrt(2 / math.pi)  # of |w|, for a standard deviation of 1


def entropy(p_zero: float) -> float:
    """Bits of a code that is 0 with this probability, and otherwise +1 or -1 alike."""
    shares = [p_zero, (1 - p_zero) / 2, (1 - p_zero) / 2]
    return -sum(p * math.log2(p) for p in shares if p > 0)


def draw() -> Figure:
    figure, (left, right) = panels(2, figsize=(6.8, 3.4))
    draw_thresholds(left)
    draw_group(right)
    return figure


def draw_thresholds(axis) -> None:
    thresholds = np.linspace(0, 1.5, 151)
    zeros = [math.erf(t * MEAN / math.sqrt(2)) for t in thresholds]
    axis.plot(thresholds, [entropy(p) for p in zeros], color=BLUE)
    axis.plot(thresholds, zeros, "--", color=ORANGE)
    axis.text(0.58, 1.12, "entropy (bits)", color=BLUE)
    axis.text(0.75, 0.25, "share of zeros", color=ORANGE)
    axis.axhline(math.log2(3), color=GREY, lw=0.8, ls=":")
    axis.text(1.5, math.log2(3) + 0.02, r"$\log_2 3$", ha="right", va="bottom")
    axis.axvline(0.5, color=GREY, lw=1, ls="-.")
    axis.text(0.53, 0.05, r"$m/2$")
    at_half = math.erf(MEAN / 2 / math.sqrt(2))
    axis.plot([0.5, 0.5], [at_half, entropy(at_half)], "o", color=GREY, ms=5)
    axis.set_ylim(0, 1.8)
    axis.set_xlabel("threshold (multiples of $m$)")
    axis.set_ylabel("bits; share of codes")


def draw_group(axis) -> None:
    w = np.random.default_rng(0).standard_normal((1, 128)).astype(np.float32)
    codes = project(w, GroupAbsMean(128)).codes[0]
    m = float(np.abs(w).mean())
    edges = m / 2 * np.arange(-7, 8)  # the thresholds are edges of bars
    for code, colour, hatch in ((-1, ORANGE, "//"), (0, BLUE, ""), (1, GREEN, "\\\\")):
        chosen = w[0, codes == code]
        axis.hist(chosen, edges, color=colour, alpha=0.55, hatch=hatch, edgecolor=colour)
        name = f"{code:+d}".replace("-", "\N{MINUS SIGN}") if code else "0"
        axis.text(1.8 * m * code, 33, name, ha="center", color=colour, fontsize=12)
        axis.text(
            1.8 * m * code, 29.5, f"{chosen.size} of 128" if code else chosen.size, ha="center"
        )
    for side in (-1, 1):
        axis.axvline(side * m / 2, color=GREY, lw=1, ls="-.")
    axis.set_xticks(
        [-2 * m, -m, -m / 2, 0, m / 2, m, 2 * m], ["$-2m$", "$-m$", "", "0", "", "$m$", "$2m$"]
    )
    axis.set_ylim(0, 37)
    axis.set_xlabel("latent weight $w$")
    axis.set_ylabel("weights in a bar")
