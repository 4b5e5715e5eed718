"""Look-ups of two bytes at a time: half as many, in tables that stay in the reach of a core."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ternary.arrays import Bytes

Pairs = npt.NDArray[Any]  # (65536,), each element the bytes of two entries


def pairs_of(entries: Bytes) -> Pairs:
    """A table of every two bytes from entries `(256, k)` of one: elements of `2 k` bytes.

    Examples
    --------
    >>> halves = np.arange(256, dtype=np.uint8)[:, None] // 2
    >>> look_up(pairs_of(halves), np.array([10, 20, 30, 40], np.uint8)).tolist()
    [5, 10, 15, 20]
    """
    first, second = entries[None], entries[:, None]  # of a little-endian word, the low byte first
    both = np.concatenate(np.broadcast_arrays(first, second), axis=-1)
    return both.view(f"V{both.shape[-1]}").ravel()


def look_up(pairs: Pairs, packed: Bytes) -> Bytes:
    """The entries `(..., k n)` of bytes `(..., n)`, `n` even, one after another."""
    return np.take(pairs, packed.view("<u2")).view(np.uint8)
