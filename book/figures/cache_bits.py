"""Eight-bit activations: what a key-value cache of few bits costs."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

from ternary.experiments import load_record

BITS = (8, 4, 3, 2)


def draw() -> Figure:
    record = load_record("activations")
    own = {"arm": "float", "perturbed": False}
    reference = np.array(record.values("report", **own))
    figure, (axis,) = panels(1, figsize=(5.6, 3.4))
    places = np.arange(len(BITS))
    for suffix, words, colour, marker in (
        ("", "as it is", BLUE, "o"),
        (", rotated", "heads rotated", ORANGE, "s"),
    ):
        cost = np.array([record.values(f"cache {b}{suffix}", **own) for b in BITS]) - reference
        axis.plot(places, cost.mean(axis=1), color=colour, marker=marker, label=words)
        axis.plot(places, cost, marker, color=colour, ms=3, alpha=0.5)
    floor = record.noise_floor("report")
    axis.axhspan(-floor, floor, color=GREY, alpha=0.2, lw=0)
    axis.set_yscale("symlog", linthresh=0.01)
    axis.set_xticks(places, [f"{bits}\n{2 * 2 * 128 * (bits + 0.5) / 8:.0f} B" for bits in BITS])
    axis.set(xlabel="bits of keys and values; bytes a token in the book's model")
    axis.set_ylabel("bits per byte above float32")
    axis.legend(fontsize=9, loc="upper left")
    return figure
