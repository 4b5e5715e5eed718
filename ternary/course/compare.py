"""What was expected and what came, in words."""

from __future__ import annotations

from typing import Any

import numpy as np


class Failed(Exception):  # noqa: N818  (no error of the program: a verdict on an answer)
    """A check that an answer does not pass; its text is for the reader."""


def require(condition: Any, message: str) -> None:
    """Fail with a message in words unless a condition holds."""
    if not condition:
        raise Failed(message)


def describe(value: Any) -> str:
    """A value in a few words.

    >>> describe(np.zeros((3, 4), np.float32))
    'an array float32 (3, 4)'
    >>> describe((np.int8(1), "a"))
    "a tuple of 2: int8 1, 'a'"
    """
    if isinstance(value, np.ndarray):
        return f"an array {value.dtype} {value.shape}"
    if isinstance(value, np.generic):
        return f"{value.dtype} {value!s}"
    if isinstance(value, tuple | list) and value:
        shown = ", ".join(describe(each) for each in value[:4])
        return f"a {type(value).__name__} of {len(value)}: {shown}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({type(value).__name__})"


def same(
    what: str, came: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-6, dtype: bool = False
) -> None:
    """Fail unless `came` is what was expected, within rounding; say where it differs."""
    if isinstance(expected, tuple | list) and len(expected) != 1:
        _same_parts(what, came, expected, rtol, atol, dtype)
    elif isinstance(expected, dict):
        require(isinstance(came, dict), f"{what}: expected a dict, came {describe(came)}")
        lost = [key for key in expected if key not in came]
        require(not lost, f"{what}: the key {lost[:1]} is missing")
        for key, value in expected.items():
            same(f"{what}[{key!r}]", came[key], value, rtol, atol, dtype)
    elif isinstance(expected, np.ndarray | np.generic | float | int) and expected is not True:
        _same_numbers(what, came, expected, rtol, atol, dtype)
    else:
        equal = type(came) is type(expected) and came == expected
        require(equal, f"{what}: expected {describe(expected)}, came {describe(came)}")


def _same_parts(what: str, came: Any, expected: Any, rtol: float, atol: float, dtype: bool) -> None:
    names = [part.strip() for part in what.split(",")]
    fits = isinstance(came, tuple | list) and len(came) == len(expected)
    require(fits, f"expected {len(expected)} values ({what}), came {describe(came)}")
    for number, (part, value) in enumerate(zip(came, expected, strict=True)):
        name = names[number] if len(names) == len(expected) else f"{what}[{number}]"
        same(name, part, value, rtol, atol, dtype)


def _same_numbers(what: str, came: Any, right: Any, rtol: float, atol: float, dtype: bool) -> None:
    require(came is not None, f"{what}: came None; is a `return` missing?")
    kind, expected = type(came), np.asarray(right)
    try:
        found = np.asarray(came)
    except ValueError:
        found = np.asarray(None)
    require(found.dtype.kind in "biufc", f"{what}: expected numbers, came {describe(came)}")
    if isinstance(right, np.ndarray):
        require(kind is np.ndarray, f"{what}: expected {describe(right)}, came {describe(came)}")
    shapes = f"{what}: the shape is {found.shape}, expected {expected.shape}"
    require(found.shape == expected.shape, shapes)
    if dtype:
        kinds = f"{what}: the numbers are {found.dtype}, expected {expected.dtype}"
        require(found.dtype == expected.dtype, kinds)
    wide = np.complex128 if found.dtype.kind == "c" else np.float64
    a, b = found.astype(wide), expected.astype(wide)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.isclose(a, b, rtol, atol, equal_nan=True) | (a == b))
    if not wrong.any():
        return
    if not expected.shape:
        raise Failed(f"{what}: expected {_number(b)}, came {_number(a)}")
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    index = ", ".join(map(str, at))
    raise Failed(
        f"{what}: {int(wrong.sum())} of {wrong.size} numbers differ; the first is [{index}]: "
        f"expected {_number(b[at])}, came {_number(a[at])}"
    )


def _number(x: Any) -> str:
    return f"{complex(x):.6g}" if isinstance(x, complex) else f"{float(x):.6g}"
