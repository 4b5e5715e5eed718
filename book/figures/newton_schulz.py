"""Muon: what one to five turns of Newton-Schulz make of a singular value."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, COLOURS, GREY, ORANGE, panels

from ternary.muon import TURNS, A, B, C

LINES = [":", "-.", "--", "-", "-"]


def draw() -> Figure:
    figure, (turns, once) = panels(2)
    start = np.geomspace(1e-4, 1, 4000)
    value = start
    for number in range(1, TURNS + 1):
        value = polynomial(value)
        if number in (1, 3, 5):
            turns.plot(
                start, value, LINES[number - 1], color=COLOURS[number // 2], label=f"{number}"
            )
    turns.set_xscale("log")
    turns.set_xlabel("singular value before, over the norm")
    turns.set_ylabel("after")
    turns.legend(title="turns")
    x = np.linspace(0, 1.3, 300)
    once.plot(x, polynomial(x), color=BLUE, label="f")
    once.plot(x, x, color=GREY, linewidth=1)
    once.plot(*walk(0.9, 8), color=ORANGE, linewidth=1, label="eight turns from 0.9")
    once.set_xlabel("singular value")
    once.set_ylabel("one turn later")
    once.legend()
    return figure


def polynomial(x: np.ndarray) -> np.ndarray:
    """One turn."""
    return A * x + B * x**3 + C * x**5


def walk(x: float, turns: int) -> tuple[list[float], list[float]]:
    """The staircase between the curve and the diagonal."""
    places, values = [x], [x]
    for _ in range(turns):
        after = float(polynomial(np.array(x)))
        places += [x, after]
        values += [after, after]
        x = after
    return places, values
