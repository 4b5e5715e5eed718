"""Chapter 6: a row of 300 weights in groups of 128, and what padding would do to its last mean."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREEN, GREY, RED, plt

WIDTH, GROUP = 300, 128


def draw() -> Figure:
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(5.6, 4.3), height_ratios=(1, 2.4))
    draw_rows(top)
    w = np.abs(np.random.default_rng(6).standard_normal(WIDTH % GROUP))
    bottom.bar(range(len(w)), w, width=0.8, color=GREEN, alpha=0.75)
    hatched = {"fill": False, "hatch": "////", "ec": GREY, "lw": 0.5, "alpha": 0.6}
    bottom.add_patch(Rectangle((len(w) - 0.5, 0), GROUP - len(w), 0.06, **hatched))
    for count, colour, line, where in ((len(w), BLUE, "-", "its own"), (GROUP, RED, "--", "all")):
        theta = w.sum() / count / 2
        zeros = int((w <= theta).sum())
        label = f"sum over {where} {count}, halved: {zeros} of {len(w)} codes are 0"
        bottom.plot([-0.5, GROUP - 0.5], [theta] * 2, line, color=colour, lw=2, label=label)
    bottom.set(xlim=(-1.5, GROUP + 0.5), xlabel="place in the last group of a row")
    bottom.set_ylabel("magnitude of a latent")
    bottom.set_xticks([0, len(w), GROUP])
    bottom.grid(False, axis="x")
    bottom.legend(loc="upper right", fontsize=9, title="threshold", title_fontsize=9)
    bottom.get_legend().get_title().set_color(GREY)
    return figure


def draw_rows(axis: Axes) -> None:
    """Three rows to scale: full groups, the part of a group, and padding."""
    axis.set_axis_off()
    axis.set(xlim=(-24, 3 * GROUP + 4), ylim=(-0.6, 4.3))
    for row in range(3):
        y = 2 - row
        axis.text(-5, y + 0.36, f"row {row}", color=GREY, ha="right", va="center", size=9)
        for first in range(0, WIDTH, GROUP):
            end, full = min(first + GROUP, WIDTH), first + GROUP
            colour = BLUE if full <= WIDTH else GREEN
            axis.add_patch(Rectangle((first, y), end - first, 0.72, color=colour, alpha=0.6, lw=0))
            if end < full:
                hatched = {"fill": False, "hatch": "////", "ec": GREY, "lw": 0.5}
                axis.add_patch(Rectangle((end, y), full - end, 0.72, **hatched))
            axis.add_patch(Rectangle((first, y), GROUP, 0.72, fill=False, ec=GREY, lw=1))
    for x, text in ((64, "128"), (192, "128"), (278, "44"), (342, "84 of padding")):
        axis.text(x, 3.2, text, color=GREY, ha="center", size=9)
