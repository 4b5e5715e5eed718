"""From a trained model: every route against from scratch, and the training loss of some."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from routes import name
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, panels

from ternary.experiments import Record, load_record
from ternary.experiments.comparison import compare
from ternary.experiments.from_trained import ARMS, BASELINE, POINTS, TOTAL, arm
from ternary.experiments.trained_decay import scratch

CURVES = [
    (("continued", 400, 400), ORANGE, "-"),
    (("gradual", 400, 400), GREEN, "-."),
    (("distilled", 400, 400), PURPLE, "--"),
    (("logits", 400, 400), GREY, ":"),
]


def draw() -> Figure:
    record = load_record("from-trained")
    figure, (changes, curves) = panels(2, figsize=(6.8, 4.4))
    show_changes(changes, record)
    train = np.array(load_record("recipes").curve("train", recipe="baseline"))
    show_curve(curves, train, 0, TOTAL, color=BLUE, label="from scratch 800")
    for (route, before, after), colour, line in CURVES:
        train = np.array(record.curve("train", **arm(route, before, after)))
        label = name(route, before, after, 64)
        show_curve(curves, train, before, after, linestyle=line, color=colour, label=label)
    curves.set_ylim(1.9, 4)
    curves.set_xlabel("training step in all")
    curves.set_ylabel("training bits per byte")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


def show_curve(axis: Axes, train: np.ndarray, before: int, after: int, **look: str) -> None:
    """The training loss of a phase against the steps in all, from where it is readable."""
    steps = before + (np.arange(POINTS) + 0.5) * after / POINTS
    late = steps > 150
    axis.plot(steps[late], train[late], **look)


def show_changes(axis: Axes, record: Record) -> None:
    """Held-out loss against from scratch at 800 steps in all: seeds, interval, noise floor."""
    default = load_record("trained-decay")
    floor = default.noise_floor("report") or 0.0
    axis.axvspan(-floor, floor, color=GREY, alpha=0.2, linewidth=0)
    axis.axvline(0, color=GREY, linewidth=1, linestyle=":")
    arms = [each for each in ARMS[2:] if each[1] + each[2] == TOTAL]
    opponents = (
        (record.by_seed("report", BASELINE), RED, 0.18, "s"),
        (default.by_seed("report", scratch(TOTAL)), BLUE, -0.18, "o"),
    )
    for row, each in enumerate(arms):
        ours = record.by_seed("report", arm(*each))
        for theirs, colour, shift, marker in opponents:
            found, y = compare(ours, theirs), row + shift
            changes = [ours[seed] - theirs[seed] for seed in ours]
            axis.plot(changes, [y] * len(changes), marker, color=colour, alpha=0.5, markersize=3)
            axis.plot([found.low, found.high], [y, y], color=colour, linewidth=2)
    axis.set_yticks(range(len(arms)), [name(*each) for each in arms], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("held-out bits per byte against\n800 from scratch, decay 0.1 and 0.3")
