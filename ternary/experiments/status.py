"""Which records are complete, which are not, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ternary.errors import TernaryError
from ternary.experiments.experiment import Experiment
from ternary.experiments.kept import Kept

STATES = ("partial", "missing", "stale", "complete")  # what is most needed comes first


@dataclass(frozen=True)
class Status:
    """What there is of one experiment.

    Attributes
    ----------
    state
        One of `STATES`. A record is stale if its trials were made with other code, or are not those
        that the experiment plans.
    done, planned, failed
        Numbers of trials.
    date
        When the record was completed; empty where it does not say.
    seconds
        That the missing trials will take, one after another, by those that were recorded; None if
        there are none to go by.
    why
        What is to be said about the state.
    """

    experiment: Experiment
    state: str
    done: int = 0
    planned: int = 0
    failed: int = 0
    date: str = ""
    seconds: float | None = 0.0
    why: str = ""

    def minutes(self, jobs: int) -> float | None:
        """Minutes that are missing with so many trials at a time."""
        at_a_time = 1 if self.experiment.timed else jobs
        return None if self.seconds is None else self.seconds / 60 / at_a_time


def status_of(experiment: Experiment, folder: str | Path) -> Status:
    """Read what a folder holds of an experiment."""
    try:
        kept = Kept.look(experiment, folder)
        missing = kept.missing
    except TernaryError as error:  # a damaged file, or a plan that needs another record
        return Status(experiment, "missing", seconds=None, why=str(error))
    times = [kept.seconds(job) for job in missing]
    seconds = None if None in times else sum(time for time in times if time is not None)
    done, planned = len(kept.trials), len(kept.plan)
    state, why = _state(kept, not missing)
    date = str(kept.record.about.get("date", "")) if kept.record else ""
    return Status(experiment, state, done, planned, len(kept.failed), date, seconds, why)


def _state(kept: Kept, all_there: bool) -> tuple[str, str]:
    if all_there and kept.partial is None:
        return "complete", ""
    if kept.trials or kept.redone:
        return "partial", "redone; the old record stays until then" if kept.redone else ""
    if kept.record is None:
        return "missing", ""
    if not any("fingerprint" in trial for trial in kept.record.trials):
        return "stale", "made before fingerprints were kept"
    return "stale", "its code, or the trainer, has changed since"


def most_needed(statuses: Iterable[Status], jobs: int) -> list[Status]:
    """What is not complete, in the order in which ``--all`` runs it.

    Partial records come first, then missing ones, then stale ones; among them, what takes least
    time. But an experiment that repeats the winners of a sweep comes after that sweep.
    """

    def place(status: Status) -> tuple[int, float]:
        minutes = status.minutes(jobs)
        return STATES.index(status.state), float("inf") if minutes is None else minutes

    order = sorted((s for s in statuses if s.state != "complete"), key=place)
    for sweep in [s for s in order if s.experiment.repeated_by]:
        for repeat in [s for s in order if s.experiment.name == sweep.experiment.repeated_by]:
            if order.index(repeat) < order.index(sweep):
                order.remove(repeat)
                order.insert(order.index(sweep) + 1, repeat)
    return order


def table(statuses: Sequence[Status], jobs: int) -> list[str]:
    """One line for every experiment, and one for all."""
    width = max((len(s.experiment.name) for s in statuses), default=0)
    lines, total, unknown = [], 0.0, 0
    for status in statuses:
        minutes = status.minutes(jobs)
        total, unknown = total + (minutes or 0), unknown + (minutes is None)
        trials = f"{status.done} of {status.planned} trials"
        trials += f", {status.failed} failed" if status.failed else ""
        left = "minutes unknown" if minutes is None else f"{minutes:.1f} minutes missing"
        parts = [f"{status.state:8}", f"{trials:20}", f"{status.date or '-':10}"]
        parts += [] if status.state == "complete" else [left]
        parts += [status.why] if status.why else []
        lines.append(f"{status.experiment.name:{width}}  " + "  ".join(parts))
    complete = sum(status.state == "complete" for status in statuses)
    at_a_time = f"{jobs} trials at a time" if jobs > 1 else "one trial at a time"
    rest = f", and what is unknown of {unknown}" if unknown else ""
    lines.append(
        f"{complete} of {len(statuses)} records are complete; "
        f"{total:.1f} minutes missing with {at_a_time}{rest}"
    )
    return lines
