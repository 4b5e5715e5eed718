"""Chapter 9: the learning rate of every model that is compared at equal bytes."""

from __future__ import annotations

import math

from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import trials_of
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.experiments.uniform import Uniform
from ternary.training import Trainer

# Width and hidden features. Those of the trained bits are chosen so that a model has the bytes of
# the ternary one, see `equal_bytes.n_bytes`; a twin is rounded to many sizes.
MODELS: dict[str, list[tuple[int, int]]] = {
    "ternary": [(128, 512)],
    "2 bits": [(112, 476)],
    "3 bits": [(96, 336)],
    "4 bits": [(80, 308)],
    "twin": [(48, 192), (64, 256), (96, 384), (128, 512)],
}
SIDES: dict[str, Settings] = {
    f"{model}, {width}": {"model": model, "d_model": width, "d_ff": hidden}
    for model, sizes in MODELS.items()
    for width, hidden in sizes
}
RATES = (0.0025, 0.005, 0.01)
STEPS = 300


def trials(quick: bool) -> list[Settings]:
    """Every model and size at three rates."""
    if quick:
        small = {"d_model": 32, "d_ff": 128}
        return [{"model": m, **small, "lr": lr} for m in MODELS for lr in (0.0002, 0.003)]
    return [{**side, "lr": lr} for side in SIDES.values() for lr in RATES]


def make_trainer(settings: Settings, seed: int, quick: bool, steps: int) -> Trainer:
    """A run of a model with Muon, at the default settings of the task but for the rate."""
    model = settings["model"]
    size = {"d_model": settings["d_model"], "d_ff": settings["d_ff"], "lr": settings["lr"]}
    twin = {"projection": "full-precision"} if model == "twin" else {}
    config = text_config(quick, seed, optimizer="muon", steps=steps, **size, **twin)
    bits = model.removesuffix(" bits")
    return Trainer(config, text_task(), Uniform(int(bits)) if bits.isdigit() else None)


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the half of the held-out text that selects."""
    trainer = make_trainer(settings, seed, quick, 60 if quick else STEPS)
    run_or_diverge(trainer)
    return {"select": half_bits(trainer, "select") if trainer.done else math.inf}


def tiny_rates_lose(record: Record) -> bool:
    """Whether the smallest rate is the worst one, for every model."""
    sides = {s["model"]: trials_of(record.settings, {"model": s["model"]}) for s in record.settings}
    return all(
        record.mean("select", **tried[0]) > record.mean("select", **tried[-1])
        for tried in sides.values()
    )


EXPERIMENT = Experiment(
    name="bytes-sweep",
    question="Which learning rate suits each of the models that are compared at equal bytes?",
    prediction=(
        "Single runs of 300 steps with this seed had been seen at width 64 (twin and ternary) "
        "before this was written. The middle rate, 0.005, wins for most of the fourteen sides; "
        "where it does not, the smaller one does, at the wide widths. The same rate wins for the "
        "ternary model and for two bits at both sizes."
    ),
    protocol=(
        "Python's documentation, 300 steps of 16 x 64 bytes (three tenths of those that are "
        "reported), Muon with the task's default settings, a cosine; three rates for each of five "
        "kinds of weights at each of its widths, one seed; chosen by the first half of the "
        "held-out windows. The experiment equal-bytes repeats the winners with five others."
    ),
    trials=trials,
    measure=measure,
    claims=[Claim("no run diverged", lambda r: all(map(math.isfinite, r.values("select"))))],
    quick_claims=[Claim("a tiny rate is worse for every model", tiny_rates_lose)],
    seeds=(100,),
    repeated_by="equal-bytes",
    sides=SIDES,
    selected_by="select",
)
