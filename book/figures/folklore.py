"""Recipes: what each habit changes, with intervals, and averages of the latents."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, PURPLE, panels

from ternary.experiments import load_record
from ternary.experiments.comparison import compare
from ternary.experiments.folklore import AVERAGES, arm

CHANGES = {
    "tied": "tied",
    "twin, tied": "twin: tied",
    "full embedding": "full embedding",
    "full head": "full head",
    "full embedding and head": "both full",
    "half batch": "half batch, twice the steps",
    "twin, half batch": "twin: half batch",
    "double batch": "double batch, half the steps",
    "momentum 0.6": "momentum 0.6",
    "momentum 0.95": "momentum 0.95",
    "constant rate": "constant rate",
    "twin": "twin, against ternary",
}
AVERAGED = {
    "baseline": ("ternary", BLUE, "o"),
    "twin": ("twin", ORANGE, "s"),
    "constant rate": ("ternary, constant rate", PURPLE, "^"),
}


def draw() -> Figure:
    figure, (changes, averages) = panels(
        2, figsize=(6.8, 4.0), gridspec_kw={"width_ratios": [1.2, 1]}
    )
    show_changes(changes)
    show_averages(averages)
    return figure


def show_changes(axis: Axes) -> None:
    """Held-out loss against the baseline: every pair of seeds, the interval, the noise floor."""
    record = load_record("folklore")
    floor = record.noise_floor("report")
    axis.axvspan(-floor, floor, color=GREY, alpha=0.2, linewidth=0)
    axis.axvline(0, color=GREY, linewidth=1, linestyle=":")
    for row, name in enumerate(CHANGES):
        to = "twin" if name.startswith("twin,") else "baseline"
        colour = ORANGE if to == "twin" else BLUE
        found = record.compare("report", arm(name), arm(to))
        changes = np.subtract(*(record.values("report", arm=each) for each in (name, to)))
        axis.plot(changes, [row] * len(changes), "o", color=colour, alpha=0.5, markersize=4)
        axis.plot([found.low, found.high], [row, row], color=colour, linewidth=2)
    axis.set_yticks(range(len(CHANGES)), list(CHANGES.values()), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("held-out bits per byte\nagainst the baseline")


def show_averages(axis: Axes) -> None:
    """Loss of the average less that of the latents, for three lengths of the average."""
    record = load_record("folklore")
    floor = record.noise_floor("report")
    axis.axhspan(-floor, floor, color=GREY, alpha=0.2, linewidth=0)
    axis.axhline(0, color=GREY, linewidth=1, linestyle=":")
    places = np.arange(len(AVERAGES))
    for shift, (name, (label, colour, marker)) in zip(
        (-0.15, 0, 0.15), AVERAGED.items(), strict=True
    ):
        own = record.by_seed("report", arm(name))
        found = [compare(record.by_seed(f"ema {x}", arm(name)), own, floor) for x in AVERAGES]
        means = [each.difference for each in found]
        ends = [[each.difference - each.low for each in found]] * 2
        style = {"color": colour, "marker": marker, "linestyle": "", "markersize": 5}
        axis.errorbar(places + shift, means, ends, label=label, **style)
    axis.set_yscale("symlog", linthresh=0.1)
    ticks = [-0.2, -0.1, -0.05, 0, 0.05, 0.1, 0.5, 1, 2, 4]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xlim(-0.4, len(AVERAGES) - 0.6)
    axis.minorticks_off()
    axis.set_xticks(places, [str(x) for x in AVERAGES])
    axis.set_xlabel("share of the average\nthat stays in a step")
    axis.set_ylabel("bits per byte against the latents")
    axis.legend(fontsize=8, loc="upper left")
