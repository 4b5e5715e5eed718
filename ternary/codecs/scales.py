"""One scale a group in the model, one scale a block in a format: from one to the other, or not."""

from __future__ import annotations

import numpy as np

from ternary.arrays import Scales
from ternary.errors import CodecError


def scales_of_blocks(
    scales: Scales, cols: int, group_size: int, block_size: int, name: str
) -> Scales:
    """One scale a block, `(rows, blocks)`, from one a group, `(rows, groups)`.

    Raises
    ------
    CodecError
        If a block would need two scales.

    Examples
    --------
    >>> scales = np.array([[1, 2]], np.float16)
    >>> scales_of_blocks(scales, 256, 128, 64, "Q2_0").tolist()  # each is written twice
    [[1.0, 1.0, 2.0, 2.0]]
    """
    n_blocks, group_size = -(-cols // block_size), _nested(cols, group_size, block_size, name)
    if group_size >= block_size:  # every block lies within a group
        return scales[:, np.arange(n_blocks) * block_size // group_size]
    within = scales.reshape(len(scales), n_blocks, -1)
    mixed = (within != within[..., :1]).any(axis=-1)
    if mixed.any():
        row, block = np.argwhere(mixed)[0]
        raise CodecError(
            f"{name} has one scale for {block_size} weights, but groups are of {group_size}: block "
            f"{block} of row {row} would need the scales {within[row, block].tolist()}. Choose a "
            f"format with blocks of at most {group_size}, such as Q2_0"
        )
    return within[..., 0]


def scales_of_groups(
    in_blocks: Scales, cols: int, group_size: int, block_size: int, name: str
) -> Scales:
    """One scale a group, `(rows, groups)`, from one a block.

    Raises
    ------
    CodecError
        If the blocks of a group have different scales.
    """
    group_size = _nested(cols, group_size, block_size, name)
    if group_size < block_size:
        return np.repeat(in_blocks, block_size // group_size, axis=1)
    group = np.arange(in_blocks.shape[1]) * block_size // group_size
    scales = in_blocks[:, np.flatnonzero(np.diff(group, prepend=-1))]
    differs = in_blocks != scales[:, group]
    if differs.any():
        row, block = np.argwhere(differs)[0]
        raise CodecError(
            f"block {block} of row {row} has the scale {in_blocks[row, block]}, but its group of "
            f"{group_size} begins with {scales[row, group[block]]}: these are no groups of "
            f"{group_size}. Decode with group_size={block_size}"
        )
    return scales


def require_scales(scales: Scales) -> None:
    """Refuse a scale `(rows, ...)` that is NaN, infinite or negative."""
    bad = ~((scales >= 0) & (scales < np.inf))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise CodecError(
            f"scale {column} of row {row} is {scales[row, column]}; expected a finite number, "
            "0 or more"
        )


def _nested(cols: int, group_size: int, block_size: int, name: str) -> int:
    """The size of a group of a row, after making sure that groups and blocks do not overlap."""
    if group_size >= cols:
        return max(cols, block_size)
    if max(group_size, block_size) % min(group_size, block_size):
        raise CodecError(
            f"groups of {group_size} weights and blocks of {block_size} overlap: {name} cannot "
            "hold their scales"
        )
    return group_size
