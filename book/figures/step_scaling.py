"""Chapter 8: the time of a training step in units of its matrix products, by width and batch."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from style import COLOURS, GREY, MARKERS, panels

from ternary.experiments import load_record
from ternary.experiments.step_scaling import BATCHES, THREADS, WIDTHS, ratio


def draw() -> Figure:
    figure, axes = panels(2, figsize=(6.4, 3.2), sharey=True)
    for axis, threads in zip(axes, THREADS, strict=True):
        show(axis, threads)
        axis.set_title({1: "one thread", 2: "two threads"}[threads], fontsize=10)
    axes[0].set_ylabel("time of a step / of its products")
    axes[0].set_ylim(bottom=0.95)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8)
    return figure


def show(axis: Axes, threads: int) -> None:
    """Every repeat as a mark, and a line through the means, for each batch."""
    record = load_record("step-scaling")
    for (sequences, length), colour, marker in zip(BATCHES, COLOURS, MARKERS, strict=False):
        means = [ratio(record, threads, width, (sequences, length)) for width in WIDTHS]
        axis.plot(WIDTHS, means, color=colour)
        axis.plot([], [], marker + "-", color=colour, label=f"{sequences} x {length} tokens")
        for width in WIDTHS:
            run = {"threads": threads, "d_model": width, "sequences": sequences}
            values = record.values("ratio", **run)
            axis.plot([width] * len(values), values, marker, color=colour, alpha=0.6, markersize=5)
    axis.axhline(1, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(WIDTHS))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([str(width) for width in WIDTHS])
    axis.set_xlabel("d_model, features of a position")
