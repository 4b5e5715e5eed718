"""What must be remembered: the numbers that a latent can be in four formats, and two steps."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, arrow, panels

FROM, TO, SCALE = 0.0, 0.164, 0.1
ROWS = {
    "bfloat16": (BLUE, np.append(np.arange(0, 1 / 16, 2**-12), np.arange(1 / 16, TO, 2**-11))),
    "int8": (GREEN, np.arange(FROM, TO, 2**-8)),
    "codes": (ORANGE, np.array([0, SCALE])),
}


def draw() -> Figure:
    figure, (axis,) = panels(1, figsize=(6.4, 2.8))
    axis.axvspan(SCALE / 2 - 4e-4, SCALE / 2 + 4e-4, color=GREY, alpha=0.4, linewidth=0)
    for y, (colour, numbers) in zip((2, 1, 0), ROWS.values(), strict=True):
        width = {2: 0.35, 1: 1.2, 0: 2.5}[y]
        axis.vlines(numbers, y - 0.3, y + 0.3, color=colour, linewidth=width)
    for y, (length, words) in zip(
        (3.35, 2.75), ((0.006, "a step of 0.006"), (0.0006, "a step of 0.0006")), strict=True
    ):
        arrow(axis, (0.102, y), (0.102 + length, y), PURPLE, mutation_scale=6)
        axis.text(0.112, y, words, color=PURPLE, va="center", fontsize=9)
    axis.text(SCALE / 2, 3.1, "threshold", ha="center", fontsize=9)
    axis.set_yticks([2, 1, 0], list(ROWS))
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(FROM - 0.003, TO)
    axis.set_ylim(-0.5, 3.7)
    axis.set_xlabel("latent, in units of a weight")
    axis.grid(False)
    axis.spines["left"].set_visible(False)
    return figure
