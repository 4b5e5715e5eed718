"""Chapter 4: flips and zeros during training, for five sizes of the initial latents."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, MARKERS, panels

from ternary.experiments import load_record

RUNS = [
    (-17, True, "$2^{-17}$"),
    (-7, True, "$2^{-7}$"),
    (-3, True, "$2^{-3}$"),
    (0, True, "$1$"),
    (3, True, "$2^{3}$"),
    (-17, False, "$2^{-17}$, epsilons off"),
]


def draw() -> Figure:
    record = load_record("initialisation")
    figure, (left, right) = panels(2, figsize=(7.2, 3.9))
    for i, (power, epsilons, label) in enumerate(RUNS):
        chosen = {"factor": 2.0**power, "epsilons": epsilons}
        steps = record.curve("steps", **chosen)
        flips = np.array(record.curve("flips", **chosen))
        style = {"color": COLOURS[i], "marker": MARKERS[i], "markevery": 6, "ms": 4}
        style["linestyle"] = "-" if epsilons else "--"
        left.semilogy(steps, np.where(flips > 0, flips, np.nan), label=label, **style)
        start = [record.mean("initial_zeros", **chosen), record.mean("first_zeros", **chosen)]
        right.plot([0, 1, *steps], start + record.curve("zeros", **chosen), **style)
    left.set_ylim(1e-5, 5e-2)
    left.set_ylabel("share of codes that flip in a step")
    right.set_ylim(0, 0.55)
    right.set_ylabel("share of zero codes")
    for axis in (left, right):
        axis.set_xlabel("training step")
    figure.legend(title="initial latents times", loc="outside upper center", fontsize=8, ncols=6)
    return figure
