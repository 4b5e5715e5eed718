"""Chapter 6: two layers imitate a matrix of 130 columns; one of them counts the padding."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, panels

from ternary import AdamW, GroupAbsMean, TernaryLinear

STEPS, EVERY, COLUMNS = 400, 5, 130


class CountsPadding(GroupAbsMean):
    """The mean of every group is a sum divided by 128, however many weights are there."""

    def measure(self, latents, groups):
        m = np.abs(latents).mean(axis=1)
        return m / 2, m


def imitate(projection: GroupAbsMean) -> tuple[np.ndarray, np.ndarray]:
    """Relative error, and mean magnitude of the last two columns over that of the teacher's."""
    rng = np.random.default_rng(0)
    teacher, latent = rng.standard_normal((2, 8, COLUMNS)) / COLUMNS**0.5
    layer = TernaryLinear.from_latent(latent, projection)
    optimizer, losses, used = AdamW(layer.parameters), [], []
    for step in range(STEPS):
        x = rng.standard_normal((32, COLUMNS))
        error = layer.forward(x) - x @ teacher.T
        layer.backward(error / len(x))
        optimizer.step(lr=0.01 * (1 - step / STEPS))
        layer.project()
        losses.append(float((error**2).sum() / ((x @ teacher.T) ** 2).sum()))
        used.append(np.abs(layer.W_ternary[:, 128:]).mean() / np.abs(teacher[:, 128:]).mean())
    return np.reshape(losses, (-1, EVERY)).mean(axis=1), np.array(used)[EVERY - 1 :: EVERY]


def draw() -> Figure:
    figure, (loss, size) = panels(2)
    steps = np.arange(EVERY, STEPS + 1, EVERY)
    runs = {
        "the package's projection": GroupAbsMean(),
        "a mean that counts padding": CountsPadding(),
    }
    for (label, projection), colour, style in zip(runs.items(), COLOURS, ("-", "--"), strict=False):
        for axis, curve in zip((loss, size), imitate(projection), strict=True):
            axis.plot(steps, curve, style, color=colour, label=label)
    loss.set_ylabel("squared error, relative")
    loss.set_ylim(0)
    size.set_ylabel("size of the last two columns, relative")
    size.set_yscale("log")
    for axis in (loss, size):
        axis.set_xlabel("step")
    figure.legend(*size.get_legend_handles_labels(), ncols=2, loc="outside upper center")
    return figure
