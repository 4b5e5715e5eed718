"""Chapter 3: six rules for threshold and scale of a group, in error, entropy and trained loss."""

from __future__ import annotations

from ternary.experiments import scale_rules_sweep
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.record import Settings
from ternary.experiments.scale_rules_sweep import RULES, measure
from ternary.experiments.small import winners

USUAL = {"rule": "absmean", "perturbed": False}


def trials(quick: bool) -> list[Settings]:
    """Every rule at the rate that it likes best, and absmean perturbed."""
    if quick:
        rules = ("absmean", "absmax", "binary")
        return [{"rule": rule, "lr": 5e-3, "perturbed": False} for rule in rules]
    chosen = winners(scale_rules_sweep.EXPERIMENT)
    arms = [{**settings, "perturbed": False} for settings in chosen.values()]
    return [*arms, {**chosen["absmean"], "perturbed": True}]


def _against_usual(rule: str, verdict: str) -> Claim:
    words = {"lower": "below", "higher": "above", "none": "not told from"}[verdict]
    return Claim.by_comparison(
        f"{rule}: {words} absmean", "report", {"rule": rule, "perturbed": False}, USUAL, verdict
    )


EXPERIMENT = Experiment(
    name="scale-rules",
    question="Does a rule that represents Gaussian weights better also train better?",
    prediction=(
        "The error on Gaussian groups can be computed beforehand: it falls from absmax (0.59) over "
        "binary, absmedian, absmean and least squares to TWN (0.19). The first edition, with two "
        "layers, one rate and three seeds, had four rules within 0.012 bpb, binary 0.07 above "
        "absmean and absmax 0.18. With a rate of its own for each rule, fresh seeds and a smaller "
        "model we expect: absmedian, least squares and TWN not to be told from absmean; binary "
        "above absmean by 0.03 to 0.10, absmax above binary by 0.05 or more."
    ),
    protocol=(
        "Error, entropy and zeros on 1,024 groups of 128 Gaussian weights; then the winners of "
        "scale-rules-sweep with five fresh seeds: Python's documentation, one layer of 128 "
        "features (d_ff 256), groups of 128, 400 steps of 8 x 64 bytes, AdamW; bits per byte on "
        "the second half of the held-out windows, and the same three numbers for the latents."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim(
            "on Gaussian groups, TWN has the smallest error and absmax the largest",
            lambda r: (
                min(RULES, key=lambda rule: r.mean("error", rule=rule)) == "twn"
                and max(RULES, key=lambda rule: r.mean("error", rule=rule)) == "absmax"
            ),
        ),
        _against_usual("absmedian", "none"),
        _against_usual("least-squares", "none"),
        _against_usual("twn", "none"),
        _against_usual("binary", "none"),
        Claim.by_comparison(
            "absmax: above binary", "report", {"rule": "absmax"}, {"rule": "binary"}, "higher"
        ),
    ],
    quick_claims=[
        Claim(
            "on Gaussian groups, absmean has a smaller error than binary, and binary than absmax",
            lambda r: (
                r.mean("error", rule="absmean")
                < r.mean("error", rule="binary")
                < r.mean("error", rule="absmax")
            ),
        ),
    ],
    seeds=(1, 2, 3, 4, 5),
    noise=(USUAL, {**USUAL, "perturbed": True}),
)
