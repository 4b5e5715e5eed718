"""Remembers what a check asked and what came, to tell a known mistake from an unknown one."""

from __future__ import annotations

import contextlib
import copy
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ternary.course import program
from ternary.course.compare import describe
from ternary.course.step import Step, Wrong


@dataclass
class Call:
    """One call: the arguments as they were, then what it returned, changed and printed."""

    asked: Any
    came: Any = None
    error: BaseException | None = None
    errors: Any = None  # how NumPy was to treat a division by 0


class Recorder:
    """Calls the reader's function and remembers every call."""

    def __init__(self, function: Any) -> None:
        self.function, self.printed = function, ""
        self.calls: list[Call] = []

    def __call__(self, *args: Any) -> Any:
        call = Call(copy.deepcopy(args), errors=np.geterr())
        self.calls.append(call)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            try:
                result = self.function(*args)
            except BaseException as error:
                call.error = error
                raise
            finally:
                self.printed = printed.getvalue()
        print(self.printed, end="")
        call.came = copy.deepcopy((result, [_after(each) for each in args], self.printed))
        return result

    def told(self) -> str:
        """The last call in words."""
        if not self.calls:
            return ""
        return ", ".join(map(describe, self.calls[-1].asked))


def _after(argument: Any) -> Any:
    if isinstance(argument, Path):
        return argument.read_bytes() if argument.is_file() else None
    return argument if isinstance(argument, np.ndarray | dict | list) else None


def find_mistake(step: Step, answer: Any, calls: list[Call]) -> str:
    """What is said of the wrong answer that would have done the same in all these calls."""
    for wrong in step.wrong:
        module = program.modules(edit=(step.id, wrong.find, wrong.replace))
        vars(module["ternary_train"]).update(step.given())
        theirs = getattr(module[program.file_with(step.id)], step.id)
        if not callable(theirs):
            if _alike(theirs, answer, True):
                return wrong.says
        elif calls and all(_repeats(step, wrong, theirs, call) for call in calls):
            return wrong.says
    return ""


def _repeats(step: Step, wrong: Wrong, function: Any, call: Call) -> bool:
    """Whether a function does in a call what the answer did.

    An error counts only where the book's function raises one too, so that its words are asked for,
    or where it is known to tell; elsewhere two answers may break alike for reasons of their own.
    """
    again = _again(function, call)
    if again.error is None or call.error is None:
        return again.error is call.error and _alike(again.came, call.came, step.prints)
    if type(again.error) is not type(call.error) or str(again.error) != str(call.error):
        return False
    if wrong.breaks:
        return True
    right = program.modules()
    vars(right["ternary_train"]).update(step.given())
    return _again(getattr(right[program.file_with(step.id)], step.id), call).error is not None


def _again(function: Any, call: Call) -> Call:
    """The same call of another function."""
    with tempfile.TemporaryDirectory() as folder:
        args = copy.deepcopy(call.asked)
        args = tuple(Path(folder, a.name) if isinstance(a, Path) else a for a in args)
        again = Recorder(function)
        with (
            contextlib.suppress(Exception),
            contextlib.redirect_stdout(io.StringIO()),
            np.errstate(**call.errors),
        ):
            again(*args)
    return again.calls[0]


def _alike(a: Any, b: Any, prints: bool = True) -> bool:
    """Whether two values are the same but for rounding."""
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        if not prints and isinstance(a, tuple) and len(a) == 3 and isinstance(a[2], str):
            a, b = a[:2], b[:2]
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray | np.generic | float) and a is not None:
        if not isinstance(b, np.ndarray | np.generic | float | int):
            return False
        x, y = np.asarray(a), np.asarray(b)
        if x.shape != y.shape or (x.ndim and x.dtype != y.dtype):
            return False
        return bool(np.allclose(x, y, 1e-4, 1e-6, equal_nan=True))
    return type(a) is type(b) and bool(a == b)
