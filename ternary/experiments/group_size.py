"""Chapter 3: one scale for 32, 64, or 128 weights, for a row, a matrix, or the whole model."""

from __future__ import annotations

import numpy as np

from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import CodeProbe, run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.projection import make_projection
from ternary.training import Trainer

SCOPES = [("group", 32), ("group", 64), ("group", 128), ("per-row", 128), ("per-tensor", 128)]
SCOPES += [("whole-model", 128)]


def trials(quick: bool) -> list[Settings]:
    """Every scope of a scale, with even latents and with rows of very different loudness."""
    scopes = SCOPES[2::2] if quick else SCOPES
    return [
        {"projection": name, "group_size": size, "uneven": uneven}
        for uneven in (False, True)
        for name, size in scopes
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte, and what became of the codes."""
    projection = make_projection(settings["projection"], settings["group_size"])
    trainer = Trainer(text_config(quick, seed), text_task(), projection)
    if settings["uneven"]:
        make_rows_uneven(trainer, seed)
    probe = CodeProbe()
    bpb = run_or_diverge(trainer, probe)
    return {"bpb": bpb, **probe.curves()}


def make_rows_uneven(trainer: Trainer, seed: int) -> None:
    """Multiply every row of every latent matrix by ``exp(1.5 z)``, z standard normal."""
    rng = np.random.default_rng([seed, 3])
    parameters = trainer.model.parameters
    for name, (out_dim, _) in parameters.matrix_shapes.items():
        loudness = np.exp(1.5 * rng.standard_normal((out_dim, 1)))
        parameters.view(parameters.values, name)[:] *= loudness
    parameters.project()


def _even(record: Record) -> list[float]:
    return [record.mean("bpb", projection=p, group_size=g, uneven=False) for p, g in SCOPES]


EXPERIMENT = Experiment(
    name="group-size",
    question="How does the trained loss depend on how many weights share a scale?",
    prediction=(
        "With even latents all scopes end within 0.03 bpb of each other, smaller groups slightly "
        "ahead. With uneven rows, the common argument says that finer scales win, for they can "
        "represent the rows; a prototype saw the opposite, and we expect it again."
    ),
    protocol=(
        "Python's documentation, 800 steps of 16 x 64 bytes, default recipe; held-out bits per "
        "byte. Uneven: every row of the initial latents times exp(1.5 z)."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim(
            "with even latents all scopes end within 0.08 bpb of each other",
            lambda r: max(_even(r)) - min(_even(r)) < 0.08,
        ),
        Claim(
            "with even latents, in every seed, groups of 32 end ahead of groups of 128, and these "
            "ahead of one scale a matrix",
            lambda r: all(
                small < usual < matrix
                for small, usual, matrix in zip(
                    r.values("bpb", projection="group", group_size=32, uneven=False),
                    r.values("bpb", projection="group", group_size=128, uneven=False),
                    r.values("bpb", projection="per-tensor", uneven=False),
                    strict=True,
                )
            ),
        ),
        Claim(
            "with uneven rows, every scope up to a row ends 0.5 bpb or more behind a matrix",
            lambda r: all(
                r.mean("bpb", projection=p, group_size=g, uneven=True)
                > r.mean("bpb", projection="per-tensor", uneven=True) + 0.5
                for p, g in SCOPES[:4]
            ),
        ),
        Claim(
            "with uneven rows and one scale a matrix, more than half of the dead groups come back",
            lambda r: (
                r.curve("dead", projection="per-tensor", uneven=True)[-1]
                < r.curve("dead", projection="per-tensor", uneven=True)[0] / 2
            ),
        ),
    ],
    quick_claims=[
        Claim(
            "with uneven rows, one scale a matrix trains better than groups of 128",
            lambda r: (
                r.mean("bpb", projection="per-tensor", uneven=True)
                < r.mean("bpb", projection="group", group_size=128, uneven=True)
            ),
        ),
    ],
)
