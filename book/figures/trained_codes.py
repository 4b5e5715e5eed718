"""Chapter 15: codes of the model after five hundred steps, and where their order is hidden."""

import base64

import numpy as np
from five_hundred_steps import kept
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from style import BLUE, ORANGE, plt

from ternary.codecs import unpack_trits

ROWS, WIDTH = 26, 128  # the letters a to z, and d_model


def draw() -> Figure:
    run = kept()
    figure = plt.figure(figsize=(5.6, 5.6))
    axes = figure.subplot_mosaic("ee;hh;pc", height_ratios=(1, 1, 2.4))
    colours = ListedColormap([BLUE, "none", ORANGE])
    style = {"aspect": "auto", "vmin": -1, "vmax": 1, "interpolation": "none"}
    codes = {}
    for key, name in (("e", "embedding"), ("h", "head")):
        packed = np.frombuffer(base64.b64decode(run[name]), np.uint8)
        codes[name] = unpack_trits(packed, ROWS * WIDTH).reshape(ROWS, WIDTH)
        axes[key].imshow(codes[name], colours, **style)
        axes[key].set_title(f"{name}: the rows of a to z, all {WIDTH} columns", size=9)
    product = codes["head"].astype(int) @ codes["embedding"].T.astype(int)
    show(axes["p"], product, "codes alone: head @ embedding.T")
    show(axes["c"], np.array(run["logits"]).T, "the whole model: logits")
    for axis in axes.values():
        axis.set_yticks([0, ROWS - 1], ["a", "z"])
        axis.grid(False)
        for side in ("top", "right"):
            axis.spines[side].set_visible(True)
    for key in "eh":
        axes[key].set_xticks([])
    axes["p"].set_ylabel("letter answered", size=9)
    return figure


def show(axis: Axes, table: np.ndarray, title: str) -> None:
    """Answers against letters: orange above zero, blue below."""
    places = [(0, BLUE), (0.5, (BLUE, 0)), (0.5, (ORANGE, 0)), (1, ORANGE)]
    colours = LinearSegmentedColormap.from_list("", places)
    largest = np.abs(table).max()
    axis.imshow(table, colours, vmin=-largest, vmax=largest, interpolation="none")
    axis.set_title(title, size=9)
    axis.set_xlabel("letter read", size=9)
    axis.set_xticks([0, ROWS - 1], ["a", "z"])
