"""Chapter 13: five codes as digits in base 3, and the byte that they write."""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREY, ORANGE, panels

CODES = [1, 0, -1, 1, 0]


def draw() -> Figure:
    figure, (axis,) = panels(1, figsize=(6.4, 2.6))
    byte = sum((code + 1) * 3**i for i, code in enumerate(CODES))
    for i, code in enumerate(CODES):
        cell(axis, 1.6 * i + 0.2, 1.7, "\N{MINUS SIGN}0+"[code + 1], ORANGE)
        term = f"{code + 1} \N{MULTIPLICATION SIGN} {3**i}"
        axis.text(1.6 * i + 0.7, 1.4, term, ha="center", va="center")
    axis.text(4, 1.0, f"sum {byte}", ha="center", va="center", weight="bold")
    for i in range(8):
        cell(axis, i, -0.4, str(byte >> (7 - i) & 1), BLUE)
    axis.set_xlim(-0.2, 8.2)
    axis.set_ylim(-0.6, 2.9)
    axis.set_axis_off()
    return figure


def cell(axis, x: float, y: float, words: str, colour: str) -> None:
    """A square with a sign in it."""
    axis.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, alpha=0.25, edgecolor=GREY))
    axis.text(x + 0.5, y + 0.5, words, ha="center", va="center", fontsize=14)
