"""All parameters of a model in three flat buffers: values, gradients, and projected weights.

The optimizer, the clipping of gradients, the projection, a checkpoint, and an all-reduce over
machines each need one call over one array. Layers see their own matrices as views into it:

    latents    | embedding | q | k | v | o | up | down | ... | head |  gains
    gradients  | embedding | q | k | v | o | up | down | ... | head |  gains
    weights    | embedding | q | k | v | o | up | down | ... | head |

Rows are padded with zeros to whole groups. A padded latent gets no gradient and stays zero.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ternary.arrays import Codes, Floats, Scales, Workspace, lasting
from ternary.errors import ProjectionError, ShapeError
from ternary.projection import GroupAbsMean, Groups, Projected, Projection
from ternary.team import Team

Scalar = TypeVar("Scalar", bound=np.generic)

SHARD = 1 << 18  # numbers of a shard: threads meet too often with less, and caches are small


class Parameters:
    """Named matrices and gains in flat buffers, and the projection that all matrices share.

    Parameters
    ----------
    matrices
        Shape `(out_dim, in_dim)` of every weight matrix by name, in the order of the buffer.
    gains
        Length of every normalisation gain by name. Gains start at 1.
    projection
        How latents become weights; `GroupAbsMean` by default.
    dtype
        float32; float64 for gradient checks.

    Attributes
    ----------
    team
        The threads that share what is done to whole buffers; one, unless somebody brings more.

    Raises
    ------
    ShapeError
        If a size is not positive.

    Examples
    --------
    >>> parameters = Parameters({"W": (2, 130)}, {"norm": 130})
    >>> parameters.view(parameters.values, "W")[:] = 0.5
    >>> parameters.project()
    >>> parameters.view(parameters.weights, "W")[0, 127:].tolist(), parameters.scales("W").shape
    ([0.5, 0.5, 0.5], (2, 2))
    >>> parameters.count, parameters.values.size  # 2 rows of 130, padded to 256, and 130 gains
    (390, 642)
    """

    def __init__(
        self,
        matrices: Mapping[str, tuple[int, int]],
        gains: Mapping[str, int] | None = None,
        projection: Projection | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        gains = gains or {}
        for name, shape in [*matrices.items(), *((name, (size,)) for name, size in gains.items())]:
            if min(shape) < 1:
                raise ShapeError(f"{name} has shape {shape}; expected sizes of 1 or more")
        self.projection = projection or GroupAbsMean()
        self.matrix_shapes = dict(matrices)
        self.gain_sizes = dict(gains)
        group_size = self.projection.group_size
        self.groups = Groups.of(matrices.values(), group_size)
        n_groups = len(self.groups.counts)
        self.n_latents = n_groups * group_size  # with padding
        self.values = lasting((self.n_latents + sum(gains.values()),), dtype)
        self.values[self.n_latents :] = 1
        self.gradients = lasting(self.values.shape, dtype)
        self._latents = self.values[: self.n_latents].reshape(n_groups, group_size)
        self._projected = Projected(
            lasting((n_groups, group_size), np.int8),
            lasting((n_groups,), np.float16),
            lasting((n_groups, group_size), dtype),
        )
        self.scratch = Workspace(dtype)  # for what the backward passes of all layers return
        self.team = Team(1)
        self._first_group = dict(
            zip(self.matrix_shapes, self.groups.starts["tensor"].tolist(), strict=True)
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the buffers."""
        return self.values.dtype

    @property
    def count(self) -> int:
        """Number of trainable parameters, without padding."""
        return sum(o * i for o, i in self.matrix_shapes.values()) + sum(self.gain_sizes.values())

    @property
    def latents(self) -> Floats:
        """The latents of all matrices, flat, without the gains."""
        return self.values[: self.n_latents]

    @property
    def weights(self) -> Floats:
        """The projected weights of all matrices, flat, in the order of `latents`."""
        return self._projected.weights.reshape(-1)

    @property
    def all_codes(self) -> Codes:
        """The codes of all matrices, flat, in the order of `latents`."""
        return self._projected.codes.reshape(-1)

    @property
    def all_scales(self) -> Scales:
        """The scale of every group, in the order of `latents`."""
        return self._projected.scales

    def project(self, share: float = 1.0) -> None:
        """Compute codes, scales and weights from the latents, as after every optimizer step.

        Parameters
        ----------
        share
            Of the projection in the weights; the rest is the latents. Below 1 only in a warm-up.

        Raises
        ------
        ProjectionError
            If a latent is NaN or infinite, or a mean is beyond float16; it names the layer, the
            row, and the group.
        """
        if self.projection.is_local:
            self.team.each(lambda shard: self._project(shard, share), self.shards)
        else:
            self._project(slice(0, self.n_latents), share)

    def _project(self, shard: slice, share: float) -> None:
        size = self.projection.group_size
        where = slice(shard.start // size, shard.stop // size)
        latents, out = self._latents[where], self._projected.part(where)
        try:
            self.projection.project(latents, self.groups.part(where), out)
        except ProjectionError as error:
            group = where.start + error.group
            raise ProjectionError(f"{self.locate(group)}: {error}", group) from None
        if share < 1:
            out.weights[:] += (1 - share) * (latents - out.weights)

    @property
    def shards(self) -> list[slice]:
        """Runs of whole groups of the latents, of nearly equal size, for the members of the team.

        What is done number by number, or group by group, has the same result however the buffer is
        cut. A shard is small, lest it leave the caches between two passes over it, and not smaller,
        since threads of Python wait for each other at the beginning and the end of every pass.
        """
        size = self.projection.group_size
        n_groups = self.n_latents // size
        rounds = -(-self.n_latents // (SHARD * self.team.size))
        n_shards = min(rounds * self.team.size, n_groups)
        edges = [size * (i * n_groups // n_shards) for i in range(n_shards + 1)]
        return [slice(*edge) for edge in itertools.pairwise(edges)]

    def replica(self) -> Parameters:
        """The same values and weights, with gradients and scratch memory of their own."""
        other = copy.copy(self)
        other.gradients = lasting(self.gradients.shape, self.dtype)
        other.scratch = Workspace(self.dtype)
        return other

    def view(
        self, buffer: npt.NDArray[Scalar], name: str, last: str | None = None
    ) -> npt.NDArray[Scalar]:
        """One matrix `(out_dim, in_dim)` or gain `(D,)` as it lies in a buffer, without padding.

        With `last`, the adjacent matrices from `name` to `last` stacked into one, rows on rows.
        """
        if name in self.gain_sizes:
            return buffer[self._gain_slice(name)]
        names = list(self.matrix_shapes)
        chosen = names[names.index(name) : names.index(last or name) + 1]
        out_dim = sum(self.matrix_shapes[each][0] for each in chosen)
        width = self.groups_per_row(name) * self.projection.group_size
        first = self._first_group[name] * self.projection.group_size
        rows = buffer[first : first + out_dim * width].reshape(out_dim, width)
        return rows[:, : self.matrix_shapes[name][1]]

    def codes(self, name: str) -> Codes:
        """Codes of one matrix, int8 `(out_dim, in_dim)`, as the last `project` left them."""
        return self.view(self.all_codes, name)

    def scales(self, name: str) -> Scales:
        """Scales of one matrix, float16 `(out_dim, groups_per_row)`."""
        out_dim = self.matrix_shapes[name][0]
        first = self._first_group[name]
        last = first + out_dim * self.groups_per_row(name)
        return self._projected.scales[first:last].reshape(out_dim, -1)

    def groups_per_row(self, name: str) -> int:
        """Groups that one row of a matrix is stored in, the padded one included."""
        return -(-self.matrix_shapes[name][1] // self.projection.group_size)

    @property
    def names(self) -> list[str]:
        """All matrices, then all gains, in the order of the buffers."""
        return [*self.matrix_shapes, *self.gain_sizes]

    def locate(self, group: int) -> str:
        """Say in words where a group of the flat buffer lies."""
        name = max((start, name) for name, start in self._first_group.items() if start <= group)[1]
        row, column = divmod(group - self._first_group[name], self.groups_per_row(name))
        return f"{name}, row {row}, group {column} of the row"

    def _gain_slice(self, name: str) -> slice:
        sizes = list(self.gain_sizes.values())
        position = list(self.gain_sizes).index(name)
        first = self.n_latents + sum(sizes[:position])
        return slice(first, first + self.gain_sizes[name])
