"""Trials that are done, of an experiment that is not: one line of JSON each, kept at once.

The file `NAME.partial.jsonl` lies beside the record that it will become. Its first line says which
experiment it belongs to; every other line is a trial, written and flushed to the disk before the
next is counted. A line that was cut short by a crash has no end, so it is known, and left out. The
file can be committed, and copied to another machine, where the run goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ternary.checkpoint import write_file
from ternary.errors import TernaryError
from ternary.experiments.record import Trial, problem_of_trial, record_path

FORMAT = "ternary trials 1"
FIRST = ("format", "experiment")
EXPECTED = ("settings", "seed", "seconds", "finished", "fingerprint", "versions", "where")


def partial_path(name: str, folder: str | Path, quick: bool = False) -> Path:
    """The file of the trials that are kept until the record is complete."""
    return record_path(name, folder, quick).with_suffix(".partial.jsonl")


@dataclass
class Partial:
    """A file of trials.

    Attributes
    ----------
    about
        The first line: the experiment, and what it stated when the file was begun.
    trials
        All other lines, the failed ones too (they have an ``error`` and no ``values``).
    """

    path: Path
    about: dict[str, Any]
    trials: list[Trial] = field(default_factory=list)
    _size: int = 0  # bytes of all whole lines

    @classmethod
    def read(cls, path: Path) -> Partial | None:
        """Read a file; None where there is none, or none of its lines was completed.

        Raises
        ------
        TernaryError
            If it holds anything else than trials. Nothing in it is changed.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        whole = content[: content.rfind(b"\n") + 1]
        lines: list[dict[str, Any]] = []
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                lines.append(json.loads(line))
                problem: object = set(EXPECTED if number > 1 else FIRST) - set(lines[-1])
                problem = problem or lines[0]["format"] != FORMAT
                problem = problem or (number > 1 and problem_of_trial(lines[-1]))
            except (ValueError, TypeError, RecursionError):
                problem = True
            if problem:
                raise TernaryError(
                    f"{path}, line {number}, is not {'a trial' if number > 1 else repr(FORMAT)}; "
                    "mend or remove that line, move the file away, or start anew with --redo"
                )
        return cls(path, lines[0], lines[1:], len(whole)) if lines else None

    @classmethod
    def begin(cls, path: Path, about: dict[str, Any], trials: Sequence[Trial] = ()) -> Partial:
        """A new file with the trials that are there already, in place of the one that may be."""
        content = b"".join(map(_line, [{"format": FORMAT, **about}, *trials]))
        write_file(path, lambda file: file.write(content))
        sync_folder(path.parent)
        return cls(path, about, list(trials), len(content))

    def add(self, trial: Trial) -> None:
        """Append a trial; when this returns, it is on the disk.

        Raises
        ------
        OSError
            If it cannot be written. The trials before it are as they were.
        """
        line = _line(trial)
        with open(self.path, "r+b", buffering=0) as file:
            file.truncate(self._size)  # without the line that a crash cut short
            file.seek(self._size)
            try:
                _write_all(file.fileno(), line)
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(self._size)
                raise
        self._size += len(line)
        self.trials.append(trial)


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def sync_folder(folder: Path) -> None:
    """Let the names in a folder reach the disk; Windows has no call for it."""
    if sys.platform != "win32":
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
