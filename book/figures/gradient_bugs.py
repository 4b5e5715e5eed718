"""Chapter 7: what a bug of the backward pass costs, against how wrong it makes the gradient."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, GREY, MARKERS, panels

from ternary.experiments import load_record
from ternary.experiments.backward_bugs import BUGS

SHOWN = {  # bugs whose curves are drawn: their line style
    "softmax without its sum": "-",
    "norm taken for a constant": "-.",
    "turned the wrong way": "--",
    "score scale missing": ":",
}


def draw() -> Figure:
    record = load_record("gradient-bugs")
    figure, (scatter, curves) = panels(2, figsize=(7.2, 4.8), width_ratios=[1.5, 1])
    right = record.values("bpb", bug="none")
    mean, floor = float(np.mean(right)), record.noise_floor("bpb") or 0.0
    scatter.axhline(mean, color=GREY, label="no bug")
    scatter.axhspan(mean - floor, mean + floor, color=GREY, alpha=0.3, label="noise floor")
    for i, bug in enumerate(BUGS):
        colour = COLOURS[i % 5]
        scatter.plot(
            [distance(**trial["values"]) for trial in record.select(bug=bug)],
            record.values("bpb", bug=bug),
            MARKERS[i % len(MARKERS)],
            color=colour,
            fillstyle="full" if i < 5 else "none",
            markersize=7,
            alpha=0.9,
            label=bug,
        )
        if bug in SHOWN:
            curve = record.curve("curve", bug=bug)
            steps = 20 * np.arange(1, len(curve) + 1)
            curves.plot(steps, curve, SHOWN[bug], color=colour)
            curves.plot(steps[-1], curve[-1], MARKERS[i], color=colour, markersize=7)
    curves.plot(steps, record.curve("curve", bug="none"), color=GREY)
    scatter.set_xscale("log")
    scatter.set_xlabel("error of the gradient before training, relative")
    scatter.set_ylabel("held-out bits per byte, trained")
    curves.set_xlabel("step")
    curves.set_ylabel("training loss, bits per byte")
    figure.legend(
        *scatter.get_legend_handles_labels(), fontsize=8, ncol=3, loc="outside lower center"
    )
    return figure


def distance(cosine: float, length: float, **_: object) -> float:
    """Length of the error of the whole gradient, over that of the right one."""
    return float(np.sqrt(1 + length**2 - 2 * length * cosine))
