"""The reader's program as the grader needs it: its text, its functions, and what precedes a step.

The reference of a step is a function of `book/program/`, the files that the chapters print; of a
step that lies beside the program, one of `beside.py`. They are read as text and run here, so that
an answer cannot import them by accident.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ternary.errors import TernaryError

HERE = Path(__file__).parent
PLACES = (
    HERE / "readers_program",  # in an installed package: `setup.py` puts them there
    HERE.parents[1] / "book" / "program",  # in a copy of the repository
    HERE.parents[1],  # in a page, where the files of the program lie beside the package
)
FILES = ("ternary_train", "ternary_parts", "beside")  # each may use what the earlier ones define


@cache
def text_of(name: str) -> str:
    """The text of one of the three files."""
    for folder in (HERE,) if name == "beside" else PLACES:
        if (path := folder / f"{name}.py").is_file():
            return path.read_text(encoding="utf-8")
    looked = ", ".join(map(str, PLACES))
    raise TernaryError(f"there is no {name}.py in {looked}; install the package again")


@cache
def functions_of(name: str) -> dict[str, str]:
    """The functions of a file, in its order, each with its text; and values with small letters."""
    text, found = text_of(name), {}
    for node in ast.parse(text).body:
        named = node.name if isinstance(node, ast.FunctionDef) else ""
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named = node.targets[0].id if node.targets[0].id.islower() else ""
        if named:
            found[named] = ast.get_source_segment(text, node) or ""
    return found


def file_with(function: str) -> str:
    """The name of the file that defines a function."""
    return next(name for name in FILES if function in functions_of(name))


def reference(function: str) -> str:
    """The text of a function as the book has it."""
    return functions_of(file_with(function))[function]


def signature(function: str) -> str:
    """Its first line or lines, up to the colon.

    >>> signature("to_groups")
    'def to_groups(W):'
    """
    text = reference(function)
    start = ast.parse(text).body[0].body[0].lineno  # type: ignore[attr-defined]
    return "\n".join(text.splitlines()[: start - 1])


@cache
def _code(name: str, edited: str = "", find: str = "", replace: str = "") -> Any:
    text = text_of(name)
    if edited and edited in functions_of(name):
        whole = functions_of(name)[edited]
        text = text.replace(whole, whole.replace(find, replace))
    text = re.sub(r'(?m)^if __name__ == "__main__":(\n.*)+\Z', "", text)
    return compile(text, f"<{name}>", "exec")


def modules(until: str = "", edit: tuple[str, str, str] = ("", "", "")) -> dict[str, ModuleType]:
    """The files of the program, run anew, as modules.

    Parameters
    ----------
    until
        A function: it and all that come after it are left out.
    edit
        A function, a piece of its text, and what to put in its place.
    """
    made: dict[str, ModuleType] = {}
    missing = dict.fromkeys((*FILES, "ternary_train"), None)
    hidden = {name: sys.modules.pop(name) for name in missing if name in sys.modules}
    try:
        for name in FILES:
            module = made[name] = sys.modules[name] = ModuleType(name)
            exec(_code(name, *edit), module.__dict__)
    finally:
        for name in FILES:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)
    if until:
        every = [(name, function) for name in FILES for function in functions_of(name)]
        first = every.index((file_with(until), until))
        for name, function in every[first:]:
            del made[name].__dict__[function]
    for module in made.values():  # what one file has from another is not its own
        for other in made.values():
            if other is not module:
                for function in functions_of(other.__name__):
                    if function not in other.__dict__:
                        module.__dict__.pop(function, None)
    return made


class Book:
    """The functions of the program, by name; they are run when one is first asked for."""

    def __getattr__(self, name: str) -> Any:
        for module in _reference_modules().values():
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)


@cache
def _reference_modules() -> dict[str, ModuleType]:
    return modules()


book: Any = Book()
