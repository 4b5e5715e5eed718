"""Chapter 2: held-out loss of every estimator, one dot a seed, and the flips of four."""

from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, RED, panels

from ternary.experiments import load_record

FAR_OUTSIDE = "codes, no average"
CURVES = {  # of the right panel: estimator, rate, colour, line
    ("identity", 0.006): (BLUE, "-"),
    ("identity, held", 0.006): (ORANGE, "--"),
    ("bump", 0.006): (GREEN, ":"),
    ("codes", 0.06): (RED, "-."),
}


def draw() -> Figure:
    record = load_record("ste-variants")
    arms = [each for each in record.settings if each["estimator"] != FAR_OUTSIDE]
    arms.insert(1, arms.pop())  # the noise arm, beside its baseline
    figure, axes = panels(2, figsize=(7.2, 4.2), width_ratios=[1.6, 1])
    mean, floor = record.mean("report", **arms[0]), record.noise_floor("report")
    axes[0].axvspan(mean - floor, mean + floor, color=GREY, alpha=0.2, linewidth=0)
    axes[0].axvline(mean, color=GREY, linestyle=":")
    for i, arm in enumerate(arms):
        values = record.values("report", **arm)
        colour = CURVES.get((arm["estimator"], arm["lr"]), (GREY, ""))[0]
        axes[0].plot(values, [i] * len(values), "o", color=colour, alpha=0.8, markersize=5)
    axes[0].set_yticks(range(len(arms)), [f"{arm['estimator']}, {arm['lr']}" for arm in arms])
    axes[0].invert_yaxis()
    axes[0].set_xlabel("held-out bits per byte")
    for (name, lr), (colour, style) in CURVES.items():
        steps = record.values("steps", estimator=name, lr=lr)[0]
        curve = [100 * x for x in record.curve("flips", estimator=name, lr=lr)]
        axes[1].plot(steps, curve, style, color=colour, label=name)
    axes[1].set_xlabel("step")
    axes[1].set_ylabel("codes that flip, % a step")
    axes[1].legend(fontsize=8)
    return figure
