"""Chapter 9: what each recipe changes, and the training loss under two schedules."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, panels

from ternary.experiments import load_record
from ternary.experiments.recipes import POINTS, RECIPES, STEPS, gains_over_baseline

LABELS = {
    "two-stage": "two stages",
    "decay-off": "decay 1, off at half",
    "warm-up": "warm-up, a fifth",
    "long-warm-up": "warm-up, three quarters",
    "continual": "ternary from half-time",
    "sub-norm": "extra norms",
    "twin": "twin",
}
CURVES = [
    ("baseline", "ternary, cosine", BLUE, "-"),
    ("twin", "twin, cosine", ORANGE, "-"),
    ("two-stage", "ternary, two stages", BLUE, "--"),
    ("twin-two-stage", "twin, two stages", ORANGE, "--"),
    ("continual", "ternary from half-time", PURPLE, ":"),
    ("long-warm-up", "warm-up, three quarters", GREEN, "-."),
]


def draw() -> Figure:
    figure, (changes, curves) = panels(2, figsize=(6.8, 4.2), gridspec_kw={"width_ratios": [1, 1]})
    show_changes(changes)
    show_curves(curves)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


def show_changes(axis: Axes) -> None:
    """Held-out loss of every seed against the baseline of the same seed."""
    record = load_record("recipes")
    names = [name for name in RECIPES if name in LABELS]
    for row, name in enumerate(names):
        changes = [-gain for gain in gains_over_baseline(record, name)]
        axis.plot(changes, [row] * len(changes), "o", color=BLUE, alpha=0.6, markersize=5)
        axis.vlines(np.mean(changes), row - 0.3, row + 0.3, color=BLUE)
    axis.axvline(0, color=GREY, linewidth=1, linestyle=":")
    axis.set_yticks(range(len(names)), [LABELS[name] for name in names], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("held-out bits per byte\nagainst the baseline")


def show_curves(axis: Axes) -> None:
    """Training loss, mean of 50 steps and of all seeds, without its steep beginning."""
    record = load_record("recipes")
    middles = (np.arange(POINTS) + 0.5) * STEPS / POINTS
    late = middles > 300
    for name, label, colour, line in CURVES:
        train = np.array(record.curve("train", recipe=name))
        axis.plot(middles[late], train[late], line, color=colour, label=label)
    axis.set_xlabel("training step")
    axis.set_ylabel("training bits per byte")
