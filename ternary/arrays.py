"""Array types, and the reusable buffers that keep training free of large allocations."""

from __future__ import annotations

import math
import threading
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ternary.errors import TernaryError

T = TypeVar("T")

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Ints: TypeAlias = npt.NDArray[np.integer[Any]]
Codes: TypeAlias = npt.NDArray[np.int8]
Scales: TypeAlias = npt.NDArray[np.float16]
Bytes: TypeAlias = npt.NDArray[np.uint8]


CHUNK = 1 << 24  # bytes
_chunk = threading.local()


def lasting(shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """An array of zeros that is meant to stay: cut out of a chunk of memory with others.

    A processor remembers where the pages of memory that it uses lie, a thousand or two of them. The
    arrays of a training step are more pages than that where a page has 4 kB, as is usual. For 4 MB
    and more at once, NumPy asks Linux for pages of 2 MB; so several arrays share a chunk.

    Examples
    --------
    >>> lasting((2, 3)).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    dtype = np.dtype(dtype)
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > CHUNK // 4:
        return np.zeros(shape, dtype)
    room: Bytes = getattr(_chunk, "room", np.empty(0, np.uint8))
    if len(room) < n_bytes:
        room = np.empty(CHUNK, np.uint8)
        room = room[-room.ctypes.data % 64 :]  # from here on, every array begins a cache line
    _chunk.room = room[-(-n_bytes // 64) * 64 :]
    array = room[:n_bytes].view(dtype).reshape(shape)
    array.fill(0)
    return array


class Workspace:
    """Named scratch arrays that are allocated once and then reused.

    A fresh temporary of a megabyte is mapped by the operating system, filled with zeros page by
    page, and unmapped again at every step; the record ``fresh-memory`` shows what that can cost.
    So every layer owns a workspace and writes its results there with
    ``out=``. What ``forward`` must keep for ``backward`` lies in the layer's own workspace; what
    ``backward`` returns lies in one that all layers of a model share, because less memory in use
    means more of it in the cache. The price is two rules: a result of ``forward`` is valid until
    the next ``forward`` of the same layer, a result of ``backward`` until the next ``backward`` of
    any layer; and ``backward`` follows ``forward`` once, for it may use up what was kept.

    Buffers of one name but several shapes stand side by side, so that training and evaluation can
    alternate without a new allocation.

    Parameters
    ----------
    dtype
        Type of the arrays that are asked for without one.

    Examples
    --------
    >>> work = Workspace(np.float32)
    >>> y = work("y", (2, 3))
    >>> work("y", (2, 3)) is y  # the same memory again
    True
    """

    def __init__(self, dtype: npt.DTypeLike = np.float32) -> None:
        self.dtype = np.dtype(dtype)
        self._arrays: dict[tuple[str, tuple[int, ...]], npt.NDArray[Any]] = {}

    def __call__(
        self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike | None = None
    ) -> npt.NDArray[Any]:
        array = self._arrays.get((name, shape))
        if array is None:
            array = self._arrays[name, shape] = lasting(shape, dtype or self.dtype)
        return array

    def constant(self, value: float, n: int) -> npt.NDArray[Any]:
        """A row of `n` equal numbers, which nobody writes to."""
        row = self._arrays.get((str(value), (n,)))
        if row is None:
            row = self._arrays[str(value), (n,)] = np.full(n, value, self.dtype)
        return row


class ThreadWorkspace(threading.local, Workspace):
    """A workspace with arrays of its own for every thread that asks it."""


def require_forward(x: T | None, name: str) -> T:
    """What ``forward`` kept for ``backward``, or an error that says that it has not been called."""
    if x is None:
        raise TernaryError(f"{name}: backward was called before forward; call forward(x) first")
    return x
