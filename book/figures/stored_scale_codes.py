"""Chapter 4: a group that shrinks, and the threshold that its rounded scale would set."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, RED, panels


def draw() -> Figure:
    rng = np.random.default_rng(0)
    w = np.abs(rng.standard_normal(128))
    w = np.sort(w / w.mean())[::3]  # in means of the group; every third weight is drawn
    m = np.geomspace(2e-6, 1.6e-8, 1500)
    stored = m.astype(np.float16).astype(float)
    threshold = stored / m / 2
    figure, (axis,) = panels(1, figsize=(5.6, 3.9))
    for magnitude in w:
        kept = np.where(magnitude > threshold, magnitude, np.nan)
        zero = np.where(magnitude > threshold, np.nan, magnitude)
        axis.plot(m, zero, color=GREY, lw=0.7, alpha=0.8)
        axis.plot(m, kept, color=BLUE, lw=1.1)
    axis.plot(m, threshold, color=ORANGE, lw=2.4, label="$s/2$: half of the stored scale")
    axis.axhline(0.5, color=RED, ls="--", lw=1.6, label="$m/2$: the rule of this book")
    axis.plot([], [], color=BLUE, label="code ±1, if $s$ decides")
    axis.plot([], [], color=GREY, lw=0.7, label="code 0, if $s$ decides")
    axis.axvline(2.0**-24, color=GREY, ls=":", lw=1)
    axis.axvline(2.0**-25, color=GREY, ls=":", lw=1)
    axis.text(2.0**-24, 2.12, "$2^{-24}$ ", color=GREY, ha="right", size=9)
    axis.text(2.0**-25, 2.12, " $2^{-25}$", color=GREY, ha="left", size=9)
    axis.set(xscale="log", xlim=(2e-6, 1.6e-8), ylim=(-0.05, 2.3))
    axis.set_xlabel("mean magnitude $m$ of the group, as it shrinks")
    axis.set_ylabel("magnitude of a weight / $m$")
    axis.grid(False)
    axis.legend(ncols=2, fontsize=8.5, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure
