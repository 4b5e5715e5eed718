"""What an experiment is: a question, a prediction, and a protocol that anyone can repeat.

It states its question and what we expect before it runs. Its trials are independent of each other,
so any `concurrent.futures.Executor` can run them, on one machine or on many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ternary.errors import TernaryError
from ternary.experiments.comparison import VERDICTS
from ternary.experiments.record import Record, Settings, Trial, Values

Measure: TypeAlias = Callable[[Settings, int, bool], Values]
Job: TypeAlias = tuple[Settings, int]  # settings, and a seed


@dataclass(frozen=True)
class Claim:
    """A sentence of the book that a record must bear out: its words, and the test of it."""

    text: str
    holds: Callable[[Record], bool]
    value: str | None = None  # what it compares, if it does

    @classmethod
    def by_comparison(cls, text: str, value: str, a: Settings, b: Settings, verdict: str) -> Claim:
        """A claim of order: it holds if the comparison of two arms has this verdict.

        The rule is that of `Comparison.verdict`; only what it is to say is chosen here.

        Raises
        ------
        TernaryError
            If the verdict is none of ``lower``, ``higher`` and ``none``.

        Examples
        --------
        >>> trials = [
        ...     {"settings": {"lr": lr}, "seed": seed, "values": {"bpb": 2 + lr + seed % 3 / 100}}
        ...     for lr in (0.0, 0.001, 0.5) for seed in range(5)
        ... ]
        >>> record = Record("example", {"noise": [{"lr": 0.0}, {"lr": 0.001}]}, trials)
        >>> claim = Claim.by_comparison("0 is below 0.5", "bpb", {"lr": 0.0}, {"lr": 0.5}, "lower")
        >>> claim.holds(record)
        True
        """
        if verdict not in VERDICTS:
            raise TernaryError(f"verdict is {verdict!r}; expected one of {', '.join(VERDICTS)}")
        return cls(text, lambda record: record.compare(value, a, b).verdict == verdict, value)


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
    noise
        Settings of the baseline, and of the same with `perturb`: the record's noise floor.
    sides
        Of a sweep that chooses a recipe for each of several opponents: the settings that tell their
        trials apart. See `ternary.experiments.fairness`.
    selected_by
        The value by whose lowest mean a sweep chooses; no claim reports it.
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
    noise: tuple[Settings, Settings] | None = None
    sides: Mapping[str, Settings] = field(default_factory=dict)
    selected_by: str | None = None

    def __post_init__(self) -> None:
        if len(set(self.seeds)) < 3 and not self.repeated_by:
            raise TernaryError(
                f"experiment {self.name} has seeds {self.seeds}; expected three or more"
            )
        for settings in self.noise or ():
            if not any(settings.items() <= each.items() for each in self.trials(False)):
                raise TernaryError(
                    f"experiment {self.name} has no trial with {settings}, which its noise names; "
                    "plan it, or correct the settings"
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
