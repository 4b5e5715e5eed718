"""Chapter 4: an epsilon in the scale, where it never bites and where it does."""

from __future__ import annotations

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.initialisation import TINY, train_from
from ternary.experiments.probes import text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.projection import GROUP_SIZE, GroupAbsMean, Groups
from ternary.training import Trainer


class Clamped(GroupAbsMean):
    """The scale is ``max(mean(|w|), epsilon)``, for the codes and for the weights."""

    name = "clamped"

    def __init__(self, epsilon: float, group_size: int = GROUP_SIZE) -> None:
        super().__init__(group_size)
        self.epsilon = epsilon

    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        """Threshold and scale of every group."""
        scale = np.maximum(self.mean_magnitude(latents, groups), latents.dtype.type(self.epsilon))
        return scale / 2, scale


class Added(Clamped):
    """The scale is ``mean(|w|) + epsilon``, for the codes and for the weights."""

    name = "added"

    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        """Threshold and scale of every group."""
        scale = self.mean_magnitude(latents, groups) + latents.dtype.type(self.epsilon)
        return scale / 2, scale


RULES = {"none": lambda epsilon: GroupAbsMean(), "clamp": Clamped, "add": Added}


def trials(quick: bool) -> list[Settings]:
    """From the usual start no epsilon and an absurd one; from a tiny start none and 1e-5."""
    usual: list[Settings] = [
        {"rule": "none", "epsilon": 0.0, "factor": 1.0},
        {"rule": "add", "epsilon": 0.1, "factor": 1.0},
    ]
    tiny: list[Settings] = [
        {"rule": "none", "epsilon": 0.0, "factor": TINY},
        {"rule": "clamp", "epsilon": 1e-5, "factor": TINY},
    ]
    return tiny if quick else usual + tiny


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte, and what the codes did."""
    projection = RULES[settings["rule"]](settings["epsilon"])
    trainer = Trainer(text_config(quick, seed), text_task(), projection)
    return train_from(trainer, settings["factor"])


def _is_stuck(record: Record) -> bool:
    """Whether the clamped model never moved, while the same start without a clamp learned."""
    return (
        record.values("moved", rule="clamp") == [0.0] * 3
        and record.values("bpb", rule="clamp") == [8.0] * 3
        and max(record.values("bpb", rule="none", factor=TINY)) < 6
    )


STUCK = Claim("a clamp above all scales stops training for ever; without it, it learns", _is_stuck)

EXPERIMENT = Experiment(
    name="epsilon",
    question="When does an epsilon in the scale change what a model learns?",
    prediction=(
        "From the usual start no group's scale ever falls below 1e-4, so that a clamp at 1e-5 "
        "would change no number of the run. Adding 0.1, more than the scale itself, costs 0.05 to "
        "0.15 bpb and leaves 60 to 75 % zeros. From latents 2^-17 times as large, the clamp at "
        "1e-5 starts with all codes zero; then every gradient is zero, no code ever flips, and the "
        "model ends at 8 bits per byte, while the same start without a clamp learns."
    ),
    protocol=(
        "Python's documentation, 800 steps of 16 x 64 bytes, default recipe; all initial latents "
        "times a factor; the scale of a group is mean(|w|), max(mean(|w|), epsilon), or "
        "mean(|w|) + epsilon. Held-out bits per byte; the smallest scale of the run; flips, zeros."
    ),
    trials=trials,
    measure=measure,
    claims=[
        STUCK,
        Claim(
            "from the usual start no scale ever falls below 0.01, where a clamp would change it",
            lambda r: min(r.values("smallest_scale", rule="none", factor=1.0)) > 0.01,
        ),
        Claim(
            "an epsilon larger than the scale itself costs between 0.03 and 0.1 bpb",
            lambda r: (
                0.03 < r.mean("bpb", rule="add") - r.mean("bpb", rule="none", factor=1.0) < 0.1
            ),
        ),
    ],
    quick_claims=[STUCK],
)
