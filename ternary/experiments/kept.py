"""What is there of an experiment: its record, the trials of an unfinished run, what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ternary.errors import TernaryError
from ternary.experiments.experiment import Experiment, Job, key_of, key_of_trial
from ternary.experiments.fingerprint import fingerprint
from ternary.experiments.lock import locked
from ternary.experiments.partial import Partial, partial_path, sync_folder
from ternary.experiments.record import RECORDS, Record, Trial, load_record, record_path


@dataclass
class Kept:
    """The trials of an experiment in a folder. `look` only reads; `changing` lets them be added.

    A trial counts if the experiment, as it stands, plans it, and if it was made with the code that
    it would be made with now. So more seeds, or another prediction, cost no trial that is there.

    Attributes
    ----------
    record, partial
        What was found, each None where there is none.
    """

    experiment: Experiment
    folder: Path
    quick: bool
    record: Record | None
    partial: Partial | None

    @classmethod
    def look(cls, experiment: Experiment, folder: str | Path, quick: bool = False) -> Kept:
        """Read what is there."""
        folder, name = Path(folder), experiment.name
        kept = cls(experiment, folder, quick, None, None)
        kept.partial = Partial.read(partial_path(name, folder, quick))
        if record_path(name, folder, quick).is_file():
            try:
                kept.record = load_record(name, folder, quick)
            except TernaryError:
                if not kept.redone:
                    raise
        return kept

    @classmethod
    @contextmanager
    def changing(
        cls, experiment: Experiment, folder: Path, quick: bool, redo: bool
    ) -> Iterator[Kept]:
        """Read what is there, and let nobody else add to it meanwhile."""
        path = partial_path(experiment.name, folder, quick)
        made = not folder.exists()
        folder.mkdir(exist_ok=True)
        try:
            with locked(path.with_suffix(".lock"), f"{experiment.name} is run into {folder}"):
                if redo:
                    about = {"experiment": experiment.name, "redo": True}
                    Partial.begin(path, about | {"prediction": experiment.prediction})
                yield cls.look(experiment, folder, quick)
        finally:
            if made and not any(folder.iterdir()):
                folder.rmdir()

    @cached_property
    def plan(self) -> list[Job]:
        """All trials of the experiment."""
        return self.experiment.plan(self.quick)

    @cached_property
    def code(self) -> str:
        """Fingerprint of the code of its trials as it is now."""
        return fingerprint(self.experiment.measure)

    @property
    def redone(self) -> bool:
        """Whether all trials are being run anew, so that those of the record do not count."""
        return self.partial is not None and bool(self.partial.about.get("redo"))

    @property
    def in_record(self) -> dict[str, Trial]:
        """The trials of the record that count, by their keys."""
        return self._counting(self.record.trials if self.record else [])

    @property
    def trials(self) -> dict[str, Trial]:
        """All trials that count, in the planned order."""
        found = {} if self.redone else self.in_record
        found |= self._counting(self.partial.trials if self.partial else [])
        keys = (key_of(*job) for job in self.plan)
        return {key: found[key] for key in keys if key in found}

    @property
    def missing(self) -> list[Job]:
        """The trials that have to be run, in the planned order."""
        found = self.trials
        return [job for job in self.plan if key_of(*job) not in found]

    @property
    def failed(self) -> list[Trial]:
        """The last failure of every trial that is missing because it failed."""
        missing = {key_of(*job) for job in self.missing}
        tried = self.partial.trials if self.partial else []
        last = {key_of_trial(t): t for t in tried if t["fingerprint"] == self.code}
        return [trial for key, trial in last.items() if key in missing]

    def seconds(self, job: Job) -> float | None:
        """How long a trial will take, by those of its settings, or by all; None if unknown.

        Where there are none in the folder, those of the package's own record tell.
        """
        here = [t for source in (self.record, self.partial) if source for t in source.trials]
        known = [t for t in here if "values" in t and "seconds" in t] or self._in_package
        alike = [t for t in known if t["settings"] == job[0]] or known
        return sum(t["seconds"] for t in alike) / len(alike) if alike else None

    @cached_property
    def _in_package(self) -> list[Trial]:
        name = self.experiment.name
        there = not self.quick and record_path(name, RECORDS).is_file()
        return load_record(name).trials if there else []

    def add(self, trial: Trial) -> None:
        """Keep one more trial; when this returns, it is on the disk.

        Raises
        ------
        TernaryError
            If it cannot be written. It says how many are kept.
        """
        try:
            if self.partial is None or not self._counting(self.partial.trials):
                self.partial = self._begin()
            self.partial.add(trial)
        except OSError as error:
            raise TernaryError(
                f"a trial of {self.experiment.name} cannot be kept in {self.folder}: {error}. "
                f"{len(self.trials)} of {len(self.plan)} trials are kept; when the folder can be "
                f"written again, go on with python -m ternary experiment {self.experiment.name}"
            ) from None

    def finish(self) -> Record:
        """Write the record of all trials, which must be there, and remove the partial one."""
        assert not self.missing
        in_file = [key_of_trial(trial) for trial in self.record.trials] if self.record else []
        about = self._about(self.stated("prediction"))
        complete = self.record and self.partial is None and in_file == list(self.trials)
        if self.record and complete and self.record.about.get("noise") == about.get("noise"):
            return self.record
        record = Record(self.experiment.name, about, list(self.trials.values()))
        record.write(self.folder)
        sync_folder(self.folder)  # before the trials go
        partial_path(record.name, self.folder, self.quick).unlink(missing_ok=True)
        return record

    def _counting(self, trials: list[Trial]) -> dict[str, Trial]:
        planned = {key_of(*job) for job in self.plan}
        made_now = (t for t in trials if "values" in t and t.get("fingerprint") == self.code)
        return {key_of_trial(t): t for t in made_now if key_of_trial(t) in planned}

    def stated(self, what: str) -> Any:
        """A statement as it stood when the first trial that counts was run."""
        for source in (self.partial, None if self.redone else self.record):
            if source and what in source.about and self._counting(source.trials):
                return source.about[what]
        return getattr(self.experiment, what)

    def _begin(self) -> Partial:
        """A partial record that keeps the prediction of the trials that count already."""
        about = {"experiment": self.experiment.name, "prediction": self.stated("prediction")}
        path = partial_path(self.experiment.name, self.folder, self.quick)
        if self.redone:
            about["redo"] = True
        return Partial.begin(path, about, self.partial.trials if self.partial else [])

    def _about(self, prediction: str) -> dict[str, Any]:
        trials = list(self.trials.values())
        parts = {part: [t["versions"][part] for t in trials] for part in trials[0]["versions"]}
        noise = {"noise": json.loads(json.dumps(self.experiment.noise))}
        return {
            "experiment": self.experiment.name,
            "question": self.experiment.question,
            "prediction": prediction,
            "protocol": self.experiment.protocol,
            "quick": self.quick,
            "seeds": list(self.experiment.seeds),
            **(noise if self.experiment.noise else {}),
            "fingerprint": self.code,
            "versions": {part: _together(found) for part, found in parts.items()},
            "processor": _together([t["where"]["processor"] for t in trials]),
            "seconds": round(sum(t["seconds"] for t in trials), 1),
            "date": max(t["finished"] for t in trials)[:10],
        }


def _together(values: list[str]) -> str:
    """The different ones, in one line."""
    return "; ".join(dict.fromkeys(values))
