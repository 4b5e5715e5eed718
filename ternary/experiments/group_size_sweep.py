"""Chapter 3: a learning rate for every scope of a scale, before the scopes are compared."""

from __future__ import annotations

from ternary.experiments.experiment import Experiment
from ternary.experiments.fairness import lowest_rate_loses, too_low_is_worse
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import perturb, run_or_diverge, text_task
from ternary.experiments.record import Settings, Values
from ternary.experiments.small import small_config
from ternary.projection import make_projection
from ternary.training import Trainer

SCOPES = {
    "groups of 32": {"projection": "group", "group_size": 32},
    "groups of 128": {"projection": "group", "group_size": 128},
    "row": {"projection": "per-row", "group_size": 128},
    "matrix": {"projection": "per-tensor", "group_size": 128},
    "model": {"projection": "whole-model", "group_size": 128},
}
RATES = (2e-3, 5e-3, 1.2e-2)


def trials(quick: bool) -> list[Settings]:
    """Every scope at three learning rates; quick, two scopes at one far too low and a usual one."""
    scopes = list(SCOPES.values())[1::2] if quick else SCOPES.values()
    return [{**scope, "lr": lr} for scope in scopes for lr in ((2e-4, 5e-3) if quick else RATES)]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte on both halves of the held-out text, and the share of zeros at the end."""
    projection = make_projection(settings["projection"], settings["group_size"])
    config = small_config(quick, seed, lr=settings["lr"])
    trainer = Trainer(config, text_task(), projection)
    if settings.get("perturbed"):
        perturb(trainer, seed)
    bpb = run_or_diverge(trainer)
    parameters = trainer.model.parameters
    codes = [parameters.codes(name) for name in parameters.matrix_shapes]  # without padding
    zeros = sum(int((t == 0).sum()) for t in codes) / sum(t.size for t in codes)
    halves = {half: half_bits(trainer, half) for half in ("select", "report")}
    return {"bpb": bpb, **halves, "zeros": round(zeros, 4)}


EXPERIMENT = Experiment(
    name="group-size-sweep",
    question="At which learning rate is each scope of a scale at its best?",
    prediction=(
        "All five scopes are best at the same one of the three rates, 0.005, for latents and steps "
        "are of the same size in all of them; none is best at 0.002."
    ),
    protocol=(
        "Python's documentation, one layer of 128 features (d_ff 256), 400 steps of 8 x 64 bytes, "
        "AdamW; chosen by the first half of the held-out windows; the experiment group-size "
        "repeats the winners with fresh seeds."
    ),
    trials=trials,
    measure=measure,
    claims=[lowest_rate_loses("no scope has its best rate at the lowest of the three", SCOPES)],
    quick_claims=[too_low_is_worse(2e-4, 5e-3)],
    seeds=(100,),
    repeated_by="group-size",
    sides=SCOPES,
    selected_by="select",
)
