"""A fingerprint of the code that a trial runs: the same as long as that code is the same.

A record says with which code its values were made. The version number of the package is too coarse
for that, and the bytes of its files are too fine: a corrected docstring changes no value. So we
start at the function that measures and follow every name that it uses, through the package, to the
functions, classes and constants that stand behind them. What they do is hashed; docstrings,
comments, annotations and the layout of the lines are not.

It is read from the source alone. A class is taken whole, with its methods and bases; what is chosen
from a table, as a projection by its name, is reached because the table is used. Not seen are other
packages such as NumPy, files of data, and names that are put together while the program runs.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from ternary.errors import TernaryError

Place: TypeAlias = tuple[str, str]  # a module, and a name at its top level
EVERYTHING = "*"
NOT_HASHED = {"ctx", "returns", "annotation", "type_comment", "type_params", "kind"}

OWN_NAMES = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)


def fingerprint(function: Callable[..., Any]) -> str:
    """Sixteen hexadecimal digits for the code of a function and of all that it uses.

    Parameters
    ----------
    function
        A function of a module. Names are followed through its own package and through `ternary`.

    Raises
    ------
    TernaryError
        If its source cannot be read.

    Examples
    --------
    >>> from ternary.optim import clip_gradients, learning_rate
    >>> len(fingerprint(learning_rate)), fingerprint(learning_rate) == fingerprint(clip_gradients)
    (16, False)
    """
    content = repr(sorted(code_of(function).items()))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def code_of(function: Callable[..., Any]) -> dict[Place, list[str]]:
    """What the code of a function and of all that it uses does, by place."""
    start = function.__module__, function.__qualname__.split(".")[0]
    if not _module(start[0]).statements.get(start[1]):
        raise TernaryError(f"the source of {function!r} cannot be read; expected def in a module")
    packages = {start[0].split(".")[0], "ternary"}
    found: dict[Place, list[str]] = {}
    left = [start]
    while left:
        place = left.pop()
        if place not in found and place[0].split(".")[0] in packages:
            module = _module(place[0])
            found[place] = [meaning(each) for each in module.statements.get(place[1], ())]
            left += module.places(place[1])
    return found


@dataclass
class Module:
    """The top level of a source: the statements behind every name, and what it imports."""

    name: str
    statements: dict[str, list[ast.stmt]]
    imports: dict[str, Place]

    def places(self, name: str) -> Iterator[Place]:
        """Where a name leads: to what it was imported from, or to all that its definition uses."""
        if name == EVERYTHING:
            yield from ((self.name, each) for each in self.statements)
        elif name in self.statements:
            for statement in self.statements[name]:
                yield from self._uses(statement)
        elif name in self.imports:
            yield self.imports[name]
        else:
            yield f"{self.name}.{name}", EVERYTHING  # a module of a package, or nothing

    def _uses(self, statement: ast.stmt) -> Iterator[Place]:
        nodes = list(_code(statement))
        imports = self.imports | dict(_imports(nodes, self.name))
        owners = set()
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                owner = self._as_module(imports.get(node.value.id))
                if owner:  # module.name: no more of the module than that
                    owners.add(node.value)
                    yield owner, node.attr
        for node in nodes:
            if isinstance(node, ast.Name) and node not in owners:
                if node.id in self.statements:
                    yield self.name, node.id
                elif node.id in imports:
                    yield imports[node.id]

    def _as_module(self, place: Place | None) -> str | None:
        """The module that an import made a name for; None where it is something in a module."""
        if place is None or place[0].split(".")[0] not in (self.name.split(".")[0], "ternary"):
            return None
        if place[1] == EVERYTHING:
            return place[0]
        home, inside = _module(place[0]), ".".join(place)
        known = place[1] in home.statements or place[1] in home.imports
        return inside if not known and _module(inside).statements else None


def meaning(node: object) -> str:
    r"""What a piece of code does, as text: the same for every version of Python.

    Examples
    --------
    >>> a, b = "def f(x: int):  # why\n  'What.'\n  return x+1", "def f(x):\n    return x + 1"
    >>> meaning(ast.parse(a)) == meaning(ast.parse(b))
    True
    """
    if isinstance(node, list):
        return "[" + ",".join(map(meaning, node)) + "]"
    if isinstance(node, ast.Constant):
        return repr(node.value)
    if isinstance(node, ast.JoinedStr):  # how its text is cut differs between versions
        texts = (repr(v.value)[1:-1] if isinstance(v, ast.Constant) else None for v in node.values)
        pairs = zip(texts, node.values, strict=True)
        return "f" + "".join(meaning(v) if text is None else text for text, v in pairs)
    if not isinstance(node, ast.AST):
        return repr(node)
    inside = (f"{name}={meaning(value)}" for name, value in _fields(node))
    return f"{type(node).__name__}({','.join(inside)})"


def _fields(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """The fields of a node that have a meaning, without texts that stand for themselves."""
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            value = [each for each in value if not _is_text(each)]
        if name not in NOT_HASHED and value not in (None, []):
            yield name, value


def _code(node: ast.AST, closed: tuple[type[ast.AST], ...] = ()) -> Iterator[ast.AST]:
    """A node and all below it that has a meaning; what is inside `closed` ones is left out."""
    yield node
    for _, value in _fields(node):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST) and not isinstance(each, closed):
                yield from _code(each, closed)


def _is_text(node: object) -> bool:
    """Whether a statement is a docstring, or any other text that does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imports(nodes: Iterable[ast.AST], module: str) -> Iterator[tuple[str, Place]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for each in node.names:
                name = each.name if each.asname else each.name.split(".")[0]
                yield each.asname or name, (name, EVERYTHING)
        elif isinstance(node, ast.ImportFrom):
            home = "." * node.level + (node.module or "")
            if node.level:
                package = getattr(sys.modules.get(module), "__package__", module.rpartition(".")[0])
                home = importlib.util.resolve_name(home, package)
            for each in node.names:
                yield each.asname or each.name, (home, each.name)


def _module(name: str) -> Module:
    """The source of a module, parsed; an empty one where there is no module, or no source."""
    try:
        if name in sys.modules:
            return _parsed(name, inspect.getsource(sys.modules[name]))
        spec = importlib.util.find_spec(name)
        source = spec.loader.get_source(name)  # type: ignore[union-attr]
    except (ImportError, AttributeError, OSError, TypeError, ValueError):
        return Module(name, {}, {})
    return _parsed(name, source or "")


@cache
def _parsed(name: str, source: str) -> Module:
    statements: dict[str, list[ast.stmt]] = defaultdict(list)
    tree = ast.parse(source)
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            statements[statement.name].append(statement)
        elif not isinstance(statement, ast.Import | ast.ImportFrom) and not _is_text(statement):
            names = [node for node in _code(statement, OWN_NAMES) if isinstance(node, ast.Name)]
            bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
            for each in bound or {node.id for node in names}:  # or else changes: table["x"] = y
                statements[each].append(statement)
    return Module(name, dict(statements), dict(_imports(ast.walk(tree), name)))
