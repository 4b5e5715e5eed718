"""Eight-bit activations: what rounded inputs cost, after training and in training, by layer."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

from ternary.experiments import load_record

BITS = (8, 6, 4, 3, 2)
LAYERS = ("qkv", "o", "up", "down", "head")


def draw() -> Figure:
    record = load_record("activations")
    own = {"arm": "float", "perturbed": False}
    reference = np.array(record.values("report", **own))
    figure, (left, right) = panels(2, figsize=(6.8, 3.3), width_ratios=[1.3, 1])
    places = np.arange(len(BITS))
    costs = np.array([record.values(f"at {bits}", **own) for bits in BITS]) - reference
    left.plot(places, costs.mean(axis=1), color=BLUE, label="after training")
    left.plot(places, costs, "o", color=BLUE, ms=3, alpha=0.5)
    trained = [bits for bits in BITS if bits != 2]
    for place, bits in zip(places, trained, strict=False):
        values = np.array(record.values("report", arm=f"{bits} bits", perturbed=False)) - reference
        left.plot([place + 0.12] * len(values), values, "s", color=ORANGE, ms=3, alpha=0.5)
        words = "trained with them" if bits == 8 else None
        left.plot(place + 0.12, values.mean(), "s", color=ORANGE, ms=8, mfc="none", label=words)
    floor = record.noise_floor("report")
    left.axhspan(-floor, floor, color=GREY, alpha=0.2, lw=0)
    left.set_yscale("symlog", linthresh=0.05)
    left.set_xticks(places, [str(bits) for bits in BITS])
    left.set(xlabel="bits of the inputs", ylabel="bits per byte above float")
    left.legend(fontsize=9, loc="upper left")
    alone = [np.array(record.values(f"only {name}", **own)) - reference for name in LAYERS]
    right.barh(LAYERS, [each.mean() for each in alone], color=BLUE, alpha=0.6)
    for row, each in enumerate(alone):
        right.plot(each, [row] * len(each), "o", color=BLUE, ms=3)
    right.invert_yaxis()
    right.set_xlabel("cost of 4 bits in one kind of layer")
    return figure
