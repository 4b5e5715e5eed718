"""Chapter 9: held-out loss against bytes of weights, for ternary models and for rounded twins."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, panels

from ternary.experiments import load_record

# model, its bytes, its loss, label, colour, marker, line
CURVES = [
    ("full-precision", "bytes", "bpb", "twin, 16 bits", ORANGE, "s", "-"),
    ("full-precision", "bytes_int8", "bpb_int8", "twin, 8 bits", GREEN, "^", "--"),
    ("full-precision", "bytes_int4", "bpb_int4", "twin, 4 bits", PURPLE, "D", ":"),
    ("full-precision", "bytes_int4", "bpb", "4 bits without loss", GREY, "", "-."),
    ("group", "bytes", "bpb", "ternary", BLUE, "o", "-"),
]
TICKS = [5e3, 10e3, 30e3, 100e3, 300e3, 1000e3]


def draw() -> Figure:
    figure, (axis,) = panels(figsize=(6.4, 4.2))
    for curve in CURVES:
        show(axis, *curve)
    twin = load_record("equal-bytes").mean("bpb", model="full-precision", d_model=128)
    axis.axhline(twin, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(TICKS))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([f"{tick / 1000:,.0f}" for tick in TICKS])
    axis.set_xlabel("thousand bytes of weights, scales and gains")
    axis.set_ylabel("held-out bits per byte")
    axis.legend()
    return figure


def show(
    axis: Axes, model: str, x: str, y: str, label: str, colour: str, marker: str, line: str
) -> None:
    """Every seed as a mark, a line through the means, and widths where weights are stored as is."""
    record = load_record("equal-bytes")
    runs = [settings for settings in record.settings if settings["model"] == model]
    n_bytes = [record.mean(x, **settings) for settings in runs]
    bpb = [record.mean(y, **settings) for settings in runs]
    axis.plot(n_bytes, bpb, line, color=colour)
    axis.plot([], [], marker + line, color=colour, markersize=4, label=label)
    for at, mean, settings in zip(n_bytes, bpb, runs, strict=True):
        if marker:
            values = record.values(y, **settings)
            axis.plot([at] * len(values), values, marker, color=colour, alpha=0.6, markersize=4)
        if x == "bytes":
            below = model == "group"
            axis.annotate(
                f"{settings['d_model']}",
                (at, mean),
                (0, -12 if below else 8),
                textcoords="offset points",
                ha="right" if below else "left",
                fontsize=8,
                color=colour,
            )
