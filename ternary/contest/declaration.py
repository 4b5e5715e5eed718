"""What a contestant declares: the CPU-minutes of the training, and how it was done.

It lies beside the model, as ``FILE.json``. The training command writes it from the clock of its own
process. Whoever wants to can write another number: nothing in a file of weights shows how long it
was trained. It is trust, and the instructor's check of it is to run the command again.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from ternary import __version__
from ternary.checkpoint import write_file
from ternary.errors import TernaryError

BUDGET = 10.0  # CPU-minutes
FORMAT = "ternary contest 1"


@dataclass(frozen=True)
class Declaration:
    """CPU-minutes, how the model was made, and which file it is about.

    Attributes
    ----------
    cpu_minutes
        Of all threads of the run that made the model, failed attempts not included.
    how
        The command, or the name of the program.
    machine
        Processor and versions.
    sha256
        Of the file.
    """

    cpu_minutes: float
    how: str
    machine: str
    sha256: str

    @property
    def within_budget(self) -> bool:
        """Whether the declared time is within the budget."""
        return self.cpu_minutes <= BUDGET


def beside(path: str | Path) -> Path:
    """Where the declaration of a file lies."""
    path = Path(path)
    return path.with_name(path.name + ".json")


def declare(path: str | Path, cpu_minutes: float, how: str) -> Declaration:
    """Write the declaration of a model file, for a training loop of your own.

    Parameters
    ----------
    path
        The packed model.
    cpu_minutes
        ``time.process_time() / 60`` at the end of the run.
    how
        What made it.
    """
    machine = f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}"
    machine += f", ternary {__version__}"
    found = Declaration(round(cpu_minutes, 4), how, machine, _digest(Path(path)))
    text = json.dumps({"format": FORMAT, **asdict(found)}, indent=1) + "\n"
    write_file(beside(path), lambda file: file.write(text.encode()))
    return found


def read_declaration(path: str | Path) -> Declaration | None:
    """The declaration of a model file, or None where there is none.

    Raises
    ------
    TernaryError
        If it is not readable, or was written for another file.
    """
    source = beside(path)
    if not source.exists():
        return None
    try:
        given = json.loads(source.read_bytes())
        if given.pop("format") != FORMAT:
            raise ValueError("another format")
        found = Declaration(**given)
        for field in fields(Declaration):
            expected = float if field.name == "cpu_minutes" else str
            if not isinstance(getattr(found, field.name), expected):
                raise ValueError(f"{field.name} is {getattr(found, field.name)!r}")
        if not 0 <= found.cpu_minutes < math.inf:
            raise ValueError(f"cpu_minutes is {found.cpu_minutes}")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TernaryError(
            f"{source} is no declaration ({error}); write it with `contest train` or "
            "`ternary.contest.declare`, or remove it"
        ) from None
    if found.sha256 != _digest(Path(path)):
        raise TernaryError(
            f"{source} was written for another file: its SHA-256 differs from that of {path}. "
            "Train again, or remove it"
        )
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
