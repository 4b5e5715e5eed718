"""Chapter 9: loss against bytes for every kind of weights, and each against ternary ones."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, panels

from ternary.experiments import load_record
from ternary.experiments.equal_bytes import compare_at_bytes, points

CURVES = {
    "2 bits": ("2 bits, trained", GREEN, "^", "-"),
    "3 bits": ("3 bits, trained", PURPLE, "D", "-"),
    "4 bits": ("4 bits, trained", GREY, "v", "-"),
    "fitted 4": ("twin in 4 bits", ORANGE, "s", ":"),
    "fitted 6": ("twin in 6 bits", ORANGE, "s", "--"),
    "absmax 8": ("twin in 8 bits", ORANGE, "s", "-"),
    "ternary": ("ternary", BLUE, "o", "-"),
}
RIVALS = ["2 bits", "3 bits", "4 bits"]
RIVALS += [f"fitted {bits}" for bits in (3, 4, 5, 6)] + ["absmax 4", "absmax 8"]
TICKS = [70e3, 100e3, 200e3, 400e3]
WIDTH = 128  # of the ternary model whose bytes the right panel has


def draw() -> Figure:
    figure, (left, right) = panels(2, figsize=(7.2, 4.2), gridspec_kw={"width_ratios": [1.2, 1]})
    for kind, look in CURVES.items():
        show_curve(left, kind, *look)
    left.set_xscale("log")
    left.set_xlim(60e3, 500e3)
    left.set_ylim(1.6, 1.86)
    left.xaxis.set_major_locator(FixedLocator(TICKS))
    left.xaxis.set_minor_locator(NullLocator())
    left.set_xticklabels([f"{tick / 1000:,.0f}" for tick in TICKS])
    left.set_xlabel("thousand bytes of weights, scales and gains")
    left.set_ylabel("held-out bits per byte")
    left.legend(fontsize=7)
    show_differences(right)
    return figure


def show_curve(axis: Axes, kind: str, label: str, colour: str, marker: str, line: str) -> None:
    """Every seed as a mark, and a line through the means."""
    found = points(load_record("equal-bytes"), kind)
    sizes = [n_bytes for n_bytes, _ in found]
    axis.plot(sizes, [np.mean(list(bpb.values())) for _, bpb in found], line, color=colour)
    for n_bytes, bpb in found:
        axis.plot([n_bytes] * len(bpb), list(bpb.values()), marker, color=colour, markersize=3)
    axis.plot([], [], marker + line, color=colour, markersize=4, label=label)


def show_differences(axis: Axes) -> None:
    """Each rival against the ternary model at its bytes: interval, and the floor as a band."""
    record = load_record("equal-bytes")
    floor = record.noise_floor("report") or 0.0
    axis.axvspan(-floor, floor, color=GREY, alpha=0.25, linewidth=0)
    axis.axvline(0, color=GREY, linewidth=1, linestyle=":")
    labels = []
    for row, kind in enumerate(RIVALS):
        labels.append(kind if kind in CURVES and "bits" in kind else f"twin, {kind}")
        found = compare_at_bytes(record, kind, WIDTH)
        if found is not None:
            axis.plot([found.low, found.high], [row, row], color=BLUE)
            axis.plot(found.difference, row, "o", color=BLUE, markersize=5)
    axis.set_yticks(range(len(RIVALS)), labels, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("bits per byte against ternary\nat equal bytes (left: lower)")
