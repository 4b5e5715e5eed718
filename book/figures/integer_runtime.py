"""Eight-bit activations: how far our logits are from llama.cpp's, position by position."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, panels

from ternary.experiments import load_record

LINES = {
    "float32": ("float32", GREY, "X"),
    "8 bits a block": ("8 bits, blocks of 32", ORANGE, "s"),
    "fused": ("float16 attention, fused", GREEN, "^"),
    "norms": ("all of its rounding", BLUE, "o"),
}


def draw() -> Figure:
    record = load_record("integer-runtime")
    figure, (axis,) = panels(1, figsize=(6.4, 3.2))
    for way, (words, colour, marker) in LINES.items():
        errors = np.array(record.values(f"{way}, by position")[0])
        places = np.arange(1, errors.size + 1)
        line = {"lw": 0.7, "ms": 4, "color": colour, "marker": marker, "label": words}
        axis.plot(places, np.maximum(errors, 1e-8), **line)
    axis.set(yscale="log", xlabel="position in the window, bytes")
    axis.set_ylabel("difference of logits, relative")
    axis.legend(fontsize=9, loc="center left", bbox_to_anchor=(0, 0.55))
    return figure
