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
    """One model; the seeds give five of them."""
    if quick:
        return [{"steps": 30, "batch": 2, "points": 41, "flips": 20, "batches": 4}]
    return [{"steps": 200, "batch": 16, "points": 81, "flips": 100, "batches": 32}]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Loss along one latent, along the weight it stands for, and at single flips of codes."""
    task = text_task()
    trainer = Trainer(text_config(quick, seed, steps=settings["steps"]), task)
    trainer.run()
    size, n_flips = settings["batch"], settings["flips"]
    own, fresh = (task.batch(np.random.default_rng([seed, n]), size) for n in (2, 3))
    staircase = Staircase(trainer.model, *own)
    values = staircase.walk(settings["points"]) | staircase.tilts()
    rng = np.random.default_rng([seed, 20])
    chosen, predicted = staircase.draw(staircase.gradients, n_flips, rng)
    values |= judged(predicted, staircase.flip(chosen, *own, staircase.gradients), "")
    values |= judged(predicted, staircase.flip(chosen, *fresh, staircase.gradients), "_fresh")
    rng_batches = np.random.default_rng([seed, 4])
    batches = [task.batch(rng_batches, size) for _ in range(settings["batches"])]
    mean = staircase.mean_gradient(batches)
    chosen, predicted = staircase.draw(mean, n_flips, rng)
    return values | judged(predicted, staircase.flip(chosen, *fresh, mean), "_mean")


def judged(predicted: Floats, measured: Floats, name: str) -> Values:
    """How flips went: share that lowered the loss, change over prediction, their correlation."""
    return {
        f"agree{name}": float(np.mean(measured < 0)),
        f"ratio{name}": round(float(measured.sum() / predicted.sum()), 4),
        f"correlation{name}": round(float(np.corrcoef(predicted, measured)[0, 1]), 4),
    }


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

    def movable(self, gradients: Floats) -> npt.NDArray[np.bool_]:
        """Whether a code can move by one against a gradient; padding has none."""
        downhill = self.parameters.all_codes - np.sign(gradients)
        can_move: npt.NDArray[np.bool_] = (np.abs(downhill) <= 1) & (gradients != 0)
        return can_move

    def mean_gradient(self, batches: list[tuple[Ints, Ints]]) -> Floats:
        """Gradient at the weights, mean over batches."""
        total = np.zeros_like(self.gradients)
        for tokens, targets in batches:
            self.model.loss(tokens, targets)
            self.model.backward()
            total += self.parameters.gradients[: self.parameters.n_latents]
        return total / len(batches)

    def tilts(self) -> Values:
        """What flows through the mean of a group, beside the gradients themselves.

        The tilt of a latent is the slope through the mean over the slope of the estimator; the walk
        of a group is sum(g t) over the norm of g, which is below 1 if the two are independent.
        """
        parameters = self.parameters
        values: Values = {}
        size = parameters.projection.group_size
        layers = [name for name in parameters.matrix_shapes if name.startswith("layers.")]
        for part, names in {"layers": layers, "head": ["head"]}.items():
            tilts, walks = [], []
            for name in names:
                g = parameters.view(self.gradients, name).reshape(-1, size)
                t = parameters.view(parameters.all_codes, name).reshape(-1, size)
                through = np.abs((g * t).sum(axis=1, keepdims=True))
                tilts.append((through / size / np.maximum(np.abs(g), 1e-300)).reshape(-1))
                walks.append(through[:, 0] / np.maximum(np.linalg.norm(g, axis=1), 1e-300))
            tilt = np.concatenate(tilts)
            values |= {
                f"tilt_{part}": round(float(np.median(tilt)), 4),
                f"tilted_{part}": round(float(np.mean(tilt > 0.2)), 4),
                f"walk_{part}": round(float(np.sqrt(np.mean(np.concatenate(walks) ** 2))), 4),
            }
        return values

    def walk(self, points: int) -> Values:
        """Move one latent of `MATRIX`, and its weight: the steepest that has a stair ahead."""
        parameters, size = self.parameters, self.parameters.projection.group_size
        matrix = parameters.view(np.abs(self.gradients) * self.movable(self.gradients), MATRIX)
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

    def draw(
        self, gradients: Floats, n_flips: int, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        """Codes that can move by one against a gradient, at random; what each should change."""
        where = rng.choice(np.flatnonzero(self.movable(gradients)), n_flips, replace=False)
        scales = self.parameters.all_scales[where // self.parameters.projection.group_size]
        return where, -np.abs(gradients[where]) * scales.astype(np.float64)

    def flip(
        self, chosen: npt.NDArray[np.int64], tokens: Ints, targets: Ints, gradients: Floats
    ) -> Floats:
        """Change of a batch's loss as each code moves by one against a gradient; alone."""
        self.tokens, self.targets = tokens, targets
        before, size = self.loss(), self.parameters.projection.group_size
        scales = self.parameters.all_scales[chosen // size].astype(np.float64)
        steps = -np.sign(gradients[chosen]) * scales
        weights = self.parameters.weights[chosen] + steps
        return np.array(
            [self.loss_at(i, w) - before for i, w in zip(chosen, weights.tolist(), strict=True)]
        )


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
        "Known beforehand: the first edition's record of three models, and a reader's flips on "
        "another batch, of which about half lowered the loss. With the scale held fixed the loss "
        "takes three values, since it is read off three weights. Moving one code against the "
        "gradient of a batch lowers the loss of that batch in more than 90 % of cases, and of a "
        "fresh batch in 48 to 56 %, by less than a fifth of what the gradient foretells. Against "
        "the mean gradient of 32 batches it is 55 to 75 % of the fresh batch. The slope through "
        "the mean is a tenth to a sixth of the gradient in the median over the latents of the "
        "layers, and more than a fifth of it for a quarter to a half of them; sum(g t) of a group "
        "is 0.5 to 0.9 of the norm of g in the layers, and more than 3 times it in the head."
    ),
    protocol=(
        "The model of the book after 200 steps on Python's documentation; loss on one batch of "
        "16 x 64 bytes, in float64. The latent of layers.0.up with the largest gradient, among "
        "those with a stair ahead, moves from -2 to +2 means of its group in 81 points; then 100 "
        "codes drawn at random move by one against the gradient of the batch, one at a time, and "
        "are judged by that batch and by a fresh one of the training text; then 100 others, "
        "against the mean gradient of 32 further batches, judged by the fresh one."
    ),
    trials=trials,
    measure=measure,
    claims=[
        THREE_VALUES,
        Claim(
            "moving one code against its gradient lowers the loss in more than 90 % of cases",
            lambda r: min(r.values("agree")) > 0.9,
        ),
    ],
    quick_claims=[THREE_VALUES],
    seeds=(0, 1, 2, 3, 4),
)
