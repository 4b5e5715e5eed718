"""Chapter 3: the comparison of the first edition again, the model of the book at one rate."""

from __future__ import annotations

from ternary.experiments import group_size_sweep
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import CodeProbe, perturb, run_or_diverge, text_config, text_task
from ternary.experiments.record import Settings, Values
from ternary.projection import make_projection
from ternary.training import Trainer

STEPS = 400
SCOPES = {
    name: group_size_sweep.SCOPES[name] for name in ("groups of 32", "groups of 128", "matrix")
}
USUAL = {**SCOPES["groups of 128"], "perturbed": False}


def trials(quick: bool) -> list[Settings]:
    """Three scopes at the default rate, and groups of 128 perturbed."""
    scopes = list(SCOPES.values())[1:] if quick else SCOPES.values()
    arms = [{**scope, "perturbed": False} for scope in scopes]
    return arms if quick else [*arms, {**USUAL, "perturbed": True}]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte; flips at the last step that is watched, and zeros."""
    projection = make_projection(settings["projection"], settings["group_size"])
    trainer = Trainer(
        text_config(quick, seed, **({} if quick else {"steps": STEPS})), text_task(), projection
    )
    if settings["perturbed"]:
        perturb(trainer, seed)
    bpb = run_or_diverge(trainer, probe := CodeProbe())
    return {"bpb": bpb, "flips": round(probe.flips[-1], 6), "zeros": round(probe.zeros[-1], 4)}


EXPERIMENT = Experiment(
    name="group-size-full",
    question="Does the order that the first edition saw between scopes come again?",
    prediction=(
        "The first edition, seeds 0, 1 and 2, same model and rate, 800 steps, had groups of 32 "
        "0.020 bpb below groups of 128, and one scale a matrix 0.038 above them. The small models "
        "of group-size, run before this was written, showed no order. With five seeds that neither "
        "has used, we expect both orders again: groups of 32 lower by 0.005 to 0.03, one scale a "
        "matrix higher by 0.02 to 0.05, both beyond a noise floor of 0.01 to 0.02."
    ),
    protocol=(
        "Python's documentation, two layers of 128 features, 400 steps of 16 x 64 bytes, default "
        "recipe, AdamW at 0.003, which the first edition had chosen with groups of 128; all "
        "held-out bits per byte."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim.by_comparison(
            "groups of 32 are not told from groups of 128",
            "bpb",
            {**SCOPES["groups of 32"], "perturbed": False},
            USUAL,
            "none",
        ),
        Claim.by_comparison(
            "one scale a matrix is not told from groups of 128",
            "bpb",
            {**SCOPES["matrix"], "perturbed": False},
            USUAL,
            "none",
        ),
    ],
    quick_claims=[
        Claim(
            "of even latents a quarter to two fifths are 0, whatever shares a scale",
            lambda r: all(0.25 < r.mean("zeros", **each) < 0.4 for each in r.settings),
        )
    ],
    seeds=(3, 4, 5, 6, 7),
    noise=(USUAL, {**USUAL, "perturbed": True}),
)
