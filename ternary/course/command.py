"""The command `course`: list, start, check, progress, reset, predict."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ternary.course import folder as answers
from ternary.course import results
from ternary.course.hidden import Hidden, hidden_files, run_hidden
from ternary.course.isolated import grade_all
from ternary.course.limits import SECONDS
from ternary.course.prediction import PREDICTIONS, Prediction, find_prediction, reveal
from ternary.course.step import PAGES, STEPS, Step, find_step
from ternary.course.steps import load
from ternary.course.verdict import Verdict
from ternary.errors import TernaryError

EXIT_FAILED = 1


def course(options: argparse.Namespace) -> int:
    """Carry out an action of the course; the exit status is that of `ternary.cli.main`."""
    load()
    actions = {
        "list": show_list,
        "start": start,
        "check": check,
        "progress": progress,
        "reset": reset,
        "predict": predict,
    }
    return actions[options.action](options)


def show_list(options: argparse.Namespace) -> int:
    """Print every step and prediction, and whether the reader has a file of it."""
    folder = Path(options.folder)
    begun = {step.id for step in answers.started(folder)}
    committed = answers.commitments(folder)
    for number, page in enumerate(PAGES, 1):
        print(f"Chapter {number}, {page.replace('-', ' ')}")
        for step in (each for each in STEPS.values() if each.page == page):
            mark = "*" if step.id in begun else " "
            print(f"  {mark} {step.id:20} {step.title}, {step.minutes} minutes")
        for each in (each for each in PREDICTIONS.values() if each.page == page):
            print(f"  {'*' if each.id in committed else ' '} {each.id:20} (prediction)")
    print("* has a file in your folder, or was predicted. Begin with: ternary course start STEP")
    return 0


def start(options: argparse.Namespace) -> int:
    """Write stubs; a file that is there is left as it is."""
    for step in [find_step(name) for name in options.steps]:
        path, new = answers.start(Path(options.folder), step)
        if new:
            print(f"{path}: {step.title} (chapter {step.chapter}, about {step.minutes} minutes)")
        else:
            print(f"{path} is there already and was left as it is (`reset` puts the stub back)")
    return 0


def reset(options: argparse.Namespace) -> int:
    """Put a stub back, and keep what the reader had."""
    path, backup = answers.reset(Path(options.folder), find_step(options.step))
    print(f"{path} is the stub again; what it held is in {backup}")
    return 0


def check(options: argparse.Namespace) -> int:
    """Grade answers, explain, and write the results where they are asked for."""
    _require_sensible(options)
    chosen, missing = _chosen(options)
    verdicts, pairs = _graded(options, chosen, options.seconds)
    verdicts += [Verdict(s.id, "untouched", "not started.", reread=s.reread) for s in missing]
    for verdict in verdicts:
        _show(verdict, options)
    hidden = _hidden(options, pairs)
    for each in hidden:
        print(json.dumps({"hidden": asdict(each)}) if options.json else each.line())
    results.write(options, verdicts, hidden)
    passed = sum(verdict.passed for verdict in verdicts)
    if len(verdicts) > 1 and not options.json:
        print(f"{passed} of {len(verdicts)} steps pass")
    done = passed == len(verdicts) and all(each.passed == each.total for each in hidden)
    return 0 if done else EXIT_FAILED


def _require_sensible(options: argparse.Namespace) -> None:
    if not 0 < options.seconds < math.inf:
        raise TernaryError(f"--seconds is {options.seconds}; expected a positive number")
    if options.hint < 0:
        raise TernaryError(f"--hint is {options.hint}; expected 1 or more")
    if options.file and not options.steps:
        raise TernaryError("--file needs a STEP, so that it is known what to look for in it")
    if options.hidden:
        hidden_files(Path(options.hidden))
    for name in ("junit", "gradescope", "classroom"):
        path = getattr(options, name)
        if path and not Path(path).absolute().parent.is_dir():
            raise TernaryError(f"--{name} {path}: there is no folder for it; make it first")


def _graded(
    options: argparse.Namespace, chosen: Sequence[Step], seconds: float
) -> tuple[list[Verdict], list[tuple[str, str]]]:
    """The verdicts on steps, in their order, and the texts of those that can be read."""
    file = Path(options.file) if getattr(options, "file", None) else None
    texts, unread = {}, {}
    for step in chosen:
        path = file or answers.path_of(Path(options.folder), step)
        try:
            texts[step.id] = answers.read(path, step)
        except answers.UnreadableError as error:
            unread[step.id] = Verdict(step.id, "error", f"{error}.", reread=step.reread)
    graded = {each.step: each for each in grade_all(texts.items(), seconds)}
    return [(graded | unread)[step.id] for step in chosen], list(texts.items())


def _chosen(options: argparse.Namespace) -> tuple[list[Step], list[Step]]:
    """The steps to grade, and those without an answer that count all the same."""
    folder = Path(options.folder)
    if not options.file and options.folder != answers.DEFAULT and not folder.is_dir():
        raise TernaryError(
            f"there is no folder {folder}; `ternary course start codes_and_scales` makes one, and "
            "--folder names another"
        )
    begun = answers.started(folder)
    chosen = [find_step(name) for name in options.steps] or begun
    missing = [step for step in STEPS.values() if step not in chosen] if options.all else []
    if not chosen and not options.all:
        raise TernaryError(
            f"no step was started in {folder}; begin with: ternary course start codes_and_scales"
        )
    return list(chosen), missing


def _show(verdict: Verdict, options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(verdict.to_json()))
        return
    for line in verdict.lines():
        print(line)
    hints = STEPS[verdict.step].hints
    if not verdict.passed:
        for number, hint in enumerate(hints[: options.hint], 1):
            print(f"  Hint {number} of {len(hints)}: {hint}")


def _hidden(options: argparse.Namespace, pairs: Sequence[tuple[str, str]]) -> list[Hidden]:
    if not options.hidden:
        return []
    return run_hidden(Path(options.hidden), dict(pairs), options.seconds)


def progress(options: argparse.Namespace) -> int:
    """Grade all that was started and show how much of each chapter passes."""
    folder = Path(options.folder)
    verdicts, _ = _graded(options, answers.started(folder), SECONDS)
    passed = {verdict.step for verdict in verdicts if verdict.passed}
    committed = answers.commitments(folder)
    for number, page in enumerate(PAGES, 1):
        steps = [step.id for step in STEPS.values() if step.page == page]
        done = [step for step in steps if step in passed]
        guessed = [each.id for each in PREDICTIONS.values() if each.page == page]
        bar = "#" * len(done) + "." * (len(steps) - len(done))
        told = f"{len(done)} of {len(steps)} steps"
        if guessed:
            told += f", {sum(each in committed for each in guessed)} of {len(guessed)} predictions"
        print(f"{number:3} {page.replace('-', ' '):18} {bar:10} {told}")
    print(f"{len(passed)} of {len(STEPS)} steps pass; {len(verdicts) - len(passed)} are begun")
    return 0


def predict(options: argparse.Namespace) -> int:
    """Ask for a prediction, keep it, and only then run the code."""
    folder = Path(options.folder)
    committed = answers.commitments(folder)
    if not options.prediction:
        for each in PREDICTIONS.values():
            state = f"you said {committed[each.id]}" if each.id in committed else "open"
            print(f"chapter {each.chapter:2}  {each.id:20} {state}")
        return 0
    asked = find_prediction(options.prediction)
    print(f"{asked.question}\n\n{asked.code}\n")
    if asked.id in committed:
        print(f"You have committed to {committed[asked.id]} already.")
        answer = committed[asked.id]
    else:
        answer = " ".join(options.answer) if options.answer else _ask(asked)
        asked.read(answer)
        answers.commit(folder, asked.id, answer.strip())
    found = reveal(asked.id, answer)
    print(f"You said {found['committed']}; it prints {found['came']}.")
    print(f"{'Right.' if found['right'] else 'Not so.'} {found['explanation']}")
    print(f"More in chapter {asked.chapter}, {asked.heading}")
    return 0 if found["right"] else EXIT_FAILED


def _ask(asked: Prediction) -> str:
    print("Your prediction" + (f" ({', '.join(asked.choices)})" if asked.choices else ""), end=": ")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise TernaryError(
            f"no prediction was given; say: ternary course predict {asked.id} ANSWER"
        )
    return line
