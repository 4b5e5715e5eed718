"""A small model for experiments with many arms, and the winners of the sweeps before them."""

from __future__ import annotations

from ternary.config import TrainingConfig
from ternary.errors import TernaryError
from ternary.experiments.experiment import Experiment
from ternary.experiments.fairness import trials_of, winner
from ternary.experiments.probes import text_config
from ternary.experiments.record import Settings, load_record

STEPS = 400


def small_config(quick: bool, seed: int, **settings: object) -> TrainingConfig:
    """One layer of 128 features, 400 steps of 8 x 64 bytes; quick, that of `text_config`."""
    size: dict[str, object] = {}
    if not quick:
        size = {"steps": STEPS, "n_layers": 1, "d_ff": 256, "batch_size": 8}
    return text_config(quick, seed, **{**size, **settings})


def winners(sweep: Experiment) -> dict[str, Settings]:
    """The winner of every side of a sweep; the first trial of each while there is no record."""
    try:
        record = load_record(sweep.name)
    except TernaryError:
        plan = sweep.trials(False)
        return {name: trials_of(plan, side)[0] for name, side in sweep.sides.items()}
    return {name: winner(record, sweep, name) for name in sweep.sides}
