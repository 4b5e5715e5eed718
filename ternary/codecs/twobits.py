"""Four codes a byte, two bits each: the packing of Q2_0, PQ2_0 and MLX."""

from __future__ import annotations

from functools import cache

import numpy as np

from ternary.arrays import Bytes
from ternary.codecs.pairs import Pairs, look_up, pairs_of

# Codes 0, 1, 2, 3 of a byte lie in the four bytes of a little-endian word. Multiplied by this, they
# meet in its top byte, each two bits above the one before; no lower byte carries into it.
GATHER = np.uint32((1 << 24) + (1 << 18) + (1 << 12) + (1 << 6))
TOP_BYTE = np.uint32(24)

# The four digits of every byte, as they lie in memory. Digit 3 is the code +2: no ternary weight.
DIGITS = (np.arange(256)[:, None] >> np.array([0, 2, 4, 6]) & 3).astype(np.uint8)


def pack_twobits(digits: Bytes) -> Bytes:
    """Pack digits 0, 1, 2 `(n, 4 k)` into bytes `(n, k)`; digit ``j`` at bits ``2 (j % 4)``.

    Examples
    --------
    >>> pack_twobits(np.array([[2, 1, 0, 1]], np.uint8)).tolist()  # 0b01_00_01_10
    [[70]]
    """
    words = digits.view("<u4") * GATHER
    words >>= TOP_BYTE
    return words.astype(np.uint8)


def unpack_twobits(packed: Bytes) -> Bytes:
    """Digits `(n, 4 k)` of bytes `(n, k)`, `k` even."""
    return look_up(_eight_digits(), packed)


@cache
def _eight_digits() -> Pairs:
    """The digits of every two bytes, 512 kB."""
    return pairs_of(DIGITS)
