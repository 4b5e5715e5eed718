"""Chapter 5: latents under noise gradients and decay over time, and the flips of their codes."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, GREY, panels

from ternary import project

LR, STEPS, EVERY, SHAPE = 3e-3, 1000, 20, (16, 128)


def walk(decay: float) -> tuple[list[float], list[float]]:
    """Root mean square of the latents and share of flips, each a mean over a few steps."""
    rng = np.random.default_rng(1)
    w = (rng.standard_normal(SHAPE) * 128**-0.5).astype(np.float32)
    codes, rms, flips = project(w).codes.copy(), [], []
    for _ in range(STEPS):
        w = (1 - LR * decay) * w + LR * rng.choice([-1, 1], SHAPE)
        now = project(w).codes
        rms.append(float(np.sqrt((w * w).mean())))
        flips.append(float((now != codes).mean()))
        codes = now.copy()
    means = (np.reshape(curve, (-1, EVERY)).mean(axis=1).tolist() for curve in (rms, flips))
    return next(means), next(means)


def draw() -> Figure:
    figure, (left, right) = panels(2)
    steps = np.arange(EVERY, STEPS + 1, EVERY)
    for colour, style, decay in zip(COLOURS, ("-", "--", ":"), (0.0, 1.0, 10.0), strict=False):
        for axis, curve in zip((left, right), walk(decay), strict=True):
            axis.plot(steps, curve, style, color=colour, label=f"decay {decay:g}")
        if decay:
            left.axhline((LR / (2 * decay)) ** 0.5, color=GREY, linewidth=0.8)
    left.set_ylabel("root mean square of the latents")
    right.set_ylabel("share of codes that flip in a step")
    for axis in (left, right):
        axis.set_yscale("log")
        axis.set_xlabel("steps")
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, ncols=3, loc="outside upper center")
    return figure
