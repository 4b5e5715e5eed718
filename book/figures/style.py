"""How figures look: transparent, in mid-tones that read on light and dark pages alike."""

from __future__ import annotations

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
