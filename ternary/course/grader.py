"""The grader: from an answer's text to a verdict, the same in a page and in a terminal."""

from __future__ import annotations

import ast
import contextlib
import inspect
import warnings
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from ternary.course import program
from ternary.course.compare import Failed, describe
from ternary.course.guard import ANSWER, KEPT, Bounded, Refused, Snapshot, guarded, refused_words
from ternary.course.limits import MEMORY_MB
from ternary.course.recorder import Recorder, find_mistake
from ternary.course.step import STEPS, Step, find_step
from ternary.course.verdict import ENDINGS, Verdict

LONGEST = 200_000  # characters of an answer


def grade(step_id: str, source: str) -> Verdict:
    """Grade the text of an answer, in this process.

    It returns whatever the answer does, unless that never ends or ends the process; a caller that
    cannot bear this grades in a process of its own (`ternary.course.isolated`), or in a worker.

    Examples
    --------
    >>> from ternary.course import STEPS, grade
    >>> grade("linear", STEPS["linear"].reference).status
    'passed'
    >>> grade("linear", STEPS["linear"].stub).status
    'untouched'
    """
    step = find_step(step_id)
    output = Bounded()
    tree = _read(step, source)
    if isinstance(tree, Verdict):
        return tree
    if source.split() == step.stub.split():
        return Verdict(step.id, "untouched", _untouched(step), reread=step.reread)
    before = Snapshot()
    given = program.modules(until=step.id)
    vars(given["ternary_train"]).update(step.given())
    del given["beside"]
    with warnings.catch_warnings(), guarded(given, output) as seen:
        warnings.simplefilter("ignore")
        verdict, answer, recorder = _run(step, source, tree)
    changed = before.changes()
    if seen:
        verdict = _refused(step, seen[0])
    elif changed:
        names = ", ".join(changed[:3])
        what = f"it replaces {names}, which the checks rely on (it has been put back)"
        verdict = _refused(step, what)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        verdict = _explained(step, verdict, answer, recorder)
    if output.count > KEPT:
        verdict.notes.append(
            f"It prints {output.count:,} characters; take its prints out, or print less."
        )
    if verdict.status in ("failed", "error") and not step.prints:
        last = recorder.printed[:KEPT] if recorder else ""
        verdict = replace(verdict, printed=last or output.text)
    return verdict


def ended(step_id: str, how: str, limit: object) -> Verdict:
    """The verdict on an answer that had to be stopped, or that ended its process.

    `how` is a key of `ENDINGS`, and `limit` the limit it met, or the name of a signal.
    """
    step = find_step(step_id)
    return Verdict(step.id, "stopped", ENDINGS[how].format(limit=limit), reread=step.reread)


def _read(step: Step, source: str) -> ast.Module | Verdict:
    """The answer's syntax tree, or why there is none."""
    if len(source) > LONGEST:
        return _error(
            step, f"The file has {len(source):,} characters; expected {LONGEST:,} at most."
        )
    try:
        tree = ast.parse(source, ANSWER)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f"Line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        return _error(step, f"{line}Python cannot read it: {what}.")
    if words := refused_words(tree):
        return _refused(step, words)
    return tree


def _run(step: Step, source: str, tree: ast.Module) -> tuple[Verdict, Any, Recorder | None]:
    """The verdict so far, the reader's function, and what the last check asked of it."""
    names: dict[str, Any] = {"__name__": "answer", "__file__": ANSWER}
    try:
        exec(compile(tree, ANSWER, "exec"), names)
    except BaseException as error:
        return _raised(step, source, error, None), None, None
    names.update(step.given())
    answer = names.get(step.id)
    if answer is None or isinstance(answer, ModuleType):
        missing = f"The file defines no {step.id}; keep the name that the stub has."
        return _error(step, missing), None, None
    if _is_function(step) and not callable(answer):
        return _error(step, f"{step.id} is {describe(answer)}; expected a function."), None, None
    done: list[dict[str, Any]] = []
    for check in step.checks:
        recorder = Recorder(answer)
        done.append({"law": check.law, "passed": False})
        try:
            check.run(recorder if callable(answer) else answer)
        except Failed as failed:
            return _failed(step, str(failed), done), answer, recorder
        except BaseException as error:
            verdict = _raised(step, source, error, recorder)
            return replace(verdict, checks=done), answer, recorder
        done[-1]["passed"] = True
    return Verdict(step.id, "passed", f"all {len(done)} checks hold.", done), answer, None


def _is_function(step: Step) -> bool:
    return program.reference(step.id).startswith("def ")


def _explained(step: Step, verdict: Verdict, answer: Any, recorder: Recorder | None) -> Verdict:
    """The verdict with the name of the mistake, if it is a known one."""
    if recorder is None or verdict.status not in ("failed", "error"):
        return verdict
    return replace(verdict, mistake=find_mistake(step, answer, recorder.calls))


def _untouched(step: Step) -> str:
    return f"{step.id} is still the stub; write it, then check again."


def _raised(step: Step, source: str, error: BaseException, recorder: Recorder | None) -> Verdict:
    """The verdict on an answer that raised."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, Refused):
        return _refused(step, str(error))
    if isinstance(error, NotImplementedError) and recorder is not None:
        return Verdict(step.id, "untouched", _untouched(step), reread=step.reread)
    if isinstance(error, MemoryError):
        return ended(step.id, "memory", MEMORY_MB)
    raised = f"{type(error).__name__}: {error}".rstrip(": ")
    line = _line_of(error)
    if not line and recorder is not None and isinstance(error, Exception):
        if words := _miscounted(step, recorder):
            return _failed(step, words, [])
        came = recorder.calls[-1].came if recorder.calls else None
        shown = describe(came[0]) if came else "nothing"
        return _failed(step, f"{step.id} returned {shown}, which does not fit ({raised}).", [])
    shown = source.splitlines()[line - 1].strip() if line else ""
    where = f"Line {line}, `{shown}`: " if shown else ""
    asked = (
        f" It was called as {step.id}({recorder.told()})." if recorder and recorder.calls else ""
    )
    if isinstance(error, SystemExit):
        raised = "it calls sys.exit, which would end Python; a function returns instead"
    elif isinstance(error, RecursionError):
        raised = "it calls itself without end (RecursionError)"
    elif isinstance(error, ImportError) and step.id in str(error):
        raised = f"{step.id} cannot be imported: it is what this step asks you to write"
    elif isinstance(error, NameError) and (later := STEPS.get(error.name or "")):
        raised += _not_yet(step, later)
    return _error(step, f"{where}{raised}.{asked}")


def _not_yet(step: Step, asked: Step) -> str:
    """Why a name that the book has is not there."""
    if asked is step:
        return ", which is what this step asks you to write"
    return f"; it is a step of chapter {asked.chapter}, which comes after this one"


def _miscounted(step: Step, recorder: Recorder) -> str:
    """How many arguments the answer takes, and is called with, if it cannot be called so."""
    if not recorder.calls or not isinstance(recorder.calls[-1].error, TypeError):
        return ""
    asked = recorder.calls[-1].asked
    try:
        takes = inspect.signature(recorder.function)
    except (TypeError, ValueError):
        return ""
    with contextlib.suppress(TypeError):
        takes.bind(*asked)
        return ""
    names = [each.arg for each in ast.parse(program.reference(step.id)).body[0].args.args]  # type: ignore[attr-defined]
    count = f"{len(takes.parameters)} argument{'s' * (len(takes.parameters) != 1)}"
    called = f"{len(asked)} ({', '.join(names[: len(asked)])})"
    return f"{step.id} takes {count}, is called with {called}."


def _line_of(error: BaseException) -> int:
    """The last line of the answer that an error passed through, or 0."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == ANSWER:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _failed(step: Step, message: str, done: list[dict[str, Any]]) -> Verdict:
    return Verdict(step.id, "failed", message, done, reread=step.reread)


def _error(step: Step, message: str) -> Verdict:
    return Verdict(step.id, "error", message, reread=step.reread)


def _refused(step: Step, what: str) -> Verdict:
    message = f"This answer is not graded: {what}. Write the step with NumPy alone."
    return Verdict(step.id, "refused", message, reread=step.reread)
