"""Muon: flips and scales of the ternary model with Muon, with AdamW, and with Muon at ratio 1."""

from matplotlib.figure import Figure
from style import COLOURS, MARKERS, panels

from ternary.experiments import load_record

ARMS = {
    "ternary, muon": ("Muon", "-"),
    "ternary, adamw": ("AdamW", "--"),
    "ternary, muon, ratio 1": ("Muon, ratio 1", "-."),
}


def draw() -> Figure:
    record = load_record("muon")
    figure, (flips, scale) = panels(2)
    for (arm, (label, line)), colour, marker in zip(ARMS.items(), COLOURS, MARKERS, strict=False):
        steps = record.curve("steps", arm=arm)
        look = {"color": colour, "marker": marker, "markevery": 5, "markersize": 5}
        # The last step has a rate near zero and flips nothing, which a logarithm cannot show.
        flips.plot(steps[:-1], record.curve("flips", arm=arm)[:-1], line, **look, label=label)
        scale.plot(steps, record.curve("scale", arm=arm), line, **look, label=label)
    flips.set_ylabel("share of codes that flip in a step")
    scale.set_ylabel("mean scale")
    flips.set_yscale("log")
    for axis in (flips, scale):
        axis.set_xlabel("training step")
    flips.legend()
    return figure
