"""Reads the header of a GGUF file, and believes nothing in it before the file bears it out."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from ternary.errors import FormatError
from ternary.export.gguf_file import (
    ALIGNMENT,
    ARRAY,
    MAGIC,
    SCALARS,
    STRING,
    TYPES,
    TensorType,
    Value,
)
from ternary.export.names import require_safe_name

MAX_ITEMS = 1 << 22  # entries of a list, keys, tensors: eight times those of any real file
MAX_STRING = 1 << 24
MAX_NAME = 64  # GGML_MAX_NAME


class TensorInfo(NamedTuple):
    """A line of the table of tensors; `offset` counts from the beginning of the data."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int


@dataclass(frozen=True)
class Header:
    """Everything in a GGUF file but the tensors' bytes.

    Attributes
    ----------
    version, alignment
        Of the container; of every tensor in bytes.
    metadata, tensors
        Values by key; the table of tensors, in the order of the file.
    data_start, size
        First byte of the tensors' data; bytes of the whole file.
    """

    version: int
    alignment: int
    metadata: dict[str, Value]
    tensors: list[TensorInfo]
    data_start: int
    size: int


def read_gguf_header(path: str | Path) -> Header:
    """Read the header of a GGUF file; no claim of the file is believed before it is checked.

    Raises
    ------
    FormatError
        If it is no GGUF file of version 2 or 3, or is cut short, or its table is impossible.
    """
    with open(path, "rb") as file:
        return _HeaderReader(file, Path(path)).read()


class _HeaderReader:
    """Reads forward through a file, and refuses every length that the rest of it cannot hold."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file, self.path = file, path
        self.size = self.left = file.seek(0, 2)
        file.seek(0)

    def read(self) -> Header:
        if (magic := self._bytes(4, "the magic")) != MAGIC:
            raise self._error(f"begins with {magic!r}; a GGUF file begins with {MAGIC!r}")
        version = self._number("I", "the version")
        if version in (2 << 24, 3 << 24):
            raise self._error("is big-endian; expected little-endian, as llama.cpp here does")
        if version not in (2, 3):
            raise self._error(f"has version {version}; expected 2 or 3, little-endian")
        n_tensors = self._count("Q", 24, "tensors")
        n_keys = self._count("Q", 12, "keys")
        metadata: dict[str, Value] = {}
        for _ in range(n_keys):
            key = self._string("a key")
            if key in metadata:
                raise self._error(f"has the key {key!r} twice")
            metadata[key] = self._value(key)
        tensors = [self._tensor() for _ in range(n_tensors)]
        if len({tensor.name for tensor in tensors}) < n_tensors:
            raise self._error("has two tensors of one name")
        alignment = metadata.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise self._error(f"has the alignment {alignment}; expected a power of 2")
        used = self.size - self.left
        start = used + -used % alignment
        return Header(version, alignment, metadata, tensors, start, self.size)

    def _tensor(self) -> TensorInfo:
        name = self._string("a tensor's name")
        require_safe_name(self.path, name)
        if len(name.encode()) >= MAX_NAME:
            raise self._error(f"has a tensor's name of {len(name)} characters; {MAX_NAME - 1} fit")
        n_dims = self._number("I", "a number of dimensions")
        if n_dims > 4:
            raise self._error(f"says that {name} has {n_dims} dimensions; expected at most 4")
        shape = [self._number("Q", f"the shape of {name}") for _ in range(n_dims)][::-1]
        if not math.prod(shape) < 1 << 63 or max(shape, default=0) >= 1 << 63:
            raise self._error(f"says that {name} has the impossible shape {tuple(shape)}")
        kind, offset = self._number("I", "a type"), self._number("Q", "an offset")
        return TensorInfo(name, tuple(shape) or (1,), kind, offset)  # a number is a row of one

    def _value(self, key: str) -> Value:
        kind = self._number("I", f"the type of {key}")
        if kind != ARRAY:
            return self._item(kind, key)
        kind = self._number("I", f"the type of {key}")
        if kind in SCALARS:
            size = struct.calcsize("<" + SCALARS[kind])
            n = self._count("Q", size, f"entries of {key}")
            return list(struct.unpack(f"<{n}{SCALARS[kind]}", self._bytes(n * size, key)))
        n = self._count("Q", 8, f"entries of {key}")
        return [self._item(kind, key) for _ in range(n)]

    def _item(self, kind: int, key: str) -> bool | int | float | str:
        if kind == STRING:
            return self._string(f"the text of {key}")
        if kind not in SCALARS:
            raise self._error(f"gives {key} the unknown type {kind}")
        value: bool | int | float = self._number(SCALARS[kind], key)
        return value

    def _string(self, what: str) -> str:
        length = self._number("Q", f"the length of {what}")
        if MAX_STRING < length <= self.left:
            raise self._error(f"gives {what} {length} bytes; at most {MAX_STRING} are read")
        return self._bytes(length, what).decode(errors="replace")

    def _count(self, code: str, least_bytes: int, what: str) -> int:
        n = int(self._number(code, f"the number of {what}"))
        if MAX_ITEMS < n <= self.left // least_bytes:
            raise self._error(f"has {n} {what}; at most {MAX_ITEMS} are read here")
        if n > self.left // least_bytes:
            raise self._error(f"claims {n} {what}, but has only {self.left} bytes left for them")
        return n

    def _number(self, code: str, what: str) -> Any:
        return struct.unpack("<" + code, self._bytes(struct.calcsize("<" + code), what))[0]

    def _bytes(self, n: int, what: str) -> bytes:
        if n > self.left:
            raise self._error(
                f"ends within {what}: {n} bytes are claimed, {self.left} are left; "
                "the file is cut short or damaged: fetch or export it again"
            )
        self.left -= n
        return self.file.read(n)

    def _error(self, what: str) -> FormatError:
        return FormatError(f"{self.path} {what}")


def misplaced(header: Header, types: Mapping[int, TensorType]) -> str | None:
    """Say which tensor does not lie where the sizes before it end, or None: all fit the file."""
    expected = 0
    for name, shape, kind, offset in header.tensors:
        if kind not in types:
            return f"{name} has the unknown type {kind}"
        block = types[kind]
        if shape[-1] % block.block_size:
            return f"{name} has rows of {shape[-1]}, not whole blocks of {block.block_size}"
        if offset != expected:
            return f"{name} lies at {offset}, expected {expected}"
        n_bytes = math.prod(shape[:-1]) * block.row_bytes(shape[-1])
        if header.data_start + offset + n_bytes > header.size:
            return f"{name} ends beyond the end of the file"
        expected += n_bytes + -n_bytes % header.alignment
    return None


def read_tensor(path: str | Path, header: Header, name: str) -> npt.NDArray[np.uint8]:
    """The bytes of one tensor as they lie in the file, uint8 `(rows, row_bytes)`.

    Raises
    ------
    FormatError
        If the file has no such tensor, or its type is not known, or it leaves the file.
    """
    found = [tensor for tensor in header.tensors if tensor.name == name]
    if not found:
        raise FormatError(f"{path} has no tensor {name!r}")
    _, shape, kind, offset = found[0]
    if kind not in TYPES or shape[-1] % TYPES[kind].block_size:
        raise FormatError(f"{path} keeps {name} as the unknown type {kind}")
    rows, row_bytes = math.prod(shape[:-1]), TYPES[kind].row_bytes(shape[-1])
    first = header.data_start + offset
    if first + rows * row_bytes > header.size:
        raise FormatError(f"{path} ends within {name}; it is cut short")
    if not rows * row_bytes:  # the other of the two may be beyond any array
        return np.empty((0, 0), np.uint8)
    data = np.fromfile(path, np.uint8, rows * row_bytes, offset=first)
    return data.reshape(rows, row_bytes)
