"""From a trained model: every route against from scratch, and the training loss of some."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from routes import name
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, panels

from ternary.experiments import Record, load_record
from ternary.experiments.from_trained import ARMS, BASELINE, POINTS, TOTAL, arm

CURVES = [
    (("scratch", 0, 800), BLUE, "-"),
    (("continued", 400, 400), ORANGE, "-"),
    (("gradual", 400, 400), GREEN, "-."),
    (("distilled", 400, 400), PURPLE, "--"),
    (("logits", 400, 400), GREY, ":"),
]


def draw() -> Figure:
    record = load_record("from-trained")
    figure, (changes, curves) = panels(2, figsize=(6.8, 4.0))
    show_changes(changes, record)
    for (route, before, after), colour, line in CURVES:
        train = np.array(record.curve("train", **arm(route, before, after)))
        steps = before + (np.arange(POINTS) + 0.5) * after / POINTS
        late = steps > 150
        label = name(route, before, after, 64)
        curves.plot(steps[late], train[late], line, color=colour, label=label)
    curves.set_ylim(1.7, 4)
    curves.set_xlabel("training step in all")
    curves.set_ylabel("training bits per byte")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


def show_changes(axis: Axes, record: Record) -> None:
    """Held-out loss against from scratch at 800 steps in all: seeds, interval, noise floor."""
    floor = record.noise_floor("report")
    axis.axvspan(-floor, floor, color=GREY, alpha=0.2, linewidth=0)
    axis.axvline(0, color=GREY, linewidth=1, linestyle=":")
    arms = [each for each in ARMS[2:] if each[1] + each[2] == TOTAL]
    base = np.array(record.values("report", **BASELINE))
    for row, each in enumerate(arms):
        found = record.compare("report", arm(*each), BASELINE)
        changes = np.array(record.values("report", **arm(*each))) - base
        axis.plot(changes, [row] * len(changes), "o", color=BLUE, alpha=0.5, markersize=4)
        axis.plot([found.low, found.high], [row, row], color=BLUE, linewidth=2)
    axis.set_yticks(range(len(arms)), [name(*each) for each in arms], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("held-out bits per byte\nagainst 800 from scratch")
