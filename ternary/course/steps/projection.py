"""Chapter 4: the whole projection."""

from __future__ import annotations

from typing import Any

import numpy as np

from ternary.course.compare import require, same
from ternary.course.laws import agrees, normal
from ternary.course.program import book
from ternary.course.step import Step, Wrong

TERNARIZE = Step(
    id="ternarize",
    page="near-zero-scales",
    heading="The rule in code",
    title="The whole projection",
    minutes=25,
    doc="""Codes `(n, 128)` and scales `(n,)` of its groups, and their products in the shape of W.

A group whose float16 scale is 0 has no code but 0. A scale that is not finite is refused with a
ValueError that begins with `name`. The products have the dtype of W.""",
    hints=(
        "Two functions of earlier chapters give groups, codes and scales.",
        "Look at the scales before you use them: np.isfinite. What then about those that are 0?",
        "The padded products become rows again: reshape(len(W), -1), and what was padded is cut.",
    ),
    wrong=(
        Wrong("codes[scales == 0] = 0", "pass", "where a stored scale is 0, your codes are not: "
              "the group is silent, and its codes say something else."),
        Wrong("if not np.isfinite(scales).all():", "if False:", "a scale that is infinite passes; "
              "refuse it with a ValueError."),
        Wrong('f"{name}: a scale', 'f"a scale of {name}', "your error does not begin with the "
              "name of the matrix."),
        Wrong(".astype(W.dtype)", "", "the weights have another dtype than the latents."),
        Wrong("codes * scales[:, None]", "codes * np.maximum(scales, 1e-3)[:, None]", "you keep "
              "scales above a floor; the rule needs none, and a small scale is a small scale."),
    ),
)  # fmt: skip


@TERNARIZE.check
def padded_matrix(f: Any) -> None:
    """Codes, scales and weights of a matrix whose rows are padded."""
    W = 0.1 * normal(3, 200, dtype=np.float32)
    agrees(f, book.ternarize, "q", W, what="codes, scales, weights")


@TERNARIZE.check
def tiny_groups(f: Any) -> None:
    """A group whose scale is 0 in float16 has codes of 0, and a small scale stays."""
    W = normal(2, 128, dtype=np.float32) * np.array([[1e-9], [1e-6]], np.float32)
    agrees(f, book.ternarize, "q", W, what="codes, scales, weights", atol=0)


@TERNARIZE.check
def no_number(f: Any) -> None:
    """A scale that is not finite is refused, with the name of its matrix."""
    for bad in (1e6, np.nan):
        W = np.full((1, 128), bad, np.float32)
        try:
            f("layers.0.q", W)
        except ValueError as error:
            begins = str(error).startswith("layers.0.q")
            require(begins, f"the message does not begin with the name, layers.0.q: {error}")
        else:
            require(False, f"weights of {bad} have no finite float16 scale; expected a ValueError")


PROJECT = Step(
    id="project",
    page="near-zero-scales",
    heading="The rule in code",
    title="All weights from all latents",
    minutes=10,
    doc="""The weights of all latents: matrices become ternary, and gains stay as they are.

`latents` is a dict of arrays by name, and so is the result; a gain has one axis. What `ternarize`
refuses is refused by its name.""",
    hints=("What tells a matrix from a gain is ndim.", "The third value of ternarize is wanted."),
    wrong=(
        Wrong(" if W.ndim == 2 else W", "", "you project gains too; they have one axis and stay.",
              breaks=True),
        Wrong("ternarize(name, W)[2]", "ternarize(name, W)[0]", "you return codes; expected the "
              "weights, codes times scales."),
        Wrong("ternarize(name, W)[2] if W.ndim == 2 else W", "W", "you return the latents as they "
              "are; matrices become ternary."),
        Wrong("ternarize(name, W)", 'ternarize("x", W)', "each matrix goes by the same name, so "
              "that an error does not say which one it was."),
    ),
)  # fmt: skip


@PROJECT.check
def of_all(f: Any) -> None:
    """Matrices are projected, gains are not."""
    latents = {"q": normal(2, 128), "norm": normal(128, seed=1)}
    agrees(f, book.project, latents, what="weights")


@PROJECT.check
def names_the_refused(f: Any) -> None:
    """A matrix that has no finite scale is refused by its name."""
    latents = {"q": normal(2, 128), "up": np.full((1, 128), 1e6)}
    try:
        f(latents)
    except ValueError as error:
        require(str(error).startswith("up"), f"the error does not name the matrix, up: {error}")
    else:
        require(False, "weights of 1e6 have no finite float16 scale; expected a ValueError")


@PROJECT.check
def leaves_latents_alone(f: Any) -> None:
    """The latents are as they were."""
    latents = {"q": normal(2, 128), "norm": normal(128, seed=1)}
    f(latents)
    same("latents['q'] after the call", latents["q"], normal(2, 128))
