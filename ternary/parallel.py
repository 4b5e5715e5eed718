"""One batch on several threads: a part of it for each, and the gradients added up.

NumPy lets other threads run while it computes, so two replicas of a model on the same weights use
two cores for everything: not only for the matrix products, which BLAS spreads over cores by itself,
but for every pass in between. The parts of a batch are independent until their gradients meet in
one sum over the flat buffer, and that sum is all they exchange; over machines, it is an all-reduce.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from ternary.arrays import Ints
from ternary.errors import TernaryError
from ternary.loss import IGNORE
from ternary.transformer import TernaryTransformer


class DataParallel:
    """Loss and gradient of a batch, computed by several threads.

    Parameters
    ----------
    model
        Its ``parameters.gradients`` receive the gradient of the whole batch.
    threads
        Parts of a batch. The result depends on their number by float32 rounding, so it is part of
        a training configuration; the cores of the machine are not. Where no thread can be started,
        as in a browser, the parts are computed one after another, with the same result.

    Examples
    --------
    >>> from ternary.transformer import TransformerConfig
    >>> model = TernaryTransformer(TransformerConfig(d_model=32, d_ff=64))
    >>> tokens = np.arange(40).reshape(4, 10)
    >>> alone, together = DataParallel(model, 1), DataParallel(model, 2)
    >>> losses = alone.loss_and_gradient(tokens, tokens), together.loss_and_gradient(tokens, tokens)
    >>> abs(losses[0] - losses[1]) < 1e-5
    True
    """

    def __init__(self, model: TernaryTransformer, threads: int) -> None:
        if threads < 1:
            raise TernaryError(f"threads is {threads}; expected 1 or more")
        self.models = [model, *(model.replica() for _ in range(threads - 1))]
        self._pool = _pool(threads - 1) if threads > 1 else None

    def loss_and_gradient(self, tokens: Ints, targets: Ints) -> float:
        """Mean loss of `targets` `(B, T)`; the gradient is written into the model's buffer."""
        n_counted = np.count_nonzero(targets != IGNORE)
        if self._pool is None or len(tokens) < len(self.models) or not n_counted:
            return _part(self.models[0], tokens, targets, 1.0)
        parts = np.array_split(np.arange(len(tokens)), len(self.models))
        slices = [slice(part[0], part[-1] + 1) for part in parts]
        shares = [float(np.count_nonzero(targets[s] != IGNORE) / n_counted) for s in slices]
        with one_blas_thread():
            try:
                jobs = [
                    self._pool.submit(_part, model, tokens[s], targets[s], share)
                    for model, s, share in zip(self.models[1:], slices[1:], shares[1:], strict=True)
                ]
                loss = _part(self.models[0], tokens[slices[0]], targets[slices[0]], shares[0])
                loss += sum(job.result() for job in jobs)  # in the same order at every step
            except BaseException:  # no part goes on, or starts, behind the back of the caller
                self._pool.shutdown(cancel_futures=True)
                self._pool = _pool(len(self.models) - 1)
                raise
        gradients = self.models[0].parameters.gradients
        for other in self.models[1:]:
            gradients += other.parameters.gradients
        return loss


class _InTurn(Executor):
    """Carries out every job where it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _pool(threads: int) -> Executor:
    if sys.platform == "emscripten":  # Python in a browser
        return _InTurn()
    return ThreadPoolExecutor(threads)


def _part(model: TernaryTransformer, tokens: Ints, targets: Ints, share: float) -> float:
    """A part's share of the loss; its share of the gradient is in the buffer of its model."""
    if share == 0:  # nothing to predict in it
        model.parameters.gradients.fill(0)
        return 0.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # found by the trainer
        loss = model.loss(tokens, targets)
        model.backward()
        if share != 1:
            model.parameters.gradients *= share
    return share * loss


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
