"""Chapter 4: the standard deviation of the initial latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ternary.arrays import Codes
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import CodeProbe, perturb, run_or_diverge, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.experiments.small import small_config
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
    """Every factor; the smallest without the epsilons of RMSNorm and Adam; 1 perturbed."""
    bare = arm(TINY, epsilons=False)
    if quick:
        return [arm(1.0), arm(2.0**3), bare]
    return [*map(arm, FACTORS), bare, {**arm(1.0), "perturbed": True}]


def arm(factor: float, epsilons: bool = True) -> Settings:
    """Settings of an arm that is not perturbed."""
    return {"factor": factor, "epsilons": epsilons, "perturbed": False}


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte, and what the codes did."""
    trainer = Trainer(small_config(quick, seed), text_task())
    if not settings["epsilons"]:
        remove_epsilons(trainer)
    if settings["perturbed"]:
        perturb(trainer, seed)
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


def _above_usual(factor: float) -> Claim:
    return Claim.by_comparison(
        f"a start {factor:g} times as large ends above the usual one", "bpb", arm(factor), arm(1.0),
        "higher",
    )  # fmt: skip


def _flips(record: Record, factor: float) -> float:
    return record.mean("mean_flips", **arm(factor))


EXPERIMENT = Experiment(
    name="initialisation",
    question="What does the size of the initial latents do, if the codes do not depend on it?",
    prediction=(
        "All factors begin with the same codes. In the first edition (two layers, 800 steps of 16 "
        "x 64 bytes, three seeds) 2^-17 ended 0.88 bpb above factor 1, 2^-7 0.71, 1/8 0.42 and 8 "
        "0.97; without the epsilons of RMSNorm and Adam 2^-17 had 2 % zeros after its first step "
        "and ended 0.16 below 2^-7. Of a smaller model and fewer steps we expect the same order: "
        "factor 1 below each of the other four, by 0.1 to 0.8 bpb; 1/8 below 2^-7; at factor 8 a "
        "third of the flips of factor 1 or fewer; without the epsilons fewer than 5 % zeros after "
        "the first step from 2^-17, and a lower loss than with them."
    ),
    protocol=(
        "Python's documentation, one layer of 128 features (d_ff 256), 600 steps of 8 x 64 bytes, "
        "AdamW at the default rate; all initial latents, of standard deviation 1/sqrt(in_dim), "
        "times a factor. Held-out bits per byte; codes after the first step; flips, zeros and "
        "scales every 20 steps. Epsilons off: those of RMSNorm (1e-5) and Adam (1e-8) are 1e-30."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim(
            "all factors begin with the same share of zeros",
            lambda r: (
                len({tuple(r.values("initial_zeros", **arm(factor))) for factor in FACTORS}) == 1
            ),
        ),
        *(_above_usual(factor) for factor in FACTORS if factor != 1.0),
        Claim.by_comparison(
            "an eighth of the usual start ends below 2^-7", "bpb", arm(2.0**-3), arm(2.0**-7),
            "lower",
        ),
        Claim(
            "latents eight times as large flip a third as often or less",
            lambda r: _flips(r, 2.0**3) < _flips(r, 1.0) / 3,
        ),
        Claim(
            "without epsilons, one step from tiny latents leaves hardly a zero",
            lambda r: r.mean("first_zeros", **arm(TINY, epsilons=False)) < 0.05,
        ),
        Claim.by_comparison(
            "tiny latents end lower without the epsilons of RMSNorm and Adam", "bpb",
            arm(TINY, epsilons=False), arm(TINY), "lower",
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
    seeds=(1, 2, 3, 4, 5),
    noise=(arm(1.0), {**arm(1.0), "perturbed": True}),
)  # fmt: skip
