"""Generation: one token at a time, each of which costs one pass over the weights.

`TernaryTransformer.extend` reads any number of tokens. For a single one it spends more time on
checks, shapes, phases and new arrays than on products, and all of that is the same for every token.
So a `Decoder` settles it beforehand: every part of the model becomes a function of one vector that
writes into an array of its own. What is left of a token is arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt

from ternary.arrays import Floats, Ints
from ternary.attention import CausalAttention, KeyValueCache, rotary_phases
from ternary.errors import ShapeError, TernaryError
from ternary.layers import RMSNorm, SquaredReLU, TernaryEmbedding, TernaryLinear

if TYPE_CHECKING:
    from ternary.transformer import TernaryTransformer

Part = TypeVar("Part")
OfVector: TypeAlias = Callable[[Floats], Floats]  # its result is valid until its next call


def generate(
    model: TernaryTransformer,
    prompt: Ints,
    n_tokens: int,
    temperature: float = 1.0,
    rng: np.random.Generator | None = None,
) -> Iterator[int]:
    """Continue a prompt, one token at a time: see `TernaryTransformer.generate`."""
    prompt = np.asarray(prompt)
    if prompt.ndim != 1 or not prompt.size:
        raise ShapeError(f"the prompt has shape {prompt.shape}; expected at least one token")
    if not temperature >= 0:
        raise TernaryError(f"temperature is {temperature}; expected 0 or more")
    rng = rng or np.random.default_rng(0)
    context = n_read = model.config.context
    history = prompt.tolist()
    decoder = Decoder(model, min(context, len(history) + n_tokens))
    for i in range(n_tokens):
        if i == 0 or decoder.length == context:
            logits = decoder.read(np.array(history[-n_read:]))
            n_read = max(context // 2, 1)  # when the context is full, its later half
        else:
            logits = decoder.extend(history[-1])
        history.append(sample(logits, temperature, rng))
        yield history[-1]


def sample(logits: Floats, temperature: float, rng: np.random.Generator) -> int:
    """Draw a token from the softmax of `logits` `(vocab_size,)` at a temperature.

    Examples
    --------
    >>> sample(np.array([0.0, 2.0, 1.0]), 0, np.random.default_rng(0))  # temperature 0: the peak
    1
    """
    if temperature == 0:
        return int(logits.argmax())
    p = np.exp((logits - logits.max()).astype(np.float64) / temperature)
    up_to = p.cumsum()  # what `rng.choice` does, without its checks of p
    return int(up_to.searchsorted(rng.random() * up_to[-1], side="right"))


class Decoder:
    """A model made ready to read single tokens, with the caches of one sequence.

    Parameters
    ----------
    model
        Its weights are used as they are, not copied.
    capacity
        Tokens that the caches hold.

    Examples
    --------
    >>> from ternary import TernaryTransformer
    >>> model = TernaryTransformer()
    >>> decoder = Decoder(model, capacity=3)
    >>> logits = decoder.read(np.array([7, 8]))  # as many as you like, into empty caches
    >>> logits = decoder.extend(9)  # one more
    >>> bool(np.allclose(logits, model.forward(np.array([[7, 8, 9]]))[0, -1], atol=1e-5))
    True
    """

    def __init__(self, model: TernaryTransformer, capacity: int) -> None:
        self.model = model
        self.caches = model.caches(capacity)
        self._x = np.empty(model.config.d_model, model.parameters.dtype)
        self._row = _row(model.embedding)
        self._blocks = [
            (
                _of_vector(block.norm1),
                _of_vector(block.qkv),
                _attend(block.attention, cache),
                _of_vector(block.o),
                _of_vector(block.norm2),
                _of_vector(block.up),
                _of_vector(block.activation),
                _of_vector(block.down),
            )
            for block, cache in zip(model.blocks, self.caches, strict=True)
        ]
        self._norm = _of_vector(model.norm)
        self._head = _of_vector(model.head)

    @property
    def length(self) -> int:
        """Tokens in the caches."""
        return self.caches[0].length

    def read(self, tokens: Ints) -> Floats:
        """Logits `(vocab_size,)` after a sequence of tokens `(n,)`; what was cached is forgotten.

        Raises
        ------
        TernaryError
            If a token is not in the vocabulary.
        """
        for cache in self.caches:
            cache.length = 0
        logits: Floats = self.model.extend(tokens, self.caches)[-1]
        return logits

    def extend(self, token: int) -> Floats:
        """Logits `(vocab_size,)` after one more token, which is taken for one of the vocabulary."""
        x = self._x
        x[:] = self._row(token)
        for norm1, qkv, attend, o, norm2, up, activation, down in self._blocks:
            x += o(attend(qkv(norm1(x))))
            x += down(activation(up(norm2(x))))
        return self._head(self._norm(x))


def _row(embedding: TernaryEmbedding) -> Callable[[int], Floats]:
    """From a token to its vector `(d_model,)`."""
    if _is_own(embedding, TernaryEmbedding):
        return embedding.W_ternary.__getitem__
    return lambda token: embedding.forward(np.array(token))


def _of_vector(layer: TernaryLinear | RMSNorm | SquaredReLU) -> OfVector:
    """The forward pass of a layer for one vector `(D,)`."""
    if _is_own(layer, TernaryLinear):
        return _linear(layer)
    if _is_own(layer, RMSNorm):
        return _norm(layer)
    if _is_own(layer, SquaredReLU):
        return _squared_relu
    return layer.forward


def _is_own(part: object, kind: type[Part]) -> TypeGuard[Part]:
    """Whether a part computes what its class does here; whoever put in another gets that one."""
    return type(part) is kind and not {"forward", "extend"} & vars(part).keys()


def _linear(layer: TernaryLinear) -> OfVector:
    W = layer.W_ternary
    return partial(W.dot, out=np.empty(len(W), W.dtype))


def _norm(layer: RMSNorm) -> OfVector:
    gain, eps, y = layer.gain, layer.eps, np.empty_like(layer.gain)

    def norm(x: Floats) -> Floats:
        np.multiply(x, gain, out=y)
        np.multiply(y, 1 / math.sqrt(x.dot(x) / len(x) + eps), out=y)
        return y

    return norm


def _squared_relu(h: Floats) -> Floats:
    np.maximum(h, 0, out=h)
    return np.multiply(h, h, out=h)


def _attend(attention: CausalAttention, cache: KeyValueCache) -> OfVector:
    """Attention of one new position `(3 D,)` to the cached ones and itself: `(D,)`."""
    if not _is_own(attention, CausalAttention):
        return lambda qkv: attention.extend(qkv[None], cache)[0]
    keys, values = cache.keys, cache.values
    n_heads, capacity, head_dim = keys.shape
    turns = _turns(capacity, head_dim, attention.rope_base, keys.dtype)
    scores = np.empty((n_heads, 1, capacity), keys.dtype)
    over_heads = np.empty((n_heads, 1, 1), keys.dtype)
    y = np.empty((n_heads, 1, head_dim), keys.dtype)
    flat = y.reshape(-1)

    def attend(qkv: Floats) -> Floats:
        first, last = cache.length, cache.length + 1
        parts = qkv.reshape(3, n_heads, 1, head_dim)
        pairs = parts[:2, :, 0].view(turns.dtype)
        np.multiply(pairs, turns[first], out=pairs)
        q, k, v = parts
        keys[:, first:last] = k
        values[:, first:last] = v
        cache.length = last
        P = scores[:, :, :last]
        np.matmul(q, keys[:, :last].swapaxes(1, 2), out=P)
        P -= np.maximum.reduce(P, axis=2, keepdims=True, out=over_heads)
        np.exp(P, out=P)
        np.matmul(P, values[:, :last], out=y)
        np.divide(y, np.add.reduce(P, axis=2, keepdims=True, out=over_heads), out=y)
        return flat

    return attend


@lru_cache(maxsize=4)  # blocks share it, and so does the next text
def _turns(
    capacity: int, head_dim: int, rope_base: float, dtype: np.dtype[Any]
) -> npt.NDArray[np.complexfloating]:
    """What turns queries and keys at every position, `(capacity, 2, 1, head_dim / 2)`.

    The scale of the scores is taken into the queries.
    """
    phases = rotary_phases(0, capacity, head_dim, rope_base, dtype)
    return np.stack([phases * dtype.type(head_dim**-0.5), phases], axis=1)[:, :, None]
