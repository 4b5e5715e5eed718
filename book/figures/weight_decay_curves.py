"""Chapter 5: flips and size of the latents over training, at five decays."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, panels

from ternary.experiments import load_record
from ternary.optim import learning_rate

RUNS = [
    ("constant", 0.0, "-", "0"),
    ("constant", 0.1, "--", "0.1"),
    ("constant", 1.0, "-.", "1"),
    ("constant", 10.0, ":", "10"),
    ("half", 10.0, (0, (5, 1, 1, 1, 1, 1)), "10, off at half"),
]


def draw() -> Figure:
    record = load_record("weight-decay")
    figure, (left, right) = panels(2)
    for i, (plan, decay, dashes, label) in enumerate(RUNS):
        steps = record.values("steps", plan=plan, decay=decay)[0]
        style = {
            "color": COLOURS[i],
            "linestyle": dashes,
            "linewidth": 2.2 if dashes == ":" else 1.6,
        }
        left.plot(steps, record.curve("flips", plan=plan, decay=decay), label=label, **style)
        right.plot(steps, record.curve("rms", plan=plan, decay=decay), **style)
    lr = np.array([learning_rate(step, 800, 3e-3, 32) for step in range(40, 780)])
    for decay, place in ((1.0, 0.055), (10.0, 0.004)):
        right.plot(range(40, 780), np.sqrt(lr / (2 * decay)), color=COLOURS[5], linewidth=1)
        right.text(300, place, f"$\\sqrt{{\\eta/2\\lambda}}$, $\\lambda = {decay:g}$", fontsize=9)
    left.set_ylabel("flips per step, share of codes")
    right.set_ylabel("root mean square of the latents")
    for axis in (left, right):
        axis.set_yscale("log")
        axis.set_xlabel("step")
    left.legend(title="weight decay", fontsize=8, title_fontsize=8, loc="lower left")
    return figure
