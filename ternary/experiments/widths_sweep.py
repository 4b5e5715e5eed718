"""Scale: the rates of three of the widths of the experiment `widths`, which follow from them."""

from __future__ import annotations

import math

from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.training import Trainer

KINDS = {"ternary": "group", "twin": "full-precision"}
USUAL = (0.00125, 0.0025, 0.005, 0.01, 0.02)
RATES = {32: USUAL, 128: USUAL, 256: tuple(lr / 2 for lr in USUAL)}  # a wide model wants less
SIDES: dict[str, Settings] = {
    f"{kind}, {width}": {"model": kind, "d_model": width} for kind in KINDS for width in RATES
}


def trials(quick: bool) -> list[Settings]:
    """Every model at every rate; quick, the narrow ones at a tiny rate and a usual one."""
    if quick:
        return [
            {"model": kind, "d_model": 32, "lr": lr} for kind in KINDS for lr in (0.0002, 0.005)
        ]
    return [{**side, "lr": lr} for side in SIDES.values() for lr in RATES[side["d_model"]]]


def make_trainer(settings: Settings, seed: int, quick: bool) -> Trainer:
    """A run of a model of some width, hidden features four times as many."""
    width = settings["d_model"]
    config = text_config(
        quick,
        seed,
        steps=60 if quick else settings.get("steps", 400),
        optimizer="muon",
        projection=KINDS[settings["model"]],
        d_model=width,
        d_ff=4 * width,
        n_layers=settings.get("n_layers", 2),
        lr=settings["lr"],
    )
    return Trainer(config, text_task())


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the half of the held-out text that selects."""
    trainer = make_trainer(settings, seed, quick)
    run_or_diverge(trainer)
    return {"select": half_bits(trainer, "select") if trainer.done else math.inf}


def tiny_rates_lose(record: Record) -> bool:
    """Whether the smallest rate is worse than the largest, for both kinds."""
    rates = [settings["lr"] for settings in record.settings]
    return all(
        record.mean("select", model=kind, lr=min(rates))
        > record.mean("select", model=kind, lr=max(rates))
        for kind in KINDS
    )


EXPERIMENT = Experiment(
    name="widths-sweep",
    question="Which rate suits a narrow and a wide model, ternary and twin?",
    prediction=(
        "Known beforehand: the sweep bytes-sweep, in 700 steps (0.005 for the ternary model of "
        "width 128 and the twins of 48 and 64, 0.0025 for those of 96 and 128). In 400 steps we "
        "expect 0.01 for both models of width 32, 0.005 for the ternary model of width 128, and "
        "0.0025 for its twin; no run diverges. All this was registered before. Added before the "
        "rates 0.00125 and 0.02 and the width 256 were run, with the record of the other rates "
        "known, and of the twin one trial beyond each winner: no winner of 32 or 128 changes; at "
        "256 the rate 0.0025 wins for the ternary model, and 0.00125 for its twin; no winner lies "
        "at an edge."
    ),
    protocol=(
        "Python's documentation, 400 steps of 16 x 64 bytes, Muon with the task's default "
        "settings but for the rate, decay 0.1; widths 32, 128 and 256, five rates, one seed; at "
        "256 half of the rates of the others. (First 32 and 128 with three rates; since both "
        "winners of the twin lay at an edge, all sides got one more on either side, and then 256.) "
        "Chosen by the first half of the held-out windows. The experiment widths takes the winners "
        "with five other seeds, and between two widths the rate that lies between them."
    ),
    trials=trials,
    measure=measure,
    claims=[Claim("no run diverged", lambda r: all(map(math.isfinite, r.values("select"))))],
    quick_claims=[Claim("a tiny rate is worse for both kinds", tiny_rates_lose)],
    seeds=(100,),
    repeated_by="widths",
    sides=SIDES,
    selected_by="select",
)
