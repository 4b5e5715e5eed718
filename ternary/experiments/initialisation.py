"""Chapter 4: the standard deviation of the initial latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ternary.arrays import Codes
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import CodeProbe, perturb, run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.training import Trainer

# Powers of two, so that the initial codes of all factors are equal bit by bit.
FACTORS = [2.0**-17, 2.0**-7, 2.0**-3, 1.0, 2.0**3]
TINY = FACTORS[0]
USUAL: Settings = {"factor": 1.0, "epsilons": True}
PERTURBED: Settings = {"perturbed": True}  # the usual start otherwise
SIZE = {"d_model": 64, "d_ff": 256}
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
    """Every factor; the smallest one again, without epsilons; and the usual start, perturbed."""
    factors = [TINY, 1.0, 2.0**3] if quick else FACTORS
    settings: list[Settings] = [{"factor": factor, "epsilons": True} for factor in factors]
    bare: Settings = {"factor": TINY, "epsilons": False}
    return [*settings, bare] if quick else [*settings, bare, PERTURBED]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte, and what the codes did."""
    trainer = Trainer(text_config(quick, seed, **({} if quick else SIZE)), text_task())
    if settings.get("perturbed"):
        perturb(trainer, seed)
        settings = USUAL
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


def _arm(factor: float, epsilons: bool = True) -> Settings:
    return {"factor": factor, "epsilons": epsilons}


def _flips(record: Record, factor: float) -> float:
    return record.mean("mean_flips", factor=factor, epsilons=True)


EXPERIMENT = Experiment(
    name="initialisation",
    question="What does the size of the initial latents do, if the codes do not depend on it?",
    prediction=(
        "Written with the first edition's record in view (three seeds, the book's model of width "
        "128): bits per byte 2.99, 2.83, 2.54, 2.12 and 3.08 for factors 2^-17, 2^-7, 1/8, 1 and "
        "8. Now at half that width, where nothing has been run. All factors begin with the same "
        "codes. Factor 1 ends lower than each of the others, by 0.2 bpb or more. The two smallest "
        "lose 0.5 to 1 bpb, an eighth 0.2 to 0.5, and 8 loses 0.6 to 1.2 and flips a quarter as "
        "often as 1, or less. Without the epsilons of RMSNorm and Adam, 2^-17 has fewer than 5 % "
        "zeros after one step, ends lower than with them by 0.1 bpb or more, and ends within 0.2 "
        "of 2^-7. The noise floor is below 0.02."
    ),
    protocol=(
        "Python's documentation, 800 steps of 16 x 64 bytes, AdamW, the book's model at half its "
        "width (64, feed-forward 256), default recipe; all initial latents, of standard deviation "
        "1/sqrt(in_dim), times a factor; five seeds. Held-out bits per byte; codes after the first "
        "step; flips, zeros and scales every 20 steps. Epsilons off: those of RMSNorm (1e-5) and "
        "Adam (1e-8) are 1e-30. Noise arm: factor 1, every latent times 1 + 1e-6 z."
    ),
    trials=trials,
    measure=measure,
    seeds=(1, 2, 3, 4, 5),
    noise=(USUAL, PERTURBED),
    claims=[
        Claim(
            "all factors begin with the same share of zeros",
            lambda r: len({tuple(r.values("initial_zeros", **_arm(f))) for f in FACTORS}) == 1,
        ),
        *(
            Claim.by_comparison(
                f"the usual start ends lower than factor {factor:g}",
                "bpb",
                USUAL,
                _arm(factor),
                "lower",
            )
            for factor in FACTORS
            if factor not in (1.0, 2.0**-3)
        ),
        Claim.by_comparison(
            "an eighth of it is not told from it", "bpb", USUAL, _arm(2.0**-3), "none"
        ),
        Claim(
            "latents eight times as large flip a quarter as often or less",
            lambda r: _flips(r, 2.0**3) < _flips(r, 1.0) / 4,
        ),
        Claim(
            "without epsilons, one step from tiny latents leaves hardly a zero",
            lambda r: r.mean("first_zeros", factor=TINY, epsilons=False) < 0.05,
        ),
        Claim.by_comparison(
            "tiny latents end lower without the epsilons of RMSNorm and Adam",
            "bpb",
            _arm(TINY, epsilons=False),
            _arm(TINY),
            "lower",
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
