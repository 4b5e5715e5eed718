"""The layers that a transformer repeats: ternary linear, ternary embedding, RMSNorm, squared ReLU.

Every layer has ``forward`` and ``backward``, and nothing records a graph: ``backward`` takes dL/dy
of the last ``forward``, writes the gradient of its own parameters, and returns dL/dx. Arrays are
written as ``(..., D)``: any leading dimensions, one vector of D features each.

Why can a network of rounded weights be trained at all? The codes are a staircase in the latents:
flat almost everywhere, so the true gradient with respect to a latent is zero and says nothing. The
straight-through estimator (Bengio et al., 2013, arXiv:1308.3432) takes the exact gradient at the
rounded point, dL/dW_ternary, and hands it to the latent as if rounding were the identity. One such
step rarely changes a code. But the latent remembers: steps that agree add up, and when they have
pushed it past half the scale, the code flips. A latent is evidence collected about a code. Rounding
the updates away instead, by moving the codes directly, would forget that evidence at every step.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from ternary.arrays import Floats, Ints, Workspace, require_forward
from ternary.errors import ShapeError, TernaryError
from ternary.parameters import Parameters
from ternary.projection import Projection


class TernaryMatrix:
    """A matrix of latent weights with its projection and gradient: what ternary layers share.

    Parameters
    ----------
    parameters
        The buffers that hold the matrix. A layer uses the projected weights as they are: whoever
        moves the latents calls `Parameters.project` (or `project`) afterwards.
    name
        Which of its matrices.
    last
        For a layer made of adjacent matrices, such as q, k and v: the last of them.
    """

    def __init__(self, parameters: Parameters, name: str, last: str | None = None) -> None:
        self.name = name if last is None else f"{name} to {last}"
        self.parameters = parameters
        self.W_latent = parameters.view(parameters.values, name, last)
        self.dW_latent = parameters.view(parameters.gradients, name, last)
        self.W_ternary = parameters.view(parameters.weights, name, last)
        self._work = Workspace(parameters.dtype)

    @classmethod
    def from_latent(cls, W_latent: Floats, projection: Projection | None = None) -> Self:
        """A layer on its own, its latents copied from an array `(out_dim, in_dim)`, projected."""
        W_latent = np.asarray(W_latent)
        if W_latent.ndim != 2:
            raise ShapeError(f"W_latent has shape {W_latent.shape}; expected (out_dim, in_dim)")
        out_dim, in_dim = W_latent.shape
        layer = cls(Parameters({"W": (out_dim, in_dim)}, {}, projection, W_latent.dtype), "W")
        layer.W_latent[:] = W_latent
        layer.project()
        return layer

    def project(self) -> None:
        """Project the latents anew, and with them all that lie in the same buffer."""
        self.parameters.project()


class TernaryLinear(TernaryMatrix):
    """A linear layer without bias whose weight is the projection of its latents.

    Forward ``y = x @ W_ternary.T``. Backward ``dL/dx = dL/dy @ W_ternary``, and straight through
    the rounding ``dL/dW_latent = dL/dW_ternary = dL/dy.T @ x``, the scale being a constant.

    Examples
    --------
    >>> layer = TernaryLinear.from_latent(np.array([[0.9, -0.1, -1.2, 0.4]], np.float32))
    >>> layer.W_ternary.tolist()  # the scale is mean(|w|), rounded to float16
    [[0.64990234375, 0.0, -0.64990234375, 0.64990234375]]
    >>> layer.forward(np.array([[1, 2, 3, 4]], np.float32)).tolist()
    [[1.2998046875]]
    >>> layer.backward(np.array([[2]], np.float32)).tolist()
    [[1.2998046875, 0.0, -1.2998046875, 1.2998046875]]
    >>> layer.dW_latent.tolist()  # the weight whose code is 0 gets its gradient too
    [[2.0, 4.0, 6.0, 8.0]]
    """

    _x: Floats | None = None

    def forward(self, x: Floats) -> Floats:
        """Map `(..., in_dim)` to `(..., out_dim)`."""
        out_dim, in_dim = self.W_ternary.shape
        if x.shape[-1] != in_dim:
            raise ShapeError(f"{self.name} got x of shape {x.shape}; expected (..., {in_dim})")
        self._x = x
        y = self._work("y", (*x.shape[:-1], out_dim))
        np.matmul(x.reshape(-1, in_dim), self.W_ternary.T, out=y.reshape(-1, out_dim))
        return y

    def backward(self, dy: Floats) -> Floats:
        """Write ``dW_latent``, and map dL/dy `(..., out_dim)` to dL/dx `(..., in_dim)`."""
        out_dim, in_dim = self.W_ternary.shape
        x = require_forward(self._x, self.name)
        if dy.shape != (*x.shape[:-1], out_dim):
            raise ShapeError(
                f"{self.name} got dy of shape {dy.shape}; expected {(*x.shape[:-1], out_dim)}"
            )
        dx = self.parameters.scratch("dx", x.shape)
        dy = dy.reshape(-1, out_dim)
        # Straight through: this is the gradient at W_ternary, and the latents take it as theirs.
        np.matmul(dy.T, x.reshape(-1, in_dim), out=self.dW_latent)
        np.matmul(dy, self.W_ternary, out=dx.reshape(-1, in_dim))
        return dx


class TernaryEmbedding(TernaryMatrix):
    """A table of ternary rows: a `TernaryLinear` of one-hot inputs, read the other way round.

    The table has shape `(vocab_size, d_model)` and its groups run along ``d_model``, so that it is
    projected, stored and packed like every other matrix.

    Examples
    --------
    >>> table = TernaryEmbedding.from_latent(np.array([[4, -4], [1, 0]], np.float32))
    >>> table.forward(np.array([1, 0, 1])).tolist()
    [[0.5, 0.0], [4.0, -4.0], [0.5, 0.0]]
    """

    _tokens: Ints | None = None

    def forward(self, tokens: Ints) -> Floats:
        """Look up integer `tokens` `(...)`: vectors `(..., d_model)`."""
        vocab_size, d_model = self.W_ternary.shape
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < vocab_size:
            raise TernaryError(
                f"tokens lie between {tokens.min()} and {tokens.max()}; "
                f"expected 0 to {vocab_size - 1}, for a vocabulary of {vocab_size}"
            )
        self._tokens = tokens
        y = self._work("y", (*tokens.shape, d_model))
        np.take(self.W_ternary, tokens, axis=0, out=y, mode="clip")  # "raise" would copy y
        return y

    def backward(self, dy: Floats) -> None:
        """Write ``dW_latent``: every row the sum of dL/dy `(..., d_model)` where it was used."""
        tokens = require_forward(self._tokens, self.name).reshape(-1)
        vocab_size, d_model = self.W_ternary.shape
        # The one-hot product itself, which BLAS computes faster than NumPy adds up scattered rows.
        one_hot = self._work("one_hot", (len(tokens), vocab_size))
        one_hot.fill(0)
        one_hot[np.arange(len(tokens)), tokens] = 1
        np.matmul(one_hot.T, dy.reshape(-1, d_model), out=self.dW_latent)


class RMSNorm:
    """Divide every vector by its root mean square, then multiply feature by feature with a gain.

    Parameters
    ----------
    gain
        The gain `(D,)`, used as it is, not copied.
    dgain
        Where ``backward`` writes its gradient, `(D,)`.
    eps
        Added to the mean square: it keeps a vector of zeros finite.

    Notes
    -----
    Zhang and Sennrich (2019), arXiv:1910.07467. With ``x_hat = x / rms``, the backward pass takes
    from the gradient its component along ``x_hat``, which only changes the length of ``x``.

    Examples
    --------
    >>> norm = RMSNorm(np.ones(2), np.zeros(2))
    >>> norm.forward(np.array([[3.0, 4.0], [30.0, 40.0]])).round(3).tolist()
    [[0.849, 1.131], [0.849, 1.131]]
    """

    _x_hat: Floats | None = None

    def __init__(self, gain: Floats, dgain: Floats, eps: float = 1e-5) -> None:
        self.gain = gain
        self.dgain = dgain
        self.eps = eps
        self._work = Workspace(gain.dtype)

    def forward(self, x: Floats) -> Floats:
        """Map `(..., D)` to `(..., D)`."""
        inverse_rms = self._work("inverse_rms", x.shape[:-1])
        self._x_hat = x_hat = self._work("x_hat", x.shape)
        y = self._work("y", x.shape)
        np.vecdot(x, x, out=inverse_rms)
        inverse_rms /= x.shape[-1]
        inverse_rms += self.eps
        np.sqrt(inverse_rms, out=inverse_rms)
        np.reciprocal(inverse_rms, out=inverse_rms)
        np.multiply(x, inverse_rms[..., None], out=x_hat)
        np.multiply(x_hat, self.gain, out=y)
        return y

    def backward(self, dy: Floats) -> Floats:
        """Write ``dgain``, and map dL/dy `(..., D)` to dL/dx `(..., D)`."""
        x_hat = require_forward(self._x_hat, "RMSNorm")
        inverse_rms = self._work("inverse_rms", dy.shape[:-1])
        along = self._work("along", dy.shape[:-1])
        dx = self._work("y", dy.shape)
        ones = self._work.constant(1, inverse_rms.size)
        np.multiply(dy, x_hat, out=dx)
        np.matmul(ones, dx.reshape(len(ones), -1), out=self.dgain)  # a sum, by BLAS
        # dL/dx = (dx_hat - x_hat * mean(dx_hat * x_hat)) / rms, with dx_hat = dy * gain
        np.matmul(dx, self.gain, out=along)
        along /= dy.shape[-1]
        np.multiply(dy, self.gain, out=dx)
        x_hat *= along[..., None]
        dx -= x_hat
        dx *= inverse_rms[..., None]
        return dx


class SquaredReLU:
    """``max(h, 0) ** 2``, the activation of the feed-forward block.

    Notes
    -----
    So et al. (2021), Primer, arXiv:2109.08668. Its derivative ``2 max(h, 0)`` has no jump.

    Examples
    --------
    >>> activation = SquaredReLU(np.float64)
    >>> activation.forward(np.array([-2.0, 0.0, 3.0])).tolist()
    [0.0, 0.0, 9.0]
    >>> activation.backward(np.array([1.0, 1.0, 1.0])).tolist()
    [0.0, 0.0, 6.0]
    """

    _relu: Floats | None = None

    def __init__(self, dtype: npt.DTypeLike = np.float32) -> None:
        self._work = Workspace(dtype)

    def forward(self, h: Floats) -> Floats:
        """Map an array of any shape, element by element; `h` itself becomes ``max(h, 0)``."""
        # A row of zeros: with a single one, NumPy would compare number by number.
        self._relu = np.maximum(h, self._work.constant(0, h.shape[-1]), out=h)
        a = self._work("a", h.shape)
        np.multiply(h, h, out=a)
        return a

    def backward(self, da: Floats) -> Floats:
        """Map dL/da to dL/dh, of the same shape."""
        dh = self._work("a", da.shape)
        np.multiply(da, require_forward(self._relu, "SquaredReLU"), out=dh)
        dh += dh
        return dh
