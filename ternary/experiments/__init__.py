"""The experiments that the book reports; each is a module here and a record in ``records``.

Modules are found by their names: every module of this folder that defines ``EXPERIMENT`` is one.
"""

from __future__ import annotations

import importlib
import pkgutil

from ternary.errors import TernaryError
from ternary.experiments.experiment import Claim, Experiment, failed_claims
from ternary.experiments.record import Record, Settings, Values, load_record
from ternary.experiments.runner import UnfinishedError, run_experiment

__all__ = [
    "Claim",
    "Experiment",
    "Record",
    "Settings",
    "UnfinishedError",
    "Values",
    "all_experiments",
    "failed_claims",
    "find_experiment",
    "load_record",
    "run_experiment",
]


def all_experiments() -> dict[str, Experiment]:
    """Every experiment by name."""
    modules = (
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    )
    found = [module.EXPERIMENT for module in modules if hasattr(module, "EXPERIMENT")]
    return {experiment.name: experiment for experiment in sorted(found, key=lambda e: e.name)}


def find_experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises
    ------
    TernaryError
        If there is none; it lists them.
    """
    experiments = all_experiments()
    if name not in experiments:
        raise TernaryError(
            f"there is no experiment {name!r}; expected one of {', '.join(experiments)}"
        )
    return experiments[name]
