"""Chapters 8 and 9: the schedule, the loop, and text."""

# fmt: off
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ternary.course.compare import require, same
from ternary.course.laws import agrees
from ternary.course.program import book
from ternary.course.step import Step, Wrong
from ternary.course.steps.small import batch, latents, sizes, small_book

RATE = Step(
    id="learning_rate",
    page="training",
    heading="Up, and down again",
    title="The learning rate's schedule",
    minutes=15,
    doc="""The learning rate of `step`, counted from 0, in a run of `steps` with a highest rate
`peak`.

Over the first `steps // 25` steps it rises in a straight line, to `peak` in the last of them. Then
it falls as half a cosine, from `peak` in the step after them to what would be 0 in step `steps`.
Where both lines could be meant, the lower one is. A run too short for a rise begins at the
peak.""",
    hints=(
        "Two lines: one that rises, one that falls. The rate is the lower of them.",
        "(1 + cos(pi x)) / 2 falls from 1 to 0 while x goes from 0 to 1.",
        "The first step has a rate above 0: count step + 1.",
    ),
    wrong=(
        Wrong("peak * min((step + 1) / max(warmup, 1), falling)", "peak * falling",
              "there is no rise at the beginning."),
        Wrong("(step + 1) / max", "step / max", "the first step has a rate of 0, and does "
              "nothing."),
        Wrong("max(step - warmup, 0) / (steps - warmup)", "step / steps",
              "your cosine begins with the run; it should begin when the rise is over."),
        Wrong("(1 + np.cos(np.pi * max(step - warmup, 0) / (steps - warmup))) / 2",
              "1 - max(step - warmup, 0) / (steps - warmup)",
              "your rate falls in a straight line; half a cosine is asked for."),
    ),
)


@RATE.check
def whole_run(f: Any) -> None:
    """The rates of a run of 100 steps."""
    for step in (0, 1, 3, 4, 5, 50, 98, 99):
        what = f"learning_rate({step}, 100, 0.01)"
        same(what, f(step, 100, 0.01), book.learning_rate(step, 100, 0.01))


@RATE.check
def short_run(f: Any) -> None:
    """A run of ten steps has no rise."""
    for step in (0, 5, 9):
        same(f"learning_rate({step}, 10, 1.0)", f(step, 10, 1.0), book.learning_rate(step, 10, 1.0))


TRAIN = Step(
    id="train",
    page="training",
    heading="One step, in order",
    title="The training loop",
    minutes=40,
    doc="""Forward, backward, clip, optimize, project, `steps` times; the losses and the weights.

`latents` are changed in place; `batch()` returns tokens and targets `(B, T)`. The gradients
together are made `max_norm` long if they are longer. The rate of a step is
`learning_rate(step, steps, lr)`; matrices decay, gains do not. Returns the loss of every step, and
the weights that belong to the last latents. Every hundredth step, the first among them, prints
`Step 0: loss=5.545`.""",
    hints=(
        "Before the loop: two averages of zeros for every array, and the first weights.",
        "One norm for all gradients together, not one for each.",
        "What has to be done anew in each step after the latents have moved?",
    ),
    wrong=(
        Wrong("        weights = project(latents)\n", "", "the weights are never projected anew: "
              "the latents move, and the model does not."),
        Wrong("min(1.0, max_norm / size)", "1.0", "nothing is clipped."),
        Wrong("weight_decay * (w.ndim == 2)", "weight_decay", "gains decay too; only matrices "
              "should."),
        Wrong("step + 1, learning_rate(step, steps, lr)", "step + 1, lr",
              "the rate is the same in every step."),
    ),
    given=sizes,
)


def _batch() -> tuple[Any, Any]:
    tokens, targets = batch()
    return tokens, targets


@cache
def _trained() -> Any:
    w = latents()
    losses, weights = small_book().train(w, _batch, 4, 0.1, 0.5, 0.5)
    return losses, weights, w


@TRAIN.check
def four_steps(f: Any) -> None:
    """The losses of four steps, the latents after them, and the weights that belong to these."""
    w = latents()
    came = f(w, _batch, 4, 0.1, 0.5, 0.5)
    losses, weights, expected = _trained()
    require(isinstance(came, tuple) and len(came) == 2, "expected the losses and the weights")
    require(len(came[0]) == 4, f"four steps have {len(came[0])} losses, expected 4")
    same("the first loss", came[0][0], losses[0])
    same("latents, changed in place", w, expected, rtol=1e-3, atol=1e-5)
    same("losses", np.asarray(came[0], float), np.array(losses), rtol=1e-3)
    same("weights", came[1], weights, rtol=1e-3, atol=1e-5)


@TRAIN.check
def prints(f: Any) -> None:
    """It prints the loss of the first step."""
    came = f(latents(), _batch, 2)
    line = f"Step 0: loss={came[0][0]:.3f}"
    require(line in f.printed, f"expected {line!r} among what is printed, came {f.printed[:80]!r}")


TEXT = Step(
    id="text",
    page="real-text",
    heading="Cut first, then make windows",
    title="A text in two parts",
    minutes=10,
    doc="""Python's own documentation as bytes: nine tenths to train on, the last to be judged by.

The text is all values of the dict `topics` of `pydoc_data.topics`, in the order of their keys, with
a line break between two. Its bytes (UTF-8) become two arrays int64; the second has a tenth of them,
rounded down, and is the end of the text.""",
    hints=("np.frombuffer reads bytes as uint8.",
           "Cut once, near the end: shuffled pieces would let the test be seen in training."),
    wrong=(
        Wrong("len(data) // 10", "len(data) // 5", "your second part is a fifth, not a tenth."),
        Wrong(".astype(np.int64)", "", "your bytes are uint8: a sum of two is a remainder by 256."),
        Wrong("data.astype(np.int64)",
              "np.random.default_rng(0).permutation(data.astype(np.int64))",
              "you shuffle; the last tenth has to be the end of the text."),
    ),
)


@TEXT.check
def two_parts(f: Any) -> None:
    """Both parts, in their order."""
    found = f()
    require(len(found) == 2, "expected two arrays")
    same("training part, held-out part", tuple(found), tuple(book.text()), dtype=True)


WINDOWS = Step(
    id="windows",
    page="real-text",
    heading="Cut first, then make windows",
    title="Windows of a text",
    minutes=10,
    doc="""Tokens and targets `(n, length)` of the windows of `data` that begin at `starts` `(n,)`.

A target is the byte that follows its token.""",
    hints=("length + 1 bytes hold length tokens and length targets.",
           "starts[:, None] + np.arange(...) is an index for all windows at once."),
    wrong=(
        Wrong("found[:, 1:]", "found[:, :-1]", "your targets are the tokens; a model that copies "
              "would be perfect."),
        Wrong("found[:, :-1], found[:, 1:]", "found[:, 1:], found[:, :-1]",
              "your targets come before their tokens."),
        Wrong("np.arange(length + 1)", "np.arange(length)", "your windows are one byte too short."),
    ),
)


@WINDOWS.check
def next_bytes(f: Any) -> None:
    """Tokens, and the bytes that follow them."""
    data = np.arange(100) ** 2 % 97
    agrees(f, book.windows, data, np.array([0, 7, 90]), 9, what="tokens, targets")


@WINDOWS.check
def usual_length(f: Any) -> None:
    """The length is 64 if it is not given."""
    agrees(f, book.windows, np.arange(100), np.array([3]), what="tokens, targets")


BITS = Step(
    id="bits_per_byte",
    page="real-text",
    heading="Bits per byte",
    title="Bits per byte",
    minutes=15,
    doc="""Bits that the model needs for a byte of `data`, in windows that do not overlap.

The windows of `length` begin at 0, `length`, 2 `length` and so on, as long as one, with the byte
behind it, fits. `weights` are projected already.""",
    hints=("The loss is in nats. How many bits has a nat?",
           "np.arange(0, ..., length): where may the last window begin?"),
    wrong=(
        Wrong(" / np.log(2)", "", "your result is in nats."),
        Wrong(" / np.log(2)", " * np.log(2)", "you multiply where you should divide: a bit is less "
              "than a nat, so there are more of them."),
        Wrong("len(data) - length, length)", "len(data) - length, 1)", "your windows overlap, and "
              "most bytes are counted many times."),
    ),
    given=sizes,
)


@BITS.check
def small_text(f: Any) -> None:
    """The bits of a text of 50 bytes in windows of 8."""
    data = np.random.default_rng(1).integers(0, 40, 50)
    agrees(f, small_book().bits_per_byte, latents(), data, 8, what="bits per byte", dtype=False)


@BITS.check
def nothing_known(f: Any) -> None:
    """A model that knows nothing needs log2 of the number of symbols."""
    w = latents() | {"head": np.zeros((40, 36))}
    data = np.random.default_rng(1).integers(0, 40, 50)
    same("bits of a model with equal logits", f(w, data, 8), float(np.log2(40)))
