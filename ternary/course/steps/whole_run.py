"""Chapter 15: the run, and its four checks of a model that has been tampered with in four ways."""

# fmt: off
from __future__ import annotations

import re
from typing import Any

import numpy as np

from ternary.course import program
from ternary.course.compare import require
from ternary.course.step import Step, Wrong
from ternary.course.steps.small import sizes

# What the stand-in for `train` does to the model, and which of the four checks has to see it.
SICK = {"loss": "train loss", "codes": "weights in", "scale": "one scale", "accuracy": "held-out"}
NAMES = ("train loss", "weights in", "one scale", "held-out")
state: dict[str, Any] = {"sick": "healthy", "saved": []}


def _train(latents: dict[str, Any], _: Any, steps: int, *__: Any) -> Any:
    """In place of a run: a model that copies at once, made sick as `state` says."""
    latents["head"][...] = latents["embedding"]
    sick = state["sick"]
    weights = program.book.project(latents)
    if sick == "accuracy":
        weights["head"] = np.roll(weights["head"], 1, axis=0)
    w = weights["layers.1.up"]
    if sick == "codes":
        w[3, np.flatnonzero(w[3])[0]] /= 2
    if sick == "scale":
        w[5] *= 1.5
    state["steps"] = steps
    loss = 0.5 if sick == "loss" else 0.01
    return [5.0] * (steps - 20) + [loss] * 20, weights


def _forward(w: dict[str, Any], tokens: Any) -> Any:
    """In place of the model: one with no layers."""
    return w["embedding"][tokens.reshape(-1)] @ w["head"].T, None


def _text() -> Any:
    data = np.arange(3000) % 40
    return data[:2000], data[2000:]


def _given() -> dict[str, Any]:
    return {
        **sizes(d=128, ff=128), "train": _train, "forward": _forward, "text": _text,
        "bits_per_byte": lambda weights, data, *_: 1.25 if len(data) == 1000 else 8.0,
        "write_gguf": lambda path, latents, *_: state["saved"].append(str(path)),
    }


MAIN = Step(
    id="main",
    page="full-model",
    heading="Four checks that do not ask the trainer",
    title="The run, and four checks",
    minutes=50,
    doc="""Train the model of SHAPES on the copy task and check it, or on text, and write a file.

Copy: 500 steps of batches of 32 sequences of 16 random tokens, whose targets are themselves; then
four lines, each `PASS  name: what was found` or `FAIL  ...`: "train loss", the mean of the last ten
losses, below 0.3; "weights in {-1, 0, +1}", all weights of matrices over the largest magnitude of
their group; "one scale a group", that magnitude is the float16 mean of the group's own |latents|;
"held-out accuracy" on 1024 sequences not trained on, above 0.8.

Text: 800 steps of 16 windows of the first part; one line, `held-out bits per byte: 1.234`, of the
other part; then `model.gguf`.""",
    hints=(
        "to_groups makes groups of latents and of weights alike; np.vstack puts all below each "
        "other.",
        "Check the weights that train returned, not ones that you project yourself.",
        "np.isin(used / scales[:, None], (-1, 0, 1)) looks at every weight.",
    ),
    wrong=(
        Wrong("losses[-10:]", "losses", "you average the losses of the whole run, its bad "
              "beginning included."),
        Wrong("(latents, weights))", "(latents, project(latents)))", "you check weights that you "
              "project yourself, not the ones that training left."),
        Wrong("loss < 0.3", "loss < 3", "your line for the loss passes a loss that it should not."),
        Wrong("forward(weights, unseen)", "forward(latents, unseen)",
              "you judge the latents; the ternary weights are the model."),
    ),
    given=_given,
    prints=True,
)


def _lines(f: Any, sick: str) -> dict[str, str]:
    state["sick"] = sick
    f("copy")
    found = re.findall(r"(?m)^(PASS|FAIL)\s+(.*)$", f.printed)
    words = {name: passed for name in NAMES for passed, text in found if text.startswith(name)}
    lost = [name for name in NAMES if name not in words]
    require(not lost, f"no line PASS or FAIL begins with {lost[:1]}; came {f.printed[:200]!r}")
    return words


@MAIN.check
def healthy(f: Any) -> None:
    """A healthy model passes all four."""
    failed = [name for name, word in _lines(f, "healthy").items() if word != "PASS"]
    require(not failed, f"a healthy model fails: {', '.join(failed)}")
    require(state["steps"] == 500, f"the copy task is trained {state['steps']} steps, expected 500")


def _sees(sick: str, law: str) -> None:
    def check(f: Any) -> None:
        word = _lines(f, sick)[SICK[sick]]
        require(word == "FAIL", f"a model with {law[2:].lower()} passes the check {SICK[sick]!r}")

    check.__doc__ = f"{law} is seen."
    MAIN.check(check)


_sees("loss", "A loss that is too high")
_sees("codes", "A weight that is not ternary")
_sees("scale", "A scale that is not the mean of its group")
_sees("accuracy", "A head that names the wrong tokens")


@MAIN.check
def text_task(f: Any) -> None:
    """On text it prints the bits of the held-out part and writes model.gguf."""
    state["saved"].clear()
    state["sick"] = "healthy"
    f("text")
    require("held-out bits per byte: 1.250" in f.printed,
            f"expected 'held-out bits per byte: 1.250', came {f.printed[:100]!r}")
    require(state["saved"] == ["model.gguf"], f"expected model.gguf, written: {state['saved']}")
    require(state["steps"] == 800, f"text is trained {state['steps']} steps, expected 800")
