"""Chapter 14: the rows of one head of q, in pairs of neighbours and in pairs of halves."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, sketch

from ternary import GroupAbsMean, project
from ternary.export import half_rotation

ROWS, COLUMNS, CELL = 8, 9, 9
COLOURS = [BLUE, ORANGE, GREEN, PURPLE]  # of the four pairs
LEFT, RIGHT, TOP, STEP = 62, 246, 214, 27


def draw() -> Figure:
    rng = np.random.default_rng(11)
    W = rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    codes, scales, _ = project(W, GroupAbsMean(COLUMNS))
    order = half_rotation(np.arange(ROWS)[:, None], n_heads=1).ravel().tolist()
    figure, axis = sketch(5.6, 3.7)
    title = {"color": GREY, "size": 9, "va": "center"}
    axis.text(LEFT, 248, "here, in llama.cpp and MLX:\nneighbours turn together", **title)
    axis.text(RIGHT, 248, "in Transformers:\nthe halves turn together", **title)
    for place, feature in enumerate(order):
        colour = COLOURS[feature // 2]
        one_row(axis, LEFT, level(feature), codes[feature], scales[feature, 0], colour, feature)
        one_row(axis, RIGHT, level(place), codes[feature], scales[feature, 0], colour, feature)
        start, end = LEFT + COLUMNS * CELL + 34, RIGHT - 14
        axis.plot([start, end], [level(feature), level(place)], color=colour, lw=1.6, alpha=0.8)
    for pair, colour in enumerate(COLOURS):
        bend(axis, LEFT - 18, level(2 * pair), level(2 * pair + 1), colour, 0.5)
        far, outward = RIGHT + COLUMNS * CELL + 34, -0.24 - 0.07 * pair
        bend(axis, far, level(pair), level(pair + ROWS // 2), colour, outward)
    return figure


def level(place: int) -> float:
    """Height of a row."""
    return TOP - STEP * place


def one_row(
    axis: Axes, x: float, y: float, codes: np.ndarray, scale: float, colour: str, feature: int
) -> None:
    """Number, codes and scale of a row."""
    axis.text(x - 5, y, str(feature), color=colour, weight="bold", ha="right", va="center", size=10)
    for column, code in enumerate(codes):
        alpha = {-1: 0.25, 0: 0.0, 1: 0.85}[int(code)]
        corner = x + column * CELL, y - CELL / 2
        axis.add_patch(Rectangle(corner, CELL, CELL, fc=(colour, alpha), ec=colour, lw=0.5))
    text = f"{scale:.2f}"
    axis.text(x + COLUMNS * CELL + 5, y, text, color=GREY, va="center", size=8.5)


def bend(axis: Axes, x: float, y0: float, y1: float, colour: str, by: float) -> None:
    """An arc that joins the two rows of a pair."""
    style = {"connectionstyle": f"arc3,rad={by}", "arrowstyle": "-", "color": colour, "lw": 1.8}
    axis.add_patch(FancyArrowPatch((x, y0), (x, y1), shrinkA=0, shrinkB=0, **style))
