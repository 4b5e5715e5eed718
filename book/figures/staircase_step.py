"""Chapter 2: the loss of one latent is a staircase, and the straight-through step goes down it."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, ORANGE, panels

from ternary import project

LATENTS, X, TARGET = [0.9, -0.1, -1.2, 0.4], np.array([1.0, 2.0, 3.0, 4.0]), -1.0
MOVED = 1


def at(value: float) -> tuple[list[int], float, float]:
    """Codes, loss and straight-through gradient with the moved latent at a value."""
    w = np.array([LATENTS])
    w[0, MOVED] = value
    codes, _, weights = project(w)
    difference = float(X @ weights[0]) - TARGET
    return codes[0].tolist(), difference**2 / 2, difference * X[MOVED]


def draw() -> Figure:
    figure, (axis,) = panels(1)
    values = np.linspace(-1.5, 1.5, 1501)
    results = [at(value) for value in values]
    losses = np.array([loss for _, loss, _ in results])
    changes = [i for i in range(1, len(values)) if results[i][0] != results[i - 1][0]]
    for tread in np.split(np.arange(len(values)), changes):
        axis.plot(values[tread], losses[tread], color=BLUE)
    _, loss, slope = at(LATENTS[MOVED])
    axis.plot(LATENTS[MOVED], loss, "o", color=BLUE)
    step = {"arrowstyle": "->", "color": ORANGE, "linewidth": 2}
    start = (LATENTS[MOVED], loss)
    axis.annotate("", (LATENTS[MOVED] - 0.08 * slope, loss), start, arrowprops=step)
    axis.set_xlabel("the second latent")
    axis.set_ylabel("loss")
    axis.set_ylim(0, 12)
    return figure
