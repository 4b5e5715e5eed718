"""Chapter 8: one long gradient, and the steps of Adam after it, with clipping and without."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, RED, plt

from ternary import AdamW, Parameters, clip_gradients

STEPS, LONG, LR = 300, 100, 0.001


def lengths(max_norm: float) -> tuple[list[float], list[float]]:
    """Norms of the gradients, and the mean lengths of the steps in learning rates."""
    noise, parameters = np.random.default_rng(0), Parameters({"W": (16, 128)})
    optimizer, norms, moves = AdamW(parameters), [], []
    for k in range(STEPS):
        g = noise.standard_normal(2048) / 45
        parameters.gradients[:] = g * (100 if k == LONG else 1)
        norms.append(clip_gradients(parameters.gradients, max_norm))
        w = parameters.values.copy()
        optimizer.step(LR)
        moves.append(float(np.abs(parameters.values - w).mean() / LR))
    return norms, moves


def draw() -> Figure:
    figure, (top, bottom) = plt.subplots(
        2, 1, sharex=True, figsize=(5.4, 4.2), height_ratios=(1, 1.8)
    )
    (norms, free), (_, clipped) = lengths(1e9), lengths(1.0)
    top.plot(norms, color=GREY)
    top.axhline(1, color=BLUE, ls="--", lw=1.2)
    top.text(STEPS, 1.25, "clipped at 1", color=BLUE, ha="right", size=9)
    top.set_yscale("log")
    top.yaxis.set_major_formatter("{x:g}")
    top.set_ylabel("norm of\nthe gradient")
    bottom.plot(free, color=RED, label="not clipped")
    bottom.plot(clipped, color=BLUE, ls="--", label="clipped")
    low = int(np.argmin(free))
    bottom.annotate(
        "short steps: the average of\nsquares remembers",
        (low, free[low]),
        (low + 35, 0.36),
        color=RED,
        size=9,
        arrowprops={"arrowstyle": "->", "color": RED},
    )
    bottom.set(xlim=(60, STEPS), ylim=(0, 0.46), xlabel="step")
    bottom.set_ylabel("mean length of a step\n/ learning rate")
    bottom.legend(fontsize=9, loc="lower right")
    return figure
