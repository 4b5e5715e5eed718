"""What an answer may not do while it is graded, and how it is noticed.

This keeps a course honest and its checks alive; it is no sandbox. Who grades strangers runs the
whole command in a container, as Gradescope and Classroom 50 do.
"""

from __future__ import annotations

import ast
import builtins
import importlib.abc
import importlib.machinery
import io
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

ANSWER = "<answer>"  # the file name of the reader's text, in tracebacks
PACKAGE = __name__.partition(".")[0]
ROOT = Path(__file__).absolute().parents[1]  # the package's own files
KEPT = 2_000  # characters of what an answer prints
# Ways out of an answer into the grader that runs it; no step needs one of them.
BACK_DOORS = {"__globals__", "__builtins__", "__closure__", "__code__", "__subclasses__"}
BACK_DOORS |= {"f_back", "f_globals", "f_locals", "tb_frame", "gi_frame", "_getframe"}
BACK_DOORS |= {"currentframe", "get_referrers", "get_objects", "meta_path", "addaudithook"}
BACK_DOORS |= {"settrace", "setprofile"}
# What an answer may import: NumPy, the program that it belongs to, and what Python brings.
IMPORTS = {"numpy", "ternary_train", "ternary_parts", *sys.stdlib_module_names}
PROGRAMS = {"subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.spawn"}
PROGRAMS |= {"os.posix_spawn", "os.startfile", "pty.spawn", "socket.connect", "socket.bind"}


class Refused(BaseException):  # the reader's `except Exception` must not catch it
    """An answer that does what none may do; its text is for the reader."""


class _Watch:
    """What the audit hook, which cannot be taken away again, is to look at now."""

    def __init__(self) -> None:
        self.on, self.installed = False, False
        self.seen: list[str] = []

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open" and isinstance(args[0], str | bytes | os.PathLike):
            path = Path(os.path.abspath(os.fsdecode(args[0])))  # noqa: PTH100  (no links to follow)
            name = path.name.partition(".")[0]  # a .pyc has the version of Python behind it
            program = name in ("ternary_train", "ternary_parts")
            if path.suffix in (".py", ".pyc") and (program or path.is_relative_to(ROOT)):
                self.refuse(f"it opens {name}.py, in which the answer stands")
        elif event in PROGRAMS:
            self.refuse(f"it starts another program or a connection ({event})")

    def refuse(self, what: str) -> None:
        self.seen.append(what)
        raise Refused(what)


_watch = _Watch()


class _NoPackage(importlib.abc.MetaPathFinder):
    """Finds nothing of the package, and remembers that it was asked."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] == PACKAGE:
            _watch.refuse(f"it imports {name}, the package's own implementation")
        return None


def refused_words(tree: ast.AST) -> str:
    """What an answer's text asks for that no answer may use; empty if there is nothing."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(name.partition(".")[0] == PACKAGE for name in names):
            return f"line {_line(node)} imports {PACKAGE}, the package's own implementation"
        for name in (each.partition(".")[0] for each in names):
            if name and name not in IMPORTS:
                return f"line {_line(node)} imports {name}; NumPy alone is needed"
        word = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            word = node.value
        if word in BACK_DOORS:
            return f"line {_line(node)} uses {word}, a way into the grader"
    return ""


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


class Bounded(io.TextIOBase):
    """Standard output of an answer: its beginning is kept, the rest only counted."""

    def __init__(self) -> None:
        self.text, self.count = "", 0

    def write(self, text: str) -> int:
        self.count += len(text)
        if len(self.text) < KEPT:
            self.text += text[: KEPT - len(self.text)]
        return len(text)


def _watched() -> Iterator[ModuleType]:
    yield from (builtins, math)
    for name, module in list(sys.modules.items()):
        if name.startswith(("numpy", f"{PACKAGE}.course")) and isinstance(module, ModuleType):
            yield module


class Snapshot:
    """NumPy, the builtins and the grader as they are now."""

    def __init__(self) -> None:
        self.modules = [(module, dict(vars(module))) for module in _watched()]
        mine = [vs for module, vs in self.modules if module.__name__.startswith(PACKAGE)]
        functions = {id(f): f for vs in mine for f in vs.values() if isinstance(f, FunctionType)}
        self.codes = [(f, f.__code__, f.__defaults__) for f in functions.values()]

    def changes(self) -> list[str]:
        """Names that were replaced since; they are put back."""
        found = []
        for module, before in self.modules:
            now = vars(module)
            for name, value in before.items():
                if now.get(name, self) is not value:
                    now[name] = value
                    found.append(f"{module.__name__}.{name}")
        for function, code, defaults in self.codes:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                function.__code__, function.__defaults__ = code, defaults
                found.append(f"{function.__module__}.{function.__name__}")
        return found


@contextmanager
def guarded(given: dict[str, ModuleType], output: Bounded) -> Iterator[list[str]]:
    """Run an answer with the modules it may import, and with nothing of the package.

    Yields a list that in the end holds what was refused, also what the answer has caught itself.
    """
    if not _watch.installed:
        sys.addaudithook(_watch.hook)
        _watch.installed = True
    names = (PACKAGE, *given)
    hidden = {k: m for k, m in sys.modules.items() if k.partition(".")[0] in names}
    for name in hidden:
        del sys.modules[name]
    sys.modules.update(given)
    blocker = _NoPackage()
    streams = sys.stdout, sys.stderr, sys.stdin
    errors, limit, finders = np.geterr(), sys.getrecursionlimit(), list(sys.meta_path)
    sys.meta_path.insert(0, blocker)
    sys.stdout = sys.stderr = output
    sys.stdin = io.StringIO()
    _watch.seen, _watch.on = [], True
    seen = _watch.seen
    np.seterr(all="ignore")
    try:
        yield seen
    finally:
        _watch.on = False
        sys.stdout, sys.stderr, sys.stdin = streams
        sys.meta_path[:] = finders
        sys.setrecursionlimit(limit)
        np.seterr(**errors)
        for name in [k for k in sys.modules if k.partition(".")[0] in names]:
            del sys.modules[name]
        sys.modules.update(hidden)
