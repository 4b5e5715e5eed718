"""Chapter 8: four ways for a learning rate to fall, and the loss of text under two of them."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, COLOURS, ORANGE, panels

from ternary.experiments import load_record
from ternary.experiments.learning_rates import run
from ternary.experiments.rate_curves import STEPS
from ternary.optim import DECAYS, learning_rate

WARMUP = 16
LINES = ["-", "--", "-.", ":"]


def draw() -> Figure:
    figure, (rates, losses) = panels(2)
    for decay, colour, line in zip(DECAYS, COLOURS, LINES, strict=False):
        curve = [learning_rate(k, STEPS, 1.0, WARMUP, decay) for k in range(STEPS)]
        rates.plot(curve, line, color=colour, label=decay)
    rates.set_ylabel("learning rate / peak")
    rates.legend(loc="lower left")
    for projection, colour, name in (
        ("group", BLUE, "ternary"),
        ("full-precision", ORANGE, "twin"),
    ):
        show(losses, projection, "cosine", colour, "-", f"{name}, cosine")
        show(losses, projection, "constant", colour, ":", f"{name}, constant")
    losses.set_ylabel("training loss, bits per byte")
    losses.legend()
    for axis in (rates, losses):
        axis.set_xlabel("training step")
    return figure


def show(axis: Axes, projection: str, decay: str, colour: str, line: str, label: str) -> None:
    """Training loss from step 100 on, the mean of 20 steps and of the seeds."""
    settings = run(projection, 0.0052, decay=decay)
    loss = np.array(load_record("learning-rates").curve("losses", **settings)) / np.log(2)
    steps = 20 * np.arange(len(loss)) + 10
    axis.plot(steps[steps > 100], loss[steps > 100], line, color=colour, label=label)
