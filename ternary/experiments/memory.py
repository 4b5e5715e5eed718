"""What must be remembered: latents and averages in fewer bits, beside float32."""

from __future__ import annotations

import math

import numpy as np

from ternary.errors import TernaryError
from ternary.experiments import memory_sweep
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import winner
from ternary.experiments.halves import half_bits
from ternary.experiments.memory_sweep import RATES, make_trainer
from ternary.experiments.probes import CodeProbe, perturb, run_or_diverge
from ternary.experiments.record import Record, Settings, Values, load_record
from ternary.memory import Storage, StoredAdamW
from ternary.training import Trainer

SLOW = 0.0003
POINTS = 20  # of a curve


def logs(latents: str, by_chance: bool = False, state_by_chance: bool = False) -> Storage:
    """Both averages on the logarithmic grid."""
    return Storage(latents, "log8", "log8", by_chance, state_by_chance)


# Of every arm: what it keeps, whose rate of the sweep it takes, and the second beta.
ARMS: dict[str, tuple[Storage, str, float]] = {
    "float32": (Storage(), "float32", 0.95),
    "float32, perturbed": (Storage(), "float32", 0.95),
    "bfloat16": (Storage("bfloat16"), "float32", 0.95),
    "bfloat16, chance": (Storage("bfloat16", by_chance=True), "float32", 0.95),
    "int8": (Storage("int8"), "int8", 0.95),
    "int8, chance": (Storage("int8", by_chance=True), "int8, chance", 0.95),
    "codes": (Storage("codes"), "codes", 0.95),
    "codes, chance": (Storage("codes", by_chance=True), "codes, chance", 0.95),
    "averages log": (logs("float32"), "float32", 0.95),
    "v even": (Storage("float32", "float32", "int8"), "float32", 0.95),
    "int8, chance, averages log": (logs("int8", by_chance=True), "int8, chance", 0.95),
    "codes, chance, averages log": (logs("codes", by_chance=True), "codes, chance", 0.95),
    "float32, slow": (Storage(), "slow", 0.95),
    "bfloat16, slow": (Storage("bfloat16"), "slow", 0.95),
    "bfloat16, chance, slow": (Storage("bfloat16", by_chance=True), "slow", 0.95),
    "float32, long": (Storage(), "float32", 0.999),
    "averages log, long": (logs("float32"), "float32", 0.999),
    "averages log, chance, long": (
        logs("float32", state_by_chance=True),
        "float32",
        0.999,
    ),
}
QUICK = ("float32", "float32, perturbed", "int8", "codes, chance, averages log")


def arm(name: str) -> Settings:
    """The setting that tells one arm from the others."""
    return {"arm": name}


def rate_of(side: str) -> float:
    """The rate that a side of the sweep chose; its second as long as there is no sweep."""
    if side == "slow":
        return SLOW
    try:
        return float(winner(load_record("memory-sweep"), memory_sweep.EXPERIMENT, side)["lr"])
    except TernaryError:
        return RATES[side][1]


def trials(quick: bool) -> list[Settings]:
    """Every arm with its rate; quick, some of them."""
    return [{**arm(name), "lr": rate_of(ARMS[name][1])} for name in (QUICK if quick else ARMS)]


class StorageProbe(CodeProbe):
    """Watches how much of the wanted step is kept, too."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: list[float] = []
        self.still: list[float] = []

    def __call__(self, trainer: Trainer) -> None:
        super().__call__(trainer)
        assert isinstance(trainer.optimizer, StoredAdamW)
        self.moved.append(trainer.optimizer.moved)
        self.still.append(trainer.optimizer.still)


def means(values: list[float]) -> list[float]:
    """A curve of few points, each the mean of its part of the run."""
    return [round(float(part.mean()), 4) for part in np.array_split(np.array(values), POINTS)]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of both halves of the held-out text; bytes; what was kept of the steps."""
    storage, _, beta2 = ARMS[settings["arm"]]
    trainer = make_trainer(storage, settings["lr"], seed, quick, betas=(0.9, beta2))
    if settings["arm"].endswith("perturbed"):
        perturb(trainer, seed)
    bpb = run_or_diverge(trainer, probe := StorageProbe())
    bits = [loss / math.log(2) for loss in trainer.losses]
    return {
        "report": half_bits(trainer, "report") if trainer.done else math.inf,
        "bpb": bpb,
        "bytes": storage.bytes_per_parameter(),
        "train": means(bits),
        "moved": means(probe.moved),
        "still": means(probe.still),
        **{name: probe.curves()[name] for name in ("steps", "flips", "scale", "zeros")},
    }


def order(text: str, a: str, b: str, verdict: str) -> Claim:
    """A claim about two arms, by the half of the held-out text that reports."""
    return Claim.by_comparison(text, "report", arm(a), arm(b), verdict)


def freezes(r: Record) -> bool:
    """Whether int8 to the nearest keeps less than a tenth of its last steps."""
    return bool(r.curve("moved", **arm("int8"))[-1] < 0.1)


FLOOR = Claim(
    "a perturbation of rounding size changes the result",
    lambda r: (r.noise_floor("report") or 0) > 0,
)
FREEZES = Claim("int8 to the nearest keeps less than a tenth of its last steps", freezes)

EXPERIMENT = Experiment(
    name="memory",
    question="How many bytes of a parameter must be kept between two steps of training?",
    prediction=(
        "Seen before: the single runs that memory-sweep names, two more (both averages on the "
        "logarithmic grid 2.538, the second on an even one 3.343), and probes of an earlier "
        "version at another width: int8 to the nearest 0.42 above float32, by chance 0.024 and "
        "0.027, bfloat16 0.008 below, and by chance 0.000, codes to the nearest 0.07 to 0.20 "
        "above. Against float32 at its own rate, on the report half: bfloat16 none, nearest and by "
        "chance; int8 to the nearest, at a rate of its own, higher by 0.05 to 0.25; int8 by chance "
        "within 0.04; codes by chance higher by 0.1 to 0.25; codes to the nearest higher by 0.4 or "
        "more; both averages on the logarithmic grid within 0.02; the second average on an even "
        "grid higher by 0.5 or more, because it rounds to 0 what divides; int8 by chance with "
        "logarithmic averages, three bytes, within 0.05; codes with them within 0.03 of codes with "
        "averages in float32. At a rate of 0.0003 bfloat16 to the nearest is higher than float32 "
        "by 0.02 or more, by chance within 0.01. With a second beta of 0.999 the logarithmic "
        "average cannot forget (its decay is less than half a spacing) and ends higher than "
        "float32 by 0.01 to 0.2; by chance within 0.02. Int8 to the nearest keeps less than a "
        "tenth of its last steps. The noise floor is 0.005 to 0.02."
    ),
    protocol=(
        "Python's documentation, d_model 64, d_ff 256, 400 steps of 16 x 64 bytes, AdamW with "
        "betas 0.9, 0.95 (long: 0.999), decay 0.1 (codes: none), warm-up of 16, cosine, clipping "
        "at norm 1. After every step latents and averages are rounded to what the arm keeps; "
        "arithmetic is in float32, gains and gradients too, and the gains' rate is 0.006. Each way "
        "of keeping latents has the rate that it chose in memory-sweep on another seed, others "
        "that of the way they change; slow: 0.0003. Codes: the scales stay as initialised. Five "
        "fresh seeds, the second half of the held-out windows."
    ),
    trials=trials,
    measure=measure,
    claims=[
        FLOOR,
        FREEZES,
        order("bfloat16 by chance shows no order", "bfloat16, chance", "float32", "none"),
        order("int8 to the nearest costs", "int8", "float32", "higher"),
        order("by chance it costs less", "int8, chance", "int8", "lower"),
        order("codes alone cost more than int8", "codes, chance", "int8, chance", "higher"),
        order("by chance they are below nearest", "codes, chance", "codes", "lower"),
        order("averages on the logarithmic grid cost nothing", "averages log", "float32", "none"),
        order("the second on an even grid costs", "v even", "float32", "higher"),
        order("at a small rate bfloat16 costs", "bfloat16, slow", "float32, slow", "higher"),
    ],
    quick_claims=[FLOOR],
    seeds=(1, 2, 3, 4, 5),
    noise=(arm("float32"), arm("float32, perturbed")),
)
