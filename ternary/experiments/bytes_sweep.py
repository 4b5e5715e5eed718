"""Chapter 9: rate and decay of every model that is compared at equal bytes."""

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
RATES = (0.00125, 0.0025, 0.005)
DECAYS = (0.03, 0.1, 0.3)
CROSS = [(lr, DECAYS[1]) for lr in RATES] + [(RATES[1], decay) for decay in DECAYS[::2]]
CROSS += [(RATES[2], DECAYS[2]), (RATES[1], 1.0)]  # added: most sides chose an end of the cross
STEPS = 700


def trials(quick: bool) -> list[Settings]:
    """Every model and size at three rates and four decays, not in every combination."""
    if quick:
        small = {"d_model": 32, "d_ff": 128, "weight_decay": DECAYS[1]}
        return [{"model": m, **small, "lr": lr} for m in MODELS for lr in (0.0002, 0.003)]
    return [
        {**side, "lr": lr, "weight_decay": decay} for side in SIDES.values() for lr, decay in CROSS
    ]


def make_trainer(settings: Settings, seed: int, quick: bool, steps: int) -> Trainer:
    """A run of a model with Muon, at the default settings of the task but for rate and decay."""
    model = settings["model"]
    chosen = {name: settings[name] for name in ("d_model", "d_ff", "lr", "weight_decay")}
    twin = {"projection": "full-precision"} if model == "twin" else {}
    config = text_config(quick, seed, optimizer="muon", steps=steps, **chosen, **twin)
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
    question="Which rate and decay suit each of the models that are compared at equal bytes?",
    prediction=(
        "An earlier sweep had been seen, of 300 steps at the rates 0.0025, 0.005 and 0.01: the "
        "middle one won for all but the twins of width 96 and 128, for which the smallest did. In "
        "700 steps smaller rates win: 0.0025 for the ternary model and for trained two, three and "
        "four bits, 0.00125 for the twin of width 128, 0.0025 for that of 96, 0.005 for those of "
        "48 and 64. Decay moves the loss by less than 0.02 for every model; where it wins, more "
        "decay wins for twins, and neither for trained codes."
    ),
    protocol=(
        "Python's documentation, 700 steps of 16 x 64 bytes (about half of those that are "
        "reported), Muon with the task's default settings but for rate and decay, a cosine; three "
        "rates, and at the middle one two more decays, for each of five kinds of weights at each "
        "of its widths, one seed; then, since most had their lowest loss at an end, a larger decay "
        "at the largest rate, and a decay of 1. Chosen by the first half of the held-out windows. "
        "The experiment equal-bytes repeats the winners with five others."
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
