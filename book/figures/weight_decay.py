"""Chapter 5: held-out loss against decay, for every plan; right, in pairs of the same seed."""

from matplotlib.figure import Figure
from style import COLOURS, GREY, MARKERS, panels

from ternary.experiments import load_record

DECAYS = [0.0, 0.01, 0.1, 1.0, 10.0]
PLANS = {
    "constant": "constant",
    "half": "off at half",
    "two-thirds": "off at two thirds",
    "projected": "towards the projected",
    "gains": "gains decayed too",
}


def draw() -> Figure:
    record = load_record("weight-decay")
    without = record.values("bpb", plan="constant", decay=0.0)
    figure, (left, right) = panels(2, figsize=(6.4, 3.8))
    for axis, decays in ((left, DECAYS), (right, DECAYS[1:-1])):
        for i, (plan, label) in enumerate(PLANS.items()):
            x, y = [], []
            for place, decay in enumerate(decays):
                if {"plan": plan, "decay": decay} not in record.settings:
                    continue
                values = record.values("bpb", plan=plan, decay=decay)
                if axis is right:
                    values = [a - b for a, b in zip(values, without, strict=True)]
                x += [place + 0.13 * (i - 1)] * len(values)
                y += values
            axis.plot(x, y, MARKERS[i], color=COLOURS[i], alpha=0.8, markersize=5, label=label)
        axis.set_xticks(range(len(decays)), [f"{decay:g}" for decay in decays])
        axis.set_xlim(-0.5, len(decays) - 0.5)
        axis.set_xlabel("weight decay $\\lambda$")
    right.axhline(0, color=GREY, linewidth=1)
    left.set_ylabel("held-out bits per byte")
    right.set_ylabel("bits per byte, minus decay 0 of that seed")
    left.legend(fontsize=8, loc="upper left")
    return figure
