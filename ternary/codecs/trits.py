"""Five codes a byte: base 3, for 3^5 = 243 numbers fit into the 256 values of a byte.

A number ``v = d0 + 3 d1 + 9 d2 + 27 d3 + 81 d4`` is a byte of the plain packing. GGUF's formats
store ``ceil(256 v / 243)`` instead, so that multiplying by 3 moves the first digit into the carry.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ternary.arrays import Bytes, Codes
from ternary.codecs.pairs import Pairs, look_up, pairs_of
from ternary.errors import CodecError

TRITS_A_BYTE = 5
POWERS = 3 ** np.arange(TRITS_A_BYTE)
INVALID = 3  # the digit that stands for a byte of no meaning
CHUNK = 1 << 15  # bytes at a time: 160 kB of codes stay in the cache of a core

# Digit i lies in byte i of a word. Multiplied by this, all meet in byte 4, digit i times 3^i;
# no sum of a lower byte exceeds 255, so nothing is carried.
GATHER = np.uint64(sum(int(power) << 8 * (4 - i) for i, power in enumerate(POWERS)))

# The five digits of every byte.
DIGITS = np.full((256, TRITS_A_BYTE), INVALID, np.uint8)
DIGITS[:243] = np.arange(243)[:, None] // POWERS % 3


def pack_trits(codes: Codes) -> Bytes:
    """Pack codes, int8 in {-1, 0, 1} of any shape, five a byte: ``ceil(n / 5)`` bytes.

    The first code of a byte is its least significant digit. The last byte is filled up with code 0.

    Raises
    ------
    CodecError
        If a code is not -1, 0 or 1.

    Examples
    --------
    >>> pack_trits(np.array([1, 0, 0, 0, 0, -1], np.int8)).tolist()  # 2+3+9+27+81; 0+3+9+27+81
    [122, 120]
    """
    flat = codes.reshape(-1)
    packed = np.empty(bytes_for(flat.size), np.uint8)
    for start in range(0, len(packed), CHUNK):
        digits = to_digits(flat[TRITS_A_BYTE * start : TRITS_A_BYTE * (start + CHUNK)])
        if missing := -len(digits) % TRITS_A_BYTE:
            digits = np.append(digits, np.ones(missing, np.uint8))  # 1 is the digit of code 0
        packed[start : start + CHUNK] = pack_digits(digits)
    return packed


def unpack_trits(packed: Bytes, n: int) -> Codes:
    """The first `n` codes, int8 `(n,)`, of bytes `(ceil(n / 5),)`.

    Raises
    ------
    CodecError
        If the number of bytes is another, a byte is above 242, or a code after the last is not 0.

    Examples
    --------
    >>> unpack_trits(np.array([122, 120], np.uint8), 6).tolist()
    [1, 0, 0, 0, 0, -1]
    """
    if packed.dtype != np.uint8 or packed.shape != (bytes_for(n),):
        raise CodecError(
            f"got {packed.dtype} {packed.shape}; expected uint8 ({bytes_for(n)},) for {n} codes"
        )
    if packed.max(initial=0) >= 243:
        raise CodecError(f"byte {packed.max()} is no base-3 number of five digits: 243 or more")
    codes = np.empty(TRITS_A_BYTE * len(packed), np.int8)
    for start in range(0, len(packed), CHUNK):
        digits = unpack_digits(packed[start : start + CHUNK])
        codes[TRITS_A_BYTE * start : TRITS_A_BYTE * (start + CHUNK)] = to_codes(digits)
    if codes[n:].any():
        raise CodecError("the last byte is not filled up with code 0: more codes were packed")
    return codes[:n]


def bytes_for(n: int) -> int:
    """Bytes that `n` codes take."""
    return -(-n // TRITS_A_BYTE)


def pack_digits(digits: Bytes) -> Bytes:
    """Pack digits 0, 1, 2 `(5 n,)` into bytes `(n,)`."""
    # Words of eight bytes that begin at every fifth: five digits, and three of the next byte's.
    padded = np.append(digits, np.zeros(3, np.uint8))
    n = len(digits) // TRITS_A_BYTE
    words = np.ndarray((n,), "<u8", padded.data, strides=(TRITS_A_BYTE,)) * GATHER
    words >>= np.uint64(32)
    return words.astype(np.uint8)  # which keeps the lowest byte


def unpack_digits(packed: Bytes) -> Bytes:
    """Digits `(5 n,)` of bytes `(n,)`; `INVALID` where a byte is 243 or more."""
    n = len(packed)
    if n % 2:
        packed = np.append(packed, np.uint8(0))
    return look_up(_ten_digits(), packed)[: TRITS_A_BYTE * n]


@cache
def _ten_digits() -> Pairs:
    """The digits of every two bytes, 640 kB."""
    return pairs_of(DIGITS)


def to_digits(codes: Codes) -> Bytes:
    """Digits 0, 1, 2, uint8, for codes -1, 0, 1, int8, of the same shape.

    Raises
    ------
    CodecError
        If they are no such codes.
    """
    if not isinstance(codes, np.ndarray) or codes.dtype != np.int8:
        kind = getattr(codes, "dtype", type(codes).__name__)
        raise CodecError(
            f"codes are {kind}; expected int8. Give the codes of a projection, not its weights"
        )
    digits = (codes + np.int8(1)).view(np.uint8)
    if digits.max(initial=0) > 2:
        bad = codes[digits > 2].flat[0]
        raise CodecError(f"a code is {bad}; expected -1, 0 or 1")
    return digits


def to_codes(digits: Bytes) -> Codes:
    """Codes -1, 0, 1 for digits 0, 1, 2, in the same memory."""
    codes = digits.view(np.int8)
    codes -= np.int8(1)
    return codes
