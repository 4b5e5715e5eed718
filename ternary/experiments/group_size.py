"""Chapter 3: one scale for 32 or 128 weights, for a row, a matrix, or the whole model."""

from __future__ import annotations

from ternary.experiments import group_size_sweep
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.group_size_sweep import SCOPES, measure
from ternary.experiments.record import Settings
from ternary.experiments.small import winners

USUAL = {**SCOPES["groups of 128"], "perturbed": False}


def trials(quick: bool) -> list[Settings]:
    """Every scope at the rate that it likes best, and groups of 128 perturbed."""
    if quick:
        return [{**SCOPES[name], "lr": 5e-3, "perturbed": False} for name in ("row", "matrix")]
    chosen = winners(group_size_sweep.EXPERIMENT)
    arms = [{**settings, "perturbed": False} for settings in chosen.values()]
    return [*arms, {**chosen["groups of 128"], "perturbed": True}]


def _against_usual(name: str, verdict: str) -> Claim:
    words = {"lower": "below", "higher": "above", "none": "not told from"}[verdict]
    return Claim.by_comparison(
        f"{name}: {words} groups of 128", "report", {**SCOPES[name], "perturbed": False}, USUAL,
        verdict,
    )  # fmt: skip


EXPERIMENT = Experiment(
    name="group-size",
    question="How does the trained loss depend on how many weights share a scale?",
    prediction=(
        "The first edition ran two layers for 800 steps of 16 x 64 bytes at one rate, with three "
        "seeds: from lowest to highest groups of 32, row, groups of 64 and 128, model, matrix, "
        "0.06 bpb apart. With a rate of its own for each scope, fresh seeds and a smaller model we "
        "expect: groups of 32 below groups of 128 by 0.01 to 0.03; one scale a matrix above groups "
        "of 128 by 0.01 to 0.04; a row and the whole model not to be told from groups of 128; all "
        "five means within 0.06 of each other."
    ),
    protocol=(
        "The winners of group-size-sweep with five fresh seeds: Python's documentation, one layer "
        "of 128 features (d_ff 256), 400 steps of 8 x 64 bytes, AdamW; bits per byte on the second "
        "half of the held-out windows."
    ),
    trials=trials,
    measure=measure,
    claims=[
        _against_usual("groups of 32", "none"),
        _against_usual("row", "none"),
        _against_usual("matrix", "none"),
        _against_usual("model", "none"),
    ],
    quick_claims=[
        Claim(
            "of even latents a quarter to two fifths are 0, whatever shares a scale",
            lambda r: all(0.25 < r.mean("zeros", **each) < 0.4 for each in r.settings),
        )
    ],
    seeds=(1, 2, 3, 4, 5),
    noise=(USUAL, {**USUAL, "perturbed": True}),
)
