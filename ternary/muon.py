"""Muon: momentum whose update is made orthogonal, for the matrices inside the layers."""

from __future__ import annotations

import math

import numpy as np

from ternary.arrays import Floats, ThreadWorkspace
from ternary.errors import TernaryError
from ternary.optim import AdamW
from ternary.parameters import Parameters

# Five turns of p(x) = a x + b x^3 + c x^5 take all from 0.002 to 1 into [0.68, 1.21], and multiply
# what is much smaller by a^5 = 485.
A, B, C = 3.4445, -4.7750, 2.0315
TURNS = 5
RMS = 0.2  # of an orthogonal update, in learning rates: about that of AdamW; ours are a bit shorter


def orthogonalize(G: Floats, turns: int = TURNS, work: ThreadWorkspace | None = None) -> Floats:
    """Bring all singular values of a matrix near 1 and leave its singular vectors.

    ``X = G / |G|``, then `turns` times ``X = a X + b (X X^T) X + c (X X^T)^2 X``: every singular
    value goes through the same odd polynomial, and no decomposition is computed.

    Parameters
    ----------
    G
        Float array `(out_dim, in_dim)`, any unit: the result does not depend on its size, as long
        as the square of its norm is a number of its type.
    turns
        Of the iteration. After five, singular values that were 0.002 of the norm or more lie
        between 0.68 and 1.21; smaller ones have grown by up to 485 times.
    work
        Where the arrays come from; the result is then valid until the next call.

    Returns
    -------
    Array of the shape of `G`, a transposed view where `out_dim` is the larger side. Zeros give
    zeros.

    Notes
    -----
    Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/, with their coefficients.

    Examples
    --------
    >>> G = np.random.default_rng(0).standard_normal((4, 64), np.float32)
    >>> sigma = np.linalg.svd(orthogonalize(G), compute_uv=False)
    >>> bool(sigma.min() > 0.65), bool(sigma.max() < 1.25)
    (True, True)
    """
    work = work or ThreadWorkspace(G.dtype)
    is_tall = G.shape[0] > G.shape[1]
    small, large = sorted(G.shape)  # X X^T is the small square
    X, turned = work("X", (small, large)), work("turned", (small, large))
    gram, mixed = work("gram", (small, small)), work("mixed", (small, small))
    np.copyto(X, G.T if is_tall else G)
    norm = math.sqrt(np.dot(X.ravel(), X.ravel()))
    if norm == 0:
        return X.T if is_tall else X
    X *= 1 / norm
    for _ in range(turns):
        np.matmul(X, X.T, out=gram)
        np.matmul(gram, gram, out=mixed)
        mixed *= C
        gram *= B
        mixed += gram
        np.matmul(mixed, X, out=turned)
        X *= A
        X += turned
    return X.T if is_tall else X


class Muon(AdamW):
    """Muon on the matrices of the layers, AdamW on embedding, head and gains.

    ``m = momentum m + g``; ``O = orthogonalize(g + momentum m)``, Nesterov's look ahead; and
    ``w = w - ratio lr (0.2 sqrt(max(out_dim, in_dim)) O + weight_decay w)``. The factor gives an
    update of singular values 1 the root mean square 0.2, about that of AdamW; those of `O` scatter
    around 0.9, and so the update has 0.17 or 0.18.

    Parameters
    ----------
    parameters
        Whose values are moved by their gradients. Gains are not decayed.
    momentum
        Share of the old average that stays.
    ratio
        Learning rate of the layers' matrices, in those of the rest.
    betas, eps
        Of AdamW.

    Raises
    ------
    TernaryError
        If `momentum` or `ratio` is out of range, or the model has no matrix in a layer.

    Notes
    -----
    Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/; the factor is that of Liu et
    al. (2025), arXiv:2502.16982. One average is kept for these matrices; the second of AdamW lies
    beside it, unused, because buffers are flat.

    Examples
    --------
    >>> parameters = Parameters({"layers.0.q": (4, 128)})
    >>> parameters.gradients[:] = np.random.default_rng(0).standard_normal(512)
    >>> Muon(parameters, ratio=1.0).step(lr=0.1)
    >>> round(float(np.sqrt(np.mean(parameters.values**2))), 2)  # about 0.2 learning rates
    0.02
    """

    def __init__(
        self,
        parameters: Parameters,
        momentum: float = 0.8,
        ratio: float = 10.0,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, betas, eps)
        if not 0 <= momentum < 1:
            raise TernaryError(f"momentum is {momentum}; expected a number from 0 to below 1")
        if not 0 < ratio < math.inf:
            raise TernaryError(f"muon_ratio is {ratio}; expected a positive number")
        self.momentum, self.ratio = momentum, ratio
        self.names = [name for name in parameters.matrix_shapes if name.startswith("layers.")]
        if not self.names:
            raise TernaryError(
                f"the matrices are {', '.join(parameters.matrix_shapes)}; Muon expects some whose "
                'names begin with "layers.": use AdamW for a model without layers'
            )
        self._rest = _others(parameters, self.names)

    def step(self, lr: float, weight_decay: float = 0.0) -> None:
        """Move all values by one step against their gradients."""
        self.t += 1
        team, n_latents = self.parameters.team, self.parameters.n_latents
        team.each(lambda name: self._turn(name, self.ratio * lr, weight_decay), self.names)
        team.each(lambda part: self._update(part, lr, weight_decay), self._rest)
        self._update(slice(n_latents, self.parameters.values.size), lr, 0.0)  # the gains

    def _turn(self, name: str, lr: float, weight_decay: float) -> None:
        parameters = self.parameters
        w, g, m = (
            parameters.view(buffer, name)
            for buffer in (parameters.values, parameters.gradients, self.m)
        )
        ahead = self._work("ahead", w.shape)
        m *= self.momentum
        m += g
        np.multiply(m, self.momentum, out=ahead)
        ahead += g
        update = orthogonalize(ahead, work=self._work)
        update *= lr * RMS * math.sqrt(max(w.shape))
        if weight_decay:
            w *= 1 - lr * weight_decay
        w -= update


def _others(parameters: Parameters, names: list[str]) -> list[slice]:
    """The runs of latents that belong to no matrix in `names`."""
    edges, first = [0], 0
    size = parameters.projection.group_size
    for name, (out_dim, _) in parameters.matrix_shapes.items():
        end = first + out_dim * parameters.groups_per_row(name) * size
        if name in names:
            edges += [first, end]
        first = end
    edges.append(first)
    runs = [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [run for run in runs if run.stop > run.start]
