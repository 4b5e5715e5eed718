"""Chapter 8: the instruments of a sick run; which of the eight mistakes is it?

`python book/figures/which_run.py` trains the healthy run and the eight sick ones of the chapter
again, and writes their curves for the picture on the screen to docs/_static/figures/runs.json.
"""

import json
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, plt

from ternary import Trainer, TrainingConfig
from ternary.projection import TernaryProjection

NUMBERS = Path(__file__).resolve().parents[2] / "docs/_static/figures/runs.json"
SHOWN = "adding"
CURVES = {
    "loss": "loss, nats",
    "flips": "codes that flip in a step",
    "zeros": "codes that are 0",
    "norm": "norm of the gradient",
}


class Chain:
    """The source of the chapter: after a letter four others may follow, one of them mostly."""

    context = 32
    follows = np.random.default_rng(8).permutation(32)

    def batch(self, rng, size):
        walk = [rng.integers(0, 32, size)]
        for jump in rng.choice(4, (32, size), p=[0.7, 0.1, 0.1, 0.1]):
            walk.append(self.follows[(walk[-1] + jump) % 32])
        walk = np.stack(walk, axis=1)
        return walk[:, :-1], walk[:, 1:]


class Shuffled(Chain):
    """Targets that belong to another sequence."""

    def batch(self, rng, size):
        tokens, targets = super().batch(rng, size)
        return tokens, rng.permutation(targets)


class Clamped(TernaryProjection):
    """An epsilon in the scale."""

    name = "clamped"

    def measure(self, latents, groups):
        scale = np.maximum(np.abs(latents).mean(axis=1), 1e-5)
        return scale / 2, scale


class Watched(Trainer):
    """Notes what a log should have: flips, zeros, and the norm before clipping."""

    def __init__(self, task=None, projection=None, factor=1.0, **changes):
        small = {"n_layers": 1, "d_ff": 128, "batch_size": 8, "steps": 100, "lr": 0.01}
        config = TrainingConfig(**{**small, "threads": 1, **changes})
        super().__init__(config, task or Chain(), projection)
        self.norms, self.flips, self.zeros = [], [], []
        if factor != 1.0:
            self.model.parameters.latents[:] *= factor
            self.model.project()

    def shape_gradients(self):
        self.norms.append(float(np.linalg.norm(self.model.parameters.gradients)))

    def take_step(self):
        before = self.model.parameters.all_codes.copy()
        super().take_step()
        self.flips.append(float((self.model.parameters.all_codes != before).mean()))
        self.zeros.append(float((self.model.parameters.all_codes == 0).mean()))


class NotProjected(Watched):
    """The last call of a step is forgotten."""

    def __init__(self):
        super().__init__()
        self.model.project = lambda *_share: None


class Uphill(Watched):
    """A sign is wrong."""

    def shape_gradients(self):
        super().shape_gradients()
        self.model.parameters.gradients *= -1


class Adding(Watched):
    """Every gradient is added to the last."""

    last = 0.0

    def shape_gradients(self):
        self.model.parameters.gradients += self.last
        self.last = self.model.parameters.gradients.copy()
        super().shape_gradients()


RUNS = {
    "healthy": Watched,
    "not projected": NotProjected,
    "uphill": Uphill,
    "adding": Adding,
    "rate too small": lambda: Watched(lr=1e-5),
    "rate too large": lambda: Watched(lr=0.5),
    "latents too large": lambda: Watched(factor=16),
    "epsilon": lambda: Watched(projection=Clamped(), factor=1e-5),
    "shuffled": lambda: Watched(task=Shuffled()),
}


def curves(name: str, steps: int = 100) -> dict[str, list[float]]:
    """The four instruments of a run, step by step, to three digits."""
    run = RUNS[name]()
    run.run(lambda trainer: trainer.step == steps)
    found = dict(zip(CURVES, (run.losses, run.flips, run.zeros, run.norms), strict=True))
    return {key: [float(f"{x:.3g}") for x in values] for key, values in found.items()}


def measure() -> dict[str, dict[str, list[float]]]:
    """Everything that the picture shows."""
    return {name: curves(name) for name in RUNS}


def draw() -> Figure:
    numbers = json.loads(NUMBERS.read_text("utf-8"))
    figure, axes = plt.subplots(2, 2, figsize=(6.4, 4.6), sharex=True)
    for axis, (key, words) in zip(axes.flat, CURVES.items(), strict=True):
        steps = np.arange(1, 101, 2)
        axis.plot(steps, numbers["healthy"][key][::2], "--", color=GREY, label="the healthy run")
        axis.plot(steps, numbers[SHOWN][key][::2], color=BLUE, label="the sick run")
        axis.set_ylabel(words)
        if key != "zeros":
            axis.set_yscale("log")
    axes[0, 0].set_yticks([1, 2, 4, 8], ["1", "2", "4", "8"])
    axes[0, 0].set_ylim(0.8, 8)
    axes[0, 0].minorticks_off()
    axes[1, 0].set_ylim(0, 1)
    for axis in axes[1]:
        axis.set_xlabel("training step")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=2, loc="outside upper center")
    return figure


if __name__ == "__main__":
    began = time.perf_counter()
    text = json.dumps(measure(), separators=(",", ":"))
    NUMBERS.write_text(text.replace('],"', '],\n"') + "\n", "utf-8")
    print(f"{NUMBERS.name}: {len(text)} bytes in {time.perf_counter() - began:.1f} s")
