"""Chapter 5: held-out loss against decay, for every plan; right, the same without the worst."""

from matplotlib.figure import Figure
from style import COLOURS, MARKERS, panels

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
    figure, (left, right) = panels(2)
    for axis, decays in ((left, DECAYS), (right, DECAYS[:-1])):
        for i, (plan, label) in enumerate(PLANS.items()):
            shown = [d for d in decays if {"plan": plan, "decay": d} in record.settings]
            x, y = [], []
            for decay in shown:
                values = record.values("bpb", plan=plan, decay=decay)
                x += [DECAYS.index(decay) + 0.15 * i - 0.1] * len(values)
                y += values
            axis.plot(x, y, MARKERS[i], color=COLOURS[i], alpha=0.75, markersize=5, label=label)
        axis.set_xticks(range(len(decays)), [f"{decay:g}" for decay in decays])
        axis.set_xlabel("weight decay $\\lambda$")
        axis.set_ylabel("held-out bits per byte")
    left.legend(fontsize=8, loc="upper left")
    return figure
