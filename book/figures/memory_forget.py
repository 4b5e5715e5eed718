"""What must be remembered: an average in a byte, for sixty steps without a gradient."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

from ternary.memory import round_log

STEPS = 60


def forget(beta: float, dice: np.random.Generator | None) -> list[float]:
    """Mean of many averages after every step, by the package's grid of a byte."""
    v, means = np.ones((50, 128), np.float32), [1.0]
    for _ in range(STEPS):
        v = round_log(v * np.float32(beta), dice, levels=255)
        means.append(float(v.mean()))
    return means


def draw() -> Figure:
    figure, axes = panels(2)
    steps = np.arange(STEPS + 1)
    for axis, beta in zip(axes, (0.95, 0.999), strict=True):
        chance = forget(beta, np.random.default_rng(0))
        axis.plot(steps, beta**steps, color=GREY, linewidth=4, alpha=0.4, label="exact")
        axis.plot(steps, chance, "--", color=BLUE, label="by chance, mean")
        axis.plot(steps, forget(beta, None), color=ORANGE, label="to the nearest")
        axis.set_title(f"$\\beta$ = {beta}", fontsize=10)
        axis.set_xlabel("steps without a gradient")
    axes[0].set_yscale("log")
    axes[0].set_ylabel("average, at first 1")
    axes[1].set_ylim(0.9, 1.01)
    axes[0].legend()
    return figure
