"""GGUF's striped packings, TQ1_0, TQ2_0 and PTQ1_0: codes of one byte lie far apart in the row.

A block is filled in stages. A stage of `c` bytes with `k` digits each holds `k * c` codes: digit
`i` of byte `m` is code `i * c + m`. So a processor decodes `c` neighbouring codes at once, each
from a byte of its own. Packing here goes through planes: plane `i` is digit `i` of all bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypeAlias

import numpy as np

from ternary.arrays import Bytes
from ternary.codecs.pairs import Pairs, look_up, pairs_of
from ternary.codecs.trits import INVALID

Stages: TypeAlias = tuple[tuple[int, int], ...]  # bytes of a stage, and digits in each byte

TQ1_0: Stages = ((32, 5), (16, 5), (4, 4))
PTQ1_0: Stages = ((16, 5), (8, 5), (2, 4))
TQ2_0: Stages = ((32, 4), (32, 4))

# ceil(256 v / 243) is the fraction v / 243 in 256ths. Three times a fraction is its first digit,
# that of 81, and a fraction in which the next digit is the first.
FIXED_POINT = ((np.arange(243) * 256 + 242) // 243).astype(np.uint8)
LOW_BITS = np.uint64(0x0303030303030303)


def pack_trit_planes(digits: Bytes, stages: Stages) -> Bytes:
    """Pack digits 0, 1, 2 `(n, block)` into `(n, code_bytes)`, five or four of base 3 each."""
    planes = _to_planes(digits, stages, 5)
    v: Bytes = planes[0]
    for plane in planes[1:]:
        v *= np.uint8(3)
        v += plane
    return look_up(_two_fractions(), v)[:, : code_bytes(stages)]


def unpack_trit_planes(packed: Bytes, stages: Stages) -> Bytes:
    """Digits `(n, block)` of `pack_trit_planes`; 3 where a byte is none that it writes."""
    fractions = _widened(packed)
    planes = np.empty((5, *fractions.shape), np.uint8)
    for plane in planes:  # three times a fraction: 0 below 86/256, 1 below 171/256, or else 2
        np.greater(fractions, 85, out=plane.view(np.bool_))
        plane += (fractions > 170).view(np.uint8)
        fractions *= np.uint8(3)  # the first digit overflows
    _mark_unused(planes, stages)
    # The fraction of v leaves 243 f - 256 v, which is below 243; what leaves more is none.
    planes[0, :, : packed.shape[1]][packed * np.uint8(243) >= 243] = INVALID
    return _from_planes(planes, stages)


def pack_bit_planes(digits: Bytes, stages: Stages) -> Bytes:
    """Pack digits 0, 1, 2 `(n, block)` into `(n, code_bytes)`, four of two bits each."""
    planes = _to_planes(digits, stages, 4)
    v: Bytes = planes[3]
    for plane in planes[2::-1]:
        v *= np.uint8(4)
        v += plane
    return v[:, : code_bytes(stages)]


def unpack_bit_planes(packed: Bytes, stages: Stages) -> Bytes:
    """Digits `(n, block)` of `pack_bit_planes`."""
    words = _widened(packed).view("<u8")  # eight bytes at a time
    planes = np.stack([words >> np.uint64(2 * i) & LOW_BITS for i in range(4)])
    return _from_planes(planes.view(np.uint8), stages)


def code_bytes(stages: Stages) -> int:
    """Bytes of codes in a block."""
    return sum(c for c, _ in stages)


def block_size(stages: Stages) -> int:
    """Codes in a block."""
    return sum(c * k for c, k in stages)


def _to_planes(digits: Bytes, stages: Stages, k: int) -> Bytes:
    planes = np.zeros((k, len(digits), _wide(code_bytes(stages))), np.uint8)
    for plane, there, here in _lanes(stages):
        _as_one(planes[plane], there)[...] = _as_one(digits, here)
    return planes


def _from_planes(planes: Bytes, stages: Stages) -> Bytes:
    digits = np.empty((planes.shape[1], block_size(stages)), np.uint8)
    for plane, there, here in _lanes(stages):
        _as_one(digits, here)[...] = _as_one(planes[plane], there)
    return digits


def _as_one(rows: Bytes, columns: slice) -> np.ndarray:
    """Neighbouring bytes of every row as one element, which is copied in one piece."""
    return rows[:, columns].view(f"V{columns.stop - columns.start}")


def _mark_unused(planes: Bytes, stages: Stages) -> None:
    """Mark as invalid the bytes that hold more than 0 in digits that their stage has no use for."""
    first = 0
    for c, k in stages:
        here = slice(first, first + c)
        if planes[k:, :, here].any():
            planes[0, :, here][planes[k:, :, here].any(axis=0)] = INVALID
        first += c


def _widened(packed: Bytes) -> Bytes:
    """Rows as long as whole words of eight bytes, which are worked on at a time."""
    wide = np.zeros((len(packed), _wide(packed.shape[1])), np.uint8)
    wide[:, : packed.shape[1]] = packed
    return wide


def _wide(n_bytes: int) -> int:
    return -(-n_bytes // 8) * 8


def _lanes(stages: Stages) -> Iterator[tuple[int, slice, slice]]:
    """Which bytes of which plane are which codes of the block."""
    first_byte = first_code = 0
    for c, k in stages:
        for plane in range(k):
            yield plane, slice(first_byte, first_byte + c), slice(first_code, first_code + c)
            first_code += c
        first_byte += c


@cache
def _two_fractions() -> Pairs:
    """The fractions of every two numbers below 243; 0 for those above."""
    return pairs_of(np.append(FIXED_POINT, np.zeros(13, np.uint8))[:, None])
