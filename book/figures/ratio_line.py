"""Chapter 4: the magnitudes of a group, and what a threshold makes of them for two ratios."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, panels

BIN, LARGEST = 0.2, 4.0


def draw() -> Figure:
    w = np.abs(np.random.default_rng(1).standard_normal(128))
    sizes = np.sort(w / w.mean())
    bins = np.minimum(sizes / BIN, LARGEST / BIN - 1).astype(int)
    heights = np.arange(sizes.size) - np.searchsorted(bins, bins)
    figure, axes = panels(2, sharey=True)
    for axis, rho in zip(axes, (1, 4), strict=True):
        kept = sizes > rho / 2
        axis.axvspan(0, rho / 2, color=GREY, alpha=0.2)
        axis.axvline(rho / 2, color=GREY, linestyle="--")
        look = {"markersize": 4.5, "color": BLUE}
        axis.plot((bins[kept] + 0.5) * BIN, heights[kept] + 0.5, "o", **look)
        gone = {"markersize": 4, "color": GREY, "fillstyle": "none"}
        axis.plot((bins[~kept] + 0.5) * BIN, heights[~kept] + 0.5, "o", **gone)
        axis.set_title(f"$\\rho$ = {rho}: {int((~kept).sum())} of 128 codes are 0", fontsize=10)
        axis.set_xlabel("magnitude of a weight, in means")
        axis.set_xlim(0, LARGEST)
        axis.set_ylim(0, 20)
        axis.set_yticks([0, 5, 10, 15, 20])
        axis.grid(False)
    axes[0].set_ylabel("weights")
    return figure
