"""llama.cpp's arithmetic on x86 processors, rounding by rounding: attention, norms, products."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ternary.activations import IntegerLinear, integer_sums
from ternary.arrays import Floats
from ternary.attention import CausalAttention
from ternary.layers import RMSNorm

BLOCK = 32  # activations under one scale in llama.cpp's type Q8_0


class Float16Attention(CausalAttention):
    """Attention as llama.cpp's `flash_attn_ext` computes it on a processor; forward only.

    Queries, keys and values are float16, and so is the running sum of the values: keys come one
    after another, and where a score is the largest so far, the sum is made smaller by its lead.

    Attributes
    ----------
    in_order
        Whether the 32 products of a score are added in the order of its AVX2 code.
    c_exp
        Whether exponentials are those of the C library; NumPy's differ in the last bit.
    c_turns
        Whether sines and cosines are, and one product of a rotation is added unrounded.
    """

    in_order = c_exp = c_turns = False

    def forward(self, qkv: Floats) -> Floats:
        B, T, _ = qkv.shape
        if len(self._mask) != T:
            self._prepare(T)
        if self.c_turns:
            self._turn_fused(qkv)
        else:
            self._turn(qkv, self._phases)
        q, k, v = self._heads(qkv)
        q, k, v = half(q), half(k), half(v)
        dots = dots_by_eight(q, k) if self.in_order else np.matmul(q, k.swapaxes(-1, -2))
        scores = dots * np.float32(self.head_dim**-0.5)
        exp = c_function("expf") if self.c_exp else np.exp
        largest = np.full(scores.shape[:-1], -np.inf, np.float32)
        total = np.zeros_like(largest)
        y = np.zeros_like(v)
        for key in range(T):
            later = slice(key, T)  # the queries that see it
            s, before = scores[..., later, key], largest[..., later]
            top = np.maximum(s, before)
            shrink, weight = exp(before - top), exp(s - top)
            shrunk = half(y[..., later, :] * shrink[..., None])
            y[..., later, :] = half(fused(v[..., key, None, :], weight[..., None], shrunk))
            total[..., later] = total[..., later] * shrink + weight
            largest[..., later] = top
        y *= (1 / total)[..., None]
        return y.swapaxes(1, 2).reshape(B, T, -1)

    def _turn_fused(self, qkv: Floats) -> None:
        """Rotate queries and keys in place, of two products only one rounded."""
        B, T, _ = qkv.shape
        angles = self._angles(0, T)[:, None, None]
        cos, sin = c_function("cosf")(angles), c_function("sinf")(angles)
        pairs = qkv.reshape(B, T, 3, self.n_heads, self.head_dim // 2, 2)[:, :, :2]
        a, b = pairs[..., 0].copy(), pairs[..., 1].copy()
        pairs[..., 0] = fused(a, cos, -(b * sin))
        pairs[..., 1] = fused(a, sin, b * cos)

    def _angles(self, first: int, last: int) -> Floats:
        """Angles of all pairs `(T, head_dim / 2)`: every one is the one before times a ratio."""
        ratio = np.float32(self.rope_base) ** np.float32(-2 / self.head_dim)
        angles = np.empty((last - first, self.head_dim // 2), np.float32)
        angles[:, 0] = np.arange(first, last)
        for pair in range(1, self.head_dim // 2):
            angles[:, pair] = angles[:, pair - 1] * ratio
        return angles

    def _turns(self, first: int, last: int) -> npt.NDArray[np.complexfloating]:
        """As the package's, in float32 throughout."""
        angles = self._angles(first, last)
        one = np.tile((np.cos(angles) + 1j * np.sin(angles)).astype(np.complex64), self.n_heads)
        return np.concatenate([one, one, np.ones_like(one)], axis=-1)


def dots_by_eight(q: Floats, k: Floats) -> Floats:
    """Products of all pairs of queries and keys of 32 features, as `ggml_vec_dot_f16` adds them.

    A register holds eight numbers. Every fourth register goes into one sum; then the sums are added
    in pairs, the upper half to the lower, and the four that are left in pairs again.
    """
    products = q[..., :, None, :] * k[..., None, :, :]  # of float16 numbers: exact in float32
    a, b, c, d = np.moveaxis(products.reshape(*products.shape[:-1], 4, 8), -2, 0)
    eight = (b + d) + (a + c)
    four = eight[..., :4] + eight[..., 4:]
    dots: Floats = (four[..., 0] + four[..., 1]) + (four[..., 2] + four[..., 3])
    return dots


def c_function(name: str) -> Callable[[Floats], Floats]:
    """A function of the C library from float32 to float32, for arrays.

    llama.cpp calls it, and so do we: the standard does not say what its last bit is.
    """
    function = getattr(ctypes.CDLL("ucrtbase" if os.name == "nt" else None), name)
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return lambda x: np.fromiter(map(function, x.ravel()), np.float32, x.size).reshape(x.shape)


def fused(a: Floats, b: Floats, c: Floats) -> Floats:
    """``a * b + c`` with one rounding to float32 at the end, as processors offer it."""
    exact: Floats = a.astype(np.float64) * b + c
    return exact.astype(np.float32)


def half(x: Floats) -> Floats:
    """Numbers as float16 gives them back."""
    return x.astype(np.float16).astype(x.dtype)


class Float64Norm(RMSNorm):
    """A normalisation whose squares are added in float64; forward only."""

    def forward(self, x: Floats) -> Floats:
        mean = (x * x).mean(axis=-1, dtype=np.float64).astype(np.float32)
        scale = 1 / np.sqrt(mean + np.float32(self.eps))
        y: Floats = x * scale[..., None] * self.gain
        return y


class Q2Linear(IntegerLinear):
    """A ternary linear layer as llama.cpp's product of Q2_0 with Q8_0 computes it; forward only.

    Every 32 inputs have a scale, kept in float16. The sums of two such blocks, times their scales,
    are added, and the result times the weights' scale to what came before. With `is_fused`, each
    addition takes its product unrounded, which compilers make of such lines by default.
    """

    is_fused = False

    def forward(self, x: Floats) -> Floats:
        t = np.concatenate([self.parameters.codes(name) for name in self.names])
        s = np.concatenate([self.parameters.scales(name) for name in self.names]).astype(x.dtype)
        blocks = x.reshape(*x.shape[:-1], -1, BLOCK)
        peak = np.abs(blocks).max(axis=-1)
        inverse = np.float32(127) / np.where(peak == 0, np.inf, peak).astype(np.float32)
        codes = np.rint(blocks * inverse[..., None]).astype(np.int8)
        d = half(peak / np.float32(127))
        add = fused if self.is_fused else apart
        y = np.zeros((*x.shape[:-1], len(t)), np.float32)
        for first in range(0, blocks.shape[-2], 2):
            both = np.zeros_like(y)
            for i in (first, first + 1):
                sums = integer_sums(codes[..., i, :], t[:, i * BLOCK : (i + 1) * BLOCK])
                both = add(d[..., i, None], sums.astype(np.float32), both)
            group = first * BLOCK // self.parameters.projection.group_size
            y = add(s[:, group], both, y)
        return y


def apart(a: Floats, b: Floats, c: Floats) -> Floats:
    """``a * b + c``, the product rounded before the addition."""
    return a * b + c
