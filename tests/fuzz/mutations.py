"""Damage: of bytes, of JSON, of numbers that say how long something is."""

from __future__ import annotations

import copy
import json
import struct
from random import Random
from typing import Any

# Where lengths and counts turn over, and what a file of a few kilobytes cannot hold.
COUNTS = [0, 1, 2, 3, 5, 7, 63, 64, 65, 127, 128, 255, 256, 65535, 65536, 1 << 20, (1 << 31) - 1]
COUNTS += [1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
NASTY: list[Any] = [None, True, False, 0, -1, 1, 0.5, 1.0, 2.0, -0.0, 1e308, float("nan")]
NASTY += [
    float("inf"),
    -float("inf"),
    *COUNTS,
    -(1 << 63),
    1 << 64,
    10**400,
    "",
    "x",
    "\0",
    "..",
    "/",
]
NASTY += ["\ud800", "\x1b[2J", "é" * 40, "a" * 5000, [], {}, [[]], [0] * 100, [1 << 62] * 40]
NASTY += [{"a": {"b": {}}}, ["x", 1], "1", "/dev/zero", "nan", "model.safetensors", "../x"]
BYTES = [0, 1, 2, 7, 8, 9, 10, 13, 34, 42, 44, 58, 91, 93, 123, 125, 127, 128, 192, 254, 255]


def damaged(draw: Random, data: bytes, times: int | None = None) -> bytes:
    """A few changes of bytes: mostly near the beginning, where headers are."""
    out = bytearray(data)
    for _ in range(draw.randint(1, 4) if times is None else times):
        n = len(out)
        at = draw.randrange(min(n, 400) if draw.random() < 0.6 else n) if n else 0
        how = draw.randrange(8)
        if how == 0 and n:
            out[at] ^= 1 << draw.randrange(8)
        elif how == 1 and n:
            out[at] = draw.choice(BYTES)
        elif how == 2:
            size = draw.choice([1, 2, 4, 8])
            number = draw.choice(COUNTS) % (1 << 8 * size)
            out[at : at + size] = number.to_bytes(size, draw.choice(["little", "big"]))
        elif how == 3:
            del out[at:]
        elif how == 4:
            del out[at : at + draw.randint(1, 60)]
        elif how == 5:
            out[at:at] = draw.randbytes(draw.randint(1, 20))
        elif how == 6:  # a piece of the file once more, elsewhere
            start = draw.randrange(n) if n else 0
            out[at:at] = out[start : start + draw.randint(1, 100)]
        else:
            out += draw.randbytes(draw.randint(1, 50))
    return bytes(out)


def nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of everything in a value of JSON, the value itself first."""
    found = [path]
    inside = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value[:50]) if isinstance(value, list) else inside
    for key, each in inside:
        found += nodes(each, (*path, key))
    return found


def changed(draw: Random, value: Any) -> Any:
    """A value of JSON with a few of its parts replaced, removed, renamed or doubled."""
    value = copy.deepcopy(value)
    for _ in range(draw.randint(1, 3)):
        path = draw.choice(nodes(value))
        if not path:
            if draw.random() < 0.1:
                return copy.deepcopy(draw.choice(NASTY))
            continue
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        key, how = path[-1], draw.randrange(6)
        if how == 0 and isinstance(parent, dict):
            del parent[key]
        elif how == 1 and isinstance(parent, dict):
            parent[draw.choice([str(n) for n in NASTY if isinstance(n, str)] or ["x"])] = parent[
                key
            ]
        elif how == 2 and type(parent[key]) is int:
            parent[key] += draw.choice([-1, 1, 2, 7, 1 << 31])
        elif how == 3 and type(parent[key]) is int:
            parent[key] = draw.choice(
                [float(parent[key] % (1 << 40)), str(parent[key]), -parent[key]]
            )
        else:
            parent[key] = copy.deepcopy(draw.choice(NASTY))
    return value


def encoded(draw: Random, value: Any) -> bytes:
    """JSON as a program would write it, and sometimes as none should."""
    text = json.dumps(value)
    how = draw.randrange(40)
    if how == 0:
        text = text.replace("{", '{"a": 1, "a": 2, ', 1)
    elif how == 1:
        depth = draw.choice([10, 990, 5000, 100_000])
        text = draw.choice(["[", '{"a":']) * depth + text
    elif how == 2:
        depth = draw.choice([10, 500])
        text = "[" * depth + text + "]" * depth
    elif how == 3:
        text = text.replace("1", "1" * draw.choice([30, 5000]), 1)
    elif how == 4:
        return text.encode(draw.choice(["utf-16", "utf-32", "utf-8-sig"]), "surrogatepass")
    elif how == 5:
        return text.encode() + draw.choice([b"\0", b" " * 5000, b"{}", b"\xff"])
    return text.encode()


def number(value: int, code: str) -> bytes:
    """An integer of a format of `struct`, cut to what fits."""
    return struct.pack("<" + code, value % (1 << 8 * struct.calcsize(code)))
