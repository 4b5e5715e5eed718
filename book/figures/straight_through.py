"""Chapter 2: one layer, forward through the staircase, and backward past it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, RED, arrow, box, sketch

from ternary import GroupAbsMean, TernaryLinear

X, W, TARGET = [[1.0, 2, 3, 4]], [[0.9, -0.1, -1.2, 0.4]], -1.0


def draw() -> Figure:
    layer = TernaryLinear.from_latent(np.array(W), GroupAbsMean(4))
    dy = layer.forward(np.array(X)) - TARGET
    y = float(dy[0, 0]) + TARGET
    layer.backward(dy)
    figure, axis = sketch(5.6, 4.5)
    axis.text(8, 302, "forward", color=BLUE, weight="bold")
    axis.text(8, 128, "backward", color=RED, weight="bold")
    tall = {"height": 62, "size": 9, "colour": BLUE}
    for x, name, numbers in (
        (8, "latents $W$", layer.W_latent[0]),
        (196, "in use $\\hat W$", layer.W_ternary[0]),
    ):
        box(axis, x, 206, 74, **tall)
        axis.text(x + 37, 274, name, color=BLUE, ha="center", size=9)
        show(axis, x + 37, 259, numbers, BLUE)
    box(axis, 104, 198, 70, 78, colour=GREY, alpha=0.08)
    axis.text(139, 281, "projection", color=GREY, ha="center", size=9)
    stairs(axis, 139, 237)
    box(axis, 296, 218, 40, 38, colour=BLUE, text=f"$y$\n{y:.2f}")
    box(axis, 360, 218, 36, 38, colour=BLUE, text=f"loss\n{(y - TARGET) ** 2 / 2:.1f}")
    for start, end in ((82, 104), (174, 196), (270, 296), (336, 360)):
        arrow(axis, (start, 237), (end, 237), BLUE)
    axis.text(283, 244, "$x$", color=BLUE, ha="center")
    back(axis, layer, y - TARGET)
    return figure


def back(axis: Axes, layer: TernaryLinear, dy: float) -> None:
    """The way back: exact as far as W in use, then handed on."""
    for x, name, numbers, colour in (
        (8, "for $W$", layer.dW_latent[0], RED),
        (196, "$\\partial L/\\partial \\hat W$", layer.dW_latent[0], GREEN),
    ):
        box(axis, x, 34, 74, 62, colour=colour)
        axis.text(x + 37, 102, name, color=colour, ha="center", size=9)
        show(axis, x + 37, 87, numbers, colour)
    text = f"$\\partial L/\\partial y$\n{dy:.1f}"
    box(axis, 296, 46, 40, 38, colour=GREEN, text=text, size=8.5)
    arrow(axis, (378, 218), (378, 65), GREEN, arrowstyle="-")
    arrow(axis, (378, 65), (336, 65), GREEN)
    arrow(axis, (296, 65), (270, 65), GREEN)
    axis.text(283, 72, "$x$", color=GREEN, ha="center")
    arrow(axis, (316, 84), (316, 122), GREEN)
    middle = {"ha": "center", "size": 9}
    axis.text(316, 142, "$\\partial L/\\partial x$, through $\\hat W$,", color=GREEN, **middle)
    axis.text(316, 129, "to the layer below", color=GREEN, **middle)
    arrow(axis, (233, 114), (233, 168), GREY, ls=":", arrowstyle="-")
    arrow(axis, (233, 168), (139, 168), GREY, ls=":", arrowstyle="-")
    arrow(axis, (139, 168), (139, 196), GREY, ls=":")
    axis.text(190, 173, "true slope: 0", color=GREY, ha="center", size=9)
    axis.text(139, 177, "\N{MULTIPLICATION SIGN}", color=RED, ha="center", va="center", size=15)
    arrow(axis, (196, 65), (82, 65), RED, lw=2.4, mutation_scale=14)
    axis.text(139, 72, "handed on\nunchanged", color=RED, ha="center", size=9)
    axis.text(8, 10, "straight-through: the one step that is no derivative", color=RED, size=9)
    axis.text(396, 10, "exact derivatives", color=GREEN, size=9, ha="right")


def show(axis: Axes, x: float, y: float, numbers: np.ndarray, colour: str) -> None:
    """Numbers under each other."""
    for row, number in enumerate(numbers):
        text = f"{number:+.2f}".replace("-", "\N{MINUS SIGN}") if number else "0"
        axis.text(x, y - 14 * row, text, color=colour, ha="center", va="center", size=9)


def stairs(axis: Axes, x: float, y: float) -> None:
    """The staircase of the projection around (x, y)."""
    axis.plot([x - 30, x + 30], [y, y], color=GREY, lw=0.7)
    axis.plot([x, x], [y - 32, y + 32], color=GREY, lw=0.7)
    for left, right, level in ((-30, -11, -22), (-11, 11, 0), (11, 30, 22)):
        axis.plot([x + left, x + right], [y + level] * 2, color=ORANGE, lw=2.4)
    for at, low in ((-11, -22), (11, 0)):
        axis.plot([x + at] * 2, [y + low, y + low + 22], color=ORANGE, lw=1, ls=":")
