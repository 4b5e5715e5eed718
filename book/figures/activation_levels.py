"""Eight-bit activations: a token with a loud feature, its levels of four bits, also rotated."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

from ternary.activations import quantize
from ternary.rotation import hadamard

BITS = 4


def draw() -> Figure:
    token = np.random.default_rng(3).standard_normal(32).astype(np.float32)
    token[5] = 8
    figure, axes = panels(2, figsize=(6.8, 3.2))
    for axis, (words, x) in zip(
        axes, (("as it comes", token), ("rotated", hadamard(token))), strict=True
    ):
        result = quantize(x, BITS)
        levels = float(result.scales[0]) * np.arange(-7, 8)
        axis.hlines(levels, -0.5, 31.5, color=GREY, lw=0.6, alpha=0.6)
        axis.vlines(np.arange(32), 0, x, color=BLUE)
        gone = result.codes == 0
        axis.plot(np.flatnonzero(~gone), result.values()[~gone], "o", color=ORANGE, ms=4)
        axis.plot(np.flatnonzero(gone), 0 * x[gone], "o", color=GREY, ms=4, fillstyle="none")
        error = np.linalg.norm(result.values() - x) / np.linalg.norm(x)
        axis.set_title(f"{words}: error {error:.0%}, {gone.sum()} of 32 become 0", fontsize=10)
        axis.set_xlabel("feature")
        axis.grid(False)
    axes[0].set_ylabel("activation")
    return figure
