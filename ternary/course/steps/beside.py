"""Steps that lie beside the program: a detector, a plan, a bug to find, logs to read."""

# fmt: off
from __future__ import annotations

from typing import Any

import numpy as np

from ternary.course.compare import require, same
from ternary.course.laws import agrees, fresh, normal
from ternary.course.program import book
from ternary.course.step import Step, Wrong

DEAD = Step(
    id="dead_groups",
    page="near-zero-scales",
    heading="Dead groups come back",
    title="A detector of dead groups",
    minutes=20,
    doc="""The numbers of the groups whose stored scale is 0, for each matrix that has some.

`latents` is a dict of arrays by name; gains have one axis and no groups. The result is a dict from
names to int arrays of group numbers, in their order; matrices without a dead group are left
out.""",
    hints=("The scale as it is stored is float16; `ternarize` returns it.",
           "np.flatnonzero says where something is true."),
    wrong=(
        Wrong("s == 0", "s < 1e-3", "you call a small scale dead; only one that is stored as 0 "
              "is."),
        Wrong(" if (s == 0).any()", "", "matrices without a dead group are to be left out."),
        Wrong("ternarize(name, W)[1]", "np.abs(W).mean(axis=1)",
              "you look at rows in full precision; a stored scale of a group is meant."),
        Wrong("ternarize(name, W)[1]",
              "np.float16([np.abs(g).sum() / 128 for r in W for g in np.split(r, [128])])",
              "you divide by 128 also where a group holds fewer weights; padding does not count."),
        Wrong("s == 0", "s.astype(float) < 6e-8", "you call a group dead whose scale is "
              "stored as 2**-24, the smallest number of float16; only one stored as 0 is dead."),
    ),
)


@DEAD.check
def some(f: Any) -> None:
    """The dead groups of two matrices, and none of a third."""
    q = normal(3, 256, dtype=np.float32)
    q[1, :128] *= 1e-9
    q[2, 128:] = 0
    up = 1e-6 * normal(2, 128, dtype=np.float32)
    down = up * np.array([[1], [1e-4]], np.float32)
    latents = {"q": q, "up": up, "down": down, "norm": np.zeros(4, np.float32)}
    agrees(f, book.dead_groups, latents, what="dead groups", dtype=False)
    found = f(latents)
    require("up" not in found, "the scales of `up` are about 1e-6: small, and not 0 in float16")
    require(set(found) == {"q", "down"}, f"expected the keys q and down, came {', '.join(found)}")


@DEAD.check
def padded(f: Any) -> None:
    """A short group at the end of a row has the mean of its real weights."""
    W = normal(3, 130, dtype=np.float32)
    W[1, 128:] = 1e-6
    W[2, 128:] = 1e-9
    agrees(f, book.dead_groups, {"q": W}, what="dead groups", dtype=False)


@DEAD.check
def smallest_scales(f: Any) -> None:
    """Rounding decides: a mean of 2**-25 is stored as 0, a larger one as 2**-24 or more."""
    means = 2.0 ** np.array([[-26], [-25], [-24.6], [-24], [-23]])
    W = np.repeat(means, 128, axis=1).astype(np.float32)
    agrees(f, book.dead_groups, {"q": W}, what="dead groups", dtype=False)


DECAY = Step(
    id="decay_schedule",
    page="weight-decay",
    heading="Plans for decay",
    title="A plan for weight decay",
    minutes=15,
    doc="""Weight decay of `step`, a float: constant for a share of the steps, then down to 0.

It is `peak` in the first `until * steps` steps, counted from 0, and then falls in a straight line
that would reach 0 in step `steps`. `until` may be 1: then it does not fall.""",
    hints=("A line, cut off above: np.clip or min.",
           "How far is it from `step` to the end, over how far it is from the bend to the end?"),
    wrong=(
        Wrong("start = until * steps", "start = 0", "your decay falls from the first step on."),
        Wrong("np.clip((steps - step) / max(steps - start, 1), 0, 1)", "(step < start)",
              "your decay ends at once, where it should fall in a straight line."),
        Wrong("np.clip((steps - step) / max(steps - start, 1), 0, 1)",
              "((steps - step) / max(steps - start, 1))", "your decay begins above its peak."),
    ),
)


@DECAY.check
def plan(f: Any) -> None:
    """The plan of a run of 100 steps."""
    for step in (0, 20, 50, 51, 75, 99):
        same(f"decay_schedule({step}, 100, 0.2)", f(step, 100, 0.2),
             book.decay_schedule(step, 100, 0.2))


@DECAY.check
def other_share(f: Any) -> None:
    """The share can be another one, and the whole run."""
    for step, until in ((10, 0.1), (40, 0.1), (99, 1.0), (50, 0.0)):
        same(f"decay_schedule({step}, 100, 1.0, {until})", f(step, 100, 1.0, until),
             book.decay_schedule(step, 100, 1.0, until))


BUG = Step(
    id="fit_layer",
    page="straight-through",
    heading="A latent is accumulated evidence",
    title="A bug to find: a layer that does not learn",
    minutes=25,
    doc="""A bug to find. This function should fit a ternary layer to outputs that a ternary
layer made. It runs, its gradient is right, and its loss does not go down.
Find the line that is wrong, say to yourself why it is, and repair it.
Leave the random numbers, the rate and what is returned as they are.""",
    hints=(
        "Print how many codes change from one step to the next.",
        "How long is a step, measured in scales? What becomes of a step that changes no code?",
        "Which array has to remember what no code shows yet?",
    ),
    stub_code="""
def fit_layer(x, y, steps, lr=0.3):
    \"\"\"Losses of a ternary layer that is fitted to outputs, and its weights at the end.\"\"\"
    latents = np.random.default_rng(0).standard_normal((y.shape[1], x.shape[1]))
    losses = []
    for _ in range(steps):
        W = ternarize("W", latents)[2]
        error = linear(x, W) - y
        losses.append(float((error**2).mean()))
        _, dW = linear_backward(x, W, 2 * error / len(x))
        latents = W - lr * dW
    return losses, ternarize("W", latents)[2]
""",
    wrong=(
        Wrong("latents = latents - lr * dW", "latents = W - lr * dW",
              "each step starts from the rounded weights, so that what a latent had gathered is "
              "lost."),
        Wrong("latents = latents - lr * dW", "latents = latents + lr * dW",
              "you go uphill; the sign was right."),
        Wrong("latents = latents - lr * dW", "latents = latents - lr * dW * (W != 0)",
              "a latent whose code is 0 no longer takes its gradient, so it never comes back."),
    ),
)


@BUG.check
def first_steps(f: Any) -> None:
    """The losses of the first five steps."""
    x = normal(64, 24, seed=2)
    y = x @ fresh(1).integers(-1, 2, (4, 24)).astype(float).T
    losses, expected = f(x, y, 5)[0], book.fit_layer(x, y, 5)[0]
    same("losses of the first five steps", np.array(losses), np.array(expected), rtol=1e-3)


@BUG.check
def learns(f: Any) -> None:
    """The loss of a layer that can be fitted falls to a tenth, and its values are right."""
    true = fresh(1).integers(-1, 2, (4, 24)).astype(float)
    x = normal(64, 24, seed=2)
    losses, _ = f(x, x @ true.T, 60)
    expected, _ = book.fit_layer(x, x @ true.T, 60)
    require(len(losses) == 60, f"60 steps have {len(losses)} losses, expected 60")
    require(losses[-1] < losses[0] / 10, f"the loss goes from {losses[0]:.2f} to {losses[-1]:.2f}; "
            f"repaired, it ends at {expected[-1]:.2f}")
    same("losses", np.array(losses), np.array(expected), rtol=1e-3)


LOGS = Step(
    id="diagnosis",
    page="training",
    heading="What goes wrong: eight losses that do not go down",
    title="Logs to diagnose",
    minutes=20,
    doc="""Three sick runs of the program on the copy task, and a healthy one; `flips` is the share
of codes that changed in the last step, `rms` that of the latents of layers.0.up.

 healthy  step   loss   |dL/d embedding|  |dL/d head|   flips    rms
             0  5.713            8.6e-01      7.4e-01  0.0315  0.088
            50  0.093            8.9e-02      1.1e-01  0.0056  0.095
           200  0.000            2.4e-04      4.1e-04  0.0019  0.093
 run A       0  5.713            8.6e-01      7.4e-01  0.0000  0.088
            50  5.716            8.4e-01      6.8e-01  0.0000  0.097
           200  5.606            6.6e-01      5.1e-01  0.0000  0.167
 run B       0  5.713            0.0e+00      7.4e-01  0.0304  0.088
            50  0.119            0.0e+00      1.3e-01  0.0058  0.095
           200  0.000            0.0e+00      4.7e-04  0.0019  0.094
 run C       0  5.713            8.6e-01      7.4e-01  0.6390  0.311
            50  4.890            4.7e+00      1.7e-01  0.0150  0.852
           200  4.589            1.3e-01      1.6e-01  0.0174  0.805

What is wrong with each? Put a letter for each run.
 a  the learning rate is a hundred times too high
 b  the learning rate is a hundred times too low
 c  the weights are not projected anew after the latents have moved
 d  the sign of the gradient is wrong
 e  one matrix gets no gradient; the rest learns without it
 f  the targets belong to other sequences""",
    hints=(
        "One column at a time, against the healthy run: which is the first that differs?",
        "A latent that moves while no code flips, ever: what stands between the two?",
        "A loss that falls proves little. Look for numbers that are exactly 0.",
    ),
    stub_code='diagnosis = {"A": "", "B": "", "C": ""}',
    wrong=(
        Wrong('"A": "c"', '"A": "b"', "run A's latents move, from 0.088 to 0.167, which no tiny "
              "rate does; and still not one code flips."),
        Wrong('"B": "e"', '"B": "f"', "run B's loss falls to 0, which it cannot do with wrong "
              "targets; look at the column that is 0 from the first step on."),
        Wrong('"C": "a"', '"C": "d"', "run C's loss goes down a little and its first step flips "
              "two codes of three; uphill, the loss would only grow."),
    ),
)


@LOGS.check
def causes(f: Any) -> None:
    """A letter for each run, and the right one."""
    require(isinstance(f, dict) and set(f) == set("ABC"), "expected a dict with the keys A, B and "
          "C")
    for run, letter in f.items():
        require(letter in list("abcdef"), f"run {run}: expected a letter from a to f, came "
              f"{letter!r}")
    wrong = [run for run in "ABC" if f[run] != book.diagnosis[run]]
    require(not wrong, f"the cause of run {' and '.join(wrong)} is another one")
