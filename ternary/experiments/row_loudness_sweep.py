"""Chapter 3: a learning rate for each scope of a scale, from even and from uneven latents."""

from __future__ import annotations

import contextlib

import numpy as np

from ternary.arrays import Floats
from ternary.errors import TernaryError
from ternary.experiments.experiment import Experiment
from ternary.experiments.fairness import lowest_rate_loses, too_low_is_worse
from ternary.experiments.halves import HALVES, half_bits
from ternary.experiments.probes import perturb, text_config, text_task
from ternary.experiments.record import Settings, Values
from ternary.projection import make_projection
from ternary.training import Trainer

STEPS, QUICK_STEPS = 400, 100
RUN = 16  # weights in a group: four or eight groups a row
PROJECTIONS = ("group", "per-row", "per-tensor", "whole-model", "full-precision")
STARTS = ("even", "rows", "groups")
RATES = (4e-3, 1.2e-2, 3.6e-2, 0.108)  # the last was added when six sides had won at 0.036


def trials(quick: bool) -> list[Settings]:
    """Every scope and the twin from every start at four rates; quick, two of them at two."""
    if quick:
        chosen = [("group", "rows"), ("per-tensor", "rows")]
    else:
        chosen = [(name, start) for start in STARTS for name in PROJECTIONS]
    return [
        {"projection": name, "start": start, "lr": lr}
        for name, start in chosen
        for lr in ((3e-4, 1.2e-2) if quick else RATES)
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Loss on both halves of the held-out text, and how far runs of weights moved."""
    steps = QUICK_STEPS if quick else STEPS
    config = text_config(True, seed, steps=steps, lr=settings["lr"])
    trainer = Trainer(config, text_task(), make_projection(settings["projection"], RUN))
    make_uneven(trainer, settings["start"], seed)
    if settings.get("perturbed"):
        perturb(trainer, seed)
    before, power, first = loudness(trainer), share_of_loudest(trainer), signs(trainer)
    dead = dead_rows(trainer)
    with contextlib.suppress(TernaryError):  # diverged
        trainer.run()
    after, moved = loudness(trainer), signs(trainer) != first
    still = {kind: rows & dead_rows(trainer)[kind] for kind, rows in dead.items()}
    quarter = np.argsort(np.argsort(before)) * 4 // len(before)  # of its run, 0 the quietest
    bits = [half_bits(trainer, half) if trainer.done else float("inf") for half in HALVES]
    return {
        **dict(zip(HALVES, bits, strict=True)),
        "kept": round(float(np.corrcoef(before, after)[0, 1]), 3),
        "spread": [round(float(x), 3) for x in (before.std(), after.std())],
        "grew": [round(float(np.exp((after - before)[quarter == i].mean())), 3) for i in range(4)],
        "loudest": [round(x, 3) for x in (power, share_of_loudest(trainer))],
        "changed": [round(float(moved[quarter == i].mean()), 3) for i in range(4)],
        "dead_rows": [int(rows.sum()) for rows in dead.values()],
        "still_dead": [int(rows.sum()) for rows in still.values()],
    }


def make_uneven(trainer: Trainer, start: str, seed: int) -> None:
    """Multiply every row, or every run of 16, of the latents by ``exp(1.5 z)``, z normal."""
    if start == "even":
        return
    rng = np.random.default_rng([seed, 3])
    parameters = trainer.model.parameters
    for name, (out_dim, in_dim) in parameters.matrix_shapes.items():
        runs = parameters.view(parameters.values, name).reshape(out_dim, in_dim // RUN, RUN)
        per_row = in_dim // RUN if start == "groups" else 1
        runs *= np.exp(1.5 * rng.standard_normal((out_dim, per_row, 1))).astype(runs.dtype)
    parameters.project()


def loudness(trainer: Trainer) -> Floats:
    """Logarithm of the mean ``|w|`` of the latents of every run of 16."""
    latents = trainer.model.parameters.latents.reshape(-1, RUN)
    return np.asarray(np.log(np.abs(latents).mean(axis=1)))


def share_of_loudest(trainer: Trainer) -> float:
    """Share of the squared weights, as the layers use them, in the loudest tenth of all runs."""
    weights = trainer.model.parameters.weights.reshape(-1, RUN)
    power = (weights.astype(float) ** 2).sum(axis=1)
    return float(np.sort(power)[-(len(power) // 10) :].sum() / power.sum())


def signs(trainer: Trainer) -> np.ndarray:
    """Signs of the weights that the layers use: the codes, where there are codes."""
    return np.sign(trainer.model.parameters.weights.reshape(-1, RUN))


def dead_rows(trainer: Trainer) -> dict[str, np.ndarray]:
    """Which rows have no weight but zeros: of `up`, of the embedding, of all other matrices."""
    parameters = trainer.model.parameters
    found: dict[str, list[np.ndarray]] = {"up": [], "embedding": [], "other": []}
    for name in parameters.matrix_shapes:
        kind = name.rpartition(".")[2]
        rows = np.asarray(~parameters.view(parameters.weights, name).any(axis=1))
        found[kind if kind in found else "other"].append(rows)
    return {kind: np.concatenate(rows) for kind, rows in found.items()}


SIDES = {
    f"{name}, {start}": {"projection": name, "start": start}
    for start in STARTS
    for name in PROJECTIONS
}

EXPERIMENT = Experiment(
    name="row-loudness-sweep",
    question="At which learning rate is each scope at its best, from even and from uneven latents?",
    prediction=(
        "From even latents all are best at 0.012. From uneven ones the twin and the scales of "
        "groups and rows want 0.012 or 0.036, because their loud weights have far to go; one scale "
        "a matrix, or for the model, wants no less than from even latents."
    ),
    protocol=(
        "A small model (two layers, d_model 64, d_ff 128), groups of 16, Python's documentation, "
        "400 steps of 8 x 64 bytes, AdamW. Rows or groups uneven: every row, or every run of 16 "
        "weights, of the initial latents times exp(1.5 z). Chosen by the first half of the "
        "held-out windows; the experiment row-loudness repeats the winners with fresh seeds."
    ),
    trials=trials,
    measure=measure,
    claims=[lowest_rate_loses("no scope has its best rate at the lowest of the four", SIDES)],
    quick_claims=[too_low_is_worse(3e-4, 1.2e-2)],
    seeds=(100,),
    repeated_by="row-loudness",
    sides=SIDES,
    selected_by="select",
)
