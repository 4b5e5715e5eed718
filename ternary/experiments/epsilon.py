"""Chapter 4: an epsilon in the scale, where it never bites and where it does."""

from __future__ import annotations

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.initialisation import TINY, train_from
from ternary.experiments.probes import perturb, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.experiments.small import small_config
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


class AddedToCodes(Clamped):
    """``mean(|w|) + epsilon`` decides the codes; the true mean multiplies them, as in torchao."""

    name = "added-to-codes"

    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        """Threshold and scale of every group."""
        mean = self.mean_magnitude(latents, groups)
        return (mean + latents.dtype.type(self.epsilon)) / 2, mean


RULES = {
    "none": lambda epsilon: GroupAbsMean(),
    "clamp": Clamped,
    "add": Added,
    "add to codes": AddedToCodes,
}


def trials(quick: bool) -> list[Settings]:
    """From the usual start no epsilon and an absurd one; from a tiny start none and 1e-5."""
    tiny = [arm("none", factor=TINY), arm("clamp", 1e-5, TINY)]
    if quick:
        return tiny
    usual = [arm("none"), arm("add", 0.1), arm("add to codes", 0.1)]
    return [*usual, *tiny, {**arm("none"), "perturbed": True}]


def arm(rule: str, epsilon: float = 0.0, factor: float = 1.0) -> Settings:
    """Settings of an arm that is not perturbed."""
    return {"rule": rule, "epsilon": epsilon, "factor": factor, "perturbed": False}


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte, and what the codes did."""
    projection = RULES[settings["rule"]](settings["epsilon"])
    trainer = Trainer(small_config(quick, seed), text_task(), projection)
    if settings["perturbed"]:
        perturb(trainer, seed)
    return train_from(trainer, settings["factor"])


def _is_stuck(record: Record) -> bool:
    """Whether the clamped model never moved, while the same start without a clamp learned."""
    return (
        set(record.values("moved", rule="clamp")) == {0.0}
        and set(record.values("bpb", rule="clamp")) == {8.0}
        and max(record.values("bpb", rule="none", factor=TINY)) < 6
    )


STUCK = Claim("a clamp above all scales stops training for ever; without it, it learns", _is_stuck)

EXPERIMENT = Experiment(
    name="epsilon",
    question="When does an epsilon in the scale change what a model learns?",
    prediction=(
        "The first edition (two layers, 800 steps of 16 x 64 bytes, three seeds) had no scale "
        "below 0.027 from the usual start; an epsilon of 0.1, added to the number that decides and "
        "multiplies, cost 0.059 bpb and left 67 % zeros; a clamp at 1e-5 from latents 2^-17 times "
        "as large ended at 8 bits. Of a smaller model we expect: again no scale below 0.01; the "
        "sum ends above no epsilon by 0.02 to 0.12 bpb. New is an epsilon that only decides, while "
        "the true mean multiplies: it too ends above no epsilon, by 0.02 to 0.12, and is not to be "
        "told from the sum, for the zeros are what costs. The clamped tiny start again never "
        "moves, and without a clamp it learns."
    ),
    protocol=(
        "Python's documentation, one layer of 128 features (d_ff 256), 400 steps of 8 x 64 bytes, "
        "AdamW at the default rate; all initial latents times a factor; the scale of a group is "
        "mean(|w|), max(mean(|w|), epsilon), or mean(|w|) + epsilon, in one arm for the codes "
        "only. Held-out bits per byte; the smallest scale of the run; flips, zeros."
    ),
    trials=trials,
    measure=measure,
    claims=[
        STUCK,
        Claim(
            "from the usual start no scale ever falls below 0.01, where a clamp would change it",
            lambda r: min(r.values("smallest_scale", **arm("none"))) > 0.01,
        ),
        Claim.by_comparison(
            "an epsilon larger than the scale itself is not told from none",
            "bpb", arm("add", 0.1), arm("none"), "none",
        ),
        Claim.by_comparison(
            "nor is one that only decides the codes",
            "bpb", arm("add to codes", 0.1), arm("none"), "none",
        ),
    ],
    quick_claims=[STUCK],
    seeds=(1, 2, 3, 4, 5),
    noise=(arm("none"), {**arm("none"), "perturbed": True}),
)  # fmt: skip
