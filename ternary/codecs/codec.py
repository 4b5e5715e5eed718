"""What a codec is: codes and scales to the bytes of a format, and back to exactly the same.

A codec never sees a float weight. It is given codes and scales as the projection made them, and it
refuses what the format cannot hold, so that `decode` returns what `encode` was given, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ternary.arrays import Bytes, Codes, Scales
from ternary.codecs.scales import require_scales, scales_of_blocks, scales_of_groups
from ternary.codecs.trits import to_codes, to_digits
from ternary.errors import CodecError
from ternary.projection import GROUP_SIZE

CHUNK = 1 << 18  # codes worked on at a time: what is in between stays in the cache
SCALE_BYTES = 2


@dataclass(frozen=True)
class Codec:
    """A format whose rows are blocks: `block_size` codes under one float16 scale.

    Attributes
    ----------
    name
        As GGUF or the literature has it.
    block_size, code_bytes
        Codes in a block, and bytes that they are packed into.
    type_id
        Number of the type in a GGUF file, or None for a format of another kind.
    pack, unpack
        Digits 0, 1, 2 `(n, block_size)` to bytes `(n, code_bytes)`, and back.
    scale_first
        Whether the scale lies before the codes of its block, or after them.

    Examples
    --------
    >>> from ternary.codecs import CODECS
    >>> CODECS["Q2_0"].block_bytes, CODECS["Q2_0"].bits_per_weight
    (18, 2.25)
    >>> codes, scales = np.ones((2, 128), np.int8), np.full((2, 1), 0.5, np.float16)
    >>> data = CODECS["Q2_0"].encode(codes, scales)
    >>> data.shape  # two blocks of 18 bytes a row: the one scale is written twice
    (2, 36)
    >>> [(a == b).all().item() for a, b in zip(CODECS["Q2_0"].decode(data, 128), (codes, scales))]
    [True, True]
    """

    name: str
    block_size: int
    code_bytes: int
    type_id: int | None
    pack: Callable[[Bytes], Bytes]
    unpack: Callable[[Bytes], Bytes]
    scale_first: bool = True

    @property
    def block_bytes(self) -> int:
        """Bytes of a block, its scale included."""
        return self.code_bytes + SCALE_BYTES

    @property
    def bits_per_weight(self) -> float:
        """Bits that a weight takes, its share of the scale included, in rows of whole blocks."""
        return 8 * self.block_bytes / self.block_size

    def row_bytes(self, cols: int) -> int:
        """Bytes of a row of `cols` weights."""
        return -(-cols // self.block_size) * self.block_bytes

    def encode(self, codes: Codes, scales: Scales, group_size: int = GROUP_SIZE) -> Bytes:
        """Bytes `(rows, row_bytes)` of codes and scales.

        Parameters
        ----------
        codes
            int8 `(rows, cols)` in {-1, 0, 1}.
        scales
            float16 `(rows, ceil(cols / group_size))`, finite and not negative.
        group_size
            Weights along a row that share a scale.

        Raises
        ------
        CodecError
            If the format cannot hold them: it says why.
        """
        codec = self.for_groups(group_size)
        if not _is_matrix(codes, np.int8):
            raise CodecError(f"codes: {_describe(codes)}; expected int8 (rows, cols), not empty")
        rows, cols = codes.shape
        codec.require_width(cols)
        _require_scales_of(scales, (rows, -(-cols // group_size)), group_size)
        in_blocks = scales_of_blocks(scales, cols, group_size, codec.block_size, self.name)
        blocks = codec.pad(codes).reshape(-1, codec.block_size)
        packed = np.empty((len(blocks), codec.code_bytes), np.uint8)
        for part in _chunks(len(blocks), codec.block_size):
            packed[part] = codec.pack(to_digits(blocks[part]))
        return codec.assemble(packed.reshape(rows, -1, codec.code_bytes), in_blocks)

    def decode(self, data: Bytes, cols: int, group_size: int = GROUP_SIZE) -> tuple[Codes, Scales]:
        """Codes int8 `(rows, cols)` and scales float16 `(rows, ceil(cols / group_size))`.

        Raises
        ------
        CodecError
            If the bytes are not what `encode` writes for codes and scales of these sizes.
        """
        codec = self.for_groups(group_size)
        codec.require_width(cols)
        if not _is_matrix(data, np.uint8):
            raise CodecError(f"{_describe(data)}; expected uint8 (rows, row_bytes), not empty")
        if data.shape[1] != codec.row_bytes(cols):
            raise CodecError(
                f"rows of {cols} weights take {codec.row_bytes(cols)} bytes in {self.name}; "
                f"got {data.shape[1]}. Is it another format, or another number of columns?"
            )
        packed, in_blocks = codec.split(np.ascontiguousarray(data))
        require_scales(in_blocks)
        blocks = packed.reshape(-1, codec.code_bytes)
        codes = np.empty((len(blocks), codec.block_size), np.int8)
        for part in _chunks(len(blocks), codec.block_size):
            codes[part] = to_codes(codec._require_digits(codec.unpack(blocks[part])))
        codes = codes.reshape(len(data), -1)
        if codes[:, cols:].any():
            raise CodecError(f"a row goes on after its {cols} weights: the padding is not 0")
        scales = scales_of_groups(in_blocks, cols, group_size, codec.block_size, self.name)
        return np.ascontiguousarray(codes[:, :cols]), scales

    def for_groups(self, group_size: int) -> Codec:
        """The codec for groups of that size: itself, where the format fixes its blocks."""
        if group_size < 1:
            raise CodecError(f"group size is {group_size}; expected 1 or more")
        return self

    def require_width(self, cols: int) -> None:
        """Refuse rows that the format cannot store."""
        if cols < 1 or cols % self.block_size:
            raise CodecError(
                f"{self.name} stores blocks of {self.block_size} weights along a row, and {cols} "
                f"columns are not a multiple of {self.block_size}"
            )

    def pad(self, codes: Codes) -> Codes:
        """Rows of whole blocks, side by side in memory."""
        return np.ascontiguousarray(codes)

    def assemble(self, packed: Bytes, scales: Scales) -> Bytes:
        """Rows of bytes from codes `(rows, blocks, code_bytes)` and scales `(rows, blocks)`."""
        data = np.empty((*packed.shape[:2], self.block_bytes), np.uint8)
        codes, scale = self._places()
        data[..., codes] = packed
        data[..., scale].view("<f2")[..., 0] = scales
        return data.reshape(len(data), -1)

    def split(self, data: Bytes) -> tuple[Bytes, Scales]:
        """The inverse of `assemble`."""
        blocks = data.reshape(len(data), -1, self.block_bytes)
        codes, scale = self._places()
        return blocks[..., codes], blocks[..., scale].view("<f2")[..., 0].astype(np.float16)

    def _places(self) -> tuple[slice, slice]:
        if self.scale_first:
            return slice(SCALE_BYTES, None), slice(SCALE_BYTES)
        return slice(self.code_bytes), slice(self.code_bytes, None)

    def _require_digits(self, digits: Bytes) -> Bytes:
        if digits.max(initial=0) > 2:
            raise CodecError(
                f"the bytes are no ternary codes of {self.name}: it has no such number, or one "
                "such as +2. They are of another format, shifted, or damaged"
            )
        return digits


def _is_matrix(value: Any, dtype: type[np.generic]) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == dtype
        and value.ndim == 2
        and value.size > 0
    )


def _describe(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"got {value.dtype} {value.shape}"
    return f"got {type(value).__name__}"


def _require_scales_of(scales: Scales, shape: tuple[int, int], group_size: int) -> None:
    is_array = isinstance(scales, np.ndarray)
    if not is_array or scales.dtype != np.float16 or scales.shape != shape:
        raise CodecError(
            f"scales: {_describe(scales)}; expected float16 {shape}, one for each group of "
            f"{group_size} weights of a row"
        )
    require_scales(scales)


def _chunks(n_blocks: int, block_size: int) -> Iterator[slice]:
    step = max(1, CHUNK // block_size)
    return (slice(start, start + step) for start in range(0, n_blocks, step))
