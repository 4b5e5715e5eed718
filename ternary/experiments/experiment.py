"""What an experiment is, how its trials are run, and the record that remains of it.

An experiment states its question and a prediction before it runs, and a protocol that anyone can
repeat. Its trials are independent of each other, so any `concurrent.futures.Executor` can run them:
the process pool of the standard library, `mpi4py.futures`, or Dask. The record holds every value of
every seed; the chapters print their numbers, and draw their figures, from nothing else.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ternary.errors import TernaryError

Settings: TypeAlias = dict[str, Any]
Values: TypeAlias = dict[str, Any]  # numbers and lists of numbers

RESULTS = Path(__file__).resolve().parents[2] / "book" / "results"


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
    """

    name: str
    question: str
    prediction: str
    protocol: str
    trials: Callable[[bool], list[Settings]]
    measure: Callable[[Settings, int, bool], Values]
    claims: Sequence[Claim] = ()
    quick_claims: Sequence[Claim] = ()
    seeds: Sequence[int] = (0, 1, 2)
    repeated_by: str | None = None

    def __post_init__(self) -> None:
        if len(set(self.seeds)) < 3 and not self.repeated_by:
            raise TernaryError(
                f"experiment {self.name} has seeds {self.seeds}; expected three or more"
            )


@dataclass(frozen=True)
class Record:
    """All values of an experiment, and what they depend on.

    Examples
    --------
    >>> trials = [{"settings": {"lr": 1}, "seed": s, "values": {"bpb": 2.0 + s}} for s in (0, 1, 2)]
    >>> record = Record("example", {}, trials)
    >>> record.values("bpb", lr=1), record.mean("bpb", lr=1), record.spread("bpb", lr=1)
    ([2.0, 3.0, 4.0], 3.0, 1.0)
    """

    name: str
    about: dict[str, Any]
    trials: list[dict[str, Any]] = field(repr=False)

    def select(self, **settings: Any) -> list[dict[str, Any]]:
        """The trials with these settings, in the order of their seeds."""
        chosen = [
            trial for trial in self.trials if settings.items() <= {**trial["settings"]}.items()
        ]
        if not chosen:
            raise TernaryError(f"record {self.name} has no trial with {settings}")
        return sorted(chosen, key=lambda trial: int(trial["seed"]))

    def values(self, value: str, **settings: Any) -> list[Any]:
        """One value of every seed, for the trials with these settings."""
        return [trial["values"][value] for trial in self.select(**settings)]

    def mean(self, value: str, **settings: Any) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.values(value, **settings)))

    def spread(self, value: str, **settings: Any) -> float:
        """Standard deviation over the seeds, with one degree of freedom taken off."""
        return float(np.std(self.values(value, **settings), ddof=1))

    def curve(self, value: str, **settings: Any) -> list[float]:
        """A value that is a list, averaged entry by entry over the seeds."""
        return [float(x) for x in np.mean(self.values(value, **settings), axis=0)]

    def show(self, value: str, digits: int = 3, **settings: Any) -> str:
        """Mean and spread as the book prints them, ``1.948 ± 0.004``; for one seed, its value."""
        mean = f"{self.mean(value, **settings):.{digits}f}"
        if len(self.select(**settings)) == 1:
            return mean
        return f"{mean} ± {self.spread(value, **settings):.{digits}f}"

    @property
    def settings(self) -> list[Settings]:
        """The different settings, in the order in which they were planned."""
        seen: list[Settings] = []
        for trial in self.trials:
            if trial["settings"] not in seen:
                seen.append(trial["settings"])
        return seen

    def write(self, folder: Path = RESULTS) -> Path:
        """Write the record to ``folder/NAME.json``, whole or not at all."""
        path = folder / f"{self.name}.json"
        partial = path.with_suffix(".partial")
        trials = ",\n".join("  " + json.dumps(trial) for trial in self.trials)
        about = json.dumps(self.about, indent=1, ensure_ascii=False)[1:-2]
        partial.write_text(f'{{{about},\n "trials": [\n{trials}\n ]\n}}\n', encoding="utf-8")
        partial.replace(path)
        return path


def load_record(name: str, folder: Path = RESULTS) -> Record:
    """Read the committed record of an experiment.

    Raises
    ------
    TernaryError
        If there is none: it says how to make it.
    """
    path = folder / f"{name}.json"
    if not path.exists():
        raise TernaryError(f"there is no record {path}; run python -m ternary experiment {name}")
    data = json.loads(path.read_text(encoding="utf-8"))
    return Record(name, {k: v for k, v in data.items() if k != "trials"}, data["trials"])


def run_experiment(
    experiment: Experiment,
    executor: Executor,
    quick: bool = False,
    after_trial: Callable[[int, int], None] | None = None,
) -> Record:
    """Run all trials for all seeds on an executor and return the record.

    Parameters
    ----------
    experiment
        What to run.
    executor
        Where the trials run: any `concurrent.futures.Executor`.
    quick
        The small size: says whether the claims point the right way, not how large an effect is.
    after_trial
        Told after every trial how many are done, and of how many.
    """
    began = time.perf_counter()
    jobs = [(s, seed) for s in experiment.trials(quick) for seed in experiment.seeds]
    futures = {
        executor.submit(_timed, experiment.measure, settings, seed, quick): number
        for number, (settings, seed) in enumerate(jobs)
    }
    trials: list[dict[str, Any]] = [{}] * len(jobs)
    for done, future in enumerate(as_completed(futures), 1):
        settings, seed = jobs[futures[future]]
        values, seconds = future.result()
        trials[futures[future]] = {
            "settings": settings,
            "seed": seed,
            "values": values,
            "seconds": round(seconds, 1),
        }
        if after_trial:
            after_trial(done, len(jobs))
    return Record(experiment.name, _about(experiment, quick, time.perf_counter() - began), trials)


def failed_claims(experiment: Experiment, record: Record, quick: bool) -> Iterator[str]:
    """The claims that a record does not bear out."""
    for claim in experiment.quick_claims if quick else experiment.claims:
        if not claim.holds(record):
            yield claim.text


def _timed(
    measure: Callable[[Settings, int, bool], Values], settings: Settings, seed: int, quick: bool
) -> tuple[Values, float]:
    began = time.perf_counter()
    return measure(settings, seed, quick), time.perf_counter() - began


def _about(experiment: Experiment, quick: bool, seconds: float) -> dict[str, Any]:
    from ternary import __version__

    return {
        "experiment": experiment.name,
        "question": experiment.question,
        "prediction": experiment.prediction,
        "protocol": experiment.protocol,
        "quick": quick,
        "seeds": list(experiment.seeds),
        "versions": {
            "ternary": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "processor": f"{platform.machine()}, {_processor()}, {os.cpu_count()} cores",
        "seconds": round(seconds),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "unknown")
