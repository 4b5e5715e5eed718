"""Chapter 1: the roofline of one core, and where a layer stands under it."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, MARKERS, ORANGE, PURPLE, panels

GFLOP_PER_S, GB_PER_S = 100, 15  # the round numbers of the chapter
FORMATS = {32: GREY, 16: PURPLE, 2.25: BLUE, 1.71: GREEN}


def reached(intensity: np.ndarray | float) -> np.ndarray:
    """Billion operations a second, in the best case."""
    return np.minimum(GFLOP_PER_S, GB_PER_S * np.asarray(intensity))


def draw() -> Figure:
    figure, (axis,) = panels(1, figsize=(5.6, 3.7))
    x = np.geomspace(0.25, 1200, 200)
    axis.plot(x, reached(x), color=ORANGE, lw=2.2)
    knee = GFLOP_PER_S / GB_PER_S
    axis.axvspan(0.25, knee, color=GREY, alpha=0.1, lw=0)
    for (bits, colour), marker in zip(FORMATS.items(), MARKERS, strict=False):
        for vectors in (1, 64):
            intensity = 2 * vectors / (bits / 8)
            fill = colour if vectors == 1 else "none"
            label = f"{bits:g} bits" if vectors == 1 else None
            y = reached(intensity)
            axis.plot(intensity, y, marker, color=colour, mfc=fill, ms=9, mew=1.8, label=label)
    axis.text(0.3, 1.9, "waits for memory", color=GREY, size=9)
    axis.text(9, 1.9, "waits for arithmetic", color=GREY, size=9)
    axis.text(1.5, 34, f"{GB_PER_S} GB/s", color=ORANGE, rotation=41, ha="center", size=9)
    axis.text(90, 118, f"{GFLOP_PER_S} billion operations/s", color=ORANGE, ha="center", size=9)
    axis.annotate("filled:\n1 vector", (1, 15), (2.6, 10), color=GREY, size=9, va="top")
    axis.annotate("open:\n64 vectors", (60, 100), (60, 70), color=GREY, size=9, va="top")
    axis.set(xscale="log", yscale="log", xlim=(0.25, 1200), ylim=(1.5, 190))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("operations for a byte of weights")
    axis.set_ylabel("billion operations a second")
    axis.legend(loc="lower right", fontsize=9, title="bits a weight", title_fontsize=9)
    axis.get_legend().get_title().set_color(GREY)
    return figure
