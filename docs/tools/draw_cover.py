"""Draw the cover of the EPUB and the PDF: `python docs/tools/draw_cover.py cover.png`.

The squares are the codes of one group of 128 random weights, by the rule of the book, as on the
card of shared links.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from draw_card import BACKGROUND, COLOURS, INK, codes_of_a_group

PIXELS = 1200, 1800


def draw_cover(path: Path) -> None:
    """Write the picture, 1200 by 1800 pixels."""
    codes = codes_of_a_group().reshape(16, 8)
    figure = plt.figure(figsize=(PIXELS[0] / 100, PIXELS[1] / 100), facecolor=BACKGROUND, dpi=100)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, PIXELS[0]), ylim=(0, PIXELS[1]))
    axes.axis("off")
    for (row, column), code in np.ndenumerate(codes):
        axes.add_patch(
            plt.Rectangle((110 + 125 * column, 1640 - 62 * row), 105, 46, color=COLOURS[int(code)])
        )
    style = {"color": INK, "family": "DejaVu Sans", "va": "baseline"}
    axes.text(104, 470, "Three Values", size=88, weight="bold", **style)
    axes.text(110, 360, "Transformers whose every weight is", size=31, **style)
    axes.text(110, 295, "\N{MINUS SIGN}1, 0 or +1 times a scale", size=31, **style)
    axes.text(110, 130, "A textbook on native ternary training that runs", size=25, **style)
    figure.savefig(path, facecolor=BACKGROUND, format="png")
    plt.close(figure)


if __name__ == "__main__":
    draw_cover(Path(sys.argv[1]))
