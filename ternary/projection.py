"""From latent weights to ternary ones: codes, group scales, and projections to choose from.

A ternary weight is a code in {-1, 0, +1} times a scale. Each run of `GROUP_SIZE` = 128 latent
weights along a row shares one scale ``s``, the mean of their absolute values. A weight becomes 0
when it is at most half as large as that mean, and the sign of itself otherwise.

Why a scale for each group? A code says only which of three levels a weight takes; the scale says
how far apart the levels are. One scale for a whole matrix has to serve loud rows and quiet rows
alike: every weight of a row whose magnitudes lie below half of the common scale becomes 0, and the
row falls silent. A group has a scale of its own and keeps its 31 % of zeros however loud it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ternary.arrays import Codes, Floats, Ints, Scales, ThreadWorkspace
from ternary.errors import ProjectionError, ShapeError, TernaryError

GROUP_SIZE = 128
MAX_GROUP_SIZE = 1 << 16  # every row is padded to it
FLOAT16_MAX = float(np.finfo(np.float16).max)  # 65504

Scope: TypeAlias = Literal["group", "row", "tensor", "model"]


def round_clip(x: Floats) -> Codes:
    """Round to the nearest integer and clip to {-1, 0, +1}; a tie at one half becomes 0.

    Parameters
    ----------
    x
        Numbers of any shape: weights divided by their scale.

    Returns
    -------
    int8 array of the same shape.

    Raises
    ------
    ProjectionError
        If `x` holds a NaN, which has no code.

    Notes
    -----
    This is RoundClip of Ma et al. (2024), arXiv:2402.17764, equation 2. `numpy.rint` rounds halves
    to the even neighbour, so that 0.5 becomes 0.

    Examples
    --------
    >>> round_clip(np.array([-7.0, -0.6, -0.5, 0.0, 0.5, 0.6, 7.0])).tolist()
    [-1, -1, 0, 0, 0, 1, 1]
    """
    if np.isnan(x).any():
        raise ProjectionError("round_clip got a NaN; expected numbers. Find where it came from.")
    return np.clip(np.rint(x), -1, 1).astype(np.int8)


@dataclass(frozen=True)
class Groups:
    """How the rows of `(n_groups, group_size)` latents belong together.

    Attributes
    ----------
    counts
        Real weights in each group, float32 `(n_groups,)`; below `group_size` where a row was
        padded with zeros.
    starts
        For each scope, the first group of every row, tensor, or of the whole model.
    """

    counts: Floats
    starts: dict[str, Ints]

    @classmethod
    def of(cls, shapes: Iterable[tuple[int, int]], group_size: int) -> Groups:
        """Lay out matrices of shapes `(out_dim, in_dim)` one after another, rows padded."""
        counts, rows, tensors, first = [], [], [], 0
        for out_dim, in_dim in shapes:
            per_row = -(-in_dim // group_size)
            row = np.full(per_row, group_size, np.float32)
            row[-1] = in_dim - group_size * (per_row - 1)
            counts.append(np.tile(row, out_dim))
            rows.append(first + per_row * np.arange(out_dim))
            tensors.append(first)
            first += per_row * out_dim
        starts = {
            "row": np.concatenate(rows),
            "tensor": np.array(tensors),
            "model": np.zeros(1, int),
        }
        return cls(np.concatenate(counts), starts)

    def part(self, where: slice) -> Groups:
        """Some of the groups, for a projection that looks at one group at a time."""
        return Groups(self.counts[where], self.starts)

    def pool(self, values: Floats, scope: Scope) -> Floats:
        """Add up one number a group over its scope, and give every group of the scope the total."""
        if scope == "group":
            return values
        starts = self.starts[scope]
        lengths = np.diff(starts, append=len(values))
        return np.repeat(np.add.reduceat(values, starts), lengths)


class Projected(NamedTuple):
    """What a projection writes, one row a group: ``weights == scales[:, None] * codes``."""

    codes: Codes
    scales: Scales
    weights: Floats

    def part(self, where: slice) -> Projected:
        """The rows of some of the groups."""
        return Projected(self.codes[where], self.scales[where], self.weights[where])


class Projection(ABC):
    """A strategy that turns latent weights into the weights that the model uses."""

    name: str
    is_ternary: bool = True
    is_local: bool = False  # whether it may be handed some of the groups at a time

    def __init__(self, group_size: int = GROUP_SIZE) -> None:
        if not 1 <= group_size <= MAX_GROUP_SIZE:
            raise TernaryError(
                f"group size is {group_size}; expected 1 to {MAX_GROUP_SIZE}, usually {GROUP_SIZE}"
            )
        self.group_size = group_size

    def __init_subclass__(cls) -> None:
        cls.is_local = cls.__dict__.get("is_local", False)  # not inherited: it may look further

    @abstractmethod
    def project(self, latents: Floats, groups: Groups, out: Projected) -> None:
        """Project `(n_groups, group_size)` latents into `out`, in place.

        A projection that is local, because the weights of a group depend on that group alone, is
        called for a shard of the groups at a time, by several threads at once.
        """

    def settings(self) -> dict[str, Any]:
        """What `make_projection` needs to build this projection again."""
        return {"name": self.name, "group_size": self.group_size}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.group_size})"


class TernaryProjection(Projection):
    """Codes by a threshold, times a scale: what all projections to three values have in common.

    Parameters
    ----------
    group_size
        Weights in a group, a positive number. Rows are padded to whole groups; padding is zero,
        its code is zero, and it counts in no mean.
    """

    scope: Scope = "group"

    def __init__(self, group_size: int = GROUP_SIZE) -> None:
        super().__init__(group_size)
        self._work = ThreadWorkspace()

    @abstractmethod
    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        """Threshold and scale of every group, each `(n_groups,)`, before rounding to float16."""

    def project(self, latents: Floats, groups: Groups, out: Projected) -> None:
        threshold, scale = self.measure(latents, groups)
        _require_scales(scale)
        # The float16 number is the scale, in training as in the exported file: nothing is lost
        # later. It only multiplies. The codes are decided by the unrounded threshold, and so stay
        # the same when all weights of a group shrink or grow together.
        out.scales[:] = scale
        # A scale that float16 rounds to zero switches its group off: no |w| exceeds infinity.
        # No epsilon is needed. Where gradient reaches its output, the latents go on learning and
        # the group can come back; a whole dead row behind a slope of 0, as of ReLU at 0, cannot.
        above = threshold.astype(latents.dtype, copy=False)[:, None]
        above[out.scales == 0] = np.inf
        is_negative = self._work("is_negative", latents.shape, np.bool_)
        np.greater(latents, above, out=out.codes.view(np.bool_))
        np.less(latents, -above, out=is_negative)
        np.subtract(out.codes, is_negative.view(np.int8), out=out.codes)
        np.copyto(out.weights, out.codes)
        np.multiply(out.weights, out.scales[:, None].astype(latents.dtype), out=out.weights)

    def mean_magnitude(
        self, latents: Floats, groups: Groups, above: Floats | None = None
    ) -> Floats:
        """Mean of ``|w|`` over each group's scope, of all weights or of those above a threshold."""
        magnitudes = np.abs(latents, out=self._work("magnitudes", latents.shape, latents.dtype))
        counts = groups.counts
        if above is not None:
            survives = self._work("survives", latents.shape, np.bool_)
            np.greater(magnitudes, above[:, None], out=survives)
            np.multiply(magnitudes, survives, out=magnitudes)
            counts = np.count_nonzero(survives, axis=1).astype(counts.dtype)
        sums = groups.pool(np.add.reduce(magnitudes, axis=1), self.scope)
        mean: Floats = sums / np.maximum(groups.pool(counts, self.scope), 1)
        return mean


class GroupAbsMean(TernaryProjection):
    """The projection of this book: one scale a group, the mean of its absolute latents.

    ``m = mean(|w|)`` decides the codes, +1 above ``m/2`` and -1 below ``-m/2``; its float16
    rounding ``s`` multiplies them. For Gaussian weights 31 % of the codes are 0, and the three
    codes are almost equally frequent: 1.583 of the 1.585 bits that three values can carry.

    Parameters
    ----------
    group_size
        Weights that share a scale.

    Notes
    -----
    The rule is the absmean of BitNet b1.58 (Ma et al., 2024, arXiv:2402.17764), there with one
    scale a matrix; groups of 128 with a float16 scale are the storage format of Ternary Bonsai
    (PrismML, 2026). Both clamp or add an epsilon where they divide. Nothing is divided here:
    comparing ``|w|`` with ``m/2`` gives the codes of ``round_clip(w / m)``.

    Examples
    --------
    >>> W_latent = np.array([[0.9, -0.1, -1.2, 0.4], [9.0, -1.0, -12.0, 4.0]], np.float32)
    >>> codes, scales, W_ternary = project(W_latent, GroupAbsMean(4))
    >>> codes.tolist()  # ten times larger: the same codes, ...
    [[1, 0, -1, 1], [1, 0, -1, 1]]
    >>> scales.ravel().tolist()  # ... ten times the scale
    [0.64990234375, 6.5]
    """

    name, is_local = "group", True

    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        mean = self.mean_magnitude(latents, groups)
        return mean / 2, mean


class RowAbsMean(GroupAbsMean):
    """One absmean scale for each row of each matrix."""

    name, scope = "per-row", "row"


class TensorAbsMean(GroupAbsMean):
    """One absmean scale for each matrix, as in BitNet b1.58."""

    name, scope = "per-tensor", "tensor"


class ModelAbsMean(GroupAbsMean):
    """One absmean scale for all matrices of the model together: the global scale."""

    name, scope = "whole-model", "model"


class TWN(TernaryProjection):
    """Ternary weight networks: threshold 0.7 of the mean, scale the mean of what survives.

    Given the codes, that scale is the one with the least squared error. Source: Li, Zhang and Liu
    (2016), arXiv:1605.04711, there with one scale a layer.
    """

    name, is_local = "twn", True

    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        threshold = self.mean_magnitude(latents, groups) * latents.dtype.type(0.7)
        return threshold, self.mean_magnitude(latents, groups, above=threshold)


class Binary(TernaryProjection):
    """Two values instead of three: every weight is its sign times the group's absmean."""

    name, is_local = "binary", True

    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        mean = self.mean_magnitude(latents, groups)
        return np.zeros_like(mean), mean


class FullPrecision(Projection):
    """No projection: the twin against which every ternary model is compared."""

    name, is_local = "full-precision", True
    is_ternary = False

    def project(self, latents: Floats, groups: Groups, out: Projected) -> None:
        np.copyto(out.weights, latents)


PROJECTIONS: dict[str, Callable[[int], Projection]] = {
    kind.name: kind
    for kind in (GroupAbsMean, RowAbsMean, TensorAbsMean, ModelAbsMean, TWN, Binary, FullPrecision)
}


def make_projection(name: str, group_size: int = GROUP_SIZE) -> Projection:
    """Build the projection of that name; `PROJECTIONS` lists them.

    Raises
    ------
    TernaryError
        If there is none of that name, or the group size is not positive.

    Examples
    --------
    >>> make_projection("group", 64)
    GroupAbsMean(64)
    """
    if name not in PROJECTIONS:
        raise TernaryError(
            f"there is no projection {name!r}; expected one of {', '.join(PROJECTIONS)}"
        )
    return PROJECTIONS[name](group_size)


def project(W_latent: Floats, projection: Projection | None = None) -> Projected:
    """Project one matrix of latent weights.

    Parameters
    ----------
    W_latent
        Float array `(out_dim, in_dim)`.
    projection
        Any projection of this module; `GroupAbsMean` with groups of 128 by default.

    Returns
    -------
    Projected
        ``codes`` int8 `(out_dim, in_dim)`; ``scales`` float16 `(out_dim, groups_per_row)`;
        ``weights`` of the type and shape of `W_latent`, the scale times the code.

    Raises
    ------
    ShapeError
        If `W_latent` is not a matrix or is empty.
    ProjectionError
        If a latent is NaN or infinite, or a mean is beyond float16.

    Examples
    --------
    >>> W_latent = np.ones((2, 130), np.float32)
    >>> codes, scales, W_ternary = project(W_latent)
    >>> codes.shape, scales.tolist()  # the last two weights of a row are a group of their own
    ((2, 130), [[1.0, 1.0], [1.0, 1.0]])
    """
    W_latent = np.asarray(W_latent)
    if W_latent.ndim != 2 or W_latent.size == 0:
        raise ShapeError(f"W_latent has shape {W_latent.shape}; expected (out_dim, in_dim)")
    projection = projection or GroupAbsMean()
    out_dim, in_dim = W_latent.shape
    groups = Groups.of([W_latent.shape], projection.group_size)
    padded = np.zeros(
        (out_dim, groups.counts.size // out_dim * projection.group_size), W_latent.dtype
    )
    padded[:, :in_dim] = W_latent
    latents = padded.reshape(-1, projection.group_size)
    out = Projected(
        np.zeros(latents.shape, np.int8), np.zeros(len(latents), np.float16), np.zeros_like(latents)
    )
    projection.project(latents, groups, out)
    return Projected(
        out.codes.reshape(out_dim, -1)[:, :in_dim],
        out.scales.reshape(out_dim, -1),
        out.weights.reshape(out_dim, -1)[:, :in_dim],
    )


def _require_scales(scale: Floats) -> None:
    """Refuse a NaN, an infinity, and what float16 cannot hold: none of them has a code."""
    good = scale <= FLOAT16_MAX  # False for NaN
    if not good.all():
        group = int(np.argmin(good))
        raise ProjectionError(
            f"group {group} has the scale {scale[group]:g}; expected a finite mean of at most "
            f"{FLOAT16_MAX:g}, the largest float16. Look for NaN or huge latents; in training, "
            "lower the learning rate",
            group,
        )
