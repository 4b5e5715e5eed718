"""Chapter 7, second half: attention, and the whole model forth and back."""

# fmt: off
from __future__ import annotations

from typing import Any

import numpy as np

from ternary.course.compare import same
from ternary.course.laws import agrees, normal, slope_holds
from ternary.course.step import Step, Wrong
from ternary.course.steps.small import batch, latents, sizes, small_book

ATTENTION = Step(
    id="attention",
    page="transformer",
    heading="Softmax and attention",
    title="Causal attention",
    minutes=40,
    doc="""Causal attention; `qkv` is `(B T, 3 D)`, queries, keys and values side by side.

Each of the three is HEADS heads of D // HEADS features. Queries and keys are turned by their
position, the queries divided by the root of D // HEADS; a position attends to itself and to those
before it. Returns the outputs `(B T, D)`, heads side by side, and `(q, k, v, P)` for the way back,
each `(B, HEADS, T, ...)`: the queries and keys as they are multiplied, the values, and the
probabilities.""",
    hints=(
        "Reshape to (B, T, 3, HEADS, d), then bring the axes into the order (3, B, HEADS, T, d).",
        "np.triu(..., 1) of minus infinity, added to the scores, leaves the past.",
        "Softmax over the last axis; subtract its largest score first.",
    ),
    wrong=(
        Wrong(" + np.triu(np.full((T, T), -np.inf, q.dtype), 1)", "",
              "there is no mask: a position sees the ones behind it."),
        Wrong("q.dtype), 1)", "q.dtype), 2)", "your mask begins one too late: a position sees the "
              "next one, the one it is to predict."),
        Wrong(" / np.sqrt(D // HEADS, dtype=q.dtype), turn(k, 1)", ", turn(k, 1)",
              "the queries are not divided by the root of a head's size."),
        Wrong("P /= P.sum(axis=3, keepdims=True)", "P /= P.sum(axis=2, keepdims=True)",
              "you normalise over the queries; the probabilities of one query add up to 1."),
    ),
    given=sizes,
)


@ATTENTION.check
def outputs(f: Any) -> None:
    """The outputs, and what is kept for the way back."""
    qkv = normal(10, 108)
    names = "outputs, (q k v P)"
    agrees(f, small_book().attention, qkv, 5, what=names)


@ATTENTION.check
def causal(f: Any) -> None:
    """What comes later changes nothing before it."""
    qkv = normal(5, 108)
    before = np.array(f(qkv.copy(), 5)[0])
    qkv[3:] = normal(2, 108, seed=1)
    same("the outputs at positions 0 to 2", f(qkv, 5)[0][:3], before[:3])


ATTENTION_BACKWARD = Step(
    id="attention_backward",
    page="transformer",
    heading="Softmax and attention",
    title="The way back through attention",
    minutes=45,
    doc="""dL/dqkv `(B T, 3 D)` from dL/dy `(B T, D)`.

`kept` is what `attention` keeps, `(q, k, v, P)`.""",
    hints=(
        "Undo the last line first: dy as (B, HEADS, T, d). P @ v is a product with two gradients.",
        "Softmax: dS = P * (dP - the sum of dP * P over the row).",
        "Rotations are undone by turning the other way; q was divided by a root, its gradient is "
        "too.",
    ),
    wrong=(
        Wrong("(dP - (dP * P).sum(axis=3, keepdims=True))", "dP", "your softmax lets each score "
              "act alone; a probability that grows takes from all others."),
        Wrong("turn(dq, -1)", "turn(dq, 1)", "the gradient is turned on, where it should be turned "
              "back."),
        Wrong(" / np.sqrt(D // HEADS, dtype=q.dtype), turn(dk", ", turn(dk", "the queries were "
              "divided by a root; so is their gradient."),
        Wrong("dS @ k, dS.swapaxes(2, 3) @ q", "dS @ k, dS @ q", "for the keys dS is transposed: a "
              "key collects from all queries."),
    ),
    given=sizes,
)


@ATTENTION_BACKWARD.check
def gradient(f: Any) -> None:
    """The gradient is the slope of the loss."""
    qkv, dy, b = normal(10, 108), normal(10, 36, seed=1), small_book()
    kept = b.attention(qkv, 5)[1]
    came = agrees(f, b.attention_backward, kept, dy, what="dL/dqkv")
    slope_holds("dL/dqkv", lambda each: float((b.attention(each, 5)[0] * dy).sum()), qkv, came)


FORWARD = Step(
    id="forward",
    page="transformer",
    heading="The whole machine on one page",
    title="The whole model",
    minutes=40,
    doc="""Logits `(B T, VOCAB)` of tokens `(B, T)`, and what the way back needs.

`w` holds the weights by the names in SHAPES. The stream begins as rows of `embedding`. Each of the
LAYERS adds to it `o` of the attention of norm1 of it, and then `down` of the squared ReLU of `up`
of norm2 of it. The logits are `head` of `norm` of the stream.

What the way back needs is `(tokens, kept, x, last)`: for each layer in `kept` the tuple
`(h, n1, y, a, z, n2, relu)`, the two normed streams h and z, the attention's output y, the ReLU
before it is squared, and what the norms and the attention keep, n1, n2 and a; then the last normed
stream, and what its norm keeps.""",
    hints=(
        "tokens.reshape(-1) makes (B T,) of (B, T); one row of the stream for each.",
        "np.vstack of q, k and v is one matrix that makes all three.",
        "`x = x + ...` twice a layer: the stream is added to, never replaced.",
    ),
    wrong=(
        Wrong('x = x + linear(y, w[p + "o"])', 'x = linear(y, w[p + "o"])',
              "the attention replaces the stream; it should be added to it."),
        Wrong("linear(relu**2,", "linear(relu,", "your ReLU is not squared."),
        Wrong('norm(x, w[p + "norm2"])', 'norm(x, w[p + "norm1"])',
              "you use the gain norm1 twice; the second norm has its own."),
        Wrong('p = f"layers.{i}."', 'p = "layers.0."', "every layer uses the weights of the "
              "first."),
    ),
    given=sizes,
)


@FORWARD.check
def logits(f: Any) -> None:
    """The logits, and what is kept."""
    tokens, _ = batch()
    agrees(f, small_book().forward, latents(), tokens, what="logits, memory")


@FORWARD.check
def way_back(f: Any) -> None:
    """With what it keeps, the program finds its way back."""
    b, (tokens, _), w = small_book(), batch(), latents()
    dlogits = normal(12, 40)
    memory = f(w, tokens)[1]
    expected = b.backward(w, b.forward(w, tokens)[1], dlogits)
    same("gradients", b.backward(w, memory, dlogits), expected)


BACKWARD = Step(
    id="backward",
    page="transformer",
    heading="The stream and its gradient",
    title="The whole way back",
    minutes=50,
    doc="""The gradients of all weights, by name, from dL/dlogits `(B T, VOCAB)`.

`memory` is what `forward` keeps: `(tokens, kept, x, last)`, and for each layer in `kept` the tuple
`(h, n1, y, a, z, n2, relu)`.""",
    hints=(
        "Read forward from its last line to its first, and write the gradient of each line.",
        "Where the stream was added to, its gradient goes both ways: on, and through the layer.",
        "The three gradients of q, k and v lie below each other: np.split.",
    ),
    wrong=(
        Wrong("dx = dx + dz", "dx = dz", "the stream's own gradient is lost at the feed-forward "
              "part; it flows past it as well."),
        Wrong("2 * relu * da", "da * (relu > 0)", "you go back through a plain ReLU; squared, its "
              "slope is 2 relu."),
        Wrong("reversed(range(LAYERS))", "range(LAYERS)", "you go through the layers in the order "
              "of the way forth; the last one comes first."),
        Wrong('norm_backward(n2, w[p + "norm2"], dz)', 'norm_backward(n1, w[p + "norm2"], dz)',
              "the second norm uses what the first one kept."),
    ),
    given=sizes,
)


@BACKWARD.check
def all_gradients(f: Any) -> None:
    """Every gradient, by name, and its slope."""
    b, (tokens, targets), w = small_book(), batch(), latents()
    logits, memory = b.forward(w, tokens)
    dlogits = b.cross_entropy(logits, targets.reshape(-1))[1]
    g = agrees(f, b.backward, w, memory, dlogits, what="gradients")

    def loss(embedding: Any) -> float:
        changed = w | {"embedding": embedding}
        return float(b.cross_entropy(b.forward(changed, tokens)[0], targets.reshape(-1))[0])

    slope_holds("the gradient of the embedding", loss, w["embedding"], g["embedding"])
