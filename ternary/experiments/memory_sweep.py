"""What must be remembered: which rate each way of keeping the latents wants."""

from __future__ import annotations

import math

from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import winner
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.experiments.ste_variants import FrozenScale
from ternary.memory import Storage, StoredAdamW
from ternary.training import Trainer

STEPS = 400
GAIN_RATE = 0.006  # of the gains, whatever the latents have
SIZE = {"d_model": 64, "d_ff": 256}
RATES = {
    "float32": (0.003, 0.006, 0.012, 0.024),
    "int8": (0.006, 0.012, 0.024, 0.048),
    "int8, chance": (0.003, 0.006, 0.012, 0.024),
    "codes": (0.03, 0.06, 0.12, 0.24),
    "codes, chance": (0.006, 0.012, 0.024, 0.048),
}
LATENTS = {
    "float32": Storage(),
    "int8": Storage("int8"),
    "int8, chance": Storage("int8", by_chance=True),
    "codes": Storage("codes"),
    "codes, chance": Storage("codes", by_chance=True),
}


def make_trainer(
    storage: Storage, lr: float, seed: int, quick: bool, betas: tuple[float, float] = (0.9, 0.95)
) -> Trainer:
    """A run that keeps its latents and averages in these formats; with codes alone, no decay."""
    size = {} if quick else {"steps": STEPS, **SIZE}
    decay = {"weight_decay": 0.0} if storage.latents == "codes" else {}
    projection = FrozenScale() if storage.latents == "codes" else None
    trainer = Trainer(text_config(quick, seed, lr=lr, **size, **decay), text_task(), projection)
    parameters = trainer.model.parameters
    trainer.optimizer = StoredAdamW(
        parameters, storage, betas=betas, seed=seed, gain_rate=GAIN_RATE / lr
    )
    trainer.model.project()
    return trainer


def trials(quick: bool) -> list[Settings]:
    """Four rates for each way; quick, one for two of them."""
    if quick:
        return [{"latents": "float32", "lr": 0.006}, {"latents": "int8", "lr": 0.006}]
    return [{"latents": name, "lr": lr} for name, rates in RATES.items() for lr in rates]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the half of the held-out text that selects."""
    trainer = make_trainer(LATENTS[settings["latents"]], settings["lr"], seed, quick)
    bpb = run_or_diverge(trainer)
    return {"bpb": bpb, "select": half_bits(trainer, "select") if trainer.done else math.inf}


def chance_wins(r: Record) -> bool:
    """Whether for int8 and for codes the lowest loss is one by chance."""
    best = {name: r.mean("select", **winner(r, EXPERIMENT, name)) for name in RATES}
    return best["int8, chance"] < best["int8"] and best["codes, chance"] < best["codes"]


EXPERIMENT = Experiment(
    name="memory-sweep",
    question="Which learning rate does each way of keeping the latents want?",
    prediction=(
        "Seen before, one run each at another seed: float32 at 0.006 ended at 2.557, int8 rounded "
        "to the nearest at 0.006 at 2.804, by chance at 2.586, codes by chance at 0.006 at 2.816 "
        "and at 0.002 at 3.026, codes to the nearest at 0.06 at 3.325; at twice the width and 300 "
        "steps ste-sweep chose 0.006 for float32 and 0.06 for codes. We expect float32 and int8 by "
        "chance best at 0.006 or 0.012; int8 to the nearest at a rate twice as high or more, "
        "because a larger step survives; codes to the nearest at 0.06 or 0.12; codes by chance at "
        "0.012."
    ),
    protocol=(
        "Python's documentation, d_model 64, d_ff 256, 400 steps of 16 x 64 bytes, AdamW with "
        "betas 0.9, 0.95, decay 0.1 (codes: none), warm-up of 16, cosine, clipping at norm 1; "
        "averages in float32, gains at the rate 0.006. One seed, whose winners the experiment "
        "memory repeats with fresh ones; chosen by the first half of the held-out windows."
    ),
    trials=trials,
    measure=measure,
    claims=[Claim("by chance is below to the nearest, for int8 and for codes", chance_wins)],
    quick_claims=[Claim("no run diverges", lambda r: max(r.values("select")) < 9)],
    seeds=(100,),
    repeated_by="memory",
    sides={name: {"latents": name} for name in RATES},
    selected_by="select",
)
