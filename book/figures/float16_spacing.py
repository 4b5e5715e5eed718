"""Chapter 4: the float16 numbers next to zero, and the error of rounding to them."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, RED, plt

LEAST = 2.0**-24


def draw() -> Figure:
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(5.4, 5.0), height_ratios=(1, 1.1))
    m = np.linspace(0, 4.6, 2301) * LEAST
    s = m.astype(np.float16).astype(float)
    jumps = np.flatnonzero(np.diff(s)) + 1
    at, to = np.insert(m / LEAST, jumps, np.nan), np.insert(s / LEAST, jumps, np.nan)
    top.plot([0, 4.6], [0, 4.6], color=GREY, ls=":", label="$s = m$")
    top.plot(at, to, color=BLUE, lw=2.4, label="$s$ = float16($m$)")
    top.plot([0, 0.5], [0, 0], color=RED, lw=4, solid_capstyle="butt", label="the group is off")
    top.set_xlabel("mean magnitude $m$ / $2^{-24}$")
    top.set_ylabel("stored scale / $2^{-24}$")
    top.set_xticks([0, 0.5, 1, 2, 3, 4], ["0", "½", "1", "2", "3", "4"])
    top.set_ylim(-0.25, 4.6)
    top.legend(fontsize=9)
    m = np.geomspace(1e-8, 1e-2, 30_000)
    error = np.abs(m.astype(np.float16).astype(float) - m) / m
    bins = error.reshape(300, 100)
    middle = m.reshape(300, 100).mean(axis=1)
    bottom.fill_between(middle, 1e-6, bins.max(axis=1), color=BLUE, alpha=0.25, lw=0)
    bottom.plot(middle, bins.max(axis=1), color=BLUE)
    bottom.axhline(2.0**-11, color=GREY, ls="--", lw=1)
    bottom.text(1.2e-8, 2.0**-11 * 1.3, "$2^{-11}$", color=GREY, size=9)
    bottom.axvline(2.0**-14, color=GREY, ls=":", lw=1)
    bottom.text(2.0**-14 * 1.15, 0.3, "$2^{-14}$", color=GREY, size=9)
    bottom.set(xscale="log", yscale="log", xlim=(1e-8, 1e-2), ylim=(1e-5, 2))
    bottom.set_xlabel("mean magnitude $m$")
    bottom.set_ylabel("largest $|s - m|\\,/\\,m$")
    return figure
