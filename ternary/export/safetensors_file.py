"""The safetensors container: eight bytes of length, a JSON header, and the tensors' bytes.

The package `safetensors` reads what is written here, and a test compares the two byte for byte.
This module exists so that an export, and the check of a downloaded file, need NumPy alone.

Source: huggingface/safetensors, ``safetensors/src/tensor.rs``.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from ternary.errors import FormatError
from ternary.export.names import require_safe_name

MAX_HEADER = 100_000_000  # the limit of the package itself
BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E8M0", "F8_E4M3", "F8_E5M2"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}
MAX_DIMS = 64  # as many as an array of NumPy has; products of more would take forever
# In the order in which the package lays out tensors of different types.
NAMES = {"float32": "F32", "uint32": "U32", "float16": "F16", "uint8": "U8"}


class SafeTensor(NamedTuple):
    """A line of the header."""

    dtype: str
    shape: tuple[int, ...]
    first: int
    last: int


@dataclass(frozen=True)
class SafeHeader:
    """The header of a safetensors file, its length in bytes, and the length of the file."""

    metadata: dict[str, str]
    tensors: dict[str, SafeTensor]
    header_bytes: int
    size: int


def write_safetensors(
    file: BinaryIO, tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays by name: wide types first, then in the order of the names."""
    ranks = list(NAMES)
    ordered = sorted(tensors.items(), key=lambda item: (ranks.index(item[1].dtype.name), item[0]))
    table: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, array in ordered:
        place = [offset, offset := offset + array.nbytes]
        dtype = NAMES[array.dtype.name]
        table[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": place}
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    file.write(struct.pack("<Q", len(header)) + header)
    for _, array in ordered:
        file.write(np.ascontiguousarray(array).tobytes())


def read_safetensors_header(path: str | Path) -> SafeHeader:
    """Read the header; every length in it is compared with the file before it is used.

    Raises
    ------
    FormatError
        If the file is cut short, is none of safetensors, or its tensors overlap or leave it.
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size < 8:
            raise FormatError(
                f"{path} has {size} bytes; a safetensors file begins with 8 of length"
            )
        length = struct.unpack("<Q", file.read(8))[0]
        if length > min(MAX_HEADER, size - 8):
            raise FormatError(
                f"{path} claims a header of {length} bytes, but has {size} bytes in all; it is cut "
                "short, or no safetensors file"
            )
        encoded = file.read(length)
    try:
        table = json.loads(encoded)
    except (ValueError, RecursionError):
        raise FormatError(f"{path} has a header that is not JSON; it is damaged") from None
    if not isinstance(table, dict):
        raise FormatError(f"{path} has a header without a table of tensors")
    metadata = table.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict):
        raise FormatError(f"{path} has metadata that is no table")
    tensors = {name: _tensor(path, name, entry) for name, entry in table.items()}
    _require_contiguous(path, tensors, size - 8 - length)
    return SafeHeader(metadata, tensors, 8 + length, size)


def _tensor(path: str | Path, name: str, entry: Any) -> SafeTensor:
    require_safe_name(path, name)
    try:
        dtype, shape, (first, last) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        numbers = [*shape, first, last]
        good = len(shape) <= MAX_DIMS
        good = good and all(type(n) is int and 0 <= n < 1 << 63 for n in numbers)
        good = good and 8 * (last - first) == math.prod(shape) * BITS[dtype]
    except (TypeError, KeyError, ValueError):
        good = False
    if not good:
        raise FormatError(f"{path} gives {name} an impossible type, shape or place: {entry!r:.200}")
    return SafeTensor(dtype, shape, first, last)


def _require_contiguous(path: str | Path, tensors: dict[str, SafeTensor], n_bytes: int) -> None:
    expected = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1][2:]):
        if tensor.first != expected:
            raise FormatError(f"{path} puts {name} at byte {tensor.first}; expected {expected}")
        expected = tensor.last
    if expected != n_bytes:
        raise FormatError(
            f"{path} has {n_bytes} bytes of tensors, but its table has {expected}; it is cut short "
            "or damaged"
        )


def read_array(path: str | Path, header: SafeHeader, name: str) -> npt.NDArray[Any]:
    """One array of a file whose header has been read.

    Raises
    ------
    FormatError
        If there is no such array, or NumPy has no such type.
    """
    if name not in header.tensors:
        raise FormatError(f"{path} has no tensor {name!r}")
    dtype, shape, first, _ = header.tensors[name]
    types = {short: np.dtype(long) for long, short in NAMES.items()}
    if dtype not in types:
        raise FormatError(f"{path} keeps {name} as {dtype}; expected one of {', '.join(types)}")
    little = types[dtype].newbyteorder("<")
    offset = header.header_bytes + first
    data = np.fromfile(path, little, math.prod(shape), offset=offset)
    try:
        return data.reshape(shape).astype(types[dtype], copy=False)
    except ValueError:  # nothing, of a shape beyond any array
        raise FormatError(f"{path} gives {name} the shape {shape}, too large for NumPy") from None
