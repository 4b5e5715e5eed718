"""A reader of GGUF for a check: what a file says, in whatever order it says it."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ternary.course.compare import Failed


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> Any:
        size = struct.calcsize(form)
        if self.at + size > len(self.data):
            raise Failed(f"the file ends at byte {len(self.data)}, in the middle of its head")
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += size
        return value

    def text(self) -> str:
        length = self.take("<Q")
        if length > len(self.data) - self.at:
            raise Failed(f"at byte {self.at} a text of {length} bytes begins; the file has fewer")
        found = self.data[self.at : self.at + length]
        self.at += length
        return found.decode(errors="replace")

    def value(self, kind: int) -> Any:
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, number = self.take("<I"), self.take("<Q")
            if number > len(self.data):
                raise Failed(f"at byte {self.at} a list of {number} elements begins")
            return [self.value(inner) for _ in range(number)]
        if kind not in (4, 6):
            raise Failed(f"at byte {self.at} stands the type {kind}; expected 4, 6, 8 or 9")
        return self.take("<I" if kind == 4 else "<f")


def read(data: bytes) -> dict[str, Any]:
    """Version, metadata and tensors of a file, or `Failed` with where it cannot be read."""
    source = _Bytes(data)
    if data[:4] != b"GGUF":
        raise Failed(f"the file begins with {data[:4]!r}, expected b'GGUF'")
    source.at = 4
    version, n_tensors, n_values = source.take("<I"), source.take("<Q"), source.take("<Q")
    if n_tensors > 1000 or n_values > 1000:
        raise Failed(f"the head counts {n_tensors} tensors and {n_values} values")
    metadata: dict[str, Any] = {}
    for _ in range(n_values):
        key = source.text()
        metadata[key] = source.value(source.take("<I"))
    heads = []
    for _ in range(n_tensors):
        name, axes = source.text(), source.take("<I")
        if axes > 4:
            raise Failed(f"{name} has {axes} axes")
        sizes = [source.take("<Q") for _ in range(axes)]
        heads.append((name, sizes, source.take("<I"), source.take("<Q")))
    body = data[source.at + -source.at % 32 :]
    return {"version": version, "metadata": metadata, "tensors": _tensors(heads, body)}


def _tensors(heads: list[Any], body: bytes) -> dict[str, Any]:
    found = {}
    for name, sizes, kind, offset in heads:
        rows = int(np.prod(sizes[1:])) if sizes else 0
        blocks = -(-sizes[0] // 128) * 2 * 18 if sizes else 0
        length = rows * blocks if kind == 42 else 4 * int(np.prod(sizes))
        found[name] = {
            "sizes": sizes,
            "type": kind,
            "multiple of 32": offset % 32 == 0,
            "bytes": np.frombuffer(body[offset : offset + length], np.uint8),
        }
    return found
