"""From a trained model: the loss of a twin as its weights go over to their projection."""

import numpy as np
from draw import run_examples
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

SECTIONS = ("Four routes", "What rounding leaves")


def draw() -> Figure:
    names = run_examples("12-from-trained.md", *SECTIONS, until="begin_from(student.model")
    model, scratch = names["student"].model, names["scratch"].evaluate().bits
    shares, losses = np.linspace(0, 1, 17), []
    for share in shares:
        model.project(share)
        losses.append(names["student"].evaluate().bits)
    figure, (axis,) = panels(1, figsize=(5.2, 3.2))
    axis.plot(shares, losses, "o-", color=BLUE, markersize=4)
    axis.axhline(scratch, color=ORANGE, linestyle="--")
    look = {"color": ORANGE, "size": 8, "ha": "right", "va": "top"}
    axis.text(1, scratch - 0.02, "ternary from scratch, as many steps", **look)
    axis.text(0.98, losses[-1], "rounded ", color=GREY, size=8, ha="right", va="top")
    axis.set_xlabel("share of the projection in the weights")
    axis.set_ylabel("held-out bits per byte")
    return figure
