"""Chapters 1 and 3: codes, scales and groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from ternary.course.compare import require, same
from ternary.course.laws import agrees, normal
from ternary.course.program import book
from ternary.course.step import Step, Wrong

CODES = Step(
    id="codes_and_scales",
    page="three-values",
    heading="Compare, do not divide",
    title="Codes and scales of groups",
    minutes=20,
    doc="""Codes int8 `(n, 128)` and scales float16 `(n,)` of groups of latent weights.

A group's scale is the mean magnitude of its real weights. A weight beyond half of that, on either
side, has the code 1 or -1, every other one 0; exactly half is not beyond. Only the scale that is
returned is rounded to float16.

`groups` is float `(n, 128)`, with zeros behind a group's real weights; `counts` float `(n,)`
says how many of them are real.""",
    hints=(
        "First the n mean magnitudes, in the precision of the groups. What is a sum divided by?",
        "Keep the axis that you sum over (keepdims=True): (n, 1) compares with (n, 128).",
        "Two comparisons give two arrays of True and False; as int8 they can be subtracted.",
    ),
    wrong=(
        Wrong("m / 2", "m", "your threshold is the mean magnitude; it should be half of it."),
        Wrong(
            "/ counts[:, None]",
            "/ 128",
            "you divide by 128 also where a group holds fewer weights, so that padding counts.",
        ),
        Wrong(
            "np.abs(groups).sum",
            "groups.sum",
            "you take the mean of the weights, with their signs; it should be of their magnitudes.",
        ),
        Wrong(
            "/ counts[:, None]",
            "/ counts[:, None]; m = m.astype(np.float16)",
            "you compare with the scale after it was rounded to float16; the mean in full "
            "precision decides the codes.",
        ),
        Wrong(
            "(groups > m / 2).astype(np.int8) - (groups < -m / 2)",
            "(groups >= m / 2).astype(np.int8) - (groups <= -m / 2)",
            "a weight of exactly half the mean magnitude gets a code; only one beyond it does.",
        ),
        Wrong(
            "m / 2",
            "(m + 1e-8) / 2",
            "you add a small number to the scale; it decides the codes where weights are small.",
        ),
        Wrong(
            "sum(axis=1, keepdims=True) / counts[:, None]\n"
            "    codes = (groups > m / 2).astype(np.int8) - (groups < -m / 2)\n"
            "    return codes, m[:, 0]",
            "sum(axis=1) / counts\n"
            "    codes = (groups > m / 2).astype(np.int8) - (groups < -m / 2)\n"
            "    return codes, m",
            "you compare (n, 128) with (n,), which NumPy lays along the wrong axis: keep the axis "
            "that you sum over.",
            breaks=True,
        ),
    ),
)


@CODES.check
def one_group_by_hand(f: Any) -> None:
    """Half of the mean magnitude is the threshold."""
    group = np.zeros((1, 128), np.float32)
    group[0, :4] = 2.0, -1.0, 0.6, -0.4
    codes, _ = agrees(f, book.codes_and_scales, group, np.array([4.0]), what="codes, scales")
    require(codes[0, 2] == 1, "a weight of 0.6 beside a mean magnitude of 1 has the code 1")


@CODES.check
def exactly_half(f: Any) -> None:
    """A weight of exactly half the mean magnitude has the code 0, on either side."""
    group = np.zeros((1, 128), np.float32)
    group[0, :4] = 0.5, -0.5, 1.5, -1.5
    agrees(f, book.codes_and_scales, group, np.array([4.0]), what="codes, scales")


@CODES.check
def random_groups(f: Any) -> None:
    """Codes and scales of random groups, full and padded."""
    groups, counts = normal(4, 128, dtype=np.float32), np.array([128.0, 128, 70, 128])
    groups[2, 70:] = 0
    agrees(f, book.codes_and_scales, groups, counts, what="codes, scales")


@CODES.check
def a_millionth(f: Any) -> None:
    """Codes do not change when all weights are made ten million times smaller."""
    groups, counts = normal(2, 128, dtype=np.float32, seed=1), np.full(2, 128.0)
    large, small = f(groups, counts)[0], f(groups * np.float32(1e-7), counts)[0]
    same("codes of the smaller weights", small, large)


GROUPS = Step(
    id="to_groups",
    page="group-scales",
    heading="Scopes in the package",
    title="A matrix in groups",
    minutes=15,
    doc="""Rows of a matrix, padded with zeros to groups `(n, 128)`, and how many weights each
holds.

Each row of `W` `(out_dim, in_dim)` fills groups of its own; the last one of a row ends with zeros
if in_dim is no multiple of 128. The counts are float `(n,)`.""",
    hints=(
        "How many zeros does a row of 200 need? And one of 128? One formula with % gives both.",
        "np.pad takes, for each axis, how much to add before and behind.",
        "Ones in the shape of W, padded in the same way, count themselves.",
    ),
    wrong=(
        Wrong(
            "-W.shape[1] % GROUP_SIZE",
            "GROUP_SIZE - W.shape[1] % GROUP_SIZE",
            "a row that fills its groups gets one more, of zeros alone.",
        ),
        Wrong(
            "np.ones_like(W)))",
            "np.ones_like(W)))\n    real[:] = 1",
            "your counts are 128 for every group; padding does not count.",
        ),
        Wrong(
            "(0, 0), (0, -W.shape[1] % GROUP_SIZE)",
            "(0, -W.size % GROUP_SIZE), (0, 0)",
            "you pad rows where columns are missing.",
        ),
        Wrong(
            "for x in (W,",
            "for x in (W.T.reshape(W.shape),",
            "your groups run down the columns; a group is a piece of a row.",
        ),
        Wrong(
            "real.sum(axis=1)",
            "np.count_nonzero(real, axis=1)",
            "your counts are whole numbers of an int type, which would turn float32 into float64 "
            "where they divide; expected float.",
        ),
        Wrong(
            "real.sum(axis=1)",
            "np.count_nonzero(groups, axis=1)",
            "you count the weights that are not 0; a latent of exactly 0 is a real weight too.",
        ),
    ),
)


@GROUPS.check
def full_rows(f: Any) -> None:
    """Rows of 256 fill two groups each."""
    agrees(f, book.to_groups, normal(3, 256, dtype=np.float32), what="groups, counts", dtype=False)


@GROUPS.check
def short_rows(f: Any) -> None:
    """Rows of 96 fill one group each, with zeros behind."""
    agrees(f, book.to_groups, normal(4, 96, dtype=np.float32), what="groups, counts", dtype=False)


@GROUPS.check
def padded_rows(f: Any) -> None:
    """Rows of 200 fill one group and 72 of the next, and zeros follow."""
    W = normal(3, 200, dtype=np.float32)
    agrees(f, book.to_groups, W, what="groups, counts", dtype=False)
    same("the number of real weights", np.sum(f(W)[1]), float(W.size))


@GROUPS.check
def zero_latents(f: Any) -> None:
    """A latent of exactly 0 is counted; only padding is not."""
    W = normal(3, 200, dtype=np.float32)
    W[1, 3:9] = W[2, 150] = 0
    agrees(f, book.to_groups, W, what="groups, counts", dtype=False)


@GROUPS.check
def float_counts(f: Any) -> None:
    """The counts are float."""
    kind = np.asarray(f(normal(2, 130, dtype=np.float32))[1]).dtype
    require(kind.kind == "f", "the counts are no floats; expected float")


@GROUPS.check
def stays_float32(f: Any) -> None:
    """The groups are as precise as the matrix."""
    groups = f(normal(2, 130, dtype=np.float32))[0]
    require(groups.dtype == np.float32, f"groups of a float32 matrix are {groups.dtype}")
