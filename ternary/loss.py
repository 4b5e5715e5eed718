"""Cross-entropy of next-token (or any-token) prediction, forward and backward."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary.arrays import Floats, Ints, Workspace, require_forward
from ternary.errors import ShapeError, TernaryError

IGNORE = -1  # a target that counts neither in the loss nor in the gradient


class CrossEntropy:
    """Mean of ``-log softmax(logits)[target]`` over all targets, in nats.

    Parameters
    ----------
    dtype
        Type of the arrays.

    Examples
    --------
    >>> cross_entropy = CrossEntropy(np.float64)
    >>> logits = np.array([[0.0, 0.0], [3.0, 9.0]])
    >>> round(cross_entropy.forward(logits, np.array([1, IGNORE])), 4)  # log 2: a coin
    0.6931
    >>> cross_entropy.backward()[0].tolist()
    [0.5, -0.5]
    """

    _exp: Floats | None = None

    def __init__(self, dtype: npt.DTypeLike = np.float32) -> None:
        self._work = Workspace(dtype)

    def forward(self, logits: Floats, targets: Ints, n_counted: int | None = None) -> float:
        """Loss of `logits` `(N, V)` for integer `targets` `(N,)`, `IGNORE` among them.

        It is the sum over the targets that count, divided by their number, or by `n_counted` where
        these are a part of a larger batch.

        Raises
        ------
        TernaryError
            If a target is outside the vocabulary, or all are ignored.
        """
        N, V = logits.shape
        if targets.shape != (N,):
            raise ShapeError(f"targets have shape {targets.shape}; expected ({N},), as the logits")
        if not IGNORE <= targets.min() <= targets.max() < V:
            raise TernaryError(
                f"targets lie between {targets.min()} and {targets.max()}; expected 0 to {V - 1}, "
                f"or {IGNORE} to leave one out"
            )
        self._counted = targets != IGNORE
        self._n_counted = n_counted or int(np.count_nonzero(self._counted))
        if not self._n_counted:
            raise TernaryError("every target is ignored; expected at least one that counts")
        self._at_target = np.arange(N), np.maximum(targets, 0)
        self._exp = exp = self._work("exp", (N, V))
        self._total = total = self._work("total", (N,))
        peak = np.maximum.reduce(logits, axis=1, out=total)
        np.subtract(logits, peak[:, None], out=exp)
        log_p = exp[self._at_target]
        np.exp(exp, out=exp)
        np.matmul(exp, self._work.constant(1, V), out=total)  # sums, by BLAS
        log_p -= np.log(total)
        return -float(log_p[self._counted].sum()) / self._n_counted

    def backward(self) -> Floats:
        """dL/dlogits `(N, V)`: softmax minus one at the target, over the number of targets."""
        exp = require_forward(self._exp, "CrossEntropy")
        weight = self._counted / self._total.dtype.type(self._n_counted)  # 1/n, or 0 if ignored
        dlogits = exp
        dlogits *= (weight / self._total)[:, None]
        dlogits[self._at_target] -= weight
        return dlogits
