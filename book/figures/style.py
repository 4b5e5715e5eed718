"""How figures look: transparent, in mid-tones that read on light and dark pages alike."""

from __future__ import annotations

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

# Okabe and Ito's colours, the pale ones darkened until they stand out on white and on black.
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = (
    "#2f7fc1",
    "#c98a00",
    "#0f9a73",
    "#d55e00",
    "#b0689a",
    "#7d8590",
)
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, RED, GREY]
MARKERS = ["o", "s", "^", "D", "v", "X"]

plt.rcParams.update(
    {
        "svg.hashsalt": "three-values",
        "svg.fonttype": "path",
        "figure.figsize": (6.4, 3.6),
        "figure.constrained_layout.use": True,
        "savefig.transparent": True,
        "font.size": 10,
        "axes.prop_cycle": plt.cycler(color=COLOURS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": GREY,
        "grid.alpha": 0.25,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        **dict.fromkeys(
            ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], GREY
        ),
    }
)


def panels(n: int = 1, **kwargs: object) -> tuple[Figure, list[Axes]]:
    """A figure with `n` panels side by side."""
    figure, axes = plt.subplots(1, n, squeeze=False, **kwargs)
    return figure, list(axes[0])


def sketch(width: float, height: float) -> tuple[Figure, Axes]:
    """A drawing without axes, measured in points of its own size, from the lower left corner."""
    figure = plt.figure(figsize=(width, height))
    figure.set_layout_engine("none")
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    axis.set_xlim(0, 72 * width)
    axis.set_ylim(0, 72 * height)
    return figure, axis


def box(axis: Axes, x: float, y: float, width: float, height: float, **kwargs: object) -> None:
    """A rounded box with its lower left corner at (x, y); `colour`, and a `text` inside."""
    colour, text = kwargs.pop("colour", GREY), kwargs.pop("text", "")
    alpha, size = kwargs.pop("alpha", 0.18), kwargs.pop("size", 9)
    shape = f"round,pad=0,rounding_size={kwargs.pop('rounding', 4)}"
    patch = FancyBboxPatch((x, y), width, height, boxstyle=shape, lw=1, **kwargs)
    patch.set(facecolor=(colour, alpha), edgecolor=colour)
    axis.add_patch(patch)
    centre = {"ha": "center", "va": "center", "size": size, "color": colour}
    axis.text(x + width / 2, y + height / 2, text, **centre)


def arrow(axis: Axes, start: tuple, end: tuple, colour: str = GREY, **kwargs: object) -> None:
    """An arrow from one point to another."""
    properties = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    properties |= {"mutation_scale": 10, **kwargs}
    axis.annotate("", xy=end, xytext=start, arrowprops=properties)
