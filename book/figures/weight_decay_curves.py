"""Chapter 5: flips and mean scale over training, at four decays and one that is switched off."""

from matplotlib.figure import Figure
from style import COLOURS, panels

from ternary.experiments import load_record

RUNS = [
    ("constant", 0.0, "-", "0"),
    ("constant", 0.1, "--", "0.1"),
    ("constant", 1.0, "-.", "1"),
    ("half", 1.0, (0, (5, 1, 1, 1, 1, 1)), "1, off at half"),
    ("constant", 3.0, ":", "3"),
]


def draw() -> Figure:
    record = load_record("weight-decay")
    figure, (left, right) = panels(2)
    for i, (plan, decay, dashes, label) in enumerate(RUNS):
        arm = {"model": "group", "plan": plan, "decay": decay}
        steps = record.values("steps", **arm)[0]
        width = 2.2 if dashes == ":" else 1.6
        for axis, curve in ((left, "flips"), (right, "scale")):
            style = {"color": COLOURS[i], "linestyle": dashes, "linewidth": width}
            axis.plot(steps, record.curve(curve, **arm), label=label, **style)
    left.set_ylabel("flips per step, share of codes")
    right.set_ylabel("mean stored scale")
    for axis in (left, right):
        axis.set_yscale("log")
        axis.set_xlabel("step")
    left.set_ylim(1e-4, 6e-2)
    left.legend(title="weight decay", fontsize=8, title_fontsize=8, loc="lower left")
    return figure
