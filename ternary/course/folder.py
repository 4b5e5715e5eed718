"""The reader's folder: one file for each step that was started, and the predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ternary.checkpoint import write_file
from ternary.course.step import STEPS, Step
from ternary.errors import TernaryError

DEFAULT = "answers"
PREDICTIONS_FILE = "predictions.json"


def path_of(folder: Path, step: Step) -> Path:
    """Where the answer to a step lies."""
    return folder / f"{step.id}.py"


def started(folder: Path) -> list[Step]:
    """The steps of which there is a file, in the order of the book."""
    return [step for step in STEPS.values() if path_of(folder, step).is_file()]


def start(folder: Path, step: Step) -> tuple[Path, bool]:
    """Write a step's stub; the file, and whether it is new. A file that is there is left alone."""
    path = path_of(folder, step)
    if folder.exists() and not folder.is_dir():
        raise TernaryError(f"{folder} is a file; name a folder for your answers with --folder")
    if path.exists():
        return path, False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(path, lambda file: file.write(step.stub.encode()))
    except OSError as error:
        raise TernaryError(
            f"{path} cannot be written ({error.strerror}); name another folder with --folder"
        ) from None
    return path, True


def reset(folder: Path, step: Step) -> tuple[Path, Path]:
    """Put the stub back; the file, and where what was in it is kept now."""
    path = path_of(folder, step)
    if not path.is_file():
        raise TernaryError(
            f"there is no {path} to reset; begin with: ternary course start {step.id}"
        )
    number = 1
    while (backup := path.with_name(f"{path.name}.backup{number}")).exists():
        number += 1
    path.rename(backup)
    start(folder, step)
    return path, backup


class UnreadableError(TernaryError):
    """A file that is there and cannot be read: its step has not passed, and the others go on."""


def read(path: Path, step: Step) -> str:
    """The text of an answer.

    Raises
    ------
    TernaryError
        If there is no such file; it says what to do.
    UnreadableError
        If it cannot be read, or is no text.
    """
    if not path.is_file():
        raise TernaryError(f"there is no file {path}; begin with: ternary course start {step.id}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path} is no text in UTF-8 ({error}); save it as UTF-8") from None
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read ({error.strerror})") from None


def commitments(folder: Path) -> dict[str, str]:
    """What the reader has committed to, by prediction."""
    path = folder / PREDICTIONS_FILE
    if not path.is_file():
        return {}
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(x, str) for x in found.values()):
        raise TernaryError(f"{path} is no list of predictions; move it away to begin anew")
    return found


def commit(folder: Path, prediction: str, answer: str) -> None:
    """Remember an answer; the first one stays."""
    found = commitments(folder)
    found.setdefault(prediction, answer)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=2) + "\n"
    write_file(folder / PREDICTIONS_FILE, lambda file: file.write(text.encode()))
