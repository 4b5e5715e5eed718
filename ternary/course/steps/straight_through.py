"""Chapter 2: a linear layer, its gradients, and a check for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ternary.course.compare import require, same
from ternary.course.laws import agrees, fresh, normal, slope_holds
from ternary.course.program import book
from ternary.course.step import Step, Wrong

LINEAR = Step(
    id="linear",
    page="straight-through",
    heading="The estimator, derived and checked",
    title="A linear layer",
    minutes=5,
    doc="""Outputs `(n, out_dim)` of inputs.

`x` is `(n, in_dim)`, the ternary weights are `(out_dim, in_dim)`.""",
    hints=(
        "Each output is the product of one input vector and one row of W.",
        "The shapes leave one way: (n, in_dim) times (in_dim, out_dim).",
    ),
    wrong=(
        Wrong("x @ W.T", "x @ W", "you multiply with W itself; its rows belong to outputs."),
        Wrong("x @ W.T", "W @ x.T", "your result lies on its side: inputs are rows, and stay "
              "rows."),
        Wrong("x @ W.T", "np.sign(x @ W.T)", "you take the sign of the outputs; weights are "
              "ternary, not outputs."),
    ),
)  # fmt: skip


@LINEAR.check
def products(f: Any) -> None:
    """Each output is the product of an input and a row of weights."""
    agrees(f, book.linear, normal(3, 4), normal(4, 4, seed=1), what="outputs")


@LINEAR.check
def more_inputs(f: Any) -> None:
    """So it is for more inputs than outputs."""
    agrees(f, book.linear, normal(3, 5), normal(4, 5, seed=1), what="outputs")


BACKWARD = Step(
    id="linear_backward",
    page="straight-through",
    heading="The estimator, derived and checked",
    title="Its gradients, straight through",
    minutes=20,
    doc="""dL/dx `(n, in_dim)`, and dL/dW `(out_dim, in_dim)` at the ternary weights.

The latents take dL/dW as theirs: that is the straight-through estimator. `x` `(n, in_dim)` is what
went in, `dy` `(n, out_dim)` is dL/dy.""",
    hints=(
        "y[n, o] is the sum of x[n, i] W[o, i] over i. By what is dy[n, o] multiplied for x[n, i]?",
        "dL/dW sums over the batch, as every input of it used the same weights.",
        "Two products; their shapes leave one way for each.",
    ),
    wrong=(
        Wrong("dy.T @ x", "(dy.T @ x) / len(x)", "you divide dL/dW by the size of the batch; that "
              "division belongs into the loss, once."),
        Wrong("dy.T @ x", "(dy.T @ x) * (W != 0)", "you drop the gradient where a weight is zero; "
              "straight through, its latent takes it too, or it could never come back."),
        Wrong("return dy @ W, dy.T @ x", "return dy.T @ x, dy @ W", "you return the two gradients "
              "in the other order."),
        Wrong("dy.T @ x", "-(dy.T @ x)", "the sign of dL/dW is the other one; the optimizer "
              "subtracts, not the gradient."),
    ),
)  # fmt: skip


@BACKWARD.check
def both_gradients(f: Any) -> None:
    """Both gradients of a batch."""
    W = np.sign(normal(4, 5, seed=1)) * (np.abs(normal(4, 5, seed=1)) > 0.5)
    agrees(f, book.linear_backward, normal(3, 5), W, normal(3, 4, seed=2), what="dL/dx, dL/dW")


@BACKWARD.check
def slopes(f: Any) -> None:
    """They are the slopes of the loss at the ternary weights."""
    x, W, dy = normal(3, 5), normal(4, 5, seed=1), normal(3, 4, seed=2)
    dx, dW = f(x, W, dy)
    slope_holds("dL/dx", lambda each: float((each @ W.T * dy).sum()), x, dx)
    slope_holds("dL/dW", lambda each: float((x @ each.T * dy).sum()), W, dW)


SLOPE = Step(
    id="slope_error",
    page="straight-through",
    heading="What goes wrong: two checks, one of them right",
    title="A check for gradients",
    minutes=20,
    doc="""Relative error of dL/dW, along a random direction, against the slope of ``loss(W)``.

The slope is the difference of two losses, a step of `h` times normal numbers, drawn from `rng`, to
either side of `W`, which stays as it was.
The result is a float: 0 for a right gradient, 1 for one that is twice too large.""",
    hints=(
        "Draw one direction in the shape of W from rng, and make it h long.",
        "What does dW say the loss will change by, from W - step to W + step?",
        "The relative error is the magnitude of their ratio minus one.",
    ),
    wrong=(
        Wrong("abs(2 * (dW", "abs((dW", "the loss changes from W - step to W + step, two steps; "
              "you count one."),
        Wrong("loss(W - step)", "loss(W)", "one of your losses is taken at W; both sides make the "
              "error of the slope small."),
        Wrong("return abs(", "return (", "your error has a sign; take its magnitude, or an error "
              "could pass any `<`."),
        Wrong("rng.standard_normal(W.shape)", "np.ones(W.shape)", "your direction is not random; "
              "along a fixed one, errors that cancel are never seen."),
        Wrong("loss(W - step)", "loss(np.subtract(W, step, out=W))", "you leave W changed; take "
              "the losses at new arrays, or put W back."),
    ),
)  # fmt: skip


def _quadratic(W: Any) -> float:
    return float((W**2).sum() + (W**4).sum())


def _exact(W: Any) -> Any:
    return 2 * W + 4 * W**3


@SLOPE.check
def right_gradient(f: Any) -> None:
    """A right gradient has an error near 0."""
    W = normal(4, 5)
    error = f(_quadratic, W, _exact(W), fresh())
    require(np.ndim(error) == 0, "the error is one number")
    same("the error of a right gradient", error, 0.0, atol=1e-5)


@SLOPE.check
def wrong_gradients(f: Any) -> None:
    """A doubled gradient has an error of 1, half of it one of 0.5, the negative one of 2."""
    W = normal(4, 5)
    for factor, expected in ((2, 1.0), (0.5, 0.5), (-1, 2.0)):
        error = f(_quadratic, W, factor * _exact(W), fresh())
        same(f"the error of {factor} times the gradient", error, expected, rtol=1e-3)


@SLOPE.check
def both_sides(f: Any) -> None:
    """It is taken on both sides, so that a wide step costs little."""
    W = normal(4, 5)
    error = f(_quadratic, W, _exact(W), fresh(), 1e-2)
    require(error < 5e-3, f"with h = 0.01 the error is {error:.2g}, expected below 0.005")


@SLOPE.check
def random_direction(f: Any) -> None:
    """The direction comes from the generator: the same one the same, another one another."""
    W = normal(4, 5)
    wrong = _exact(W)
    wrong[0, :2] += 3, -3
    one, again, other = (f(_quadratic, W, wrong, fresh(seed)) for seed in (0, 0, 1))
    same("the error with a generator of the same seed", again, one)
    require(
        abs(other - one) > 1e-3,
        f"with another generator the error is the same, {one:.3g}; draw the direction from rng",
    )


@SLOPE.check
def leaves_W_alone(f: Any) -> None:
    """W is as it was."""
    W = normal(4, 5)
    f(_quadratic, W, _exact(W), fresh(), 1e-2)
    same("W after the call", W, normal(4, 5), rtol=0, atol=1e-9)
