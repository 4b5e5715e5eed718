"""Runs the examples of a page in a browser, in one namespace, and compares what they print.

The rules are doctest's, written again in a few lines: importing doctest would take as long as
NumPy. Nothing here knows of the browser, so that it can be tested without one.
"""

import ast
import contextlib
import functools
import io
import json
import linecache
import re
import sys
import time
import traceback

NAMES = {"__name__": "__main__"}
SHOWN_AT_MOST = 100_000  # characters of one example
TOLD_EVERY = 0.2  # seconds, of a training run
TRACEBACK = re.compile(
    r"Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*(?P<error>\S.*)", re.S
)


class Shown(io.TextIOBase):
    """What an example prints: kept, and shown in portions, since each costs the page time."""

    def __init__(self, show):
        self.show, self.text, self.told, self.due = show, "", 0, 0.0

    def write(self, text):
        self.text += text[: SHOWN_AT_MOST - len(self.text)]
        if time.monotonic() > self.due:
            self.flush()
        return len(text)

    def flush(self):
        if self.told < len(self.text):
            self.show(self.text[self.told :])
            self.told = len(self.text)
        if self.told == SHOWN_AT_MOST:
            self.show("\n... what follows is not shown\n")
            self.told += 1
        self.due = time.monotonic() + 0.05


def run_block(examples, show, tell=lambda _: None):
    """Run the examples ``(source, want)`` of a block, and say how they went.

    Each source is run as the interactive prompt would, so that values of expressions are shown.
    Where `want` is None, the reader has written it: nothing is compared. An error that is not the
    printed one ends the block.

    Returns
    -------
    "same"
        Everything printed what it should.
    "ran"
        It ran; there was nothing to compare it with.
    "differs"
        It ran and printed something else.
    "failed"
        An error ended it; it has been shown.
    """
    outcomes = {"ran" if want is None else "same" for _, want in examples} or {"same"}
    for number, (source, want) in enumerate(examples):
        shown = Shown(show)
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            error = execute(source, f"<example {number + 1}>", tell)
            if error is not None:
                shown.write(error)
        shown.flush()
        if error is not None and (want is None or not same_error(want, error)):
            return "failed"
        if error is None and want is not None and not same_output(source, want, shown.text):
            outcomes.add("differs")
    return min(outcomes)  # in the order of the alphabet, as it happens


def execute(source, name, tell):
    """Run source; return the text of the traceback if there was an error."""
    linecache.cache[name] = len(source), None, source.splitlines(True), name
    try:
        tree = compile(source, name, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        for node in tree.body:
            watch_training(tell)  # as soon as the package is imported
            exec(compile(ast.Interactive([node]), name, "single", dont_inherit=True), NAMES)
    except BaseException as error:
        trace = error.__traceback__.tb_next  # leave this function out
        return "".join(traceback.format_exception(type(error), error, trace))
    return None


def same_output(source, want, got):
    """Whether an example printed what it should; the two options are those that the book uses."""
    want = re.sub(r"(?m)^<BLANKLINE>$", "", want)
    options = " ".join(re.findall(r"#\s*doctest:(.*)", source))
    if "+NORMALIZE_WHITESPACE" in options:
        want, got = " ".join(want.split()), " ".join(got.split())
    if "+ELLIPSIS" in options:
        pattern = ".*".join(map(re.escape, want.split("...")))
        return re.fullmatch(pattern, got, re.S) is not None
    return want == got


def same_error(want, got):
    """Whether the printed traceback ends as the one at hand; doctest compares no more either."""
    printed, happened = TRACEBACK.match(want), TRACEBACK.match(got)
    return bool(printed and happened and printed["error"].split() == happened["error"].split())


def start_over():
    """Forget all names of the page."""
    NAMES.clear()
    NAMES["__name__"] = "__main__"


def watch_training(tell):
    """Let every trainer of the package say how far it is, several times a second."""
    training = sys.modules.get("ternary.training")
    if training is None or hasattr(training.Trainer.take_step, "__wrapped__"):
        return
    take_step, due = training.Trainer.take_step, 0.0

    @functools.wraps(take_step)
    def told(trainer):
        nonlocal due
        loss = take_step(trainer)
        if time.monotonic() > due or trainer.done:
            tell([trainer.step, trainer.steps, float(loss)])
            due = time.monotonic() + TOLD_EVERY
        return loss

    training.Trainer.take_step = told


def grade(step, text):
    """The verdict on an answer to a step of the course, as JSON."""
    import ternary.course

    return json.dumps(ternary.course.grade(step, text).to_json())


def reveal(prediction, committed):
    """What a prediction's code prints and how the reader's answer compares, as JSON."""
    from ternary.course import reveal as found
    from ternary.errors import TernaryError

    try:
        return json.dumps(found(prediction, committed))
    except TernaryError as error:
        return json.dumps({"error": str(error)})
