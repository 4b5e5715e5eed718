"""Fair opponents: each side of a comparison chooses its recipe from a sweep of the same size.

A sweep declares its `sides`, and by which value it chooses. Another experiment runs the winners
again with fresh seeds, and compares them by values that chose nothing: the lowest of many runs was
also lucky, in its seed and on the windows that it was chosen by.
"""

from __future__ import annotations

from collections.abc import Mapping

from ternary.errors import TernaryError
from ternary.experiments.comparison import MIN_SEEDS
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.record import Record, Settings


def winner(record: Record, sweep: Experiment, side: str) -> Settings:
    """The settings with which a side has the lowest mean of the value that selects.

    Raises
    ------
    TernaryError
        If the sweep has no such side, or does not say what it selects by.
    """
    if side not in sweep.sides or sweep.selected_by is None:
        raise TernaryError(
            f"sweep {sweep.name} has the sides {list(sweep.sides)}, selected by "
            f"{sweep.selected_by}; expected {side!r} among them, and the name of a value"
        )
    value = sweep.selected_by
    tried = trials_of(record.settings, sweep.sides[side])
    return min(tried, key=lambda settings: record.mean(value, **settings))


def at_edge(record: Record, sweep: Experiment, side: str) -> list[str]:
    """The numeric settings of a winner that were the smallest or largest tried: look beyond them.

    An opponent whose best rate lies at the end of its grid may be better outside.
    """
    best = winner(record, sweep, side)
    found = []
    for name, chosen in best.items():
        tried = {each[name] for each in trials_of(record.settings, sweep.sides[side])}
        if (
            len(tried) > 1
            and isinstance(chosen, int | float)
            and chosen in (min(tried), max(tried))
        ):
            found.append(name)
    return found


def trials_of(trials: list[Settings], side: Settings) -> list[Settings]:
    """Those of the trials that belong to a side."""
    return [settings for settings in trials if side.items() <= settings.items()]


def lowest_rate_loses(text: str, sides: Mapping[str, Settings]) -> Claim:
    """The claim that no side of a sweep over rates has its lowest loss at the lowest of them."""

    def holds(record: Record) -> bool:
        for side in sides.values():
            tried = sorted(trials_of(record.settings, side), key=lambda settings: settings["lr"])
            losses = [record.mean("select", **settings) for settings in tried]
            if losses.index(min(losses)) == 0:
                return False
        return True

    return Claim(text, holds)


def too_low_is_worse(low: float, right: float) -> Claim:
    """The claim of a quick run: a rate far too low ends higher than a right one."""
    return Claim(
        "a rate far too low is worse",
        lambda record: record.mean("select", lr=low) > record.mean("select", lr=right),
    )


def unfair(sweep: Experiment, repeat: Experiment | None) -> list[str]:
    """What makes a sweep with sides, and the experiment that repeats its winners, unfair.

    Parameters
    ----------
    sweep
        An experiment with `sides`.
    repeat
        That which its `repeated_by` names; None if it names none.
    """
    problems = _unequal(sweep)
    if sweep.selected_by is None:
        problems.append("it does not say by which value it selects: name it in selected_by")
    if repeat is None:
        return [*problems, "nothing repeats its winners: name an experiment in repeated_by"]
    if common := sorted(set(repeat.seeds) & set(sweep.seeds)):
        problems.append(f"{repeat.name} has seeds of the sweep, {common}: take fresh ones")
    if len(set(repeat.seeds)) < MIN_SEEDS:
        problems.append(f"{repeat.name} has {len(set(repeat.seeds))} seeds: take {MIN_SEEDS}")
    if repeat.noise is None:
        problems.append(f"{repeat.name} has no noise arm: plan a baseline and the same perturbed")
    compared = [claim.value for claim in repeat.claims if claim.value]
    if not compared:
        problems.append(f"{repeat.name} compares nothing: claim an order by Claim.by_comparison")
    if sweep.selected_by in compared:
        problems.append(
            f"{repeat.name} reports {sweep.selected_by}, by which the sweep selects: report a "
            "value of the other half of the held-out text"
        )
    return problems


def _unequal(sweep: Experiment) -> list[str]:
    problems = []
    trials = sweep.trials(False)
    counts = {name: len(trials_of(trials, side)) for name, side in sweep.sides.items()}
    if len(counts) < 2:
        problems.append(f"its sides are {list(counts)}: expected two or more")
    if len(set(counts.values())) > 1:
        problems.append(f"its sides have other numbers of trials, {counts}: give each the same")
    for settings in trials:
        owners = [name for name, side in sweep.sides.items() if side.items() <= settings.items()]
        if len(owners) != 1:
            problems.append(f"the trial {settings} belongs to the sides {owners}: expected one")
    return problems
