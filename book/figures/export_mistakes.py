"""Chapter 14: what six exports of the same models cost, in all and by place in the window."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, GREY, MARKERS, panels

from ternary.experiments import load_record

NAMES = {
    "none": "right",
    "twice": "projected twice",
    "rotary order": "rotary order",
    "latents": "latents",
    "absmax": "rounded by\nthe largest",
    "divided": "divided",
}


def draw() -> Figure:
    record = load_record("export-mistakes")
    figure, (bars, lines) = panels(2, figsize=(6.8, 3.4), width_ratios=[1.1, 1])
    for row, (mistake, colour) in enumerate(zip(NAMES, COLOURS, strict=True)):
        bits = record.values("bpb", mistake=mistake)
        bars.plot(bits, [row] * len(bits), MARKERS[row], color=colour, alpha=0.75)
        if mistake in ("none", "rotary order", "twice", "latents"):
            places = record.curve("by_position", mistake=mistake)
            centres = 64 / len(places) * (np.arange(len(places)) + 0.5)
            lines.plot(centres, places, color=colour, marker=MARKERS[row])
    bars.axvline(8, color=GREY, linestyle="--", linewidth=1)
    bars.text(8.4, 0, "knows nothing: 8 bits", color=GREY, va="center", fontsize=9)
    bars.set_xscale("log")
    bars.set_yticks(range(len(NAMES)), NAMES.values())
    bars.invert_yaxis()
    bars.set_xlabel("held-out bits per byte")
    lines.set_xlabel("position in the window, bytes")
    lines.set_ylabel("bits per byte")
    lines.set_title("marks as on the left", fontsize=9)
    return figure
