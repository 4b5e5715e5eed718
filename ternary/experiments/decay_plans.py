"""Runs whose weight decay and learning rate follow a plan, for the experiments of chapter 5."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ternary.arrays import Floats
from ternary.errors import TernaryError
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import perturb, text_config, text_task
from ternary.experiments.record import Settings
from ternary.optim import AdamW, learning_rate
from ternary.parameters import Parameters
from ternary.training import Trainer

SIZE = {"d_model": 64, "d_ff": 256}
DROP = 2 / 3  # of the learning rate, at half-time, in the plans "drop" and "both"
OFF_AT_HALF, DROPS_AT_HALF = ("half", "both"), ("drop", "both")


def run(model: str, plan: str, decay: float, lr: float, pull: float = 0.0) -> Settings:
    """Settings of one trial."""
    return {"model": model, "plan": plan, "decay": decay, "pull": pull, "lr": lr}


def beside(parameters: Parameters) -> Floats:
    """How far every latent, clipped to ±m, is from the weight that the model uses."""
    scales = parameters.all_scales.astype(parameters.dtype)[:, None]
    latents = parameters.latents.reshape(scales.size, -1)
    distance: Floats = np.clip(latents, -scales, scales).reshape(-1) - parameters.weights
    return distance


class PlannedAdamW(AdamW):
    """AdamW whose learning rate is multiplied by a factor, and that may pull latents to weights.

    The pull is decoupled, as decay is, and goes towards the weight that the model uses, where decay
    goes towards zero. It is that of Nagel et al. (2022): latents beyond ±m are not pulled.
    """

    factor, pull = 1.0, 0.0

    def step(self, lr: float, weight_decay: float = 0.0) -> None:
        lr *= self.factor
        if self.pull:
            latents = self.parameters.latents
            latents -= lr * self.pull * beside(self.parameters)
        super().step(lr, weight_decay)


class PlannedTrainer(Trainer):
    """A run of one of the plans.

    ``constant`` keeps its decay; ``half`` switches it off at half of the steps; ``drop`` multiplies
    the learning rate by `DROP` from then on, and ``both`` does both, as BitNet's two stages do;
    ``pull`` also pulls every latent to the weight in use, more and more, as the dampening of Nagel
    et al. (2022) does; ``perturbed`` is ``constant`` from latents that differ by a rounding error.
    """

    def __init__(self, settings: Settings, seed: int, quick: bool) -> None:
        self.plan, self.pull = settings["plan"], settings["pull"]
        config = text_config(
            quick,
            seed,
            projection=settings["model"],
            weight_decay=settings["decay"],
            lr=settings["lr"],
            **SIZE,
        )
        super().__init__(config, text_task())
        self.optimizer = PlannedAdamW(self.model.parameters)
        if self.plan == "perturbed":
            perturb(self, seed)

    def take_step(self) -> float:
        assert isinstance(self.optimizer, PlannedAdamW)
        self.optimizer.factor, self.optimizer.pull = self.factor(), self.pull_now()
        return super().take_step()

    def weight_decay(self) -> float:
        return super().weight_decay() * (self.plan not in OFF_AT_HALF or self.step < self.steps / 2)

    def factor(self) -> float:
        """What the cosine of the next step is multiplied by."""
        return DROP if self.plan in DROPS_AT_HALF and self.step >= self.steps / 2 else 1.0

    def pull_now(self) -> float:
        """Strength of the pull in the next step: from 0 to its full value by half a cosine."""
        return float(self.pull) * (1 - math.cos(math.pi * self.step / self.steps)) / 2

    def lr_now(self) -> float:
        """Learning rate of the next step."""
        config = self.config
        assert config.warmup is not None
        lr = learning_rate(self.step, self.steps, config.lr, config.warmup, config.decay)
        return lr * self.factor()

    def without_gradient(self) -> Floats:
        """The latents as the next step would leave them if their gradient were zero."""
        parameters, lr = self.model.parameters, self.lr_now()
        w = parameters.latents - lr * self.pull_now() * beside(parameters)
        moved: Floats = (1 - lr * self.weight_decay()) * w
        return moved


def train_and_judge(
    trainer: Trainer, halves: tuple[str, ...], probe: Callable[[Trainer], None] | None = None
) -> dict[str, float]:
    """Train to the end; bits per byte on halves of the held-out windows, infinite at divergence."""
    try:
        trainer.run(probe)
    except TernaryError:
        return dict.fromkeys(halves, math.inf)
    return {half: half_bits(trainer, half) for half in halves}
