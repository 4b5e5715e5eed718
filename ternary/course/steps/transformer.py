"""Chapter 7, first half: the norm, positions, and the cross-entropy."""

# fmt: off
from __future__ import annotations

from typing import Any

import numpy as np

from ternary.course.compare import require, same
from ternary.course.laws import agrees, normal, slope_holds
from ternary.course.program import book
from ternary.course.step import Step, Wrong

NORM = Step(
    id="norm",
    page="transformer",
    heading="RMSNorm: a length divided out",
    title="RMSNorm",
    minutes=10,
    doc="""RMSNorm of `x` `(n, d)` with a gain `(d,)`.

Each row is divided by the root of its mean square, to which EPS is added before the root, and
multiplied by the gain. Returns the outputs and, for the way back, a pair: the rows before the gain,
and what they were multiplied by, 1 / rms `(n, 1)`.""",
    hints=("One number for each row: which axis is averaged?",
           "EPS stands under the root, so that a row of zeros is not divided by 0."),
    wrong=(
        Wrong(" + EPS", "", "you leave out EPS: a row of zeros becomes NaN."),
        Wrong("(x * x).mean(axis=1, keepdims=True)", "x.var(axis=1, keepdims=True)",
              "you subtract the mean of a row; that is LayerNorm, and RMSNorm leaves it in."),
        Wrong("(x * x).mean", "(x * x).sum", "you sum the squares where their mean is wanted."),
        Wrong("(x * r, r)", "(x, r)", "you keep x itself; the way back wants the normalised rows."),
    ),
)


@NORM.check
def rows(f: Any) -> None:
    """Outputs, and what is kept for the way back."""
    agrees(f, book.norm, 3 * normal(4, 6) + 1, normal(6, seed=1), what="outputs, kept")


@NORM.check
def zeros(f: Any) -> None:
    """A row of zeros stays one."""
    out = f(np.zeros((1, 4)), np.ones(4))[0]
    same("the output for a row of zeros", out, np.zeros((1, 4)))


NORM_BACKWARD = Step(
    id="norm_backward",
    page="transformer",
    heading="RMSNorm: a length divided out",
    title="The way back through RMSNorm",
    minutes=25,
    doc="""dL/dx `(n, d)`, and the gain's gradient `(d,)`.

`kept` is what `norm` keeps, the normalised rows and 1 / rms; `dy` `(n, d)` is dL/dy.""",
    hints=(
        "The gain multiplies every row; its gradient sums over them.",
        "A row cannot change its length by growing: what is along the row must vanish from dL/dx.",
        "How much of dy * gain lies along the normalised row? Subtract that, times the row.",
    ),
    wrong=(
        Wrong(" - along * x_hat", "", "you treat the length as a constant; it depends on x too."),
        Wrong("* x_hat) * r", "* x_hat)", "you forget that x was multiplied by 1 / rms."),
        Wrong("(dy * gain - along", "(dy - along", "dy reaches x through the gain; you leave it "
              "out."),
        Wrong(".sum(axis=0)", ".mean(axis=0)", "the gain's gradient is a sum over rows, no mean."),
    ),
)


@NORM_BACKWARD.check
def gradients(f: Any) -> None:
    """Both gradients are the slopes of the loss."""
    x, gain, dy = normal(4, 6) + 1, normal(6, seed=1), normal(4, 6, seed=2)
    kept = book.norm(x, gain)[1]
    dx, dgain = agrees(f, book.norm_backward, kept, gain, dy, what="dL/dx, dL/dgain")
    slope_holds("dL/dx", lambda each: float((book.norm(each, gain)[0] * dy).sum()), x, dx)
    slope_holds("dL/dgain", lambda each: float((book.norm(x, each)[0] * dy).sum()), gain, dgain)


TURN = Step(
    id="turn",
    page="transformer",
    heading="Positions as rotations",
    title="Rotations by position",
    minutes=25,
    doc="""Turn the pairs of neighbouring features of `x` `(B, HEADS, T, d)` by their position.

The pair of the features i and i + 1, i even, at position t is turned by the angle
`sign * t * BASE ** (-i / d)`. The result has the shape and the dtype of x.""",
    hints=(
        "Two neighbours as one complex number: turning is multiplying by exp(1j * angle).",
        "A contiguous float array can be viewed as complex numbers, and back, without a copy.",
        "Mind the dtype: complex64 for float32, complex128 for float64.",
    ),
    wrong=(
        Wrong("sign * 1j", "1j", "you do not use `sign`; the way back turns the other way."),
        Wrong("(-np.arange(0, d, 2) / d)", "(np.arange(0, d, 2) / d)",
              "your later pairs turn faster; they should turn slower."),
        Wrong("np.ascontiguousarray(x).view(np.result_type(x, np.complex64))",
              "x[..., : d // 2] + 1j * x[..., d // 2 :]",
              "you pair a feature with the one half a head further; here neighbours are paired."),
        Wrong("np.arange(T)[:, None]", "np.arange(1, T + 1)[:, None]",
              "your positions begin at 1; the first one is 0 and is not turned."),
    ),
)


@TURN.check
def angles(f: Any) -> None:
    """Every pair is turned by its angle, forth and back."""
    x = normal(2, 2, 5, 8)
    agrees(f, book.turn, x, 1, what="the turned features")
    agrees(f, book.turn, x, -1, what="the features turned back")


@TURN.check
def relative(f: Any) -> None:
    """Products of two turned vectors depend on the distance of their positions alone."""
    q, k = (np.tile(normal(8, seed=seed), (1, 1, 5, 1)) for seed in (1, 2))
    products = np.asarray(f(q, 1))[0, 0] @ np.asarray(f(k, 1))[0, 0].T
    same("the product at positions 3 and 1", products[3, 1], products[4, 2])


@TURN.check
def single(f: Any) -> None:
    """float32 stays float32, also of an array that is not contiguous."""
    x = normal(2, 5, 2, 8, dtype=np.float32).swapaxes(1, 2)
    agrees(f, book.turn, x, 1, what="the turned features", rtol=1e-3, atol=1e-5)


CROSS_ENTROPY = Step(
    id="cross_entropy",
    page="transformer",
    heading="Cross-entropy",
    title="The loss and its gradient",
    minutes=20,
    doc="""Mean loss in nats of targets `(n,)`, a float, and dL/dlogits `(n, vocab)`.

The loss of a row of logits is minus the logarithm of the probability that their softmax gives the
target. Logits of a thousand are no trouble.""",
    hints=(
        "Subtract the largest logit of a row: the softmax stays the same, and exp is at most 1.",
        "The gradient of one row: its probabilities, less 1 at the target.",
        "The loss is a mean over n rows; what does that do to the gradient?",
    ),
    wrong=(
        Wrong("logits - logits.max(axis=1, keepdims=True)", "logits",
              "exp of a large logit overflows; subtract the row's largest one first."),
        Wrong("return loss, p / len(targets)", "return loss, p",
              "your gradient is that of the sum; the loss is a mean."),
        Wrong("(np.log(total[:, 0]) - z[at])", "(np.log2(total[:, 0]) - z[at] / np.log(2))",
              "your loss is in bits; nats are asked for."),
        Wrong("p[at] -= 1", "p = -p; p[at] += 1", "your gradient has the other sign."),
        Wrong("float((np.log(total[:, 0]) - z[at]).mean())", "-float(np.log(p[at]).mean())",
              "a probability that is zero in float32 has no logarithm; its loss is the logarithm of"
              " the row's sum, less the logit."),
    ),
)


@CROSS_ENTROPY.check
def loss_and_gradient(f: Any) -> None:
    """Loss and gradient of random logits."""
    logits, targets = normal(5, 7), np.array([0, 6, 3, 3, 1])
    loss, gradient = agrees(f, book.cross_entropy, logits, targets, what="loss, dL/dlogits",
                            dtype=False)
    slope_holds("dL/dlogits", lambda each: float(f(each, targets)[0]), logits, gradient)
    require(np.ndim(loss) == 0, "the loss is one number")


@CROSS_ENTROPY.check
def large(f: Any) -> None:
    """Logits of a thousand."""
    logits = np.array([[1000.0, 0, 999]])
    agrees(f, book.cross_entropy, logits, np.array([2]), what="loss, dL/dlogits", dtype=False)


@CROSS_ENTROPY.check
def unlikely(f: Any) -> None:
    """A target whose probability is too small for float32."""
    logits = np.array([[0, -200]], np.float32)
    loss, _ = agrees(f, book.cross_entropy, logits, np.array([1]), what="loss, dL/dlogits",
                     dtype=False)
    require(float(loss) == 200, "the loss is how far its logit lies below the largest: 200")


@CROSS_ENTROPY.check
def leaves_logits(f: Any) -> None:
    """The logits are as they were."""
    logits = normal(5, 7)
    f(logits, np.arange(5))
    same("the logits after the call", logits, normal(5, 7))
