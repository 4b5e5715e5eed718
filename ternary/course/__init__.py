r"""The course: graded steps, predictions, and the grader that a page and the terminal share.

**A step** is one `Step`, defined in `ternary.course.steps`: its id (the name of the function that
the reader writes), chapter and section to reread, title, minutes, stub, hints in levels, checks,
and plausible wrong answers. The reference is the function of `book/program/` with that name, and a
wrong answer is the reference with one piece of text replaced; so there is one source.

**A check** is a function of the reader's function. Its docstring is the law that it checks, and it
raises `Failed` with a message in words. It runs in a page too: no processes, no threads, no files
but in a temporary folder.

**The grader** is `grade(step_id, text) -> Verdict`, whose `to_json()` and `lines()` are what a page
and the terminal show. When a check fails, the calls that it made are repeated with each wrong
answer; one that does the same names the reader's mistake. Answers that do not end, or that end
their process, are the caller's to stop: `ended(step_id, "time", seconds)` is their verdict.

**A prediction** is one `Prediction`: a piece of code whose output is computed only after the reader
has committed to one: `reveal(id, committed) -> dict`.

>>> from ternary.course import STEPS, grade
>>> step = STEPS["to_groups"]
>>> step.chapter, step.minutes, len(step.hints) >= 2, len(step.wrong) >= 2
(3, 15, True, True)
>>> verdict = grade("to_groups", step.stub)
>>> sorted(verdict.to_json())
['checks', 'message', 'mistake', 'notes', 'printed', 'reread', 'status', 'step']
>>> print(*verdict.lines(), sep="\n")
FAIL  to_groups: to_groups is still the stub; write it, then check again.
  Reread: chapter 3, Scopes in the package (book/03-group-scales.md)
"""

from ternary.course.grader import ended, grade
from ternary.course.prediction import PREDICTIONS, Prediction, find_prediction, reveal
from ternary.course.step import PAGES, STEPS, Check, Step, Wrong, find_step
from ternary.course.steps import load
from ternary.course.verdict import ENDINGS, STATUSES, Verdict

load()

__all__ = [
    "ENDINGS",
    "PAGES",
    "PREDICTIONS",
    "STATUSES",
    "STEPS",
    "Check",
    "Prediction",
    "Step",
    "Verdict",
    "Wrong",
    "ended",
    "find_prediction",
    "find_step",
    "grade",
    "reveal",
]
