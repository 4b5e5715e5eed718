"""The hidden text: one that no entry can have read, to hold against the public one."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ternary.contest.text import fixed_texts
from ternary.errors import TernaryError

MIN_HIDDEN, MAX_HIDDEN = 10_000, 1_000_000  # bytes that a verdict can rest on, in seconds
HIDDEN_BYTES = 40_000
PASSAGE = 50  # bytes, as in chapter 9
MAX_REPEATED = 0.1
LEFT_OUT = {"test", "tests", "idlelib", "lib2to3", "pydoc_data", "site-packages", "turtledemo"}


def read_hidden(path: str | Path) -> bytes:
    """A text of the instructor's own, to hold against the public one.

    Raises
    ------
    TernaryError
        If it is too short or too long, is no text, or repeats the contest's own texts.
    """
    text = Path(path).read_bytes()
    if not MIN_HIDDEN <= len(text) <= MAX_HIDDEN:
        raise TernaryError(
            f"{path} has {len(text):,} bytes; expected {MIN_HIDDEN:,} to {MAX_HIDDEN:,} of a text "
            "that the entries cannot have read"
        )
    try:
        text.decode()
    except UnicodeDecodeError:
        raise TernaryError(f"{path} is no text in UTF-8; give one, or make it by --draw") from None
    repeated = share_repeated(text)
    if repeated > MAX_REPEATED:
        raise TernaryError(
            f"{repeated:.0%} of {path} stands in the contest's own texts; expected at most "
            f"{MAX_REPEATED:.0%} of a text that the entries cannot have read"
        )
    return text


def share_repeated(text: bytes) -> float:
    """Share of the passages of a text that stand in one of the fixed texts, letter for letter.

    Examples
    --------
    >>> training, held_out = fixed_texts()
    >>> share_repeated(training[1000:2000]), share_repeated(training[1000:2000][::-1])
    (1.0, 0.0)
    """
    known = {part[i : i + PASSAGE] for part in fixed_texts() for i in range(len(part) - PASSAGE)}
    n = len(text) - PASSAGE + 1
    return sum(text[i : i + PASSAGE] in known for i in range(n)) / n


def draw_hidden(seed: int, n_bytes: int = HIDDEN_BYTES) -> bytes:
    """Docstrings of this Python's standard library, chosen by a seed that nobody else knows.

    They are by the same authors about the same matters. Another Python has others, so keep the
    text, not the seed.

    Raises
    ------
    TernaryError
        If the standard library has too few, as where only its bytecode is installed.

    Examples
    --------
    >>> len(draw_hidden(1)), draw_hidden(1) == draw_hidden(1), draw_hidden(1) == draw_hidden(2)
    (40000, True, False)
    """
    library = Path(sysconfig.get_path("stdlib"))
    paths = sorted(_sources(library))
    found, size = list[str](), 0
    for i in np.random.default_rng(seed).permutation(len(paths)):
        for docstring in _docstrings(paths[i]):
            found.append(docstring)
            size += len(docstring.encode()) + 2
        if size > n_bytes:
            return "\n\n".join(found).encode()[:n_bytes].decode(errors="ignore").encode()
    raise TernaryError(
        f"{library} holds {size:,} bytes of docstrings; expected {n_bytes:,}. Give a text of your "
        "own with --hidden"
    )


def _sources(folder: Path) -> Iterator[Path]:
    """The files of Python in a folder and those below it, but for `LEFT_OUT`."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in LEFT_OUT:
            yield from _sources(path)
        elif path.suffix == ".py":
            yield path


def _docstrings(path: Path) -> Iterator[str]:
    """The docstrings of a paragraph or more in a file of Python, which is read and not run."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            docstring = ast.get_docstring(node) or ""
            if len(docstring) >= 400:
                yield docstring
