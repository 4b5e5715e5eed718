"""Eight-bit activations: what enters `up` and `down`, and the levels of four bits."""

import numpy as np
from draw import run_examples
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

BITS = 4
PEAK = 2 ** (BITS - 1) - 1


def draw() -> Figure:
    sections = "# Eight-bit", "One scale a token"
    names = run_examples("11-activations.md", *sections, until='for name in ("qkv"')
    block = names["model"].blocks[1]
    figure, axes = panels(2, sharey=True, figsize=(6.8, 3.2))
    for axis, (name, colour) in zip(axes, (("up", BLUE), ("down", ORANGE)), strict=True):
        x = np.asarray(getattr(block, name)._x).reshape(-1, getattr(block, name)._x.shape[-1])
        largest = np.abs(x).max(axis=1, keepdims=True)
        x = (x / largest)[largest[:, 0] > 0]
        edges = np.linspace(-1 - 0.5 / PEAK, 1 + 0.5 / PEAK, 8 * (2 * PEAK + 1) + 1)
        shares = np.histogram(x, edges)[0] / x.size
        axis.stairs(shares, edges, fill=True, color=colour, alpha=0.6)
        for code in range(-PEAK, PEAK + 1):
            axis.axvline(code / PEAK, color=GREY, lw=0.8, ls=":")
        zeros = np.mean(np.abs(x) < 0.5 / PEAK)
        axis.set_title(f"inputs of {name}: {zeros:.0%} become 0", fontsize=10)
        axis.set(yscale="log", ylim=(1e-6, 1), xlabel="activation / largest of its token")
        axis.grid(False)
    axes[0].set_ylabel("share of the numbers")
    return figure
