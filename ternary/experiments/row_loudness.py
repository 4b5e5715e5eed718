"""Chapter 3: do rows that start loud or quiet stay so, and what does that cost?"""

from __future__ import annotations

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.group_size import make_rows_uneven
from ternary.experiments.probes import run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.projection import make_projection
from ternary.training import Trainer

STEPS, QUICK_STEPS = 400, 100
PROJECTIONS = ("group", "per-tensor", "full-precision")


def trials(quick: bool) -> list[Settings]:
    """Two scopes of a scale and no rounding at all, with even and with uneven rows."""
    return [
        {"projection": name, "uneven": uneven}
        for uneven in ((True,) if quick else (False, True))
        for name in PROJECTIONS
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Loss, and how far rows of different loudness moved from where they began."""
    config = text_config(True, seed, steps=QUICK_STEPS if quick else STEPS)
    trainer = Trainer(config, text_task(), make_projection(settings["projection"], 64))
    if settings["uneven"]:
        make_rows_uneven(trainer, seed)
    before, power = row_loudness(trainer), share_of_loudest(trainer)
    first = signs_and_zeros(trainer)
    bpb = run_or_diverge(trainer)
    after, moved = row_loudness(trainer), signs_and_zeros(trainer) != first
    quarter = np.argsort(np.argsort(before)) * 4 // len(before)  # of its row, 0 the quietest
    owner = quarter[row_of_weight(trainer)]
    return {
        "bpb": bpb,
        "kept": round(float(np.corrcoef(before, after)[0, 1]), 3),
        "spread": [round(float(x), 3) for x in (before.std(), after.std())],
        "loudest": [round(x, 3) for x in (power, share_of_loudest(trainer))],
        "changed": [round(float(moved[owner == i].mean()), 3) for i in range(4)],
    }


def row_loudness(trainer: Trainer) -> Floats:
    """Logarithm of the mean ``|w|`` of the latents of every row of every matrix."""
    parameters = trainer.model.parameters
    rows = [
        np.abs(parameters.view(parameters.values, name)).mean(axis=1)
        for name in parameters.matrix_shapes
    ]
    return np.asarray(np.log(np.concatenate(rows)))


def share_of_loudest(trainer: Trainer) -> float:
    """Share of the squared weights, as the layers use them, in the loudest tenth of all rows."""
    parameters = trainer.model.parameters
    power = np.concatenate(
        [
            (parameters.view(parameters.weights, name).astype(float) ** 2).sum(axis=1)
            for name in parameters.matrix_shapes
        ]
    )
    return float(np.sort(power)[-(len(power) // 10) :].sum() / power.sum())


def signs_and_zeros(trainer: Trainer) -> np.ndarray:
    """Signs of the weights that the layers use: the codes, where there are codes. Flat."""
    parameters = trainer.model.parameters
    return np.concatenate(
        [
            np.sign(parameters.view(parameters.weights, name)).ravel()
            for name in parameters.matrix_shapes
        ]
    )


def row_of_weight(trainer: Trainer) -> np.ndarray:
    """Number of the row, counted over all matrices, of every weight of `signs_and_zeros`."""
    shapes = trainer.model.parameters.matrix_shapes.values()
    widths = np.concatenate([np.full(out_dim, in_dim) for out_dim, in_dim in shapes])
    return np.repeat(np.arange(len(widths)), widths)


def _penalty(record: Record, projection: str) -> float:
    """Bits per byte lost by an uneven start."""
    even, uneven = (record.mean("bpb", projection=projection, uneven=u) for u in (False, True))
    return uneven - even


EXPERIMENT = Experiment(
    name="row-loudness",
    question="Do rows keep the loudness they start with, and does that need rounding to hurt?",
    prediction=(
        "With uneven rows and a scale for each group, log loudness before and after correlates by "
        "more than 0.8; of the loudest quarter of the rows less than 10 % of the codes change, of "
        "the quietest more than 40 %. The full-precision twin suffers from uneven rows as well, by "
        "at least half as much as the group model; one scale a matrix suffers least of the three."
    ),
    protocol=(
        "A small model (d_model 64, d_ff 128), groups of 64, Python's documentation, 400 steps of "
        "8 x 64 bytes, default recipe. Uneven: every row of the initial latents times exp(1.5 z)."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim(
            "from uneven rows, with a scale for each group, rows keep their loudness",
            lambda r: r.mean("kept", projection="group", uneven=True) > 0.8,
        ),
        Claim(
            "of the loudest quarter of the rows less than 10 % of the codes change, of the "
            "quietest more than 40 %",
            lambda r: (
                r.curve("changed", projection="group", uneven=True)[3] < 0.1
                and r.curve("changed", projection="group", uneven=True)[0] > 0.4
            ),
        ),
        Claim(
            "the full-precision twin loses as much from uneven rows as half of what the group "
            "model loses, or more",
            lambda r: _penalty(r, "full-precision") > _penalty(r, "group") / 2,
        ),
        Claim(
            "one scale a matrix loses least from uneven rows",
            lambda r: (
                _penalty(r, "per-tensor") < min(_penalty(r, "group"), _penalty(r, "full-precision"))
            ),
        ),
        Claim(
            "the loudest tenth of the rows holds most of the power with a scale for each group, "
            "and less than half with one scale a matrix",
            lambda r: (
                min(r.curve("loudest", projection="group", uneven=True)) > 0.8
                and max(r.curve("loudest", projection="per-tensor", uneven=True)) < 0.5
            ),
        ),
    ],
    quick_claims=[
        Claim(
            "with a scale for each group, loud rows keep more of their codes than quiet rows",
            lambda r: (
                r.curve("changed", projection="group", uneven=True)[3]
                < r.curve("changed", projection="group", uneven=True)[0]
            ),
        ),
    ],
)
