"""Chapter 2: the loss of a trained model while one latent weight moves through its range."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary.arrays import Floats, Ints
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import text_config, text_task
from ternary.experiments.record import Settings, Values
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer

REACH = 2.0  # the latent goes from -2 to +2 means of its group
MATRIX = "layers.0.up"


def trials(quick: bool) -> list[Settings]:
    """One model; the seeds give three of them."""
    if quick:
        return [{"steps": 30, "batch": 2, "points": 41, "flips": 20}]
    return [{"steps": 200, "batch": 16, "points": 321, "flips": 400}]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Loss along one latent, along the weight it stands for, and at single flips of codes."""
    task = text_task()
    trainer = Trainer(text_config(quick, seed, steps=settings["steps"]), task)
    trainer.run()
    tokens, targets = task.batch(np.random.default_rng([seed, 2]), settings["batch"])
    staircase = Staircase(trainer.model, tokens, targets)
    return {**staircase.walk(settings["points"]), **staircase.flip(settings["flips"], seed)}


class Staircase:
    """A copy of a model in float64, its loss on one batch, and the gradient at its weights."""

    def __init__(self, model: TernaryTransformer, tokens: Ints, targets: Ints) -> None:
        self.tokens, self.targets = tokens, targets
        self.model = TernaryTransformer(model.config, dtype=np.float64)
        self.parameters = self.model.parameters
        self.parameters.values[:] = model.parameters.values
        self.model.project()
        self.loss_here = self.loss()
        self.model.backward()
        self.gradients = self.parameters.gradients[: self.parameters.n_latents].copy()

    def loss(self) -> float:
        """Loss in nats with the weights as they are."""
        return self.model.loss(self.tokens, self.targets)

    def loss_at(self, where: int, weight: float) -> float:
        """Loss with one projected weight replaced, the latents untouched."""
        before = self.parameters.weights[where]
        self.parameters.weights[where] = weight
        loss = self.loss()
        self.parameters.weights[where] = before
        return loss

    def movable(self) -> npt.NDArray[np.bool_]:
        """Whether a code can move by one against its gradient; padding has none."""
        downhill = self.parameters.all_codes - np.sign(self.gradients)
        can_move: npt.NDArray[np.bool_] = (np.abs(downhill) <= 1) & (self.gradients != 0)
        return can_move

    def walk(self, points: int) -> Values:
        """Move one latent of `MATRIX`, and its weight: the steepest that has a stair ahead."""
        parameters, size = self.parameters, self.parameters.projection.group_size
        matrix = parameters.view(np.abs(self.gradients) * self.movable(), MATRIX)
        row, column = np.unravel_index(int(matrix.argmax()), matrix.shape)
        first = int(parameters.view(np.arange(parameters.n_latents), MATRIX)[row, column])
        latents = parameters.latents
        number, start = first // size, float(latents[first])
        group = slice(number * size, (number + 1) * size)
        mean = float(np.abs(latents[group]).sum() / parameters.groups.counts[number])
        scale = float(parameters.all_scales[number])
        grid = np.linspace(-REACH, REACH, points) * mean
        fixed = {t: self.loss_at(first, t * scale) for t in (-1, 0, 1)}
        smooth = [self.loss_at(first, float(w)) for w in grid]
        codes_before = parameters.all_codes.copy()
        fresh, others = [], []
        for w in grid:
            latents[first] = w
            self.model.project()
            fresh.append(self.loss())
            changed = parameters.all_codes != codes_before
            others.append(int(changed.sum() - changed[first]))
        latents[first] = start
        self.model.project()
        codes = [int(w > mean / 2) - int(w < -mean / 2) for w in grid.tolist()]
        return {
            "latent": start,
            "mean": mean,
            "scale": scale,
            "code": int(parameters.all_codes[first]),
            "loss": self.loss_here,
            "gradient": float(self.gradients[first]),
            "grid": rounded(grid),
            "fixed": rounded([fixed[t] for t in codes]),
            "fresh": rounded(fresh),
            "others": others,
            "smooth": rounded(smooth),
            "slope": slope_on_a_tread(grid, np.array(fresh), start),
        }

    def flip(self, n_flips: int, seed: int) -> Values:
        """Move single codes, drawn at random, by one against their gradient; alone, each time."""
        rng = np.random.default_rng([seed, 20])
        parameters = self.parameters
        codes, predicted, measured = parameters.all_codes, [], []
        scales = np.repeat(parameters.all_scales, parameters.projection.group_size)
        step = -np.sign(self.gradients)
        for where in rng.choice(np.flatnonzero(self.movable()), n_flips, replace=False).tolist():
            weight = (float(codes[where]) + step[where]) * float(scales[where])
            predicted.append(float(self.gradients[where]) * (weight - parameters.weights[where]))
            measured.append(self.loss_at(where, weight) - self.loss_here)
        return {
            "agree": float(np.mean(np.array(measured) < 0)),
            "correlation": round(float(np.corrcoef(predicted, measured)[0, 1]), 4),
            "ratio": round(float(np.sum(measured) / np.sum(predicted)), 4),
        }


def slope_on_a_tread(grid: Floats, fresh: Floats, start: float) -> float:
    """Slope of the least-squares line through the tread on which the latent stands."""
    half = np.abs(grid).max() / REACH / 2
    tread = np.digitize(grid, [-half, half]) == np.digitize(start, [-half, half])
    return float(np.polyfit(grid[tread], fresh[tread], 1)[0])


def rounded(values: Floats | list[float]) -> list[float]:
    """Nine digits: float64 losses that differ only there differ by nothing that matters."""
    return [float(f"{x:.9g}") for x in values]


THREE_VALUES = Claim(
    "with the scale fixed the loss along a latent takes three values",
    lambda r: all(len(set(curve)) == 3 for curve in r.values("fixed")),
)

EXPERIMENT = Experiment(
    name="loss-staircase",
    question="What does a latent weight see of the loss, and what does the estimator tell it?",
    prediction=(
        "With the scale held fixed the loss takes three values. With the scale recomputed each "
        "tread is slightly sloped, by less than a tenth of the estimator's slope, in tiny steps "
        "of the float16 scale. Moving one code against its gradient lowers the loss in more than "
        "90 % of cases, because a single weight changes the logits little."
    ),
    protocol=(
        "The model of the book after 200 steps on Python's documentation; loss on one batch of "
        "16 x 64 bytes, in float64. The latent of layers.0.up with the largest gradient, among "
        "those with a stair ahead, moves from -2 to +2 means of its group in 321 points; then 400 "
        "codes drawn at random move by one against their gradient, one at a time."
    ),
    trials=trials,
    measure=measure,
    claims=[
        THREE_VALUES,
        Claim(
            "moving one code against its gradient lowers the loss in more than 90 % of cases",
            lambda r: min(r.values("agree")) > 0.9,
        ),
        Claim(
            "a tread is tilted by less than a fifth of the slope of the estimator",
            lambda r: all(
                abs(slope) < 0.2 * abs(gradient)
                for slope, gradient in zip(r.values("slope"), r.values("gradient"), strict=True)
            ),
        ),
    ],
    quick_claims=[THREE_VALUES],
)
