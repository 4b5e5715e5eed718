"""Chapter 8: flips and magnitudes of a healthy run, beside a rate too small and one too large."""

from matplotlib.figure import Figure
from style import COLOURS, MARKERS, panels

from ternary.experiments import load_record
from ternary.experiments.learning_rates import run

RATES = {0.003: "-", 0.00058: "--", 0.027: "-."}


def draw() -> Figure:
    record = load_record("learning-rates")
    figure, (flips, size) = panels(2)
    for (lr, line), colour, marker in zip(RATES.items(), COLOURS, MARKERS, strict=False):
        settings = run("group", lr)
        steps = record.curve("steps", **settings)
        look = {"color": colour, "marker": marker, "markevery": 5, "markersize": 5}
        # The last step has a rate near zero and flips nothing, which a logarithm cannot show.
        flips.plot(
            steps[:-1], record.curve("moved_codes", **settings)[:-1], line, **look, label=f"{lr}"
        )
        size.plot(steps, record.curve("magnitude", **settings), line, **look, label=f"{lr}")
    flips.set_ylabel("share of codes that flip in a step")
    size.set_ylabel("mean magnitude of the latents")
    for axis in (flips, size):
        axis.set_yscale("log")
        axis.set_xlabel("training step")
    size.set_yticks([0.05, 0.1, 0.2], ["0.05", "0.1", "0.2"])
    size.set_ylim(0.05, 0.25)
    size.minorticks_off()
    size.legend(title="peak learning rate")
    return figure
