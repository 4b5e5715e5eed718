"""Chapter 3: what an uneven start costs under four scopes of a scale, and without rounding."""

from __future__ import annotations

from ternary.experiments import row_loudness_sweep
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.record import Record, Settings
from ternary.experiments.row_loudness_sweep import STARTS, measure
from ternary.experiments.small import winners


def trials(quick: bool) -> list[Settings]:
    """Scopes and the twin from every start at their own rates; groups perturbed, each start."""
    if quick:
        return [{**arm("group", start), "lr": 8e-3} for start in ("rows", "groups")]
    chosen = winners(row_loudness_sweep.EXPERIMENT)
    arms = [{**settings, "perturbed": False} for settings in chosen.values()]
    noise = [{**chosen[f"group, {start}"], "perturbed": True} for start in STARTS]
    return arms + noise


def arm(projection: str, start: str) -> Settings:
    """Settings that tell an arm from the others."""
    return {"projection": projection, "start": start, "perturbed": False}


def penalty(record: Record, projection: str, start: str) -> float:
    """Bits per byte by which an uneven start ends above the even one."""
    uneven, even = (record.mean("report", **arm(projection, s)) for s in (start, "even"))
    return uneven - even


EXPERIMENT = Experiment(
    name="row-loudness",
    question="Do weights keep the loudness they start with, and does that need rounding to hurt?",
    prediction=(
        "The first edition had even and uneven rows, groups of 64, a rate of 0.003 for all, and "
        "three seeds: uneven rows cost groups 1.2 bpb, the twin 1.4, one scale a matrix 0.8. New "
        "are loudness that changes between the groups of a row, scales for a row and for the "
        "model, groups of 16, and a rate of its own for each. We expect: from uneven rows and from "
        "uneven groups alike, one scale a matrix ends below one scale a group, although from "
        "uneven groups only the latter can represent what it starts with; the twin loses at least "
        "half as much as the groups do; with a rate of its own each loses less than in the first "
        "edition; with a scale for each group, loudness before and after correlates by more than "
        "0.5, less than 20 % of the codes change in the loudest quarter of the runs, and more than "
        "40 % in the quietest. From even latents no scope is 0.05 bpb or more from groups."
    ),
    protocol=(
        "The winners of row-loudness-sweep with five fresh seeds: two layers, d_model 64, d_ff "
        "128, groups of 16, Python's documentation, 400 steps of 8 x 64 bytes, AdamW. Every row, "
        "or every run of 16 weights, of the initial latents times exp(1.5 z). Bits per byte on the "
        "second half of the held-out windows; loudness by runs of 16, and dead rows."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim.by_comparison(
            "from uneven rows, one scale a matrix ends below one scale a group",
            "report", arm("per-tensor", "rows"), arm("group", "rows"), "lower",
        ),
        Claim.by_comparison(
            "from uneven groups, one scale a matrix ends below one scale a group",
            "report", arm("per-tensor", "groups"), arm("group", "groups"), "lower",
        ),
        Claim.by_comparison(
            "from uneven groups, one scale a row ends below one scale a group",
            "report", arm("per-row", "groups"), arm("group", "groups"), "lower",
        ),
        Claim.by_comparison(
            "and above one scale a matrix",
            "report", arm("per-row", "groups"), arm("per-tensor", "groups"), "higher",
        ),
        *(
            Claim.by_comparison(
                f"from uneven {start}, the twin is not told from one scale a group",
                "report", arm("full-precision", start), arm("group", start), "none",
            )
            for start in STARTS[1:]
        ),
        Claim(
            "the twin loses at least half as much from an uneven start as the groups do",
            lambda r: all(
                penalty(r, "full-precision", start) > penalty(r, "group", start) / 2
                for start in STARTS[1:]
            ),
        ),
    ],
    quick_claims=[
        Claim(
            "with a scale for each group, loud runs keep more of their codes than quiet ones",
            lambda r: (
                r.curve("changed", **arm("group", "rows"))[3]
                < r.curve("changed", **arm("group", "rows"))[0]
            ),
        ),
    ],
    seeds=(1, 2, 3, 4, 5),
    noise=(arm("group", "rows"), {**arm("group", "rows"), "perturbed": True}),
)  # fmt: skip
