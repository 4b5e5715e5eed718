"""Chapter 1: time of a weight by the size of the matrix, and a roofline of several vectors."""

from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, MARKERS, ORANGE, panels

from ternary.experiments import Record, load_record

SIZES = [128, 256, 512, 1024, 2048, 4096, 8192, 16384]
VECTORS = [1, 2, 4, 8, 16, 32, 64]
LARGE = 8192


def draw() -> Figure:
    record = load_record("matvec-bandwidth")
    figure, (left, right) = panels(2, figsize=(6.8, 3.4))
    draw_sizes(left, record)
    draw_roofline(right, record)
    return figure


def draw_sizes(axis, record: Record) -> None:
    megabytes = [4 * size**2 / 1e6 for size in SIZES]
    products = [record.values("ns", size=size, vectors=1) for size in SIZES]
    readings = [record.values("ns", size=size, type="float32") for size in SIZES]
    curves = ((products, "product $Wx$", BLUE, "-"), (readings, "reading alone", ORANGE, "--"))
    for marker, (times, label, colour, line) in zip(MARKERS, curves, strict=False):
        for mb, points in zip(megabytes, times, strict=True):
            axis.plot([mb] * len(points), points, marker, color=colour, ms=4, alpha=0.7)
        means = [sum(points) / len(points) for points in times]
        axis.plot(megabytes, means, line, marker=marker, color=colour, ms=4, label=label)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("size of the matrix (MB)")
    axis.set_ylabel("time for one weight (ns)")
    axis.legend(loc="upper left")


def draw_roofline(axis, record: Record) -> None:
    intensity = [vectors / 2 for vectors in VECTORS]
    bandwidth = record.mean("gb_per_s", size=LARGE, vectors=1)
    times = [record.values("ns", size=LARGE, vectors=vectors) for vectors in VECTORS]
    speeds = [[2 * v / ns for ns in each] for v, each in zip(VECTORS, times, strict=True)]
    peak = sum(speeds[-1]) / len(speeds[-1])
    ends = [0.4, peak / bandwidth, 50]
    axis.plot(ends, [0.4 * bandwidth, peak, peak], color=GREY, lw=1, ls="-.")
    axis.text(0.62, 1.5 * 0.62 * bandwidth, "reading", color=GREY, rotation=40, ha="center")
    axis.text(30, 1.1 * peak, "arithmetic", color=GREY, ha="center")
    for x, vectors, points in zip(intensity, VECTORS, speeds, strict=True):
        axis.plot([x] * len(points), points, MARKERS[2], color=GREEN, ms=5, alpha=0.8)
        axis.text(x, 0.72 * min(points), vectors, color=GREEN, ha="center", va="top", fontsize=8)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(bottom=0.45 * bandwidth / 2)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("operations for each byte of weights")
    axis.set_ylabel("billion operations a second")
