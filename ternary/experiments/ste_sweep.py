"""Chapter 2: a learning rate for every estimator of ste-variants, each from four."""

from __future__ import annotations

import numpy as np

from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import winner
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import run_or_diverge
from ternary.experiments.record import Record, Settings, Values
from ternary.experiments.ste_variants import CODES, COMPARED, RATES, make_trainer

STEPS = 150
LATENT_RATES = (1.5e-3, 3e-3, 6e-3, 1.2e-2)
CODE_RATES = {
    "codes": (0.04, 0.06, 0.08, 0.16),
    "codes, reset": (0.04, 0.06, 0.08, 0.16),
    "codes, no average": (0.01, 0.02, 0.04, 0.08),
}


def trials(quick: bool) -> list[Settings]:
    """Four rates for every estimator; quick, for two of them."""
    names = ["identity", "codes"] if quick else list(COMPARED)
    return [
        {"estimator": name, "lr": lr} for name in names for lr in CODE_RATES.get(name, LATENT_RATES)
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the select half, and the share of codes that changed."""
    trainer = make_trainer(settings, seed, quick, STEPS)
    parameters = trainer.model.parameters
    start = parameters.all_codes.copy()
    run_or_diverge(trainer)
    changed = np.count_nonzero(parameters.all_codes != start)
    return {
        "select": half_bits(trainer, "select"),
        "changed": round(float(changed / parameters.groups.counts.sum()), 4),
    }


def rates_won(record: Record) -> bool:
    """Whether ste-variants runs with the rates that won here."""
    return all(winner(record, EXPERIMENT, name)["lr"] == RATES[name] for name in COMPARED)


CODES_FLIP = Claim(
    "codes flip at every rate that is tried for them",
    lambda r: all(r.mean("changed", **s) > 0 for s in r.settings if s["estimator"] in CODES),
)

EXPERIMENT = Experiment(
    name="ste-sweep",
    question="With which learning rate does each estimator of ste-variants train best?",
    prediction=(
        "For the identity 0.003 was best in the first edition, and 0.0052 as good. Every estimator "
        "with latents has its lowest loss at 0.003 or 0.006 in a shorter run, the "
        "careless one at 0.003 too; codes without latents at 0.08, by single runs of a reader; "
        "with the average reset at 0.08; with no average at the smallest of their rates."
    ),
    protocol=(
        "The runs of ste-variants with fewer steps, 150, and another seed; four rates for each "
        "estimator; the lowest bits per byte of the select half of the held-out text wins."
    ),
    trials=trials,
    measure=measure,
    claims=[CODES_FLIP, Claim("ste-variants runs with the rates that won", rates_won)],
    quick_claims=[CODES_FLIP],
    seeds=(100,),
    repeated_by="ste-variants",
    sides={name: {"estimator": name} for name in COMPARED},
    selected_by="select",
)
