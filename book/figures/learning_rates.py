"""Chapter 8: held-out loss of the ternary model and its twin against the peak learning rate."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

from ternary.experiments import load_record
from ternary.experiments.rate_curves import RATES, gap_at, losses, shift_and_lift

MODELS = {
    "group": ("ternary", BLUE, "o", "-"),
    "full-precision": ("full-precision twin", ORANGE, "s", "--"),
}


def draw() -> Figure:
    figure, (measured, moved) = panels(2, sharey=True)
    for projection in MODELS:
        show(measured, projection)
    record, known = load_record("learning-rates"), RATES[1:5]
    floors = [gap_at(record, lr).floor for lr in known]
    measured.errorbar(known, mean("group")[1:5], floors, fmt="none", color=GREY, capsize=3)
    measured.legend()
    measured.set_title("as measured", fontsize=10)
    measured.set_ylabel("held-out bits per byte")
    ternary, twin = show(moved, "group", label=False), mean("full-precision")
    shift, lift, _ = shift_and_lift(ternary, twin)
    label = f"twin, rates times {shift:.1f}, plus {lift:.2f}"
    moved.plot(shift * np.array(RATES), twin + lift, "--", color=ORANGE, label=label)
    moved.set_title("one curve", fontsize=10)
    moved.legend()
    return figure


def mean(projection: str) -> np.ndarray:
    """The curve of the seeds' mean."""
    record = load_record("learning-rates")
    return np.mean(list(losses(record, projection).values()), axis=0)


def show(axis: Axes, projection: str, label: bool = True) -> np.ndarray:
    """Every run as a mark, and a line through the means, which it returns."""
    record, (name, colour, marker, line) = load_record("learning-rates"), MODELS[projection]
    for runs in losses(record, projection).values():
        axis.plot(RATES, runs, marker, color=colour, alpha=0.6, markersize=4)
    axis.plot(RATES, mean(projection), line, color=colour, label=name if label else None)
    axis.set_xscale("log")
    axis.set_xticks([0.002, 0.005, 0.01, 0.02], ["0.002", "0.005", "0.01", "0.02"])
    axis.minorticks_off()
    axis.set_xlabel("peak learning rate")
    return mean(projection)
