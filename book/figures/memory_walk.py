"""What must be remembered: short steps on a grid, exact, to the nearest, and by chance."""

import numpy as np
from matplotlib.figure import Figure
from style import GREEN, GREY, ORANGE, panels

from ternary.memory import round_grid

STEP, STEPS, WALKS = 0.2, 200, 5


def walk(dice: np.random.Generator | None) -> list[float]:
    """Places after every step, in spacings."""
    x, places = np.zeros(1, np.float32), [0.0]
    for _ in range(STEPS):
        x = round_grid(x + np.float32(STEP), dice)
        places.append(float(x[0]))
    return places


def draw() -> Figure:
    figure, (axis,) = panels(1)
    steps = np.arange(STEPS + 1)
    exact, spread = STEP * steps, np.sqrt(STEP * steps)
    axis.fill_between(steps, exact - spread, exact + spread, color=GREEN, alpha=0.15, linewidth=0)
    for seed in range(WALKS):
        look = {"color": GREEN, "linewidth": 0.9, "drawstyle": "steps-post"}
        axis.plot(steps, walk(np.random.default_rng(seed)), **look)
    axis.plot(steps, exact, "--", color=GREY)
    axis.plot(steps, walk(None), color=ORANGE, linewidth=2.4)
    axis.text(150, 19, "by chance", color=GREEN)
    axis.text(110, 27.5, "exact", color=GREY, ha="right")
    axis.text(150, 1.5, "to the nearest", color=ORANGE)
    axis.set_xlabel("steps")
    axis.set_ylabel("place, in spacings")
    return figure
