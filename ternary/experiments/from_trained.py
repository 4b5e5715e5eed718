"""From a trained model: rounding, more training, a teacher, or from scratch, at equal steps."""

from __future__ import annotations

import math

import numpy as np

from ternary.data import evaluate
from ternary.experiments import trained_sweep
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import winner
from ternary.experiments.halves import half_bits, half_of_text
from ternary.experiments.probes import perturb
from ternary.experiments.record import (
    RECORDS,
    Record,
    Settings,
    Values,
    load_record,
    record_path,
)
from ternary.experiments.trained_sweep import FRESH, PLAIN, ROUTES, WIDE, make_student, teacher_of
from ternary.training import Trainer

POINTS = 40  # entries of a curve of the loss, the same number for every length of a phase
TOTAL = 800

# Route, steps of the teacher, ternary steps, width of the teacher.
ARMS: list[tuple[str, int, int, int]] = [
    ("scratch", 0, 800, 64),
    ("rounded", 800, 0, 64),
    ("continued", 200, 600, 64),
    ("continued", 400, 400, 64),
    ("continued", 600, 200, 64),
    ("gradual", 400, 400, 64),
    ("distilled", 400, 400, 64),
    ("distilled", 600, 200, 64),
    ("logits", 400, 400, 64),
    ("logits", 400, 400, WIDE),
    ("scratch", 0, 400, 64),
    ("continued", 200, 200, 64),
    ("scratch", 0, 1600, 64),
    ("continued", 800, 800, 64),
    ("continued", 800, 400, 64),
    ("distilled", 800, 400, 64),
]
QUICK: list[tuple[str, int, int, int]] = [
    ("scratch", 0, 60, 64),
    ("rounded", 60, 0, 64),
    ("continued", 30, 30, 64),
    ("distilled", 30, 30, 64),
]


def arm(route: str, before: int, after: int, width: int = 64) -> Settings:
    """What tells an arm from the others; the perturbed one is no other."""
    names = {"route": route, "before": before, "after": after, "teacher_width": width}
    return {**names, "perturbed": False}


def trials(quick: bool) -> list[Settings]:
    """Every arm with the settings that its route chose, and the baseline perturbed."""
    planned = [{**arm(*each), **tuned(each[0], quick)} for each in (QUICK if quick else ARMS)]
    return [planned[0], {**planned[0], "perturbed": True}, *planned[1:]]


def tuned(route: str, quick: bool = False) -> Settings:
    """What the sweep chose for a route; before the sweep has run, what the route begins with."""
    if route == "rounded":  # nothing of it is trained after the teacher
        return {"lr": trained_sweep.RATES[2], **PLAIN}
    if quick or not record_path("trained-sweep", RECORDS).is_file():
        return {"lr": 3e-3 if quick else trained_sweep.RATES[2], **PLAIN, **ROUTES[route][0]}
    best = winner(load_record("trained-sweep"), trained_sweep.EXPERIMENT, route)
    return {name: value for name, value in best.items() if name != "route"}


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte at the end, of the teacher, and at the first ternary step."""
    before, after, width = (settings[name] for name in ("before", "after", "teacher_width"))
    trainer = make_student(settings, seed, quick, before, max(after, 1), width)
    if settings["perturbed"]:
        perturb(trainer, seed)
    values: Values = {"teacher": None, "rounded": None}
    if before:
        teacher = teacher_of(before, seed, quick, width)
        values["teacher"] = round(evaluate(teacher, half_of_text("report"), 16).bits, 4)
    trainer.model.project()  # all of it, also where it is to set in gradually
    codes = trainer.model.parameters.all_codes.copy()
    if settings["route"] not in FRESH:
        values["rounded"] = half_bits(trainer, "report")
    trainer.model.project(trainer.projected_share(0))
    if after:
        trainer.run()
    same = (trainer.model.parameters.all_codes == codes)[used_places(trainer)]
    return values | {
        "bpb": round(trainer.evaluate().bits, 4),
        "report": half_bits(trainer, "report"),
        "kept": round(float(same.mean()), 4),
        "train": curve(trainer) if after else None,
    }


def used_places(trainer: Trainer) -> np.ndarray:
    """Which of the flat codes are no padding."""
    groups = trainer.model.parameters.groups
    size = trainer.model.parameters.projection.group_size
    used: np.ndarray = np.arange(size) < np.asarray(groups.counts)[:, None]
    return used.reshape(-1)


def curve(trainer: Trainer) -> list[float]:
    """Training loss with the targets alone, in bits, in equal parts of the ternary phase."""
    losses = getattr(trainer.parallel, "hard_losses", trainer.losses)
    parts = np.array_split(np.array(losses) / math.log(2), POINTS)
    return [round(float(part.mean()), 4) if part.size else 0.0 for part in parts]


def rounding_costs(record: Record) -> bool:
    """Whether the rounded teacher is above the teacher, wherever a run begins from one."""
    pairs = [(t["values"]["rounded"], t["values"]["teacher"]) for t in record.trials]
    return all(rounded > teacher for rounded, teacher in pairs if rounded and teacher)


def ordered(text: str, a: Settings, b: Settings, verdict: str) -> Claim:
    """A claim about two arms."""
    return Claim.by_comparison(text, "report", a, b, verdict)


BASELINE = arm("scratch", 0, TOTAL)

EXPERIMENT = Experiment(
    name="from-trained",
    question="At equal steps in all, does a ternary model gain by beginning from a trained one?",
    prediction=(
        "Known beforehand: throw-away runs with AdamW, width 128, two seeds: rounded 3.75 and "
        "4.49; 400 and then 400 steps 0.017 and 0.015 above 800 from scratch, with distillation "
        "0.06 and 0.05 above. And the record recipes: with one schedule, ternary from half-time "
        "0.018 lower than throughout, a gradual projection over three quarters 0.055 lower. Here "
        "the teacher is a finished model, and the ternary phase has a schedule and a rate of its "
        "own. On the reported half, against 800 steps from scratch: rounding higher by more than "
        "1. Continued 200 + 600 within 0.03; 400 + 400 higher by 0.00 to 0.06; 600 + 200 higher "
        "by 0.05 to 0.20. Gradual 400 + 400 lower than continued 400 + 400 by 0.00 to 0.05. The "
        "teacher's probabilities beside the text, 400 + 400, within 0.03 of the text alone, and "
        "at 600 + 200 within 0.04. New latents with a teacher of 400 steps lower by 0.00 to 0.05 "
        "than 400 steps from scratch, and a teacher of width 96 within 0.03 of one of 64. Half "
        "and half against all from scratch: higher by 0.02 to 0.10 at 400 steps in all, within "
        "0.03 at 1,600. If the teacher of 800 steps is given for nothing: 400 steps from it lower "
        "by 0.08 to 0.20 than 400 from scratch, and within 0.04 of 800. Codes that keep the value "
        "of the rounded teacher, 400 + 400: 0.45 to 0.65; of new latents, 800 steps: 0.35 to 0.5. "
        "Noise floor 0.004 to 0.015."
    ),
    protocol=(
        "Python's documentation, 16 x 64 bytes a step, width 64, Muon with the task's default "
        "settings but for what the sweep trained-sweep chose for each route, a cosine for every "
        "phase. The teachers are full-precision twins at rate 0.005 for 200, 400, 600 or 800 "
        "steps, one of width 96. Rounded: the teacher, projected. Continued: its latents and "
        "gains, ternary from the first step, fresh averages and other batches. Gradual: the same, "
        "with a projection that sets in over a share of the ternary steps. Distilled: continued "
        "with the teacher's probabilities in the loss. Logits: new latents with them. Steps in "
        "all count the teacher's and the ternary ones alike; what a teacher costs when it reads "
        "along is not counted. Fresh seeds, the second half of the held-out windows; the noise "
        "arm is the model from scratch, perturbed."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim("rounding costs, in every run", rounding_costs),
        ordered("rounding alone is higher", arm("rounded", 800, 0), BASELINE, "higher"),
    ],
    quick_claims=[Claim("rounding costs, in every run", rounding_costs)],
    seeds=(1, 2, 3, 4, 5),
    noise=(BASELINE, {**BASELINE, "perturbed": True}),
)
