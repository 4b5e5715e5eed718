"""The ternary transformer: configuration, blocks, forward, backward, and generation.

Embedding, then blocks of attention and feed-forward that each add to a residual stream, then a
last normalisation and the head. This is the `arcee` architecture of Transformers, vLLM and
llama.cpp, parameter for parameter, so a trained model runs there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ternary.arrays import Floats, Ints
from ternary.attention import CausalAttention, KeyValueCache
from ternary.errors import ShapeError
from ternary.generation import generate
from ternary.layers import RMSNorm, SquaredReLU, TernaryEmbedding, TernaryLinear
from ternary.loss import CrossEntropy
from ternary.parameters import Parameters
from ternary.projection import Projection


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a transformer. The defaults are the model of the book.

    Attributes
    ----------
    vocab_size, d_model, n_layers, n_heads, d_ff
        Tokens, features of a position, blocks, attention heads, hidden features of a feed-forward.
    context
        Tokens in a training sequence. No parameter depends on it; generation keeps within it.
    rope_base, norm_eps
        Base of the rotary frequencies; epsilon of the normalisations.

    Raises
    ------
    ShapeError
        If a size is not positive, the heads do not divide `d_model`, or the head size is odd.

    Examples
    --------
    >>> TransformerConfig(d_model=0)
    Traceback (most recent call last):
    ternary.errors.ShapeError: d_model is 0; expected a positive number
    """

    vocab_size: int = 256
    d_model: int = 128
    n_layers: int = 2
    n_heads: int = 4
    d_ff: int = 512
    context: int = 64
    rope_base: float = 10000.0
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ShapeError(f"{field.name} is {value}; expected a positive number")
        if self.d_model % (2 * self.n_heads):
            raise ShapeError(
                f"d_model is {self.d_model}, not a multiple of 2 * n_heads = {2 * self.n_heads}; "
                "rotary heads need an even size"
            )

    def matrices(self) -> dict[str, tuple[int, int]]:
        """Name and shape `(out_dim, in_dim)` of every weight matrix, in the order of the buffer."""
        d, d_ff = self.d_model, self.d_ff
        block = {
            "q": (d, d),
            "k": (d, d),
            "v": (d, d),
            "o": (d, d),
            "up": (d_ff, d),
            "down": (d, d_ff),
        }
        shapes = {"embedding": (self.vocab_size, d)}
        for layer in range(self.n_layers):
            shapes |= {f"layers.{layer}.{name}": shape for name, shape in block.items()}
        return shapes | {"head": (self.vocab_size, d)}

    def gains(self) -> dict[str, int]:
        """Name and length of every normalisation gain."""
        names = [f"layers.{i}.{norm}" for i in range(self.n_layers) for norm in ("norm1", "norm2")]
        return dict.fromkeys([*names, "norm"], self.d_model)


class Block:
    """One layer: ``x + attention(norm(x))``, then ``x + feed_forward(norm(x))``."""

    def __init__(self, config: TransformerConfig, parameters: Parameters, prefix: str) -> None:
        def linear(name: str, last: str | None = None) -> TernaryLinear:
            return TernaryLinear(parameters, f"{prefix}.{name}", last and f"{prefix}.{last}")

        def norm(name: str) -> RMSNorm:
            return make_norm(config, parameters, f"{prefix}.{name}")

        dtype, scratch = parameters.dtype, parameters.scratch
        sizes = config.n_heads, config.d_model, config.rope_base
        self.norm1 = norm("norm1")
        self.qkv = linear("q", "v")  # three adjacent matrices, one product
        self.attention = CausalAttention(*sizes, dtype, scratch)
        self.o = linear("o")
        self.norm2 = norm("norm2")
        self.up = linear("up")
        self.activation = SquaredReLU(dtype)
        self.down = linear("down")

    def forward(self, x: Floats) -> Floats:
        """Add both branches to the residual stream `(B, T, D)`, in place."""
        x += self.o.forward(self.attention.forward(self.qkv.forward(self.norm1.forward(x))))
        x += self._feed_forward(x)
        return x

    def backward(self, dx: Floats) -> Floats:
        """Add what flows back through both branches to dL/dx `(B, T, D)`, in place."""
        dh = self.activation.backward(self.down.backward(dx))
        dx += self.norm2.backward(self.up.backward(dh))
        dqkv = self.attention.backward(self.o.backward(dx))
        dx += self.norm1.backward(self.qkv.backward(dqkv))
        return dx

    def extend(self, x: Floats, cache: KeyValueCache) -> Floats:
        """The same as `forward` for new positions `(n, D)` of one sequence, with a cache."""
        x += self.o.forward(self.attention.extend(self.qkv.forward(self.norm1.forward(x)), cache))
        x += self._feed_forward(x)
        return x

    def _feed_forward(self, x: Floats) -> Floats:
        h = self.up.forward(self.norm2.forward(x))
        return self.down.forward(self.activation.forward(h))


class TernaryTransformer:
    """A decoder-only transformer in which every linear layer, embedding and head too, is ternary.

    Parameters
    ----------
    config
        Sizes.
    projection
        How latents become weights; `GroupAbsMean` by default, `FullPrecision` for the twin.
    seed
        Of the initial latents, drawn from a normal distribution of variance ``1 / in_dim``. The
        same seed gives the same latents whatever the projection.
    dtype
        float32; float64 for gradient checks.
    parameters
        To be used as they are, instead of new ones.

    Examples
    --------
    >>> model = TernaryTransformer(TransformerConfig(), seed=0)
    >>> model.parameters.count
    459392
    >>> tokens = np.array([[1, 2, 3]])
    >>> 5 < model.loss(tokens, tokens) < 7  # about log 256 = 5.5: it knows nothing yet
    True
    >>> model.backward()  # every gradient is written
    >>> bool(model.parameters.gradients.any())
    True
    """

    _logits_shape: tuple[int, ...] = (-1,)

    def __init__(
        self,
        config: TransformerConfig | None = None,
        projection: Projection | None = None,
        seed: int | np.random.SeedSequence = 0,
        dtype: npt.DTypeLike = np.float32,
        parameters: Parameters | None = None,
    ) -> None:
        self.config = config = config or TransformerConfig()
        if parameters is None:
            self.parameters = Parameters(config.matrices(), config.gains(), projection, dtype)
        else:
            self.parameters, dtype = parameters, parameters.dtype
        self.embedding = TernaryEmbedding(self.parameters, "embedding")
        self.blocks = [
            Block(config, self.parameters, f"layers.{i}") for i in range(config.n_layers)
        ]
        self.norm = make_norm(config, self.parameters, "norm")
        self.head = TernaryLinear(self.parameters, "head")
        self.cross_entropy = CrossEntropy(dtype)
        if parameters is None:
            self._initialise(np.random.default_rng(seed))
            self.project()

    def replica(self) -> TernaryTransformer:
        """A model on the same weights whose passes do not disturb this one: for a thread."""
        return TernaryTransformer(self.config, parameters=self.parameters.replica())

    def project(self, share: float = 1.0) -> None:
        """Compute the weights from the latents, see `Parameters.project`.

        Whoever moves the latents calls it.
        """
        self.parameters.project(share)

    def forward(self, tokens: Ints) -> Floats:
        """Logits `(B, T, vocab_size)` of integer tokens `(B, T)`."""
        if tokens.ndim != 2 or 0 in tokens.shape:
            raise ShapeError(f"tokens have shape {tokens.shape}; expected (batch, length)")
        x = self.embedding.forward(tokens)
        for block in self.blocks:
            x = block.forward(x)
        return self.head.forward(self.norm.forward(x))

    def loss(self, tokens: Ints, targets: Ints, n_counted: int | None = None) -> float:
        """Mean cross-entropy in nats of `targets` `(B, T)`, those equal to `IGNORE` left out.

        For a part of a batch, `n_counted` is the number of targets that count in all of it.
        """
        logits = self.forward(tokens)
        if targets.shape != tokens.shape:
            raise ShapeError(f"targets have shape {targets.shape}; expected {tokens.shape}")
        self._logits_shape = logits.shape
        logits = logits.reshape(-1, logits.shape[-1])
        return self.cross_entropy.forward(logits, targets.reshape(-1), n_counted)

    def backward(self) -> None:
        """Write the gradient of the last `loss` into ``parameters.gradients``."""
        dx = self.head.backward(self.cross_entropy.backward().reshape(self._logits_shape))
        dx = self.norm.backward(dx)
        for block in reversed(self.blocks):
            dx = block.backward(dx)
        self.embedding.backward(dx)

    def extend(self, tokens: Ints, caches: list[KeyValueCache]) -> Floats:
        """Logits `(n, vocab_size)` of `n` further tokens `(n,)` of the sequence in the caches."""
        x = self.embedding.forward(tokens)
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block.extend(x, cache)
        return self.head.forward(self.norm.forward(x))

    def caches(self, capacity: int) -> list[KeyValueCache]:
        """Empty caches, one a block, for a sequence of up to `capacity` tokens."""
        head_dim = self.config.d_model // self.config.n_heads
        sizes = self.config.n_heads, capacity, head_dim
        return [KeyValueCache(*sizes, self.parameters.dtype) for _ in self.blocks]

    def generate(
        self,
        prompt: Ints,
        n_tokens: int,
        temperature: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> Iterator[int]:
        """Continue a prompt, one token at a time.

        Keys and values are cached, so a token costs one pass over the weights. When `context`
        positions are full, the later half of them is read in again and generation goes on.

        Parameters
        ----------
        prompt
            Integer tokens `(n,)`, at least one.
        n_tokens
            How many to generate.
        temperature
            Divides the logits before sampling; 0 takes the most likely token.
        rng
            For sampling; seeded with 0 by default.

        Examples
        --------
        >>> model = TernaryTransformer(TransformerConfig(d_model=8, d_ff=8, context=8))
        >>> len(list(model.generate(np.array([1, 2, 3]), 20)))
        20
        """
        return generate(self, prompt, n_tokens, temperature, rng)

    def _initialise(self, rng: np.random.Generator) -> None:
        for name, (out_dim, in_dim) in self.parameters.matrix_shapes.items():
            W_latent = self.parameters.view(self.parameters.values, name)
            W_latent[:] = rng.standard_normal((out_dim, in_dim), np.float32)
            W_latent *= in_dim**-0.5


def make_norm(config: TransformerConfig, parameters: Parameters, name: str) -> RMSNorm:
    """The normalisation whose gain has that name."""
    gain = parameters.view(parameters.values, name)
    return RMSNorm(gain, parameters.view(parameters.gradients, name), config.norm_eps)
