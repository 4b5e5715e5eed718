"""Chapter 6: time of the passes and of the projection against the number of tokens."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, COLOURS, GREEN, GREY, MARKERS, ORANGE, panels

from ternary.experiments import Record, load_record
from ternary.experiments.layer_cost import MATRICES, TOKENS, projection_share


def draw() -> Figure:
    record = load_record("layer-cost")
    figure, (left, right) = panels(2, figsize=(6.8, 3.4))
    draw_times(left, record)
    draw_shares(right, record)
    for axis in (left, right):
        axis.set_xscale("log", base=4)
        axis.set_yscale("log")
        axis.set_xticks(TOKENS, [f"{n:,}" for n in TOKENS], fontsize=8)
        axis.yaxis.set_major_formatter("{x:,g}")
        axis.set_xlabel("tokens in the batch")
    return figure


def draw_times(axis: Axes, record: Record) -> None:
    """Forward, backward, projection of the matrix `up`: every repetition, and the medians."""
    passes = (("backward", GREEN, "--"), ("forward", BLUE, "-"))
    for (what, colour, line), marker in zip(passes, MARKERS, strict=False):
        times = [record.values("us", what=what, matrix="up", tokens=n) for n in TOKENS]
        bare = [sorted(record.values("bare", what=what, matrix="up", tokens=n))[1] for n in TOKENS]
        for n, points in zip(TOKENS, times, strict=True):
            axis.plot([n] * len(points), points, marker, color=colour, ms=4, alpha=0.7)
        middle = [sorted(points)[1] for points in times]
        axis.plot(TOKENS, middle, line, marker=marker, color=colour, ms=4, label=what)
        axis.plot(TOKENS, bare, ":", color=GREY, lw=1.2)
    projection = record.values("us", what="projection", matrix="up")
    axis.plot(TOKENS, [sorted(projection)[1]] * len(TOKENS), "-.", color=ORANGE, label="projection")
    axis.plot([], [], ":", color=GREY, lw=1.2, label="products alone")
    axis.set_ylabel("microseconds")
    axis.set_title("matrix up, (512, 128)", fontsize=10)
    axis.legend(fontsize=8)


def draw_shares(axis: Axes, record: Record) -> None:
    """Time of a projection over that of both passes, for the three shapes."""
    lines = ("-", "--", ":")
    for (name, shape), colour, marker, line in zip(
        MATRICES.items(), COLOURS, MARKERS, lines, strict=False
    ):
        shares = [projection_share(record, name, n) for n in TOKENS]
        label = f"{name}, {shape}"
        axis.plot(TOKENS, shares, line, color=colour, marker=marker, ms=5, label=label)
    axis.axhline(1, color=GREY, lw=0.8)
    axis.set_ylabel("projection / (forward + backward)")
    axis.set_title("share of the projection", fontsize=10)
    axis.legend(fontsize=8)
