"""Keys and values in few bits, and the rotation that makes rounding kinder: Walsh-Hadamard."""

from __future__ import annotations

import numpy as np

from ternary.activations import rounded
from ternary.arrays import Floats
from ternary.attention import CausalAttention, KeyValueCache
from ternary.errors import ShapeError, TernaryError


def hadamard(x: Floats) -> Floats:
    """The fast Walsh-Hadamard transform of every vector `(..., D)`, D a power of two.

    Sums and differences of pairs, in ``log2 D`` rounds, over the root of D: a rotation that is its
    own inverse, and that spreads one large feature evenly over all.

    Raises
    ------
    ShapeError
        If D is no power of two.

    Examples
    --------
    >>> hadamard(np.array([8.0, 0.0, 0.0, 0.0])).tolist()
    [4.0, 4.0, 4.0, 4.0]
    >>> hadamard(np.array([4.0, 4.0, 4.0, 4.0])).tolist()
    [8.0, 0.0, 0.0, 0.0]
    """
    D = x.shape[-1]
    if D < 1 or D & (D - 1):
        raise ShapeError(f"x has {D} features; expected a power of two")
    y, n = x, 1
    while n < D:
        pairs = y.reshape(*x.shape[:-1], -1, 2, n)
        a, b = pairs[..., 0, :], pairs[..., 1, :]
        y = np.stack([a + b, a - b], axis=-2).reshape(x.shape)
        n *= 2
    return y * x.dtype.type(D**-0.5)


class RoundedAttention(CausalAttention):
    """Attention to keys and values that a cache of few bits would give back; forward only.

    Every head of every token has one scale for its key and one for its value.

    Attributes
    ----------
    bits
        Of keys and values.
    rotate
        Whether heads are turned by `hadamard` before rounding. Queries are turned like keys, so
        that scores stay, and what the values add up to is turned back.
    """

    bits, rotate = 8, False

    def forward(self, qkv: Floats) -> Floats:
        y = super().forward(qkv)
        if not self.rotate:
            return y
        heads = y.reshape(*y.shape[:-1], self.n_heads, self.head_dim)
        return hadamard(heads).reshape(y.shape)

    def backward(self, dy: Floats) -> Floats:
        raise TernaryError("keys and values are rounded: use CausalAttention to train")

    def extend(self, qkv: Floats, cache: KeyValueCache) -> Floats:
        y = super().extend(qkv, cache)
        if not self.rotate:
            return y
        return hadamard(y.reshape(len(y), self.n_heads, self.head_dim)).reshape(y.shape)

    def _heads(self, qkv: Floats) -> tuple[Floats, Floats, Floats]:
        q, k, v = super()._heads(qkv)
        if self.rotate:
            q, k, v = hadamard(q), hadamard(k), hadamard(v)
        return q, rounded(k, self.bits), rounded(v, self.bits)
