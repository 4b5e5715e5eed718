"""The results of a check in the forms of others: JUnit XML, Gradescope, Classroom 50."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ternary.course.hidden import Hidden, require_pytest
from ternary.course.step import STEPS
from ternary.course.verdict import Verdict


@dataclass(frozen=True)
class Result:
    """One line of a result: a step, for one point, or a file of hidden checks, for its points."""

    name: str
    score: int
    points: int
    told: str

    @property
    def passed(self) -> bool:
        """Whether it has all its points."""
        return self.score == self.points


def collect(verdicts: Sequence[Verdict], hidden: Sequence[Hidden]) -> list[Result]:
    """Verdicts and hidden checks as lines of one result."""
    lines = [
        Result(
            f"{v.step} (chapter {STEPS[v.step].chapter})", int(v.passed), 1, "\n".join(v.lines())
        )
        for v in verdicts
    ]
    return lines + [Result(each.name, each.score, each.points, each.line()) for each in hidden]


def write(
    options: argparse.Namespace, verdicts: Sequence[Verdict], hidden: Sequence[Hidden]
) -> None:
    """Write the files that were asked for."""
    found = collect(verdicts, hidden)
    if options.junit:
        write_junit(Path(options.junit), found)
    for path, make in ((options.gradescope, gradescope), (options.classroom, classroom)):
        if path:
            Path(path).write_text(json.dumps(make(found), indent=2) + "\n", encoding="utf-8")


def gradescope(found: Sequence[Result]) -> dict[str, Any]:
    """What Gradescope reads from ``/autograder/results/results.json``.

    >>> gradescope([Result("linear", 1, 1, "PASS")])["tests"][0]["status"]
    'passed'
    """
    return {
        "score": sum(each.score for each in found),
        "stdout_visibility": "hidden",
        "tests": [
            {
                "name": each.name,
                "score": each.score,
                "max_score": each.points,
                "status": "passed" if each.passed else "failed",
                "output": each.told,
                "visibility": "visible",
            }
            for each in found
        ],
    }


def classroom(found: Sequence[Result]) -> dict[str, Any]:
    """What Classroom 50 reads, ``classroom50/result/v1``; who and what comes from its runner."""
    env = os.environ.get
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    commit = env("COMMIT_URL") or "local"
    return {
        "schema": "classroom50/result/v1",
        "classroom": env("CLASSROOM") or "local",
        "assignment": env("ASSIGNMENT") or "ternary-course",
        "assignment_type": env("ASSIGNMENT_TYPE") or "individual",
        "owner": env("OWNER") or env("USERNAME") or "local",
        "submission": env("SUBMISSION_TAG") or "submit/local",
        "commit": commit,
        "release": env("RELEASE_URL") or "local",
        "review": env("REVIEW_URL") or commit,
        "datetime": now,
        "score": sum(each.score for each in found),
        "max-score": sum(each.points for each in found),
        "tests": [
            {
                "test-name": each.name,
                "passed": each.passed,
                "score": each.score,
                "max-score": each.points,
                "output": each.told,
            }
            for each in found
        ],
    }


def write_junit(path: Path, found: Sequence[Result]) -> None:
    """Write JUnit XML; pytest does it, so that it is what its readers know."""
    require_pytest("--junit")
    import pytest

    class Line(pytest.Item):
        def __init__(self, *, result: Result, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.result = result

        def runtest(self) -> None:
            if not self.result.passed:
                raise AssertionError(self.result.told)

        def repr_failure(self, excinfo: Any, style: Any = None) -> str:
            return self.result.told

        def reportinfo(self) -> tuple[Path, int, str]:
            return Path("course"), 0, self.result.name

    class Lines:
        def pytest_collection_modifyitems(self, session: Any, items: list[Any]) -> None:
            items[:] = [
                Line.from_parent(
                    session, name=each.name, nodeid=f"course::{each.name}", result=each
                )
                for each in found
            ]

    # An empty folder, so that no settings or tests of the reader's are found.
    with tempfile.TemporaryDirectory() as empty, contextlib.redirect_stdout(io.StringIO()):
        words = [empty, "-c", os.devnull, "--rootdir", empty, "-p", "no:cacheprovider"]
        words += [f"--junit-xml={path.absolute()}", "-o", "junit_suite_name=ternary course"]
        pytest.main(words, plugins=[Lines()])
