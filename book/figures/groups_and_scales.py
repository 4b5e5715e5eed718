"""Chapter 3: a small matrix, its groups, their codes and their scales."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREY, ORANGE, sketch

from ternary import GroupAbsMean, project

ROWS, GROUPS, SIZE = 5, 2, 16
LOUDNESS = np.array([[1, 1], [0.25, 1], [1, 2], [0.25, 0.25], [2, 0.5]])
CELL, LEFT = 9.4, 18


def draw() -> Figure:
    rng = np.random.default_rng(4)
    W = rng.standard_normal((ROWS, GROUPS, SIZE)) * LOUDNESS[..., None]
    W = W.reshape(ROWS, -1).astype(np.float32)
    codes, scales, _ = project(W, GroupAbsMean(SIZE))
    figure, axis = sketch(5.6, 3.0)
    axis.text(LEFT, 202, "latent weights, the stronger the colour the larger", color=GREY, size=9)
    cells(axis, 148, np.clip(np.abs(W) / 2.5, 0, 1), W)
    axis.text(LEFT, 116, "codes", color=GREY, size=9)
    cells(axis, 62, 0.85 * np.abs(codes), codes)
    under = {"color": GREY, "ha": "center", "va": "top", "size": 9}
    for row in range(ROWS):
        for group in range(GROUPS):
            x = LEFT + group * (SIZE * CELL + 8) + SIZE * CELL / 2
            if row == 0:
                axis.text(x, 54, f"group {group} of a row", **under)
        y = 62 + CELL * (ROWS - 0.5 - row)
        for scale, x in zip(scales[row], (372, 400), strict=True):
            axis.text(x, y - 0.5, f"{scale:.2f}", ha="right", va="center", color=GREY, size=9)
    axis.text(400, 116, "scales", color=GREY, ha="right", size=9)
    for x, colour, name in ((LEFT, BLUE, "negative"), (LEFT + 92, ORANGE, "positive")):
        axis.add_patch(Rectangle((x, 14), 9, 9, color=colour, alpha=0.85, lw=0))
        axis.text(x + 14, 18.5, name, color=GREY, size=9, va="center")
    axis.add_patch(Rectangle((LEFT + 184, 14), 9, 9, fill=False, ec=GREY, lw=0.6))
    axis.text(LEFT + 198, 18.5, "code 0", color=GREY, size=9, va="center")
    return figure


def cells(axis: Axes, bottom: float, strength: np.ndarray, sign: np.ndarray) -> None:
    """One square a weight, with a gap between groups; the first row on top."""
    for (row, column), alpha in np.ndenumerate(strength):
        x = LEFT + column * CELL + (column // SIZE) * 8
        y = bottom + (ROWS - 1 - row) * CELL
        colour = ORANGE if sign[row, column] > 0 else BLUE
        patch = Rectangle((x, y), CELL, CELL, lw=0.3, ec=(GREY, 0.6), fc=(colour, float(alpha)))
        axis.add_patch(patch)
    for row in range(ROWS):
        y = bottom + (ROWS - 0.5 - row) * CELL
        axis.text(LEFT - 6, y, str(row), color=GREY, size=8, ha="right", va="center")
        for group in range(GROUPS):
            corner = LEFT + group * (SIZE * CELL + 8), bottom + row * CELL
            axis.add_patch(Rectangle(corner, SIZE * CELL, CELL, fill=False, ec=GREY, lw=1))
