"""Chapter 2: the loss along one latent, and along the weight that it stands for."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, RED, panels

from ternary.experiments import load_record

UNIT = 1000  # losses are shown in thousandths of a nat


def draw() -> Figure:
    values = load_record("loss-staircase").select()[1]["values"]
    here, mean, scale = values["loss"], values["mean"], values["scale"]
    grid = np.array(values["grid"])

    def height(loss: object) -> np.ndarray:
        return UNIT * (np.asarray(loss, float) - here)

    figure, (left, right) = panels(2, sharey=True, figsize=(7.2, 3.6))
    left.plot(grid / mean, height(values["fresh"]), color=BLUE, label="scale recomputed")
    left.plot(
        grid / mean, height(values["fixed"]), color=ORANGE, linestyle="--", label="scale fixed"
    )
    right.plot(grid / scale, height(values["smooth"]), color=BLUE)
    levels = np.array([-1, 0, 1])
    at = np.interp(levels * scale, grid, height(values["smooth"]))
    right.plot(levels, at, "s", color=ORANGE, label="the three weights there are")
    downhill = -np.sign(values["gradient"])
    for axis, start, unit in (
        (left, values["latent"] / mean, mean),
        (right, values["code"], scale),
    ):
        reach = 0.9 * downhill
        drop = UNIT * values["gradient"] * unit * reach
        axis.annotate(
            "",
            (start + reach, drop),
            (start, 0),
            arrowprops={"arrowstyle": "-|>", "color": RED, "linewidth": 2, "shrinkA": 0},
        )
        axis.plot([], [], color=RED, linewidth=2, label="slope of the estimator")
        axis.plot(start, 0, "o", color=RED)
        axis.legend(fontsize=8)
    for threshold in (-0.5, 0.5):
        left.axvline(threshold, color=GREY, linestyle=":", linewidth=1)
    left.set_xlabel("latent weight, in means of its group")
    right.set_xlabel("projected weight, in scales")
    left.set_ylabel("change of the loss, 0.001 nat")
    return figure
