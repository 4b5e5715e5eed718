"""Chapter 2: held-out loss of every estimator, one dot a seed."""

from matplotlib.figure import Figure
from style import COLOURS, GREY, MARKERS, panels

from ternary.experiments import load_record

ESTIMATORS = ["identity", "clipped", "bump", "through the scale", "times the scale"]
ALL = [*ESTIMATORS, "codes directly"]


def draw() -> Figure:
    record = load_record("ste-variants")
    figure, axes = panels(2, figsize=(7.2, 3.4), width_ratios=[1.6, 1])
    for i, name in enumerate(ESTIMATORS):
        values = record.values("bpb", estimator=name)
        axes[0].plot(
            values, [i] * len(values), MARKERS[i], color=COLOURS[i], alpha=0.8, markersize=7
        )
    axes[0].axvline(record.mean("bpb", estimator="identity"), color=GREY, linestyle=":")
    axes[0].set_yticks(range(len(ESTIMATORS)), ESTIMATORS)
    axes[0].invert_yaxis()
    axes[0].set_xlabel("held-out bits per byte")
    styles = ["-", "--", ":", "-."]
    shown = ["identity", "bump", "times the scale", "codes directly"]
    for name, style in zip(shown, styles, strict=True):
        steps = record.values("steps", estimator=name)[0]
        curve = [100 * x for x in record.curve("flips", estimator=name)]
        axes[1].plot(steps, curve, style, color=COLOURS[ALL.index(name)], label=name)
    axes[1].set_xlabel("step")
    axes[1].set_ylabel("codes that flip, % a step")
    axes[1].legend(fontsize=8)
    return figure
