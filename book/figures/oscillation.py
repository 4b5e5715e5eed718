"""Chapter 5: latents that pile up at the threshold, and the flips of a step that are undone."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, GREY, panels

from ternary.experiments import load_record
from ternary.experiments.weight_decay import BIN, BINS

ONE = {"model": "group", "decay": 1.0}
TIMES = (("step 60", "-"), ("half-time", "--"), ("step 700", ":"))
ARMS = (("constant", "decay 1"), ("pull", "with the pull"))


def draw() -> Figure:
    record = load_record("weight-decay")
    figure, (left, right) = panels(2)
    centres = BIN * (np.arange(BINS) + 0.5)
    curves = np.mean(record.values("histograms", plan="constant", **ONE), axis=0)
    for i, (name, style) in enumerate(TIMES):
        left.plot(centres, curves[i], style, color=COLOURS[0], label=name)
    pulled = np.mean(record.values("histograms", plan="pull", **ONE), axis=0)
    left.plot(centres, pulled[-1], "-.", color=COLOURS[1], label="step 700, pull")
    left.axvline(0.5, color=GREY, linewidth=1)
    left.set_xlim(0, 2.5)
    left.set_xlabel("magnitude of a latent over its group's mean")
    left.set_ylabel("density")
    left.legend(fontsize=8)
    for i, (plan, label) in enumerate(ARMS):
        for lag, style in ((1, ":"), (4, "--"), (16, "-")):
            undone = record.curve(f"undone_{lag}", plan=plan, **ONE)
            steps = record.values("steps", plan=plan, **ONE)[0][: len(undone)]
            words = f"{label}, {lag} step{'s' if lag > 1 else ''}"
            right.plot(steps, undone, style, color=COLOURS[i], label=words)
    right.set_xlabel("step of the flip")
    right.set_ylabel("share undone within some steps")
    right.set_ylim(0, 1)
    right.legend(fontsize=8)
    return figure
