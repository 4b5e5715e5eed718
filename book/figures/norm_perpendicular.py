"""Chapter 7: the gradient of RMSNorm in the plane, perpendicular to its input."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, RED, arrow, plt

LENGTHS, ANGLE = (2.3, 4.6), 0.38
DY = np.array([-0.1, 1.05])  # what comes back, with a gain of one


def draw() -> Figure:
    figure, axis = plt.subplots(figsize=(5.6, 3.3))
    axis.set(xlim=(-0.15, 4.85), ylim=(-0.3, 2.5), aspect="equal")
    axis.set_axis_off()
    turn = np.linspace(-0.2, np.pi / 2 + 0.1, 100)
    axis.plot(np.sqrt(2) * np.cos(turn), np.sqrt(2) * np.sin(turn), color=GREY, lw=1)
    axis.text(0.05, 0.95, "what leaves\nthe norm", color=GREY, size=9, va="center")
    along = np.array([np.cos(ANGLE), np.sin(ANGLE)])
    axis.plot([0, 4.9 * along[0]], [0, 4.9 * along[1]], color=GREY, lw=0.8, ls=":")
    axis.plot(0, 0, "o", color=GREY, ms=4)
    x_hat = np.sqrt(2) * along
    part = (DY @ along) * along
    point(axis, x_hat, "$\\hat x$", (-0.12, -0.05), BLUE)
    arrow(axis, x_hat, x_hat + DY, GREEN, lw=2)
    text = {"size": 9, "ha": "center"}
    axis.text(*(x_hat + DY + (0, 0.07)), "d$\\hat x$: what comes back", color=GREEN, **text)
    arrow(axis, x_hat, x_hat + part, RED, lw=2)
    beside = x_hat + np.array([0.42, -0.12])
    axis.text(*beside, "the part along $x$\nis taken out", color=RED, size=9, va="top")
    axis.plot(*zip(x_hat + part, x_hat + DY, strict=True), color=GREY, lw=0.8, ls=":")
    names = ("$x$", "d$x$"), ("2 $x$", "half as long")
    for length, (name, gradient) in zip(LENGTHS, names, strict=True):
        x = length * along
        dx = (DY - part) / (length / np.sqrt(2))
        point(axis, x, name, (0.1, -0.24), BLUE)
        arrow(axis, x, x + dx, ORANGE, lw=2.4)
        square(axis, x, along)
        axis.text(*(x + dx + (-0.03, 0.08)), gradient, color=ORANGE, **text)
    return figure


def point(axis: Axes, at: np.ndarray, name: str, shift: tuple, colour: str) -> None:
    axis.plot(*at, "o", color=colour, ms=6)
    axis.text(*(at + np.array(shift)), name, color=colour, size=10, ha="center")


def square(axis: Axes, at: np.ndarray, along: np.ndarray, size: float = 0.1) -> None:
    """The mark of a right angle."""
    across = np.array([-along[1], along[0]])
    corners = at - size * along, at - size * along + size * across, at + size * across
    axis.plot(*zip(*corners, strict=True), color=GREY, lw=0.8)
