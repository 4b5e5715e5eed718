"""Chapter 9: what each recipe changes, with intervals, and the training loss along the way."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, panels

from ternary.experiments import load_record
from ternary.experiments.recipes import POINTS, RECIPES, STEPS

LABELS = {
    "two-stage": "two stages",
    "decay-off": "decay off at half",
    "more-decay": "three times the decay",
    "warm-up": "warm-up, a fifth",
    "long-warm-up": "warm-up, three quarters",
    "continual": "ternary from half-time",
    "sub-norm": "extra norms",
    "twin": "twin",
    "twin-two-stage": "twin, two stages",
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
    """Held-out loss against the baseline: every pair of seeds, the interval, the noise floor."""
    record = load_record("recipes")
    baseline = {"recipe": "baseline"}
    floor = record.noise_floor("report")
    axis.axvspan(-floor, floor, color=GREY, alpha=0.2, linewidth=0)
    axis.axvline(0, color=GREY, linewidth=1, linestyle=":")
    names = [name for name in RECIPES if name in LABELS]
    for row, name in enumerate(names):
        found = record.compare("report", {"recipe": name}, baseline)
        losses, base = (record.values("report", recipe=each) for each in (name, "baseline"))
        changes = np.array(losses) - base
        axis.plot(changes, [row] * len(changes), "o", color=BLUE, alpha=0.5, markersize=4)
        axis.plot([found.low, found.high], [row, row], color=BLUE, linewidth=2)
    axis.set_yticks(range(len(names)), [LABELS[name] for name in names], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("held-out bits per byte\nagainst the baseline")


def show_curves(axis: Axes) -> None:
    """Training loss, mean of 20 steps and of all seeds, without its steep beginning."""
    record = load_record("recipes")
    middles = (np.arange(POINTS) + 0.5) * STEPS / POINTS
    late = middles > 300
    for name, label, colour, line in CURVES:
        train = np.array(record.curve("train", recipe=name))
        axis.plot(middles[late], train[late], line, color=colour, label=label)
    axis.set_xlabel("training step")
    axis.set_ylabel("training bits per byte")
