"""Classic bugs of a backward pass, each as a function that spoils the right one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ternary.arrays import Floats, Ints
from ternary.attention import CausalAttention
from ternary.layers import RMSNorm, SquaredReLU, TernaryEmbedding
from ternary.loss import CrossEntropy
from ternary.transformer import Block, TernaryTransformer

Backward = Callable[..., Any]  # the right backward pass, which a bug calls, and spoils


def no_row_sum(attention: CausalAttention, backward: Backward, dy: Floats) -> Floats:
    """Softmax: the sum over the keys of P * dP, which is dy . y, is left out."""
    B, T, _ = dy.shape
    heads = B, T, attention.n_heads, attention.head_dim
    total = np.einsum("bqhd,bqhd->bhq", dy.reshape(heads), attention._work("y", heads))
    P = attention._work("P", (T, B, attention.n_heads, T)).copy()
    dqkv: Floats = backward(dy)
    missing = np.zeros_like(dqkv)
    q, k, _ = attention._heads(attention._qkv)  # type: ignore[arg-type]
    dq, dk, _ = attention._heads(missing)
    dS = (P * total).transpose(1, 2, 0, 3)
    np.matmul(dS.swapaxes(-1, -2), k, out=dq)
    np.matmul(dS, q, out=dk)
    attention._turn(missing, attention._phases_back)
    return dqkv + missing


def no_score_scale(attention: CausalAttention, backward: Backward, dy: Floats) -> Any:
    """The factor 1 / sqrt(head_dim) of the scores, forgotten on the way back."""
    dqkv = backward(dy)
    dqkv[..., : 2 * dy.shape[-1]] *= attention.head_dim**0.5
    return dqkv


def turned_wrongly(attention: CausalAttention, backward: Backward, dy: Floats) -> Any:
    """The gradients of queries and keys turned forward once more, instead of back."""
    attention._phases_back = attention._phases
    return backward(dy)


def no_projection(norm: RMSNorm, backward: Backward, dy: Floats) -> Floats:
    """RMSNorm: the root mean square taken for a constant."""
    dx: Floats = dy * norm.gain * norm._work("inverse_rms", dy.shape[:-1])[..., None]
    backward(dy)
    return dx


def no_gain_gradient(norm: RMSNorm, backward: Backward, dy: Floats) -> Any:
    """RMSNorm: the gradient of the gain is never written."""
    dx = backward(dy)
    norm.dgain.fill(0)
    return dx


def no_factor_two(_activation: SquaredReLU, backward: Backward, da: Floats) -> Any:
    """Squared ReLU: max(h, 0) for a derivative, where 2 max(h, 0) is right."""
    return backward(da) / 2


def no_branch(block: Block, _backward: Backward, dx: Floats) -> Floats:
    """Residual stream: nothing comes back out of the attention; its own weights do learn."""
    dh = block.activation.backward(block.down.backward(dx))
    dx += block.norm2.backward(block.up.backward(dh))
    block.norm1.backward(block.qkv.backward(block.attention.backward(block.o.backward(dx))))
    return dx


def no_skip(block: Block, _backward: Backward, dx: Floats) -> Floats:
    """Residual stream: past the feed-forward, only what came through it is passed on."""
    dh = block.activation.backward(block.down.backward(dx))
    dx[...] = block.norm2.backward(block.up.backward(dh))
    dqkv = block.attention.backward(block.o.backward(dx))
    dx += block.norm1.backward(block.qkv.backward(dqkv))
    return dx


def sum_not_mean(loss: CrossEntropy, backward: Backward) -> Any:
    """Cross-entropy: the gradient of the sum over all targets, beside the loss of their mean."""
    return backward() * loss._n_counted


def last_one_wins(table: TernaryEmbedding, backward: Backward, dy: Floats) -> None:
    """Embedding: `dW[tokens] = dy`, so that of all uses of a token only the last one counts."""
    backward(dy)
    tokens: Ints = table._tokens  # type: ignore[assignment]
    table.dW_latent[tokens.reshape(-1)] = dy.reshape(-1, dy.shape[-1])


BUGS: dict[str, tuple[type[Any], Backward]] = {  # the layers that a bug spoils, and how
    "softmax without its sum": (CausalAttention, no_row_sum),
    "score scale missing": (CausalAttention, no_score_scale),
    "turned the wrong way": (CausalAttention, turned_wrongly),
    "norm taken for a constant": (RMSNorm, no_projection),
    "gains get no gradient": (RMSNorm, no_gain_gradient),
    "factor 2 of relu squared": (SquaredReLU, no_factor_two),
    "attention passes nothing": (Block, no_branch),
    "skip path dropped": (Block, no_skip),
    "sum instead of mean": (CrossEntropy, sum_not_mean),
    "embedding: last one wins": (TernaryEmbedding, last_one_wins),
}


def infect(model: TernaryTransformer, bug: str) -> None:
    """Put a bug into the backward pass of a model."""
    kind, spoilt = BUGS[bug]
    blocks = model.blocks
    layers: list[Any] = [model.embedding, *blocks, model.norm, model.cross_entropy]
    layers += [layer for block in blocks for layer in vars(block).values()]
    for layer in layers:
        if isinstance(layer, kind):
            layer.backward = partial(spoilt, layer, layer.backward)
