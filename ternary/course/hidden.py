"""An instructor's own checks: pytest files in a folder of theirs, run on the reader's answers.

They run in a process of their own, with pytest-grader's points and time limits. Of a file nothing
is told but its name, the first line of its docstring, how many of its checks hold, and how many
were stopped because their time was over. Neither the
names of checks nor what they print nor their errors leave that process.
"""

from __future__ import annotations

import ast
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ternary.course.isolated import run_apart
from ternary.course.limits import SECONDS
from ternary.errors import TernaryError

FILE = 12  # times the limit of one check, for all checks of a file


@dataclass(frozen=True)
class Hidden:
    """What may be known of one file of hidden checks.

    Attributes
    ----------
    name
        The first line of the file's docstring, or "hidden checks N".
    passed, total
        How many checks hold, of how many.
    score, points
        The same in points; a check without any has one.
    late
        How many were stopped, or not come to, because time was over.
    """

    name: str
    passed: int
    total: int
    score: int
    points: int
    late: int = 0

    def line(self) -> str:
        """It in words."""
        word = "PASS" if self.passed == self.total else "FAIL"
        late = f" ({self.late} out of time; --seconds gives more)" if self.late else ""
        return f"{word}  {self.name}: {self.passed} of {self.total} hidden checks hold{late}"


def require_pytest(option: str) -> None:
    """Fail in words where the extra that brings pytest is not installed."""
    for name in ("pytest", "pytest_grader") if option == "--hidden" else ("pytest",):
        if find_spec(name) is None:
            raise TernaryError(f"{option} needs {name}; pip install 'ternary-book[course]'")


def run_hidden(folder: Path, answers: dict[str, str], seconds: float = SECONDS) -> list[Hidden]:
    """Run the checks of a folder on texts of answers, by step."""
    require_pytest("--hidden")
    found = []
    for number, file in enumerate(hidden_files(folder), 1):
        with tempfile.TemporaryDirectory() as empty:
            job = {"file": str(file), "answers": answers, "each": seconds}
            how, _, told = run_apart("hidden_process", job, empty, seconds * FILE)
        found.append(_count(_name_of(file, number), told, how == "time"))
    return found


def hidden_files(folder: Path) -> list[Path]:
    """The files of a folder of hidden checks.

    Raises
    ------
    TernaryError
        If there is no such folder, or none in it.
    """
    if not folder.is_dir():
        raise TernaryError(f"--hidden {folder}: there is no such folder")
    files = sorted(folder.resolve().glob("test_*.py"))
    if not files:
        raise TernaryError(f"--hidden {folder}: it has no files test_*.py")
    return files


def _count(name: str, told: list[dict[str, object]], late: bool) -> Hidden:
    """Count what the process told; a check that it did not come to has not passed."""
    planned = {str(t["id"]): int(str(t["points"])) for t in told if "points" in t}
    held = {str(t["id"]) for t in told if t.get("passed")} & planned.keys()
    if not planned:  # the file could not even be read, or ended its process
        return Hidden(name, 0, 1, 0, 1, int(late))
    stopped = {str(t["id"]) for t in told if t.get("late")}
    if late:
        stopped |= planned.keys() - {str(t["id"]) for t in told if "points" not in t}
    score = sum(planned[each] for each in held)
    return Hidden(name, len(held), len(planned), score, sum(planned.values()), len(stopped))


def _name_of(file: Path, number: int) -> str:
    try:
        doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    except (SyntaxError, ValueError) as error:
        raise TernaryError(f"{file} cannot be read by Python: {error}") from None
    return doc.splitlines()[0] if doc else f"hidden checks {number}"
