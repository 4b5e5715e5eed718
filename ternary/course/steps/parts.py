"""Chapters 10 to 12: latents in bytes, inputs in bytes, a teacher."""

# fmt: off
from __future__ import annotations

from typing import Any

import numpy as np

from ternary.course.compare import require, same
from ternary.course.laws import agrees, fresh, normal, slope_holds
from ternary.course.program import book
from ternary.course.step import Step, Wrong

KEEP_INT8 = Step(
    id="keep_int8",
    page="memory",
    heading="By chance",
    title="Latents in a byte, by chance",
    minutes=20,
    doc="""Latents as int8 would keep them: multiples of a power of two, rounded by chance.

The spacing of a row is the smallest power of two with which its largest magnitude is no more than
127 of them. A latent becomes one of its two neighbours on that grid, the nearer one more often, so
that it stays the same on average. Nothing is beyond 127 spacings. The result is float32; all chance
comes from `rng`.""",
    hints=(
        "np.ceil(np.log2(...)) is the exponent of the next power of two.",
        "floor(x + u) with u evenly between 0 and 1 rounds by chance: try x = 0.3 in your head.",
        "rng.random(w.shape): a new number for each latent.",
    ),
    wrong=(
        Wrong("rng.random(w.shape)", "0.5", "you round to the nearest; by chance is asked for, or "
              "small steps are lost every time."),
        Wrong("np.floor(w / spacing", "np.rint(w / spacing", "you add chance and then round to the "
              "nearest: the result is half a spacing too high on average."),
        Wrong("2.0 ** np.ceil(np.log2(np.abs(w).max(axis=-1, keepdims=True) / 127))",
              "np.abs(w).max(axis=-1, keepdims=True) / 127", "your spacing is no power of two."),
        Wrong("rng.random(w.shape)", "rng.random()", "all latents share one random number."),
    ),
)


def _spacing(w: Any) -> Any:
    return 2.0 ** np.ceil(np.log2(np.abs(w).max(axis=-1, keepdims=True) / 127))


@KEEP_INT8.check
def grid(f: Any) -> None:
    """Every latent is on the grid of its row, less than a spacing away, in float32."""
    w = normal(4, 64, dtype=np.float32) * np.array([[1], [0.1], [3], [1e-3]], np.float32)
    kept = f(w.copy(), fresh())
    require(isinstance(kept, np.ndarray) and kept.shape == w.shape, "expected an array like w")
    require(kept.dtype == np.float32, f"the result is {kept.dtype}, expected float32")
    steps = kept / _spacing(w)
    off = np.abs(steps - np.rint(steps)).max()
    require(off < 1e-3, f"a kept latent is {off:.2f} spacings from the grid of powers of two")
    far = np.abs(kept - w) / _spacing(w)
    require(far.max() < 1.001, f"a latent was moved by {far.max():.2f} spacings, expected below 1")


@KEEP_INT8.check
def own_chance(f: Any) -> None:
    """Each latent has chance of its own."""
    w = np.full((1, 101), 0.4 / 128, np.float32)
    w[0, 0] = 127 / 128
    kept = f(w, fresh())[0, 1:]
    require(0 < (kept > 0).sum() < 100, "a hundred equal latents, between two neighbours on the "
            "grid, all went the same way")


@KEEP_INT8.check
def unbiased(f: Any) -> None:
    """On average a latent stays where it was."""
    w = np.full((1, 20001), 0.3 / 128, np.float32)
    w[0, 0] = 127 / 128
    mean = float(f(w, fresh())[0, 1:].mean() * 128)
    require(0.28 < mean < 0.32, f"latents at 0.3 spacings are kept at {mean:.3f} on average")


WHOLE = Step(
    id="whole_numbers",
    page="activations",
    heading="One scale a token",
    title="A token in int8",
    minutes=20,
    doc="""Codes int8 of vectors `(n, d)` and one scale `(n, 1)` for each; zeros have scale 0.

The largest magnitude of a vector becomes 2 ** (bits - 1) - 1, 127 for 8 bits, and every number the
nearest whole one. The scale times a code is nearly the number again. Zeros have codes of 0.""",
    hints=(
        "The scale is the largest magnitude of a row over 127.",
        "0 / 0 is NaN, and as int8 it is anything. What could a zero be divided by instead?",
        "np.rint rounds to the nearest; astype alone cuts off.",
    ),
    wrong=(
        Wrong("np.where(s == 0, np.inf, s)", "s", "a vector of zeros is divided by 0.",
              breaks=True),
        Wrong("np.rint(x /", "np.trunc(x /", "you cut off, where the nearest whole number is "
              "meant."),
        Wrong("max(axis=1, keepdims=True)", "max(keepdims=True)", "all vectors share a scale; each "
              "has its own."),
        Wrong("2 ** (bits - 1) - 1", "2 ** (bits - 1)", "the largest number becomes 128, which "
              "int8 does not have."),
    ),
)


@WHOLE.check
def tokens(f: Any) -> None:
    """Codes and scales of three vectors of different loudness."""
    x = normal(3, 16, dtype=np.float32) * np.array([[1], [20], [0.01]], np.float32)
    agrees(f, book.whole_numbers, x, what="codes, scales")


@WHOLE.check
def silent_token(f: Any) -> None:
    """A vector of zeros has a scale of 0 and codes of 0, and nothing is divided by 0."""

    def divided(x: Any) -> Any:  # as int8, NaN may look like a 0
        came = f(x.view(Divided))
        return tuple(map(np.asarray, came)) if isinstance(came, tuple) else came

    agrees(divided, book.whole_numbers, np.zeros((2, 4), np.float32), what="codes, scales")


class Divided(np.ndarray[Any, Any]):
    """An array that is not divided by 0. WebAssembly does not know of `np.errstate`."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute with plain arrays, and give one of this kind."""
        plain = [np.asarray(each) if isinstance(each, Divided) else each for each in inputs]
        if "out" in options:
            options["out"] = tuple(map(np.asarray, options["out"]))
        if isinstance(options.get("where"), Divided):
            options["where"] = np.asarray(options["where"])
        if ufunc is np.divide and ((np.asarray(plain[1]) == 0) & options.get("where", True)).any():
            raise FloatingPointError("a number is divided by 0")
        came = getattr(ufunc, method)(*plain, **options)
        return came.view(Divided) if isinstance(came, np.ndarray) else came


@WHOLE.check
def four_bits(f: Any) -> None:
    """Four bits go from -7 to 7."""
    agrees(f, book.whole_numbers, normal(2, 16, dtype=np.float32), 4, what="codes, scales")


INTEGER = Step(
    id="integer_linear",
    page="activations",
    heading="Integers all the way",
    title="A linear layer in whole numbers",
    minutes=30,
    doc="""Outputs `(n, out_dim)`: exact sums of int8 times trit, then both scales, group by group.

`x` float32 `(n, in_dim)` is rounded by `whole_numbers`; `codes` int8 `(out_dim, in_dim)` are the
trits, `scales` float16 `(out_dim, groups)` one for each `group` of them in a row.""",
    hints=(
        "127 times 128 does not fit int8. Which kind of number holds a sum of them?",
        "A group's sum is a whole number; its scale, and the token's, come after it.",
        "Add up the groups at the end, in float32.",
    ),
    wrong=(
        Wrong("t.astype(np.int32), codes.T.astype(np.int32)", "t, codes.T",
              "your sums are int8, and run over; add up in int32."),
        Wrong("scales[:, g]", "scales[:, 0]", "every group is given the first one's scale."),
        Wrong("astype(np.float32) * s for", "astype(np.float32) for", "the token's scale is "
              "missing."),
        Wrong("t, s = whole_numbers(x)", "t, s = whole_numbers(x, 4)", "you round to four bits."),
    ),
)


@INTEGER.check
def two_groups(f: Any) -> None:
    """Outputs of rows with two groups."""
    x, codes = normal(3, 256, dtype=np.float32), fresh().integers(-1, 2, (5, 256)).astype(np.int8)
    scales = (0.1 + fresh(1).random((5, 2))).astype(np.float16)
    agrees(f, book.integer_linear, x, codes, scales, what="outputs", dtype=False, atol=1e-4)


@INTEGER.check
def loud_sums(f: Any) -> None:
    """A sum of 128 times 127 is exact."""
    x, codes = np.full((1, 128), 127.0, np.float32), np.ones((1, 128), np.int8)
    came = f(x, codes, np.ones((1, 1), np.float16))
    same("the output", np.asarray(came), np.array([[127.0 * 128]]), rtol=1e-6)


TEACHER = Step(
    id="beside_teacher",
    page="from-trained",
    heading="The probabilities of a teacher",
    title="A teacher's loss",
    minutes=30,
    doc="""Loss in nats and dL/dlogits: of the text, and for a share of a teacher's answers.

`teacher` holds the teacher's logits `(n, vocab)`. The second loss is the cross-entropy of the
student's probabilities under the teacher's, both at temperature `tau`, averaged over the n tokens,
times tau². It has the weight alpha, the loss of the targets the weight 1 - alpha.""",
    hints=(
        "Probabilities at a temperature: the softmax of the logits over tau.",
        "Cross-entropy under a teacher: minus the sum of q log p, where q is the teacher's.",
        "Its gradient by the logits over tau is p - q; one factor of tau² is left as tau.",
    ),
    wrong=(
        Wrong("alpha * tau**2 * soft", "alpha * soft", "your loss lacks the factor tau², which "
              "keeps it as loud as the other."),
        Wrong("alpha * tau * (p - q)", "alpha * (p - q)", "your gradient lacks a factor tau."),
        Wrong("(q * np.log(p))", "(p * np.log(q))", "teacher and student have changed places in "
              "the loss."),
        Wrong("softmax(logits / tau), softmax(teacher / tau)", "softmax(logits), softmax(teacher)",
              "the logits are not divided by the temperature."),
    ),
)


@TEACHER.check
def loss_and_gradient(f: Any) -> None:
    """Loss and gradient, and that the one is the slope of the other."""
    logits, teacher, targets = normal(4, 7), 2 * normal(4, 7, seed=1), np.array([0, 6, 3, 3])
    args = logits, targets, teacher, 0.3, 2.0
    _, gradient = agrees(f, book.beside_teacher, *args, what="loss, dL/dlogits", dtype=False)
    slope_holds("dL/dlogits", lambda x: float(f(x, *args[1:])[0]), logits, gradient)


@TEACHER.check
def teacher_alone(f: Any) -> None:
    """A student that answers as its teacher, and hears nobody else, has no gradient."""
    logits = normal(4, 7)
    gradient = f(logits, np.zeros(4, int), logits, 1.0, 3.0)[1]
    same("dL/dlogits", gradient, np.zeros((4, 7)))
