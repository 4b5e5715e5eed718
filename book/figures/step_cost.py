"""Chapter 8: the parts of a training step, for batches of different sizes."""

from matplotlib.figure import Figure
from style import COLOURS, panels

from ternary.experiments import load_record
from ternary.experiments.step_cost import LENGTH, PARTS, SEQUENCES, share

HATCHES = ["", "///", "..", "\\\\\\", "xx", "", "++"]


def draw() -> Figure:
    record = load_record("step-cost")
    figure, (axis,) = panels(1, figsize=(6.4, 3.2))
    left = [0.0] * len(SEQUENCES)
    for part, colour, hatch in zip(PARTS, [*COLOURS, "#5a5a9a"], HATCHES, strict=True):
        shares = [100 * share(record, n, part) for n in SEQUENCES]
        axis.barh(
            range(len(SEQUENCES)),
            shares,
            left=left,
            color=colour,
            hatch=hatch,
            edgecolor="#ffffff80",
            linewidth=0.5,
            label=part,
            height=0.7,
        )
        left = [a + b for a, b in zip(left, shares, strict=True)]
    axis.set_yticks(range(len(SEQUENCES)), [f"{n * LENGTH:,}" for n in SEQUENCES])
    axis.set_ylabel("tokens of a step")
    axis.set_xlabel("share of the time of a step, per cent")
    axis.set_xlim(0, 100)
    axis.grid(False)
    figure.legend(loc="outside upper center", ncols=4, fontsize=8)
    return figure
