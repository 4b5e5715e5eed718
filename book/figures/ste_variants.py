"""Chapter 2: held-out loss of every estimator, one dot a seed, and the flips of four."""

from matplotlib.figure import Figure
from style import BLUE, COLOURS, GREY, panels

from ternary.experiments import load_record

CURVES = {
    "identity": (BLUE, "-"),
    "identity, held": (COLOURS[1], "--"),
    "bump": (COLOURS[2], ":"),
    "codes": (COLOURS[4], "-."),
}


def draw() -> Figure:
    record = load_record("ste-variants")
    noise = record.about["noise"][1]["estimator"]
    names = [each["estimator"] for each in record.settings if each["estimator"] != noise]
    names = [name for name in names if name != "codes, no average"]  # far outside
    names.insert(1, noise)
    figure, axes = panels(2, figsize=(7.2, 4.2), width_ratios=[1.6, 1])
    mean, floor = record.mean("report", estimator="identity"), record.noise_floor("report")
    axes[0].axvspan(mean - floor, mean + floor, color=GREY, alpha=0.2, linewidth=0)
    axes[0].axvline(mean, color=GREY, linestyle=":")
    for i, name in enumerate(names):
        values = record.values("report", estimator=name)
        colour = CURVES.get(name, (GREY, ""))[0]
        axes[0].plot(values, [i] * len(values), "o", color=colour, alpha=0.8, markersize=5)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    axes[0].set_xlabel("held-out bits per byte")
    for name, (colour, style) in CURVES.items():
        steps = record.values("steps", estimator=name)[0]
        curve = [100 * x for x in record.curve("flips", estimator=name)]
        axes[1].plot(steps, curve, style, color=colour, label=name)
    axes[1].set_xlabel("step")
    axes[1].set_ylabel("codes that flip, % a step")
    axes[1].legend(fontsize=8)
    return figure
