"""What experiments look at while a model trains: flips of codes, zeros, scales, dead groups."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ternary.config import TrainingConfig
from ternary.data import Task, Text
from ternary.errors import TernaryError
from ternary.training import Trainer

TEXT_STEPS, QUICK_STEPS = 800, 60


@dataclass
class CodeProbe:
    """Watches the codes of a run; pass it as ``after_step``.

    Attributes
    ----------
    every
        Steps between two entries of the curves.
    flips
        Share of codes that changed in one step, measured at every `every`-th step.
    scale, magnitude
        Mean stored scale of a group; mean ``|w|`` of the latents.
    zeros, dead
        Share of codes that are 0; share of groups whose codes are all 0.
    """

    every: int = 20
    steps: list[int] = field(default_factory=list)
    flips: list[float] = field(default_factory=list)
    scale: list[float] = field(default_factory=list)
    magnitude: list[float] = field(default_factory=list)
    zeros: list[float] = field(default_factory=list)
    dead: list[float] = field(default_factory=list)
    _before: np.ndarray | None = None

    def __call__(self, trainer: Trainer) -> None:
        parameters = trainer.model.parameters
        if trainer.step % self.every == self.every - 1:
            self._before = parameters.all_codes.copy()
        if trainer.step % self.every == 0 and self._before is not None:
            codes = parameters.all_codes
            groups = codes.reshape(-1, parameters.projection.group_size)
            n = float(parameters.groups.counts.sum())
            self.steps.append(trainer.step)
            self.flips.append(float(np.count_nonzero(codes != self._before)) / n)
            self.scale.append(float(parameters.all_scales.astype(np.float32).mean()))
            self.magnitude.append(float(np.abs(parameters.latents).sum()) / n)
            self.zeros.append(1 - float(np.count_nonzero(codes)) / n)
            self.dead.append(float(1 - groups.any(axis=1).mean()))

    def curves(self) -> dict[str, list[float]]:
        """All curves, rounded to the digits that mean something."""
        names = ("steps", "flips", "scale", "magnitude", "zeros", "dead")
        return {name: [float(f"{x:.4g}") for x in getattr(self, name)] for name in names}


_task: Text | None = None


def text_task() -> Task:
    """Python's documentation in windows of 64 bytes, read once a process."""
    global _task
    if _task is None:
        _task = Text()
    return _task


def text_config(quick: bool, seed: int, **settings: object) -> TrainingConfig:
    """The protocol of the text experiments: 800 steps of 16 x 64 bytes, AdamW; quick, less."""
    size: dict[str, object] = {"steps": TEXT_STEPS, "optimizer": "adamw", "threads": 1}
    if quick:  # trials run side by side, one thread each
        size |= {"steps": QUICK_STEPS, "d_model": 64, "d_ff": 128, "batch_size": 8}
    return TrainingConfig(task="text", seed=seed, **{**size, **settings})  # type: ignore[arg-type]


def run_or_diverge(trainer: Trainer, probe: CodeProbe | None = None) -> float:
    """Train to the end and return held-out bits per byte; infinity where training diverged."""
    try:
        trainer.run(probe)
    except TernaryError:
        return float("inf")
    return round(trainer.evaluate().bits, 4)


def perturb(trainer: Trainer, seed: int, size: float = 1e-6) -> None:
    """Multiply every latent by ``1 + size * z``, z standard normal: a few rounding errors.

    The noise arm of an experiment does this before its first step, and is its baseline otherwise.
    What the two differ by in the end is chance: `ternary.experiments.comparison.noise_floor`.

    Parameters
    ----------
    trainer
        A run of which no step is taken.
    seed, size
        Of the noise.

    Raises
    ------
    TernaryError
        If the run has begun.

    Examples
    --------
    >>> trainer = Trainer(TrainingConfig(steps=2, d_model=32, d_ff=64))
    >>> before = trainer.model.parameters.latents.copy()
    >>> perturb(trainer, seed=0)
    >>> change = np.abs(trainer.model.parameters.latents - before) / np.abs(before).max()
    >>> bool(0 < change.max() < 1e-5)
    True
    """
    if trainer.step:
        raise TernaryError(f"the run is at step {trainer.step}; perturb it before the first")
    latents = trainer.model.parameters.latents
    z = np.random.default_rng(seed).standard_normal(latents.size, np.float32)
    latents *= 1 + np.float32(size) * z
    trainer.model.project(trainer.projected_share(0))
