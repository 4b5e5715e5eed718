"""The process in which one file of hidden checks meets the reader's answers, under pytest."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest

from ternary.course import program
from ternary.course.guard import ANSWER, Bounded, Refused, Snapshot, guarded, refused_words
from ternary.course.isolated import Told
from ternary.course.step import find_step
from ternary.course.steps import load


class Answers:
    """The fixture `answer`: the reader's function, by the name of its step."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def __call__(self, name: str) -> Any:
        """Load an answer anew; a step that was not handed in fails the check."""
        import ast

        step = find_step(name)
        if step.id not in self.texts:
            pytest.fail(f"{step.id} was not handed in", pytrace=False)
        tree = ast.parse(self.texts[step.id], ANSWER)
        if words := refused_words(tree):
            pytest.fail(words, pytrace=False)
        given = program.modules(until=step.id)
        del given["beside"]
        names: dict[str, Any] = {"__name__": "answer"}
        self._guarded(given, lambda: exec(compile(tree, ANSWER, "exec"), names))
        value = names[step.id]
        if not callable(value):
            return value
        return lambda *args, **kw: self._guarded(given, lambda: value(*args, **kw))

    def _guarded(self, given: Any, run: Any) -> Any:
        before, output = Snapshot(), Bounded()
        with warnings.catch_warnings(), guarded(given, output) as seen:
            warnings.simplefilter("ignore")
            try:
                result = run()
            except (Refused, SystemExit) as error:
                raise AssertionError(str(error)) from None
        changed = before.changes()
        assert not seen, seen
        assert not changed, changed
        return result


class Report:
    """A plugin of pytest that tells which checks there are and which of them hold."""

    def __init__(self, told: Told) -> None:
        self.told = told

    @pytest.fixture
    def answer(self) -> Answers:
        """The reader's function of a step: ``answer("to_groups")``."""
        return Answers(self.told.job["answers"])

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            points = getattr(getattr(item, "function", None), "points", 1)
            self.told.tell({"id": item.nodeid, "points": points})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            late = report.failed and "timed out after" in str(report.longrepr)
            self.told.tell({"id": report.nodeid, "passed": report.passed, "late": late})


def main() -> None:
    """Run the checks of one file; then end, whatever the answers have left running."""
    load()
    told = Told()
    file = told.job["file"]
    words = [file, "-c", os.devnull, "--rootdir", os.path.dirname(file), "-p", "no:cacheprovider"]  # noqa: PTH120
    words += ["-p", "pytest_grader", "--timeout", str(told.job["each"]), "-q"]
    pytest.main(words, plugins=[Report(told)])
    os._exit(0)


if __name__ == "__main__":
    main()
