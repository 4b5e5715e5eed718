"""A matrix-vector product on packed codes: additions and table look-ups, no matrix of floats.

Five codes are one of 243 patterns. For five inputs, all 243 sums that a pattern can ask for are
built once, by additions; then every byte of the matrix is one look-up among them, for every row the
same tables. Only the scales multiply, once a group.
"""

from __future__ import annotations

import numpy as np

from ternary.arrays import Bytes, Floats
from ternary.codecs.base3 import base3
from ternary.codecs.trits import TRITS_A_BYTE
from ternary.errors import ShapeError
from ternary.projection import GROUP_SIZE

ROWS = 512  # worked on at a time: what is in between stays in the cache


def partial_sums(x: Floats) -> Floats:
    """Sums and differences of five inputs for all 243 patterns of their codes.

    Parameters
    ----------
    x
        Inputs `(..., 5)`.

    Returns
    -------
    Table `(..., 256)`: at ``v`` the sum of ``x[i]`` times the code that digit ``i`` of ``v``
    stands for. At 243 and beyond, which are no patterns, NaN.

    Examples
    --------
    >>> table = partial_sums(np.array([1, 10, 100, 1000, 10000], np.float32))
    >>> table[[0, 121, 122, 242]].tolist()  # all -1; all 0; the first +1; all +1
    [-11111.0, 0.0, 1.0, 11111.0]
    """
    table = np.full((*x.shape[:-1], 256), np.nan, x.dtype)
    table[..., 0] = 0
    n = 1
    for i in range(TRITS_A_BYTE):  # three times as many patterns: without x[i], with, and minus
        so_far, x_i = table[..., :n].copy(), x[..., i, None]
        np.subtract(so_far, x_i, out=table[..., :n])
        table[..., n : 2 * n] = so_far
        np.add(so_far, x_i, out=table[..., 2 * n : 3 * n])
        n *= 3
    return table


def packed_matvec(data: Bytes, x: Floats, group_size: int = GROUP_SIZE) -> Floats:
    """The product ``W @ x`` of a matrix in base 3 with a vector, without unpacking the matrix.

    Parameters
    ----------
    data
        Rows of the codec ``base3``, uint8 `(rows, row_bytes)`, in which every group begins at a
        byte: no byte has codes under two scales, or of two rows.
    x
        Inputs `(cols,)`, float32.
    group_size
        Weights under one scale, as in the codec.

    Returns
    -------
    ``y`` `(rows,)`, of the type of `x`.

    Raises
    ------
    ShapeError
        If the bytes are not those of rows as long as `x`.

    Notes
    -----
    With tables of partial sums a byte takes one addition instead of five multiplications and five
    additions: `rows * cols / 5` in all, beside `242 * cols / 5` for the tables. Tables of this kind
    are how T-MAC (Wei et al., 2024, arXiv:2407.00088) and bitnet.cpp (Wang et al., 2025,
    arXiv:2502.11880) compute on processors, with tables so small that they fit a register.

    Examples
    --------
    >>> from ternary.codecs import encode
    >>> codes = np.array([[1, 0, -1, 1], [0, 0, 1, 1]], np.int8)
    >>> data = encode("base3", codes, np.array([[2], [0.5]], np.float16), group_size=4)
    >>> packed_matvec(data, np.array([1, 10, 100, 1000], np.float32), group_size=4).tolist()
    [1802.0, 550.0]
    """
    codec = base3(group_size)
    if x.ndim != 1 or data.ndim != 2 or data.shape[1] != codec.row_bytes(len(x)):
        raise ShapeError(
            f"got rows of {data.shape} bytes and x of shape {x.shape}; expected "
            f"(rows, {codec.row_bytes(x.size)}) and (cols,) for groups of {group_size}"
        )
    blocks = data.reshape(len(data), -1, codec.block_bytes)
    scales = np.ascontiguousarray(blocks[..., codec.code_bytes :]).view("<f2")[..., 0]
    inputs = np.zeros((blocks.shape[1], TRITS_A_BYTE * codec.code_bytes), x.dtype)
    for group, row in enumerate(inputs):  # 5 * 26 inputs for 128 codes: the last two are 0
        part = x[group * group_size : (group + 1) * group_size]
        row[: len(part)] = part
    first_entries = 256 * np.arange(codec.code_bytes)
    y = np.zeros(len(data), x.dtype)
    for group, part in enumerate(inputs.reshape(len(inputs), -1, TRITS_A_BYTE)):
        tables = partial_sums(part)  # 26 kB for 128 inputs: they stay in the nearest cache
        for start in range(0, len(data), ROWS):
            rows = slice(start, start + ROWS)
            entries = blocks[rows, group, : codec.code_bytes] + first_entries
            y[rows] += np.take(tables, entries).sum(axis=1) * scales[rows, group]
    return y
