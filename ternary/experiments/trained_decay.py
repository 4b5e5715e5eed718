"""From a trained model: is an order of from-trained one of routes, or of the decay it chose?"""

from __future__ import annotations

import math

from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import perturb
from ternary.experiments.record import Record, Settings, Values
from ternary.experiments.trained_sweep import PLAIN, finish, make_student

DECAY = 0.1  # the task's default, which the teachers and all other routes have


def scratch(after: int, perturbed: bool = False) -> Settings:
    """From new latents, at the rate that the sweep chose and the decay that it did not choose."""
    rate = {"lr": 0.005, "weight_decay": DECAY}
    return {"route": "scratch", "before": 0, "after": after, **rate, "perturbed": perturbed}


def continued(lr: float) -> Settings:
    """Half and half, at another rate than the one that the sweep chose for it."""
    return {**scratch(400), "route": "continued", "before": 400, "lr": lr}


def trials(quick: bool) -> list[Settings]:
    """Three lengths from scratch, the middle one perturbed too, and a continued arm."""
    if quick:
        return [scratch(60), scratch(60, perturbed=True)]
    return [
        scratch(1600),
        scratch(400),
        scratch(800),
        scratch(800, perturbed=True),
        continued(5e-3),
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the half of the held-out text that reports."""
    whole = {**PLAIN, **settings}
    trainer = make_student(whole, seed, quick, settings["before"], settings["after"])
    if settings["perturbed"]:
        perturb(trainer, seed)
    if not finish(trainer):
        return {"report": math.inf, "bpb": math.inf}
    return {"report": half_bits(trainer, "report"), "bpb": round(trainer.evaluate().bits, 4)}


def longer_is_lower(record: Record) -> bool:
    """Whether twice the steps lowered the loss, twice."""
    at = [record.mean("report", **scratch(steps)) for steps in (400, 800, 1600)]
    return at == sorted(at, reverse=True)


def near(record: Record) -> bool:
    """Whether the perturbation left the loss where it was, to a tenth of a bit."""
    arms = [record.mean("report", **scratch(60, perturbed)) for perturbed in (False, True)]
    return abs(arms[0] - arms[1]) < 0.1


EXPERIMENT = Experiment(
    name="trained-decay",
    question="Does from-trained find the same orders when every arm has the task's default decay?",
    prediction=(
        "Registered when from-trained was known, and that its run of 800 steps from scratch, at a "
        "decay of 0.3, is to the last digit the arm more-decay of the record recipes, which is "
        "0.050 higher than the same run at 0.1. So 800 steps end at 2.065, with a floor of 0.010, "
        "400 + 400 is 0.024 higher than that, and 400 from a teacher of 800 steps 0.031 lower. On "
        "the reported half: 1,600 steps from scratch are lower at 0.1 than at 0.3 by 0.03 to "
        "0.12, 400 steps within 0.03. Half and half against all from scratch, both at 0.1: higher "
        "by 0.00 to 0.06 at 400 in all, between 0.04 lower and 0.06 higher at 1,600. With the "
        "teacher of 800 steps given, 400 ternary steps are lower by 0.18 to 0.30 than 400 from "
        "scratch, and higher by 0.05 to 0.16 than 1,600. Continued 400 + 400 at 0.005 is within "
        "0.03 of 0.0025."
    ),
    protocol=(
        "That of from-trained, with the same seeds, text, batches, and half of the held-out "
        "windows, so that its arms can be compared pair by pair: width 64, Muon, 16 x 64 bytes a "
        "step, a cosine. From scratch at rate 0.005 and a decay of 0.1 instead of 0.3, for 400, "
        "800 and 1,600 steps; 800 once more, perturbed, as the noise arm. And continued 400 + 400 "
        "at rate 0.005 instead of 0.0025."
    ),
    trials=trials,
    measure=measure,
    claims=[Claim("from scratch, more steps end lower", longer_is_lower)],
    quick_claims=[Claim("a perturbation changes little", near)],
    seeds=(1, 2, 3, 4, 5),
    noise=(scratch(800), scratch(800, perturbed=True)),
)
