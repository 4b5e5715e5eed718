"""Chapter 8: the time of a training step in units of its matrix products, by width and batch."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from style import COLOURS, GREY, MARKERS, panels

from ternary.experiments import load_record
from ternary.experiments.step_scaling import BATCHES, WIDTHS, ratio


def draw() -> Figure:
    record = load_record("step-scaling")
    figure, (axis,) = panels(1, figsize=(6.4, 3.2))
    for batch, colour, marker in zip(BATCHES, COLOURS, MARKERS, strict=False):
        sequences, length = batch
        axis.plot(WIDTHS, [ratio(record, width, batch) for width in WIDTHS], color=colour)
        axis.plot(
            [], [], marker + "-", color=colour, label=f"{sequences} sequences of {length} tokens"
        )
        for width in WIDTHS:
            values = record.values("ratio", d_model=width, sequences=sequences, length=length)
            axis.plot([width] * len(values), values, marker, color=colour, alpha=0.6, markersize=5)
    axis.axhline(1, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(WIDTHS))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([str(width) for width in WIDTHS])
    axis.set_xlabel("d_model, features of a position")
    axis.set_ylabel("time of a step / its products")
    axis.set_ylim(bottom=0.95)
    axis.legend()
    return figure
