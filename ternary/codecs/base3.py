"""Base 3 group by group: the plainest format that keeps five codes in a byte."""

from __future__ import annotations

import numpy as np

from ternary.arrays import Bytes, Codes
from ternary.codecs.codec import Codec
from ternary.codecs.trits import INVALID, TRITS_A_BYTE, pack_digits, unpack_digits
from ternary.errors import CodecError


class Base3(Codec):
    """Every group: its codes, five a byte, then its scale. A group begins at a byte of its own.

    Blocks are groups, of any size; the last one of a row is filled up with code 0.

    Examples
    --------
    >>> codes, scales = np.ones((1, 6), np.int8), np.ones((1, 1), np.float16)
    >>> base3().encode(codes, scales, group_size=6).tolist()  # 222, 211 11: then 1.0 as float16
    [[242, 122, 0, 60]]
    """

    def for_groups(self, group_size: int) -> Codec:
        super().for_groups(group_size)
        return base3(group_size)

    def require_width(self, cols: int) -> None:
        if cols < 1:
            raise CodecError(f"rows have {cols} weights; expected 1 or more")

    def pad(self, codes: Codes) -> Codes:
        rows, cols = codes.shape
        padded = np.zeros((rows, -(-cols // self.block_size) * self.block_size), np.int8)
        padded[:, :cols] = codes
        return padded


def base3(group_size: int = 128) -> Base3:
    """The codec for groups of that size."""
    n_bytes = -(-group_size // TRITS_A_BYTE)
    n_digits = TRITS_A_BYTE * n_bytes
    n_padding = n_digits - group_size
    padding = (3**n_padding - 1) // 2  # as many digits 1

    def pack(digits: Bytes) -> Bytes:
        padded = np.ones((len(digits), n_digits), np.uint8)  # 1 is the digit of code 0
        padded[:, :group_size] = digits
        return pack_digits(padded.reshape(-1)).reshape(-1, n_bytes)

    def unpack(packed: Bytes) -> Bytes:
        digits = unpack_digits(packed.reshape(-1)).reshape(-1, n_digits)
        digits[packed[:, -1] // 3 ** (TRITS_A_BYTE - n_padding) != padding, 0] = INVALID
        return digits[:, :group_size]

    return Base3("base3", group_size, n_bytes, None, pack, unpack, scale_first=False)
