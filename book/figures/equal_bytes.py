"""Chapter 9: held-out loss against bytes of weights, for ternary models and for rounded twins."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, panels

from ternary.experiments import load_record
from ternary.experiments.equal_bytes import best

# model, suffix of its values, label, colour, marker, line
CURVES = [
    ("full-precision", "", "twin, 16 bits", ORANGE, "s", "-"),
    ("full-precision", "_int8", "twin, 8 bits", GREEN, "^", "--"),
    ("full-precision", "_int4", "twin, 4 bits", PURPLE, "D", ":"),
    ("group", "", "ternary", BLUE, "o", "-"),
]
TICKS = [5e3, 10e3, 30e3, 100e3, 300e3, 1000e3]
UNLABELLED = (24, 48, 96)  # widths


def draw() -> Figure:
    figure, (axis,) = panels(figsize=(6.4, 4.2))
    for curve in CURVES:
        show(axis, *curve)
    axis.axhline(
        load_record("equal-bytes").mean("bpb", model="full-precision", d_model=128),
        color=GREY,
        linewidth=1,
        linestyle=(0, (1, 3)),
    )
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(TICKS))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([f"{tick / 1000:,.0f}" for tick in TICKS])
    axis.set_xlabel("thousand bytes of weights, scales and gains")
    axis.set_ylabel("held-out bits per byte")
    axis.legend()
    return figure


def show(
    axis: Axes, model: str, kind: str, label: str, colour: str, marker: str, line: str
) -> None:
    """Every seed as a mark, a line through the means, and the width beside some of them."""
    record = load_record("equal-bytes")
    chosen = best(record, model)
    n_bytes = [record.mean(f"bytes{kind}", **settings) for settings in chosen]
    bpb = [record.mean(f"bpb{kind}", **settings) for settings in chosen]
    axis.plot(n_bytes, bpb, line, color=colour)
    for x, settings in zip(n_bytes, chosen, strict=True):
        values = record.values(f"bpb{kind}", **settings)
        axis.plot([x] * len(values), values, marker, color=colour, alpha=0.6, markersize=4)
    axis.plot([], [], marker + line, color=colour, markersize=4, label=label)
    if not kind:
        below = model == "group"
        for x, y, settings in zip(n_bytes, bpb, chosen, strict=True):
            if settings["d_model"] not in UNLABELLED:
                axis.annotate(
                    f"{settings['d_model']}",
                    (x, y),
                    (0, -12 if below else 8),
                    textcoords="offset points",
                    ha="right" if below else "left",
                    fontsize=8,
                    color=colour,
                )
