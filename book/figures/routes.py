"""From a trained model: the steps of every arm, in full precision and ternary."""

from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

from ternary.experiments.from_trained import ARMS, TOTAL
from ternary.experiments.trained_sweep import WIDE


def draw() -> Figure:
    figure, (axis,) = panels(1, figsize=(6.6, 4.6))
    for row, (_, before, after, width) in enumerate(ARMS):
        look = {"height": 0.62, "linewidth": 0}
        hatch = {"hatch": "//", "edgecolor": GREY} if width == WIDE else {}
        axis.barh(row, before, color=ORANGE, **hatch, **look)
        axis.barh(row, after, left=before, color=BLUE, **look)
    axis.axvline(TOTAL, color=GREY, linestyle=":")
    axis.set_yticks(range(len(ARMS)), [name(*each) for each in ARMS], fontsize=8)
    axis.invert_yaxis()
    axis.set_xticks([0, 200, 400, 600, 800, 1200, 1600])
    axis.set_xlabel("training steps")
    axis.grid(axis="y", visible=False)
    return figure


def name(route: str, before: int, after: int, width: int) -> str:
    """How an arm is called on a figure, such as ``continued 400 + 400``."""
    words = {"scratch": "from scratch", "logits": "logits only"}.get(route, route)
    wide = " (wide)" if width == WIDE else ""
    return f"{words} {f'{before} + {after}' if before else after}{wide}"
