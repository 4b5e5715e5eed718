"""Draw the picture that a shared link shows: `python docs/tools/draw_card.py card.png`.

The squares are the codes of one group of 128 random weights, by the rule of the book.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ternary import project

PIXELS = 1200, 630
BACKGROUND, INK = "#10151c", "#f4f6f8"
COLOURS = {-1: "#3f8fd2", 0: "#28323e", 1: "#e2a33a"}


def codes_of_a_group() -> np.ndarray:
    """128 codes, the same on the card and on the cover."""
    return project(np.random.default_rng(5).standard_normal((1, 128)).astype(np.float32)).codes


def draw_card(path: Path) -> None:
    """Write the picture, 1200 by 630 pixels."""
    codes = codes_of_a_group().reshape(8, 16)
    size = PIXELS[0] / 100, PIXELS[1] / 100
    figure = plt.figure(figsize=size, dpi=100, layout="none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, PIXELS[0]), ylim=(0, PIXELS[1]))
    axes.axis("off")
    for (row, column), code in np.ndenumerate(codes):
        axes.add_patch(
            plt.Rectangle((80 + 65.6 * column, 545 - 34 * row), 59, 27, color=COLOURS[int(code)])
        )
    style = {"color": INK, "family": "DejaVu Sans"}
    axes.text(78, 172, "Three Values", size=62, weight="bold", va="center", **style)
    axes.text(80, 78, "A textbook on native ternary training that runs", size=26.5, **style)
    figure.savefig(path, facecolor=BACKGROUND, format="png")
    plt.close(figure)


if __name__ == "__main__":
    draw_card(Path(sys.argv[1]))
