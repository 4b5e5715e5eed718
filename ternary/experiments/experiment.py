"""What an experiment is: a question, a prediction, and a protocol that anyone can repeat.

It states its question and what we expect before it runs. Its trials are independent of each other,
so any `concurrent.futures.Executor` can run them, on one machine or on many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ternary.errors import TernaryError
from ternary.experiments.record import Record, Settings, Trial, Values

Measure: TypeAlias = Callable[[Settings, int, bool], Values]
Job: TypeAlias = tuple[Settings, int]  # settings, and a seed


@dataclass(frozen=True)
class Claim:
    """A sentence of the book that a record must bear out: its words, and the test of it."""

    text: str
    holds: Callable[[Record], bool]


@dataclass(frozen=True)
class Experiment:
    """A question put to the machine.

    Attributes
    ----------
    name, question, prediction, protocol
        Its name on the command line; what it asks; what we expected, written before the first run;
        how it is carried out.
    trials
        Settings of every trial, without the seed; ``trials(quick)`` may give a smaller set.
    measure
        Carries out one trial, ``measure(settings, seed, quick)``, and returns its values. It is a
        function of a module, so that another process can import it.
    claims
        What the book says about the result, checked against the record; those of `quick_claims`
        hold at the quick size too, and CI measures them again.
    seeds
        At least three; a sweep that says in `repeated_by` which experiment repeats its winners with
        other seeds may have fewer.
    repeated_by
        Name of that experiment.
    timed
        Whether its values are times, or depend on what else the machine does: its trials run one
        after another, whatever number is asked for.
    """

    name: str
    question: str
    prediction: str
    protocol: str
    trials: Callable[[bool], list[Settings]]
    measure: Measure
    claims: Sequence[Claim] = ()
    quick_claims: Sequence[Claim] = ()
    seeds: Sequence[int] = (0, 1, 2)
    repeated_by: str | None = None
    timed: bool = False

    def __post_init__(self) -> None:
        if len(set(self.seeds)) < 3 and not self.repeated_by:
            raise TernaryError(
                f"experiment {self.name} has seeds {self.seeds}; expected three or more"
            )

    def plan(self, quick: bool) -> list[Job]:
        """Every trial in the order of the record: settings as they come back from a file, seed."""
        settings: list[Settings] = json.loads(json.dumps(self.trials(quick)))
        return [(each, seed) for each in settings for seed in self.seeds]


def key_of(settings: Settings, seed: int) -> str:
    """What tells one trial of an experiment from the others."""
    return json.dumps([settings, seed], sort_keys=True)


def key_of_trial(trial: Trial) -> str:
    """The key of a trial that has been run."""
    return key_of(trial["settings"], trial["seed"])


def failed_claims(experiment: Experiment, record: Record, quick: bool) -> Iterator[str]:
    """The claims that a record does not bear out."""
    for claim in experiment.quick_claims if quick else experiment.claims:
        if not claim.holds(record):
            yield claim.text
