"""Chapter 4: the share of zero codes, against the ratio r and against the size of the weights."""

from math import erf, pi, sqrt

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, panels

EPS = 1e-5


def zeros(ratio: float) -> float:
    """Share of zeros of Gaussian weights whose scale is `ratio` times their mean magnitude."""
    return erf(ratio / (2 * sqrt(pi)))


def draw() -> Figure:
    figure, (left, right) = panels(2, figsize=(7.2, 3.4), sharey=True)
    ratios = np.geomspace(1e-2, 1e2, 200)
    left.semilogx(ratios, [zeros(r) for r in ratios], color=BLUE)
    marks = [(1, "fresh mean", (8, -4)), (1 / 64, "padding\ncounted", (-4, 12))]
    marks += [(4, "scale of a neighbour\n4 times as loud", (-118, 2))]
    for ratio, label, offset in marks:
        left.plot(ratio, zeros(ratio), "o", color=BLUE)
        left.annotate(label, (ratio, zeros(ratio)), offset, textcoords="offset points", fontsize=8)
    left.set_xlabel(r"ratio $\rho = 2\theta/m$ of what decides the codes")
    left.set_ylabel("share of zero codes")

    stds = np.geomspace(3e-9, 1e-1, 600)
    means = stds * sqrt(2 / pi)
    stored = means.astype(np.float16).astype(float)
    rules = [
        ("own mean (this book)", np.where(stored > 0, 1.0, np.inf), BLUE, "-"),
        ("clamp at 1e-5", np.maximum(means, EPS) / means, ORANGE, "--"),
        ("mean + 1e-5", 1 + EPS / means, PURPLE, "-."),
        ("own mean in float16", stored / means, GREEN, ":"),
    ]
    for label, ratio, colour, line in rules:
        right.semilogx(stds, [zeros(r) for r in ratio], line, color=colour, label=label, lw=1.8)
    right.axvline(128**-0.5, color=GREY, lw=0.8)
    right.annotate(
        "usual start",
        (128**-0.5, 0.03),
        (-4, 0),
        textcoords="offset points",
        fontsize=8,
        ha="right",
    )
    right.set_xlabel("standard deviation of the weights")
    right.legend(fontsize=8, loc="upper right", bbox_to_anchor=(1.03, 0.97))
    right.set_ylim(-0.03, 1.03)
    return figure
