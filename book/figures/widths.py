"""Scale: held-out loss against parameters and against steps, ternary and twin, with fits."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from style import BLUE, ORANGE, panels

from ternary.experiments import Record, load_record
from ternary.experiments.record import Settings
from ternary.experiments.widths import DEEP, LENGTHS, MIDDLE, WIDTHS, size

KINDS = {"ternary": (BLUE, "o"), "twin": (ORANGE, "s")}


def draw() -> Figure:
    figure, (parameters, steps) = panels(2, figsize=(6.8, 3.4), sharey=True)
    record = load_record("widths")
    for kind, (colour, marker) in KINDS.items():
        wide = [size(kind, width) for width in WIDTHS]
        amounts = [record.values("parameters", **arm)[0] for arm in wide]
        show(parameters, record, amounts, wide, kind, colour, marker)
        deep = size(kind, MIDDLE, n_layers=DEEP)
        losses = record.values("report", **deep)
        n = record.values("parameters", **deep)
        parameters.plot(n, losses, "D", color=colour, markersize=5, fillstyle="none")
        long = [size(kind, MIDDLE, n) for n in LENGTHS]
        show(steps, record, list(LENGTHS), long, kind, colour, marker)
    parameters.set_xlabel("parameters, embedding and head included")
    parameters.set_ylabel("held-out bits per byte, report half")
    parameters.legend(fontsize=9)
    parameters.set_xticks([50e3, 200e3, 800e3], ["50 k", "200 k", "800 k"])
    steps.set_xlabel("training steps, width 64")
    steps.set_xticks(LENGTHS, [str(n) for n in LENGTHS])
    ticks = (1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 2.8)
    parameters.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    for axis in (parameters, steps):
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.yaxis.set_minor_formatter(NullFormatter())
    return figure


def show(
    axis: Axes,
    record: Record,
    amounts: list[int],
    arms: list[Settings],
    label: str,
    colour: str,
    marker: str,
) -> None:
    """Every seed a mark; the least-squares line in logarithms of all but the last, and beyond."""
    axis.set_xscale("log")
    axis.set_yscale("log")
    losses = np.array([record.values("report", **arm) for arm in arms])
    for x, values in zip(amounts, losses, strict=True):
        axis.plot([x] * len(values), values, marker, color=colour, alpha=0.5, markersize=4)
    fit = np.polyfit(np.log(amounts[:-1]), np.log(losses[:-1].mean(axis=1)), 1)
    for ends, style in (
        ((amounts[0] / 1.2, amounts[-2]), "-"),
        ((amounts[-2], amounts[-1] * 1.2), ":"),
    ):
        said = np.exp(np.polyval(fit, np.log(ends)))
        axis.plot(ends, said, style, color=colour, label=label if style == "-" else None)
