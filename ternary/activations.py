"""Eight-bit activations: rounding per token, layers that train with it, and products of integers.

A token's vector becomes whole numbers times one scale: ``x`` is about ``scale * code``. With
ternary weights the product is then a sum of whole numbers, int8 times trit, and exact in int32; the
scales multiply it afterwards. The order of the additions cannot matter, so every processor has the
same bits.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ternary.arrays import Codes, Floats, Scales
from ternary.errors import ShapeError, TernaryError
from ternary.layers import TernaryLinear
from ternary.parameters import Parameters
from ternary.transformer import TernaryTransformer

LAYERS = ("qkv", "o", "up", "down", "head")  # the products of a model, by their inputs


class Rounded(NamedTuple):
    """What `quantize` returns: int8 codes `(..., D)`, and float32 scales `(..., D / block)`."""

    codes: Codes
    scales: Floats

    @property
    def block(self) -> int:
        """Features that share a scale."""
        return int(self.codes.shape[-1] // self.scales.shape[-1])

    def values(self) -> Floats:
        """Scale times code, float32 `(..., D)`."""
        shape = *self.scales.shape, self.block
        return (self.codes.reshape(shape) * self.scales[..., None]).reshape(self.codes.shape)


def quantize(
    x: Floats, bits: int = 8, block: int | None = None, scale_type: npt.DTypeLike = np.float32
) -> Rounded:
    """Round every vector to whole numbers, its largest magnitude to the largest of them.

    Parameters
    ----------
    x
        Float array `(..., D)`: a vector of D features for every token.
    bits
        2 to 8. The codes go from ``-(2**(bits - 1) - 1)`` to the opposite of it: 127 for 8 bits.
    block
        Features that share a scale; None for all D of a token.
    scale_type
        float16 to store the scales as llama.cpp does. The unrounded scale decides the codes, as in
        the projection of weights, and the stored one multiplies.

    Raises
    ------
    TernaryError
        If a number is not finite, or there is no such number of bits.
    ShapeError
        If the blocks do not divide D.

    Notes
    -----
    Per token: Wang et al. (2023), BitNet, arXiv:2310.11453, whose largest magnitude has a floor of
    1e-5. Here a vector of zeros, or one whose scale underflows, has the scale 0 and codes 0.

    Examples
    --------
    >>> codes, scales = quantize(np.array([[0.5, -1.0, 0.02], [0, 0, 0]], np.float32))
    >>> codes.tolist(), scales.round(4).tolist()
    ([[64, -127, 3], [0, 0, 0]], [[0.007899999618530273], [0.0]])
    """
    if not 2 <= bits <= 8:
        raise TernaryError(f"bits is {bits}; expected 2 to 8")
    D = x.shape[-1]
    block = block or D
    if D % block:
        raise ShapeError(f"x has shape {x.shape}; expected a multiple of {block} features")
    peak = 2 ** (bits - 1) - 1
    blocks = np.asarray(x, np.float32).reshape(*x.shape[:-1], D // block, block)
    scales = np.abs(blocks).max(axis=-1) / np.float32(peak)
    if not np.isfinite(scales).all():
        token = np.argwhere(~np.isfinite(scales))[0][:-1]
        raise TernaryError(f"an activation of token {tuple(map(int, token))} is not finite")
    divisor = np.where(scales == 0, np.inf, scales)[..., None]  # 0 / inf is 0, without a warning
    codes = np.clip(np.rint(blocks / divisor), -peak, peak).astype(np.int8)
    stored = scales.astype(scale_type).astype(np.float32)
    codes[stored == 0] = 0
    return Rounded(codes.reshape(x.shape), stored)


def rounded(x: Floats, bits: int = 8, block: int | None = None) -> Floats:
    """The vectors that `quantize` stands for, of the type and shape of `x`.

    Examples
    --------
    >>> rounded(np.array([3.0, 1.2, -0.4], np.float32), bits=3).tolist()
    [3.0, 1.0, 0.0]
    """
    return quantize(x, bits, block).values().astype(x.dtype, copy=False)


class RoundedLinear(TernaryLinear):
    """A ternary linear layer whose inputs are rounded per token.

    The backward pass is that of `TernaryLinear`: the rounded inputs are what the layer keeps, so
    that ``dL/dW`` is exact for them, and dL/dx goes straight through the rounding.

    Attributes
    ----------
    bits
        Of the inputs.

    Examples
    --------
    >>> layer = RoundedLinear.from_latent(np.array([[4.0, -4.0]], np.float32))
    >>> layer.bits = 2
    >>> layer.forward(np.array([[1.0, 0.4]], np.float32)).tolist()  # 0.4 becomes 0
    [[4.0]]
    >>> layer.backward(np.array([[1.0]], np.float32)).tolist(), layer.dW_latent.tolist()
    ([[4.0, -4.0]], [[1.0, 0.0]])
    """

    bits = 8

    def forward(self, x: Floats) -> Floats:
        return super().forward(rounded(x, self.bits))


class IntegerLinear(TernaryLinear):
    """A ternary linear layer that multiplies int8 by trits and adds in int32; forward only.

    Attributes
    ----------
    bits, block, scale_type
        Of the inputs, see `quantize`.

    Examples
    --------
    >>> layer = IntegerLinear.from_latent(np.array([[4.0, -4.0]], np.float32))
    >>> layer.forward(np.array([[1.0, 0.25]], np.float32)).round(4).tolist()  # 0.25 is 32 / 127
    [[2.9921000003814697]]
    """

    bits, block = 8, None
    scale_type: npt.DTypeLike = np.float32

    def __init__(self, parameters: Parameters, name: str, last: str | None = None) -> None:
        super().__init__(parameters, name, last)
        names = list(parameters.matrix_shapes)
        self.names = names[names.index(name) : names.index(last or name) + 1]

    def forward(self, x: Floats) -> Floats:
        codes = np.concatenate([self.parameters.codes(name) for name in self.names])
        scales = np.concatenate([self.parameters.scales(name) for name in self.names])
        inputs = quantize(x, self.bits, self.block, self.scale_type)
        return integer_product(inputs, codes, scales, self.parameters.projection.group_size)

    def backward(self, dy: Floats) -> Floats:
        raise TernaryError(f"{self.name} computes with integers: train with RoundedLinear")


def integer_sums(x: Codes, t: Codes) -> npt.NDArray[np.int32]:
    """The product of codes `(..., D)` with trits `(out_dim, D)`: exact sums, int32.

    Raises
    ------
    ShapeError
        If D is so large that a sum could leave int32, or the sizes differ.

    Examples
    --------
    >>> integer_sums(np.array([[127, -3, 5]], np.int8), np.array([[1, 0, -1]], np.int8)).tolist()
    [[122]]
    """
    D = x.shape[-1]
    if t.shape[-1] != D or 128 * D >= 2**31:
        raise ShapeError(f"got codes {x.shape} and trits {t.shape}; expected the same D below 2^24")
    sums: npt.NDArray[np.int32] = np.matmul(x.astype(np.int32), t.astype(np.int32).T)
    return sums


def integer_product(x: Rounded, codes: Codes, scales: Scales, group_size: int) -> Floats:
    """The product of rounded vectors with a ternary matrix: exact sums, and then the scales.

    Parameters
    ----------
    x
        Of vectors `(..., in_dim)`.
    codes, scales
        Of a matrix: int8 `(out_dim, in_dim)`, float16 `(out_dim, groups)`.
    group_size
        Weights under one scale. Blocks of activations lie within groups, or hold all groups.

    Returns
    -------
    ``y`` `(..., out_dim)`, float32: sums over runs of features that share both scales, times the
    two, added from left to right. Every operation is one that IEEE 754 defines to the last bit.
    """
    in_dim = codes.shape[1]
    step = min(x.block, group_size, in_dim)
    y = np.zeros((*x.codes.shape[:-1], len(codes)), np.float32)
    for first in range(0, in_dim, step):
        part = slice(first, min(first + step, in_dim))
        sums = integer_sums(x.codes[..., part], codes[:, part]).astype(np.float32)
        sums *= scales[:, first // group_size].astype(np.float32)
        sums *= x.scales[..., first // x.block, None]
        y += sums
    return y


Kind = TypeVar("Kind", bound=TernaryLinear)


def linears(model: TernaryTransformer) -> dict[str, tuple[object, str, str, str | None]]:
    """Where the linear layers of a model hang: object, attribute, and first and last matrix."""
    found: dict[str, tuple[object, str, str, str | None]] = {}
    for i, block in enumerate(model.blocks):
        prefix = f"layers.{i}"
        found[f"{prefix}.qkv"] = block, "qkv", f"{prefix}.q", f"{prefix}.v"
        for name in ("o", "up", "down"):
            found[f"{prefix}.{name}"] = block, name, f"{prefix}.{name}", None
    return found | {"head": (model, "head", "head", None)}


def with_linears(
    model: TernaryTransformer,
    kind: type[Kind],
    layers: tuple[str, ...] = LAYERS,
    **settings: object,
) -> TernaryTransformer:
    """Another model on the same weights, with other linear layers.

    Parameters
    ----------
    model
        Its parameters are shared, not copied: what moves them moves both.
    kind
        `RoundedLinear` or `IntegerLinear`.
    layers
        Which of `LAYERS` are exchanged.
    settings
        Attributes of the new layers, such as ``bits``.

    Examples
    --------
    >>> model = TernaryTransformer()
    >>> tokens = np.arange(8)[None]
    >>> eight = with_linears(model, RoundedLinear, bits=8)
    >>> whole = with_linears(model, IntegerLinear, bits=8)
    >>> logits = model.forward(tokens)
    >>> bool(1e-3 < np.abs(eight.forward(tokens) - logits).max() / np.abs(logits).max() < 0.1)
    True
    >>> bool(np.allclose(eight.forward(tokens), whole.forward(tokens), atol=1e-4))
    True
    """
    other = TernaryTransformer(model.config, parameters=model.parameters)
    for name, (owner, attribute, first, last) in linears(other).items():
        if name.split(".")[-1] in layers:
            layer = kind(model.parameters, first, last)
            vars(layer).update(settings)
            setattr(owner, attribute, layer)
    return other
