"""Chapter 1: a group of sixteen latents, the band of code 0, and the ternary weights."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

from ternary import project

LATENTS = [0.10, -1.00, -1.50, -0.63, 0.05, -0.03, 0.73, -0.31]
LATENTS += [-0.09, -0.10, 1.32, 0.14, 0.92, 0.98, 1.17, -0.19]


def draw() -> Figure:
    w = np.array([LATENTS], np.float32)
    codes, _, weights = project(w)
    threshold = float(np.abs(w).mean()) / 2
    figure, (axis,) = panels(1)
    at = np.arange(w.size)
    axis.axhspan(-threshold, threshold, color=GREY, alpha=0.25, label="code 0")
    axis.bar(at, weights[0], color=ORANGE, alpha=0.5, width=0.45, label="ternary weight")
    axis.vlines(at, 0, w[0], color=BLUE)
    axis.plot(at, w[0], "o", color=BLUE, label="latent weight")
    axis.set_xticks(at, ["\N{MINUS SIGN}0+"[code + 1] for code in codes[0]])
    axis.set_xlabel("code")
    axis.set_ylabel("weight")
    axis.grid(False, axis="x")
    axis.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure
