"""What must be remembered: held-out loss of every memory, and how much of a step arrives."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, COLOURS, GREY, MARKERS, panels

from ternary.experiments import load_record

SHOWN = (
    "float32",
    "bfloat16",
    "bfloat16, chance",
    "int8",
    "int8, chance",
    "codes",
    "codes, chance",
    "averages log",
    "int8, chance, averages log",
    "codes, chance, averages log",
)
CURVES = ("bfloat16", "bfloat16, slow", "int8", "int8, chance", "codes", "codes, chance")


def name_of(arm: str, n_bytes: float) -> str:
    """The arm as the figure calls it, and its bytes."""
    return f"{arm.replace('averages log', 'log averages')}  {n_bytes:.1f}"


def draw() -> Figure:
    record = load_record("memory")
    figure, (left, right) = panels(2, figsize=(7.4, 4.0), width_ratios=(1.15, 1))
    base, floor = record.mean("report", arm="float32"), record.noise_floor("report")
    left.axvspan(base - floor, base + floor, color=GREY, alpha=0.25, linewidth=0)
    left.axvline(base, color=GREY, linestyle=":")
    for y, arm in enumerate(reversed(SHOWN)):
        values = record.values("report", arm=arm)
        left.plot(values, [y] * len(values), "o", color=BLUE, markersize=4, alpha=0.7)
        left.plot([np.mean(values)] * 2, [y - 0.3, y + 0.3], color=BLUE)
    names = [name_of(arm, record.mean("bytes", arm=arm)) for arm in reversed(SHOWN)]
    left.set_yticks(range(len(SHOWN)), names, fontsize=9)
    left.set_xlabel("bits per byte, held out")
    left.grid(axis="y", visible=False)
    for arm, colour, marker in zip(CURVES, COLOURS, MARKERS, strict=True):
        moved = record.curve("moved", arm=arm)
        steps = 400 * (np.arange(len(moved)) + 0.5) / len(moved)
        look = {"color": colour, "marker": marker, "markevery": 4, "markersize": 4.5}
        right.plot(steps, moved, label=arm, **look)
    right.set_ylim(-0.05, 1.7)
    right.set_yticks([0, 0.5, 1])
    right.set_xlabel("training step")
    right.set_ylabel("part of the wanted step that is made")
    right.legend(fontsize=7.5, ncols=2, loc="upper center", handlelength=1.4, columnspacing=1)
    return figure
