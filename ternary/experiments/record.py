"""The record of an experiment: every value of every trial, and what it depends on.

The records of the book are part of the package, one JSON file each; the chapters print their
numbers, and draw their figures, from nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ternary.checkpoint import write_file
from ternary.errors import TernaryError
from ternary.experiments.comparison import Comparison, compare, noise_floor

Settings: TypeAlias = dict[str, Any]
Values: TypeAlias = dict[str, Any]  # numbers and lists of numbers
Trial: TypeAlias = dict[str, Any]  # settings, seed, values, and how they came about

# What a trial is made of. The first records had no more than their seeds, settings and values.
KINDS: dict[str, Any] = {"settings": dict, "seed": int, "values": dict, "error": str}
KINDS |= {"finished": str, "fingerprint": str, "versions": dict, "where": dict}
KINDS["seconds"] = int | float
LATER = KINDS.keys() - {"settings", "seed"}

PACKAGE = Path(__file__).resolve().parents[1]
RECORDS = PACKAGE / "experiments" / "records"


def default_folder() -> Path:
    """Where new records go: to those of the package in a copy of its repository, else beside us."""
    in_repository = (PACKAGE.parent / "pyproject.toml").exists()
    return RECORDS if in_repository else Path("ternary-records")


def record_path(name: str, folder: str | Path, quick: bool = False) -> Path:
    """The file of a record; one of the quick size has a name of its own."""
    return Path(folder) / f"{name}{'.quick' if quick else ''}.json"


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
    trials: list[Trial] = field(repr=False)

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

    def by_seed(self, value: str, settings: Settings) -> dict[int, float]:
        """A number of every seed, for settings that say which trial of a seed is meant."""
        trials = self.select(**settings)
        chosen = {trial["seed"]: trial["values"] for trial in trials}
        if len(chosen) < len(trials):
            raise TernaryError(
                f"record {self.name} has several trials of one seed with {settings}; name more of "
                "their settings"
            )
        names = list(trials[0]["values"])
        if value not in names:
            raise TernaryError(
                f"record {self.name} has no value {value!r}; expected one of {', '.join(names)}"
            )
        if not all(isinstance(values[value], int | float) for values in chosen.values()):
            raise TernaryError(
                f"{value!r} is no number in record {self.name}; compare a value that is one"
            )
        return {seed: values[value] for seed, values in chosen.items()}

    def noise_floor(self, value: str) -> float | None:
        """What a rounding error changes in one run; None where the experiment has no such arm."""
        if "noise" not in self.about:
            return None
        return noise_floor(*(self.by_seed(value, settings) for settings in self.about["noise"]))

    def compare(
        self, value: str, a: Settings, b: Settings, *, floor: float | None = None
    ) -> Comparison:
        """Compare the trials with settings `a` to those with settings `b`, seed by seed.

        Parameters
        ----------
        value
            Name of a value that is a number.
        a, b
            Settings of the two arms, as many of them as tell which trials are meant.
        floor
            Noise floor of the value; by default that of the experiment's own noise arm.

        Raises
        ------
        TernaryError
            If the settings fit no trial, or several of one seed, or a value is not finite.

        Examples
        --------
        >>> record = load_record("epsilon")
        >>> a, b = record.settings[:2]
        >>> record.compare("bpb", a, b).verdict
        'none'
        """
        floor = self.noise_floor(value) if floor is None else floor
        return compare(self.by_seed(value, a), self.by_seed(value, b), floor)

    @property
    def settings(self) -> list[Settings]:
        """The different settings, in the order in which they were planned."""
        seen: list[Settings] = []
        for trial in self.trials:
            if trial["settings"] not in seen:
                seen.append(trial["settings"])
        return seen

    def write(self, folder: str | Path) -> Path:
        """Write the record to ``folder/NAME.json``, whole or not at all."""
        path = record_path(self.name, folder, self.about.get("quick", False))
        trials = ",\n".join("  " + json.dumps(trial) for trial in self.trials)
        about = json.dumps(self.about, indent=1, ensure_ascii=False)[1:-2]
        text = f'{{{about},\n "trials": [\n{trials}\n ]\n}}\n'
        write_file(path, lambda file: file.write(text.encode()))
        return path


def load_record(name: str, folder: str | Path = RECORDS, quick: bool = False) -> Record:
    """Read the record of an experiment: the book's own, or one in another folder.

    Raises
    ------
    TernaryError
        If there is none: it says which there are, and how to make it. If the file is damaged.

    Examples
    --------
    >>> record = load_record("group-size")
    >>> record.about["seeds"], len(record.trials)
    ([1, 2, 3, 4, 5], 30)
    """
    path = record_path(name, folder, quick)
    if not path.is_file():
        raise TernaryError(_no_record(name, Path(folder), quick))
    try:
        data = json.loads(path.read_bytes())
        trials = data["trials"]
        if not isinstance(trials, list):
            raise ValueError(f"its trials are {trials!r:.40}")
        if problem := next(filter(None, map(problem_of_trial, trials)), None):
            raise ValueError(problem)
        return Record(name, {k: v for k, v in data.items() if k != "trials"}, trials)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise TernaryError(
            f"{path} is no record ({type(error).__name__}: {error}); take it from where it came "
            f"once more, or make it anew: python -m ternary experiment {name} --redo"
        ) from None


def problem_of_trial(trial: Any) -> str | None:
    """Why something is no trial: what every one has, and what the later ones have too, by its type.

    Examples
    --------
    >>> problem_of_trial({"settings": {}, "seed": 1, "values": {"bpb": 2.5}})
    >>> problem_of_trial({"settings": {}, "seed": "1", "values": {}})
    "a trial has the seed '1'"
    """
    if not isinstance(trial, dict):
        return f"a trial is {trial!r:.40}"
    for name, kind in KINDS.items():
        if (name in trial or name not in LATER) and not isinstance(trial.get(name), kind):
            return f"a trial has the {name} {trial.get(name)!r:.40}"
    if not 0 <= trial.get("seconds", 0) < 1e9:
        return f"a trial took {trial['seconds']!r:.40} seconds"
    told = trial.get("versions", {}) | trial.get("where", {"processor": ""})
    if "processor" not in told or not all(isinstance(x, str | int) for x in told.values()):
        return f"a trial was made with {told!r:.80}"
    if not {"values", "error"} & trial.keys():
        return "a trial has neither values nor an error"
    return None


def _no_record(name: str, folder: Path, quick: bool) -> str:
    there = ", ".join(sorted(p.stem for p in folder.glob("*.json") if ".quick" not in p.name))
    options = f"{' --quick' if quick else ''}{'' if folder == RECORDS else f' --folder {folder}'}"
    how = f"python -m ternary experiment {name}{options}"
    ours = record_path(name, RECORDS)
    if not quick and folder != RECORDS and ours.is_file():
        minutes = sum(trial["seconds"] for trial in load_record(name).trials) / 60
        how += f", {minutes:.0f} minutes of one core, or read the book's: load_record({name!r})"
    return (
        f"there is no record {name!r} in {folder}, where there "
        f"{f'are: {there}' if there else 'is none'}. To make it: {how}"
    )
