"""Chapters 5 and 6: AdamW, the embedding's gradient, and the first latents."""

# fmt: off
from __future__ import annotations

from typing import Any

import numpy as np

from ternary.course.compare import require, same
from ternary.course.laws import agrees, fresh, normal, slope_holds
from ternary.course.program import book
from ternary.course.step import Step, Wrong

ADAMW = Step(
    id="adamw",
    page="weight-decay",
    heading="The optimizer that does it",
    title="One step of AdamW",
    minutes=20,
    doc="""Step `t`, counted from 1, of one array `w` in place; m and v are its two averages.

`g` is the gradient. m averages g, v averages g², both in place, each keeping beta of what it was.
Divided by 1 - beta**t they are free of their start at 0. The weight then moves against
`lr` times the ratio of the first to (the root of the second, plus eps); and beside that, by itself,
it shrinks by `lr * weight_decay` of what it is. Nothing is returned.""",
    hints=(
        "`m += ...` changes an array in place; `m = ...` makes a new one that the caller never "
        "sees.",
        "Correct the averages for their start without changing m and v themselves.",
        "The decay stands outside of the division: that is the W in AdamW.",
    ),
    wrong=(
        Wrong("m / (1 - beta1**t), v / (1 - beta2**t)", "m, v",
              "you leave out the division by 1 - beta**t: the first steps are far too short or "
              "long."),
        Wrong("(np.sqrt(v_hat) + eps) + weight_decay * w)", "(np.sqrt(v_hat) + eps))",
              "there is no weight decay in your step."),
        Wrong("m_hat / (np.sqrt(v_hat) + eps) + weight_decay * w",
              "(m_hat + weight_decay * w) / (np.sqrt(v_hat) + eps)",
              "you divide the decay too; it stands beside the division, not in it."),
        Wrong("np.sqrt(v_hat) + eps", "np.sqrt(v_hat + eps)",
              "your eps stands under the root; it is added to the root."),
        Wrong("w -= lr", "w = w - lr", "w itself is as it was: `w = ...` makes a new array."),
        Wrong("m += (1 - beta1) * (g - m)\n    v += (1 - beta2) * (g * g - v)",
              "m = m + (1 - beta1) * (g - m)\n    v = v + (1 - beta2) * (g * g - v)",
              "m and v themselves are as they were: `m = ...` makes a new array."),
        Wrong("m += (1 - beta1) * (g - m)\n    v += (1 - beta2) * (g * g - v)\n"
              "    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)\n"
              "    w -= lr * (m_hat / (np.sqrt(v_hat) + eps) + weight_decay * w)",
              "g = g + weight_decay * w\n    m += (1 - beta1) * (g - m)\n"
              "    v += (1 - beta2) * (g * g - v)\n"
              "    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)\n"
              "    w -= lr * m_hat / (np.sqrt(v_hat) + eps)",
              "you add the decay to the gradient, so that it goes through both averages: that is "
              "L2, and not the W in AdamW."),
    ),
)


@ADAMW.check
def first_step(f: Any) -> None:
    """The first step, and both averages after it."""
    args = normal(6), normal(6, seed=1), np.zeros(6), np.zeros(6), 1, 0.01, 0.0
    agrees(f, book.adamw, *args, what="nothing", changes="w, , m, v")


@ADAMW.check
def later_step(f: Any) -> None:
    """A later step with weight decay."""
    args = normal(6), normal(6, seed=1), normal(6, seed=2), normal(6, seed=3) ** 2, 7, 0.01, 0.1
    agrees(f, book.adamw, *args, what="nothing", changes="w, , m, v")


@ADAMW.check
def small_gradients(f: Any) -> None:
    """Gradients of 1e-5 move a weight as far as larger ones do: eps is beside the root."""
    args = normal(6), 1e-5 * normal(6, seed=1), np.zeros(6), np.zeros(6), 1, 0.01, 0.1
    agrees(f, book.adamw, *args, what="nothing", changes="w, , m, v")


@ADAMW.check
def decay_alone(f: Any) -> None:
    """Without a gradient a weight shrinks by lr * weight_decay, whatever v is."""
    w = np.full(3, 2.0)
    f(w, np.zeros(3), np.zeros(3), np.array([0.0, 1, 100]), 5, 0.1, 0.5)
    same("w after a step of decay alone", w, np.full(3, 1.9))


EMBEDDING = Step(
    id="embedding_backward",
    page="linear-layer",
    heading="The embedding is a lookup",
    title="The gradient of a lookup",
    minutes=15,
    doc="""The gradient of the table, `(n_symbols, d)`, from dL/dx `(n, d)`.

`tokens` `(n,)` are the rows that were looked up in `table`; a token may occur more than once.""",
    hints=(
        "A row that was looked up twice takes both gradients.",
        "`d[tokens] += dx` adds only once where a token is repeated. np.add.at adds them all.",
        "A lookup is a product with one-hot rows; then its gradient is a product too.",
    ),
    wrong=(
        Wrong("return np.eye(len(table), dtype=dx.dtype)[tokens].T @ dx",
              "d = np.zeros_like(dx, shape=table.shape); d[tokens] += dx; return d",
              "a token that occurs twice takes only one of its gradients; they add up."),
        Wrong("[tokens].T @ dx", "[tokens].T @ dx / len(tokens)",
              "you divide by the number of tokens; that division belongs into the loss, once."),
    ),
)


@EMBEDDING.check
def every_token_once(f: Any) -> None:
    """Tokens that all differ."""
    tokens, table = np.array([3, 0, 4]), normal(6, 5)
    agrees(f, book.embedding_backward, tokens, table, normal(3, 5, seed=1), what="gradient")


@EMBEDDING.check
def repeated_tokens(f: Any) -> None:
    """Tokens that occur more than once."""
    tokens, table, dx = np.array([3, 0, 3, 3]), normal(6, 5), normal(4, 5, seed=1)
    agrees(f, book.embedding_backward, tokens, table, dx, what="gradient")
    slope_holds("the gradient", lambda each: float((each[tokens] * dx).sum()), table,
                f(tokens, table, dx))


LATENTS = Step(
    id="first_latents",
    page="linear-layer",
    heading="The complete layer",
    title="The first latents",
    minutes=15,
    doc="""Normal latents of variance 1 / in_dim for matrices `(out_dim, in_dim)`, ones for gains.

`shapes` is a dict of shapes by name; a gain has one axis. The result is a dict of float32 arrays.
All chance comes from `rng`.""",
    hints=(
        "rng.standard_normal(shape, np.float32) has variance 1. By what is it multiplied?",
        "in_dim is the second size of a shape.",
    ),
    wrong=(
        Wrong("w.shape[1] ** -0.5", "w.shape[0] ** -0.5",
              "you divide by the number of outputs; it is the inputs that are summed."),
        Wrong("w.shape[1] ** -0.5", "w.shape[1] ** -1.0",
              "your standard deviation is 1 / in_dim; the variance should be that."),
        Wrong("w.shape[1] ** -0.5", "0.02",
              "your standard deviation is the same for every matrix; it depends on in_dim."),
        Wrong(" if w.ndim == 2 else 1", " if w.ndim == 2 else rng.standard_normal(w.shape)",
              "your gains are random; they begin as ones."),
    ),
)
SHAPES = {"q": (300, 100), "up": (100, 300), "norm": (100,)}


@LATENTS.check
def kinds(f: Any) -> None:
    """Each name has an array float32 of its shape, and gains are ones."""
    found = f(SHAPES, fresh())
    expected = {name: np.ones(shape, np.float32) for name, shape in SHAPES.items()}
    require(isinstance(found, dict) and found.keys() == expected.keys(), "expected a dict with the "
            f"names {', '.join(SHAPES)}")
    for name, each in expected.items():
        same(name, np.asarray(found[name]) * 0, each * 0, dtype=True)
    same("the gain", found["norm"], expected["norm"])


@LATENTS.check
def variances(f: Any) -> None:
    """The variance of a matrix is 1 / in_dim, its mean 0."""
    found = f(SHAPES, fresh())
    for name in ("q", "up"):
        n = SHAPES[name][1]
        spread = float(found[name].std() * n**0.5)
        require(0.97 < spread < 1.03, f"{name} {SHAPES[name]}: the standard deviation is "
                f"{found[name].std():.4f}, expected {n**-0.5:.4f}")
        require(abs(found[name].mean()) < 0.01 * n**-0.5 * 3, f"the mean of {name} is not 0")


@LATENTS.check
def chance(f: Any) -> None:
    """The same generator gives the same latents, and another one others."""
    one, again, other = f(SHAPES, fresh()), f(SHAPES, fresh()), f(SHAPES, fresh(1))
    same("q from a generator with the same seed", again["q"], one["q"])
    require(np.any(other["q"] != one["q"]), "another seed gives the same latents: use rng")
