"""Muon: what Newton-Schulz adds to the time of a step."""

from __future__ import annotations

from dataclasses import replace

from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import text_config, text_task
from ternary.experiments.record import Settings, Values
from ternary.experiments.step_scaling import fastest_in_turns
from ternary.team import one_blas_thread
from ternary.training import Trainer


def trials(quick: bool) -> list[Settings]:
    """Batches of other sizes: Newton-Schulz does not grow with them."""
    return [{"sequences": sequences} for sequences in ((4, 16) if quick else (4, 16, 64))]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Milliseconds of a step with each optimizer, in turns, and their ratio."""
    config = replace(text_config(quick, seed), batch_size=settings["sequences"])
    runs = [Trainer(replace(config, optimizer=each), text_task()) for each in ("adamw", "muon")]
    with one_blas_thread():
        adamw, muon = fastest_in_turns([run.take_step for run in runs], 0.2 if quick else 3)
    return {
        "adamw": float(f"{1000 * adamw:.4g}"),
        "muon": float(f"{1000 * muon:.4g}"),
        "ratio": float(f"{muon / adamw:.4g}"),
    }


EVERYWHERE = [
    Claim(
        "the larger the batch, the smaller the share of Muon",
        lambda r: r.mean("ratio", sequences=16) < r.mean("ratio", sequences=4),
    )
]

EXPERIMENT = Experiment(
    name="muon-cost",
    question="How much longer does a step take with Muon than with AdamW?",
    prediction=(
        "Two quick timings had shown 1.35 to 1.4 times as long with 16 sequences, the batch of "
        "the text runs, and 1.56 with 4, on a machine that did other things too. Five turns of "
        "Newton-Schulz take the same time for every batch, so we expect 1.25 to 1.45 with 16 "
        "sequences, 1.05 to 1.15 with 64, and 1.7 to 2.6 with 4."
    ),
    protocol=(
        "Text, d_model 128, windows of 64 bytes, one thread; steps of both optimizers in short "
        "turns, the fastest of each; every repeat is one seed."
    ),
    trials=trials,
    measure=measure,
    claims=EVERYWHERE,
    quick_claims=EVERYWHERE,
    seeds=(1, 2, 3, 4, 5),
    timed=True,
)
