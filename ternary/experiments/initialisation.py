"""Chapter 4: the standard deviation of the initial latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ternary.arrays import Codes
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import CodeProbe, run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.training import Trainer

# Powers of two, so that the initial codes of all factors are equal bit by bit.
FACTORS = [2.0**-17, 2.0**-7, 2.0**-3, 1.0, 2.0**3]
TINY = FACTORS[0]
NO_EPS = 1e-30  # in place of the epsilons of RMSNorm and of Adam


@dataclass
class StartProbe(CodeProbe):
    """A `CodeProbe` that also sees what the first step does.

    Attributes
    ----------
    start
        The codes before training.
    first_flips, first_zeros
        Share of codes that the first step changed, and of codes that are 0 after it.
    smallest_scale
        The smallest stored scale of any group after any step.
    """

    start: Codes | None = None
    first_flips: float = 0.0
    first_zeros: float = 0.0
    smallest_scale: float = float("inf")

    def __call__(self, trainer: Trainer) -> None:
        """Look at the trainer after a step."""
        parameters = trainer.model.parameters
        if trainer.step == 1:
            n = float(parameters.groups.counts.sum())
            self.first_flips = float(np.count_nonzero(parameters.all_codes != self.start)) / n
            self.first_zeros = 1 - float(np.count_nonzero(parameters.all_codes)) / n
        self.smallest_scale = min(self.smallest_scale, float(parameters.all_scales.min()))
        super().__call__(trainer)


def trials(quick: bool) -> list[Settings]:
    """Every factor; and the smallest one again, without the epsilons of RMSNorm and Adam."""
    factors = [TINY, 1.0, 2.0**3] if quick else FACTORS
    settings: list[Settings] = [{"factor": factor, "epsilons": True} for factor in factors]
    return [*settings, {"factor": TINY, "epsilons": False}]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte, and what the codes did."""
    trainer = Trainer(text_config(quick, seed), text_task())
    if not settings["epsilons"]:
        remove_epsilons(trainer)
    return train_from(trainer, settings["factor"])


def remove_epsilons(trainer: Trainer) -> None:
    """Let RMSNorm and Adam divide by what they have measured, however small it is."""
    model = trainer.model
    norms = [norm for block in model.blocks for norm in (block.norm1, block.norm2)]
    for norm in (*norms, model.norm):
        norm.eps = NO_EPS
    trainer.optimizer.eps = NO_EPS


def train_from(trainer: Trainer, factor: float) -> Values:
    """Multiply all initial latents by a factor, train, and report."""
    parameters = trainer.model.parameters
    parameters.latents[:] *= np.float32(factor)
    parameters.project()
    start = parameters.all_codes.copy()
    probe = StartProbe(start=start)
    bpb = run_or_diverge(trainer, probe)
    n = float(parameters.groups.counts.sum())
    return {
        "bpb": bpb,
        "initial_zeros": round(1 - float(np.count_nonzero(start)) / n, 4),
        "first_zeros": round(probe.first_zeros, 4),
        "first_flips": round(probe.first_flips, 4),
        "mean_flips": round(float(np.mean(probe.flips)), 6) if probe.flips else 0.0,
        "moved": round(float(np.count_nonzero(parameters.all_codes != start)) / n, 4),
        "smallest_scale": float(f"{probe.smallest_scale:.4g}"),
        "first_loss": round(trainer.losses[0], 4),
        **probe.curves(),
    }


def _bpb(record: Record, factor: float, epsilons: bool = True) -> float:
    return record.mean("bpb", factor=factor, epsilons=epsilons)


def _flips(record: Record, factor: float) -> float:
    return record.mean("mean_flips", factor=factor, epsilons=True)


EXPERIMENT = Experiment(
    name="initialisation",
    question="What does the size of the initial latents do, if the codes do not depend on it?",
    prediction=(
        "All factors begin with the same codes. Factor 1 ends best or within 0.05 bpb of the best. "
        "1/8 is within 0.1 bpb of it, because Adam rewrites small latents in a few steps. 2^-7 and "
        "2^-17 lose 0.5 to 1 bpb (a prototype with one seed did), for their first steps are larger "
        "than the latents and leave all magnitudes of a group equal: without the epsilons of "
        "RMSNorm and Adam, 2^-17 has fewer than 5 % zeros after one step. Without these epsilons "
        "2^-17 ends within 0.1 bpb of 2^-7. At factor 8 the codes flip about an eighth as often "
        "as at factor 1, and the model loses 0.1 to 0.4 bpb."
    ),
    protocol=(
        "Python's documentation, 800 steps of 16 x 64 bytes, default recipe; all initial latents, "
        "of standard deviation 1/sqrt(in_dim), times a factor. Held-out bits per byte; codes after "
        "the first step; flips, zeros and scales every 20 steps. Epsilons off: those of RMSNorm "
        "(1e-5) and Adam (1e-8) are 1e-30."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim(
            "all factors begin with the same share of zeros",
            lambda r: (
                len({tuple(r.values("initial_zeros", factor=f, epsilons=True)) for f in FACTORS})
                == 1
            ),
        ),
        Claim(
            "the usual start is the best of the five; each of the others loses more than 0.3 bpb",
            lambda r: all(_bpb(r, f) > _bpb(r, 1.0) + 0.3 for f in FACTORS if f != 1.0),
        ),
        Claim(
            "latents eight times as large flip a quarter as often or less; few codes ever move",
            lambda r: _flips(r, 2.0**3) < _flips(r, 1.0) / 4 and r.mean("moved", factor=8.0) < 0.12,
        ),
        Claim(
            "without epsilons, one step from tiny latents leaves hardly a zero",
            lambda r: r.mean("first_zeros", factor=TINY, epsilons=False) < 0.05,
        ),
        Claim(
            "tiny latents train better without the epsilons of RMSNorm and Adam",
            lambda r: _bpb(r, TINY, epsilons=False) < _bpb(r, TINY) - 0.1,
        ),
    ],
    quick_claims=[
        Claim(
            "latents eight times as large flip less than half as often",
            lambda r: _flips(r, 2.0**3) < _flips(r, 1.0) / 2,
        ),
        Claim(
            "without epsilons, one step from tiny latents leaves hardly a zero",
            lambda r: (
                r.mean("initial_zeros", factor=TINY, epsilons=False) > 0.25
                and r.mean("first_zeros", factor=TINY, epsilons=False) < 0.1
            ),
        ),
    ],
)
