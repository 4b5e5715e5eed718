"""The GGUF container: typed metadata, a table of tensors, and their bytes, each tensor aligned.

Writer and reader are our own, and need nothing but the standard library. The package `gguf` has
both, but version 0.19 knows no type 42 (its reader raises ``ValueError`` on a file with Q2_0), and
it leaves out a list that is empty (without the list of merges llama.cpp refuses a byte tokenizer).
Tests compare what is written here with that package, byte for byte where it can write the same.

Source: ggml-org/llama.cpp, ``ggml/src/gguf.cpp`` at commit 0c1e570.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ternary.codecs import CODECS

MAGIC, VERSION, ALIGNMENT = b"GGUF", 3, 32

# Type number of a value: how struct packs it.
SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
STRING, ARRAY = 8, 9
UINT32, INT32, FLOAT32, BOOL = 4, 5, 6, 7

Value: TypeAlias = "bool | int | float | str | list[Any]"


class TensorType(NamedTuple):
    """A type of tensor data: weights in a block, and bytes of a block."""

    name: str
    block_size: int
    block_bytes: int

    def row_bytes(self, cols: int) -> int:
        """Bytes of a row of `cols` weights, which must be whole blocks."""
        return cols // self.block_size * self.block_bytes


F32, F16, Q2_0 = 0, 1, 42
_OTHERS = {
    F32: ("F32", 1, 4),
    F16: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    30: ("BF16", 1, 2),
    41: ("Q1_0", 128, 18),
}
_TERNARY = {
    codec.type_id: (codec.name, codec.block_size, codec.block_bytes)
    for codec in CODECS.values()
    if codec.type_id is not None
}
TYPES = {number: TensorType(*sizes) for number, sizes in {**_OTHERS, **_TERNARY}.items()}


class Tensor(NamedTuple):
    """A tensor to be written: its shape `(rows, cols)` or `(n,)`, type number, and raw bytes."""

    shape: tuple[int, ...]
    type: int
    data: npt.NDArray[Any]


def write_gguf(
    file: BinaryIO, metadata: Mapping[str, Value], tensors: Mapping[str, Tensor]
) -> None:
    """Write a GGUF file of version 3, little-endian.

    Whole numbers become uint32, fractions float32, lists of whole numbers int32.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> gain = Tensor((4,), F32, np.ones(4, np.float32))
    >>> write_gguf(file, {"general.architecture": "arcee"}, {"output_norm.weight": gain})
    >>> file.getvalue()[:4], len(file.getvalue())
    (b'GGUF', 160)
    """
    out = bytearray(MAGIC + struct.pack("<IQQ", VERSION, len(tensors), len(metadata)))
    for key, value in metadata.items():
        out += _string(key) + _value(value)
    offset = 0
    for name, tensor in tensors.items():
        out += _string(name) + struct.pack("<I", len(tensor.shape))
        out += struct.pack(f"<{len(tensor.shape)}Q", *reversed(tensor.shape))  # innermost first
        out += struct.pack("<IQ", tensor.type, offset)
        offset += tensor.data.nbytes + -tensor.data.nbytes % ALIGNMENT
    file.write(out + bytes(-len(out) % ALIGNMENT))
    for tensor in tensors.values():
        file.write(np.ascontiguousarray(tensor.data).tobytes())
        file.write(bytes(-tensor.data.nbytes % ALIGNMENT))


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _string(value)
    if isinstance(value, list):
        is_text = not value or isinstance(value[0], str)  # an empty list is one of strings
        head = struct.pack("<IIQ", ARRAY, STRING if is_text else INT32, len(value))
        return head + b"".join(_string(x) if is_text else struct.pack("<i", x) for x in value)
    kind = BOOL if isinstance(value, bool) else UINT32 if isinstance(value, int) else FLOAT32
    return struct.pack("<I" + SCALARS[kind], kind, value)
