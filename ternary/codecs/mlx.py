"""MLX's affine quantisation in two bits: ``scale * digit + bias``, with scale s and bias -s."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary.arrays import Bytes, Codes, Scales
from ternary.codecs.codec import Codec
from ternary.codecs.twobits import pack_twobits, unpack_twobits
from ternary.errors import CodecError
from ternary.projection import GROUP_SIZE

GROUP_SIZES = (32, 64, 128)


class MLX(Codec):
    """Digits 0, 1, 2 stand for ``s * digit - s``, so that -s, 0 and s are exact in any float type.

    MLX keeps three arrays a matrix, which `to_mlx` gives. As bytes, a row here is its codes, its
    scales, then its biases. Source: `mlx/backend/cpu/quantized.cpp` of MLX at commit 0e18bb0.
    """

    @property
    def block_bytes(self) -> int:
        return self.code_bytes + 4

    def for_groups(self, group_size: int) -> Codec:
        if group_size not in GROUP_SIZES:
            raise CodecError(f"MLX has groups of {GROUP_SIZES} weights; got {group_size}")
        return mlx(group_size)

    def assemble(self, packed: Bytes, scales: Scales) -> Bytes:
        rows = len(packed)
        ends = np.ascontiguousarray(np.hstack([scales, -scales]), "<f2").view(np.uint8)
        return np.concatenate([packed.reshape(rows, -1), ends], axis=1)

    def split(self, data: Bytes) -> tuple[Bytes, Scales]:
        rows, n_blocks = len(data), data.shape[1] // self.block_bytes
        packed, ends = np.split(data, [n_blocks * self.code_bytes], axis=1)
        scales, biases = np.split(np.ascontiguousarray(ends).view("<f2"), 2, axis=1)
        if not np.array_equal(biases, -scales):
            raise CodecError("a bias is not its scale times -1: these are no ternary weights")
        return packed.reshape(rows, n_blocks, -1), scales.astype(np.float16)


def mlx(group_size: int = GROUP_SIZE) -> MLX:
    """The codec for groups of that size."""
    return MLX("MLX", group_size, group_size // 4, None, pack_twobits, unpack_twobits)


def to_mlx(
    codes: Codes, scales: Scales, group_size: int = GROUP_SIZE
) -> tuple[npt.NDArray[np.uint32], Scales, Scales]:
    """What MLX stores for a matrix: weight uint32 `(rows, cols / 16)`, scales and biases float16.

    Code ``k`` of a word lies at its bits ``2 k``. Scales and biases have shape `(rows, groups)`.

    Raises
    ------
    CodecError
        If MLX cannot hold them.

    Examples
    --------
    >>> weight, s, b = to_mlx(np.eye(1, 128, dtype=np.int8), np.ones((1, 1), np.float16))
    >>> [hex(word) for word in weight[0, :2].tolist()], s.tolist(), b.tolist()
    (['0x55555556', '0x55555555'], [[1.0]], [[-1.0]])
    """
    data = mlx().encode(codes, scales, group_size)
    packed = np.ascontiguousarray(data[:, : codes.shape[1] // 4])
    return packed.view("<u4").astype(np.uint32), scales, -scales


def from_mlx(
    weight: npt.NDArray[np.uint32], scales: Scales, biases: Scales, group_size: int = GROUP_SIZE
) -> tuple[Codes, Scales]:
    """Codes and scales of the three arrays of `to_mlx`.

    Raises
    ------
    CodecError
        If they are no ternary weights.
    """
    if weight.dtype != np.uint32 or weight.ndim != 2:
        raise CodecError(f"weight is {weight.dtype} {weight.shape}; expected uint32 (rows, words)")
    cols = 16 * weight.shape[1]
    expected = len(weight), cols // group_size
    if any(each.dtype != np.float16 or each.shape != expected for each in (scales, biases)):
        raise CodecError(
            f"scales are {scales.dtype} {scales.shape}, biases {biases.dtype} {biases.shape}; "
            f"expected float16 {expected}"
        )
    parts = [weight.astype("<u4"), scales.astype("<f2"), biases.astype("<f2")]
    data = np.concatenate([part.view(np.uint8) for part in parts], axis=1)
    return mlx().decode(data, cols, group_size)
