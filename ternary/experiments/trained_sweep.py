"""From a trained model: rate and one more setting for each route to a ternary model."""

from __future__ import annotations

import math
from functools import cache

from ternary.config import TrainingConfig
from ternary.distill import Distillation, begin_from
from ternary.errors import TernaryError
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer

TEACHER_RATE = 0.005
WIDE = 96  # of the one teacher that is not of the students' width, 64
RATES = (0.00125, 0.0025, 0.005, 0.01)
PLAIN = {"weight_decay": 0.1, "warmup_share": 0.0, "weight": 0.0, "temperature": 1.0}
GRADUAL, TAUGHT = {"warmup_share": 0.5}, {"weight": 0.5}
# What a route is beside the rate, and two other values of the setting that it adds.
ROUTES: dict[str, tuple[Settings, tuple[Settings, Settings]]] = {
    "scratch": ({}, ({"weight_decay": 0.03}, {"weight_decay": 0.3})),
    "continued": ({}, ({"weight_decay": 0.03}, {"weight_decay": 0.3})),
    "gradual": (GRADUAL, ({"warmup_share": 0.2}, {"warmup_share": 0.8})),
    "distilled": (TAUGHT, ({"weight": 1.0}, {"weight": 0.5, "temperature": 2.0})),
    "logits": (TAUGHT, ({"weight": 1.0}, {"weight": 0.5, "temperature": 2.0})),
}
FRESH = ("scratch", "logits")  # routes that begin from new latents
SIDES: dict[str, Settings] = {route: {"route": route} for route in ROUTES}


def trials(quick: bool) -> list[Settings]:
    """Every route at four rates, and at one of them with two other values of one setting."""
    rates = (0.0002, 0.003) if quick else RATES
    planned: list[Settings] = []
    for route, (usual, others) in ROUTES.items():
        planned += [{"route": route, "lr": lr, **PLAIN, **usual} for lr in rates]
        if not quick:
            planned += [{"route": route, "lr": RATES[2], **PLAIN, **usual, **o} for o in others]
    return planned


@cache
def teacher_of(steps: int, seed: int, quick: bool, width: int = 64) -> TernaryTransformer:
    """A twin that was trained for so many steps, whole schedule and all; once a process."""
    config = run_config(quick, seed, steps, width, projection="full-precision")
    trainer = Trainer(config, text_task())
    trainer.run()
    return trainer.model


def run_config(
    quick: bool, seed: int, steps: int, width: int = 64, **settings: object
) -> TrainingConfig:
    """Muon on the text, 16 x 64 bytes; the student is of width 64."""
    size: dict[str, object] = {} if quick else {"d_model": width, "d_ff": 4 * width}
    usual: dict[str, object] = {"optimizer": "muon", "lr": TEACHER_RATE, "steps": steps}
    return text_config(quick, seed, **{**usual, **size, **settings})


def make_student(
    settings: Settings, seed: int, quick: bool, before: int, after: int, width: int = 64
) -> Trainer:
    """The ternary phase of a route, after so many steps of a teacher; no step of it is taken.

    Its batches are others than the teacher's: those of another seed.
    """
    lr, decay = settings["lr"], settings["weight_decay"]
    config = run_config(
        quick,
        seed if not before else seed + 1000,
        after,
        lr=lr,
        weight_decay=decay,
        projection_warmup=settings["warmup_share"],
    )
    trainer = Trainer(config, text_task())
    if not before:
        return trainer
    teacher = teacher_of(before, seed, quick, width)
    if settings["route"] not in FRESH:
        begin_from(trainer.model, teacher)
        trainer.model.project(trainer.projected_share(0))
    if settings["weight"]:
        shares = {name: float(settings[name]) for name in ("weight", "temperature")}
        trainer.parallel = Distillation(trainer.model, teacher, **shares)  # type: ignore[assignment]
    return trainer


def finish(trainer: Trainer) -> bool:
    """Take all steps; whether none of them diverged."""
    try:
        trainer.run()
    except TernaryError:
        return False
    return True


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the half of the held-out text that selects."""
    half = 30 if quick else 200
    before = 0 if settings["route"] == "scratch" else half
    trainer = make_student(settings, seed, quick, before, 2 * half - before)
    return {"select": half_bits(trainer, "select") if finish(trainer) else math.inf}


def tiny_rates_lose(record: Record) -> bool:
    """Whether from new latents the smallest rate is worse than the largest, at the quick size."""
    return record.mean("select", route="scratch", lr=0.0002) > record.mean(
        "select", route="scratch", lr=0.003
    )


EXPERIMENT = Experiment(
    name="trained-sweep",
    question="Which rate suits each of the routes from a trained model to a ternary one?",
    prediction=(
        "Rates of ternary models of width 128 had been seen (0.005 won in 300 steps with Muon), "
        "those of a second phase had not. From new latents 0.005 wins, or 0.01; from trained "
        "latents 0.0025 or 0.005, for they are larger and have less far to go; gradual projection "
        "as the abrupt one. Half or more of a teacher instead of the text alone changes the "
        "selecting loss by less than 0.03 at equal rates; a temperature of 2 by less than 0.02; "
        "decay by less than 0.02; a longer warm-up of the projection is lower than a shorter one."
    ),
    protocol=(
        "Python's documentation, width 64, Muon with the task's default settings, a cosine, 400 "
        "steps of 16 x 64 bytes in all (half of those that are reported): 400 from new latents, "
        "or 200 of a full-precision teacher at rate 0.005 and 200 ternary ones with a schedule "
        "and batches of their own. Five routes: from scratch; continued from the teacher's "
        "latents; the same with a projection that sets in gradually; continued with the teacher's "
        "probabilities in the loss; new latents with them. Six trials each: four rates, and at "
        "0.005 two other decays, lengths of the warm-up, or mixtures of the loss. One seed, "
        "chosen by the first half of the held-out windows; the experiment from-trained repeats "
        "the winners with five others."
    ),
    trials=trials,
    measure=measure,
    claims=[Claim("no run diverged", lambda r: all(map(math.isfinite, r.values("select"))))],
    quick_claims=[Claim("a tiny rate is worse from new latents", tiny_rates_lose)],
    seeds=(100,),
    repeated_by="from-trained",
    sides=SIDES,
    selected_by="select",
)
