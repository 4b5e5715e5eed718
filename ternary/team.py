"""A few threads that work on the same arrays, each on its own share of them.

NumPy lets other threads run while it computes. So the parts of a batch can go through a model at
the same time, and afterwards the shards of its flat buffers through the optimizer and the
projection: two cores then work on every pass over memory, and not only on the matrix products,
which BLAS spreads over cores by itself.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import numpy as np

from ternary.errors import TernaryError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Team:
    """Threads that carry out one function together; the calling thread is one of them.

    Parameters
    ----------
    size
        How many work at the same time. Where no thread can be started, as in a browser, the calls
        are made one after another, with the same results.

    Raises
    ------
    TernaryError
        If there is nobody in it.

    Examples
    --------
    >>> Team(3).run(lambda member: member**2)
    [0, 1, 4]
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise TernaryError(f"threads is {size}; expected 1 or more")
        self.size = size
        self._pool = self._new_pool()

    def run(self, work: Callable[[int], Result]) -> list[Result]:
        """Call ``work(member)`` for every member of the team at once; the results, in order.

        An error in any of the calls is raised once all of them have ended, so that none goes on
        behind the back of the caller. Meanwhile no matrix product is spread over further threads.
        """
        if self.size == 1:
            return [work(0)]
        with one_blas_thread():
            try:
                jobs = [self._pool.submit(work, member) for member in range(1, self.size)]
                return [work(0), *(job.result() for job in jobs)]
            except BaseException:
                self._pool.shutdown(cancel_futures=True)
                self._pool = self._new_pool()
                raise

    def each(self, work: Callable[[Item], object], items: Sequence[Item]) -> None:
        """Call ``work(item)`` for all items, dealt out to the members like cards."""

        def hand(member: int) -> None:
            for item in items[member :: self.size]:
                work(item)

        self.run(hand)

    def _new_pool(self) -> Executor:
        if self.size == 1 or sys.platform == "emscripten":  # Python in a browser
            return _InTurn()
        return ThreadPoolExecutor(self.size - 1)


class _InTurn(Executor):
    """Carries out every job where it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let no matrix product be spread over threads while this process has threads of its own.

    It tells the OpenBLAS that NumPy's wheels bring along; another BLAS is left as it is.
    """
    blas = _openblas()
    if blas is None:
        yield
        return
    before = blas.scipy_openblas_get_num_threads64_()
    blas.scipy_openblas_set_num_threads64_(1)
    try:
        yield
    finally:
        blas.scipy_openblas_set_num_threads64_(before)


@cache
def _openblas() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
    return library if hasattr(library, "scipy_openblas_set_num_threads64_") else None
