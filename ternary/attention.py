"""Causal multi-head attention with rotary positions, forward and backward.

Scores are stored with the key axis first, `(T_key, B, H, T_query)`. A softmax over keys then adds
up whole rows of memory at a time, several times faster than many sums over the last, short axis.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary.arrays import Floats, Workspace, require_forward
from ternary.errors import ShapeError


def rotary_phases(
    first: int, last: int, head_dim: int, base: float = 10000.0, dtype: npt.DTypeLike = np.float32
) -> npt.NDArray[np.complexfloating]:
    """Unit complex numbers that mark the positions from `first` up to `last`.

    Feature pair ``j`` of a head turns by ``base ** (-2 j / head_dim)`` radians a position. Pairs
    are neighbours, features ``2j`` and ``2j + 1``, read as one complex number; llama.cpp orders
    them so, Transformers keeps ``j`` and ``j + head_dim / 2`` together.

    Returns
    -------
    Complex array `(last - first, head_dim / 2)`.

    Notes
    -----
    Su et al. (2021), RoFormer, arXiv:2104.09864. A product of a query turned by its position and a
    key turned by its own depends on the distance of the two alone.

    Examples
    --------
    >>> phases = rotary_phases(0, 3, 2)
    >>> [complex(round(z.real, 3), round(z.imag, 3)) for z in phases[:, 0].tolist()]
    [(1+0j), (0.54+0.841j), (-0.416+0.909j)]
    """
    if head_dim % 2:
        raise ShapeError(
            f"the head size is {head_dim}; rotary positions turn pairs: use an even one"
        )
    frequencies = base ** (-np.arange(0, head_dim, 2) / head_dim)
    angles = np.arange(first, last)[:, None] * frequencies
    phases: npt.NDArray[np.complexfloating] = np.exp(1j * angles)
    return phases.astype(np.result_type(dtype, np.complex64))


class KeyValueCache:
    """Turned keys and values of the positions seen so far, for one attention and one sequence.

    Parameters
    ----------
    n_heads, capacity, head_dim
        Sizes of the arrays `(n_heads, capacity, head_dim)`.
    """

    def __init__(self, n_heads: int, capacity: int, head_dim: int, dtype: npt.DTypeLike) -> None:
        self.keys = np.empty((n_heads, capacity, head_dim), dtype)
        self.values = np.empty_like(self.keys)
        self.length = 0


class CausalAttention:
    """Softmax attention of every position to itself and to what came before.

    It has no parameters: queries, keys and values come in side by side, from one fused projection.

    Parameters
    ----------
    n_heads
        Number of heads H.
    d_model
        Features of a position, a multiple of H with an even quotient.
    rope_base
        Base of the rotary frequencies.
    dtype
        Type of the arrays.
    scratch
        Where ``backward`` puts its result; a workspace of its own by default.

    Raises
    ------
    ShapeError
        If the heads do not divide `d_model`, or the head size is odd.

    Notes
    -----
    Vaswani et al. (2017), arXiv:1706.03762, section 3.2.

    Examples
    --------
    >>> attention = CausalAttention(n_heads=1, d_model=2)
    >>> q, k, v = np.zeros((3, 1, 3, 2), np.float32)  # B = 1, T = 3, all scores equal
    >>> v[0, :, 0] = [3, 6, 9]
    >>> attention.forward(np.concatenate([q, k, v], axis=-1))[0, :, 0].round(4).tolist()
    [3.0, 4.5, 6.0]
    """

    _qkv: Floats | None = None

    def __init__(
        self,
        n_heads: int,
        d_model: int,
        rope_base: float = 10000.0,
        dtype: npt.DTypeLike = np.float32,
        scratch: Workspace | None = None,
    ) -> None:
        if d_model % n_heads:
            raise ShapeError(f"d_model {d_model} is not a multiple of n_heads {n_heads}")
        self.n_heads = n_heads
        self.head_dim = d_model // n_heads
        self.rope_base = rope_base
        self._work = Workspace(dtype)
        self._scratch = scratch or Workspace(dtype)
        self._prepare(1)

    def forward(self, qkv: Floats) -> Floats:
        """Map queries, keys and values `(B, T, 3 D)` to `(B, T, D)`. `qkv` is turned in place."""
        B, T, width = qkv.shape
        if width != 3 * self.n_heads * self.head_dim:
            expected = 3 * self.n_heads * self.head_dim
            raise ShapeError(f"qkv has shape {qkv.shape}; expected (B, T, {expected}): q, k and v")
        if len(self._mask) != T:
            self._prepare(T)
        self._turn(qkv, self._phases)
        self._qkv = qkv
        q, k, v = self._heads(qkv)
        P = self._work("P", (T, B, self.n_heads, T))
        np.matmul(k, q.swapaxes(-1, -2), out=_batched(P))
        P += self._mask
        peak = np.maximum.reduce(P, axis=0, out=self._work("peak", P.shape[1:]))
        P -= peak
        np.exp(P, out=P)
        P /= np.add.reduce(P, axis=0, out=peak)
        y = self._work("y", (B, T, self.n_heads, self.head_dim))
        np.matmul(_batched(P).swapaxes(-1, -2), v, out=y.swapaxes(1, 2))
        return y.reshape(B, T, -1)

    def backward(self, dy: Floats) -> Floats:
        """Map dL/dy `(B, T, D)` to dL/dqkv `(B, T, 3 D)`."""
        B, T, D = dy.shape
        q, k, v = self._heads(require_forward(self._qkv, "CausalAttention"))
        dqkv = self._scratch("dqkv", (B, T, 3 * D))
        dq, dk, dv = self._heads(dqkv)
        dy = dy.reshape(B, T, self.n_heads, -1).swapaxes(1, 2)
        P = self._work("P", (T, B, self.n_heads, T))
        dP = self._scratch("dP", P.shape)
        np.matmul(_batched(P), dy, out=dv)
        np.matmul(v, dy.swapaxes(-1, -2), out=_batched(dP))
        # Softmax: dS = P * (dP - sum over keys of P * dP)
        dP *= P
        total = np.add.reduce(dP, axis=0, out=self._work("peak", P.shape[1:]))
        dS = dP
        dS -= np.multiply(P, total, out=P)
        np.matmul(_batched(dS).swapaxes(-1, -2), k, out=dq)
        np.matmul(_batched(dS), q, out=dk)
        self._turn(dqkv, self._phases_back)
        return dqkv

    def extend(self, qkv: Floats, cache: KeyValueCache) -> Floats:
        """Attend from `n` new positions `(n, 3 D)` to the cached ones and themselves: `(n, D)`.

        The new keys and values join the cache. Nothing is kept for a backward pass.
        """
        n, first = len(qkv), cache.length
        last = cache.length = first + n
        self._turn(qkv, self._turns(first, last))
        q, k, v = (part[0] for part in self._heads(qkv[None]))
        cache.keys[:, first:last] = k
        cache.values[:, first:last] = v
        scores = q @ cache.keys[:, :last].swapaxes(-1, -2)
        if n > 1:
            scores[:, np.arange(first, last)[:, None] < np.arange(last)] = -np.inf
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        y: Floats = scores @ cache.values[:, :last]
        return y.swapaxes(0, 1).reshape(n, -1)

    def _turns(self, first: int, last: int) -> npt.NDArray[np.complexfloating]:
        """Phases `(T, 3 D / 2)` of all pairs of q, k and v; those of the values are 1.

        The phases of the queries carry the scale of the scores, one over the root of `head_dim`.
        """
        one = rotary_phases(first, last, self.head_dim, self.rope_base, self._work.dtype)
        heads = np.tile(one, self.n_heads)
        scale = self._work.dtype.type(self.head_dim**-0.5)
        return np.concatenate([scale * heads, heads, np.ones_like(heads)], axis=-1)

    def _prepare(self, T: int) -> None:
        """Tables for sequences of length T: the phases, and the mask of future keys."""
        self._phases = self._turns(0, T)
        self._phases_back = self._phases.conj()
        future = np.arange(T)[:, None] > np.arange(T)  # key after query
        self._mask = np.where(future, -np.inf, 0).astype(self._work.dtype)[:, None, None, :]

    def _turn(self, qkv: Floats, phases: npt.NDArray[np.complexfloating]) -> None:
        """Rotate queries and keys `(..., T, 3 D)` in place, and scale queries: one product."""
        pairs = qkv.view(phases.dtype)
        np.multiply(pairs, phases, out=pairs)

    def _heads(self, qkv: Floats) -> tuple[Floats, Floats, Floats]:
        """Views `(B, H, T, head_dim)` of queries, keys and values."""
        B, T, _ = qkv.shape
        q, k, v = qkv.reshape(B, T, 3, self.n_heads, -1).transpose(2, 0, 3, 1, 4)
        return q, k, v


def _batched(scores: Floats) -> Floats:
    """View `(T_key, B, H, T_query)` as `(B, H, T_key, T_query)`, for products of matrices."""
    return scores.transpose(1, 2, 0, 3)
