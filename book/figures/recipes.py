"""Chapter 9: what each recipe changes, and the training loss on the way."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, panels

from ternary.experiments import load_record
from ternary.experiments.recipes import POINTS, STEPS

LABELS = {
    "two-stage": "two stages",
    "decay-off": "decay off at half",
    "more-decay": "three times the decay",
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
    """Held-out loss against the baseline: every seed a dot, the interval a line, the floor grey."""
    record = load_record("recipes")
    floor = record.noise_floor("report") or 0.0
    axis.axvspan(-floor, floor, color=GREY, alpha=0.25, linewidth=0)
    baseline = np.array(record.values("report", recipe="baseline"))
    for row, name in enumerate(LABELS):
        changes = record.values("report", recipe=name) - baseline
        found = record.compare("report", {"recipe": name}, {"recipe": "baseline"})
        axis.plot(changes, [row] * len(changes), "o", color=BLUE, alpha=0.5, markersize=4)
        axis.plot([found.low, found.high], [row + 0.25] * 2, color=BLUE)
    axis.axvline(0, color=GREY, linewidth=1, linestyle=":")
    axis.set_yticks(range(len(LABELS)), list(LABELS.values()), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("held-out bits per byte\nagainst the baseline")


def show_curves(axis: Axes) -> None:
    """Training loss, mean of all seeds, without its steep beginning."""
    record = load_record("recipes")
    middles = (np.arange(POINTS) + 0.5) * STEPS / POINTS
    late = middles > 0.35 * STEPS
    for name, label, colour, line in CURVES:
        train = np.array(record.curve("train", recipe=name))
        axis.plot(middles[late], train[late], line, color=colour, label=label)
    axis.set_xlabel("training step")
    axis.set_ylabel("training bits per byte")
