"""The invented class of three is graded as the page says, into every format."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "teaching" / "example-class"
PAGE = (ROOT / "docs" / "teaching" / "grading.md").read_text("utf-8")
SUBMISSIONS = sorted(path.name for path in (EXAMPLE / "class").iterdir())


SECONDS = 2  # for the endless one; the page has the ten that are usual


def begin(*arguments):
    command = [sys.executable, "-m", "ternary", "course", "check", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class, graded with hidden checks: what was printed, the status, and the files."""
    results, running, found = tmp_path_factory.mktemp("results"), {}, {}
    for name in SUBMISSIONS:
        files = [results / f"{name}.{kind}" for kind in ("xml", "json", "50.json")]
        running[name] = (
            files,
            begin(
                *("--folder", EXAMPLE / "class" / name, "--hidden", EXAMPLE / "hidden"),
                *("--seconds", SECONDS, "--junit", files[0], "--gradescope", files[1]),
                *("--classroom", files[2]),
            ),
        )
    for name, (files, process) in running.items():
        printed, complaints = process.communicate()
        assert complaints == ""
        xml, *texts = (path.read_text("utf-8") for path in files)
        files = ElementTree.fromstring(xml), *map(json.loads, texts)
        found[name] = printed, process.returncode, *files
    return found


def test_the_page_shows_what_is_printed(graded):
    (shown,) = re.findall(r"in the order of their names:\n\n```text\n(.*?)```", PAGE, re.S)
    printed = "".join(graded[name][0] for name in SUBMISSIONS)
    assert shown == printed.replace(f"after {SECONDS} seconds", "after 10 seconds")


def test_one_of_three_passes(graded):
    statuses = {name: found[1] for name, found in graded.items()}
    assert statuses == {"right": 0, "wrong": 1, "endless": 1}


def test_every_format_has_the_same_verdicts(graded):
    for name, (_, _, xml, gradescope, classroom) in graded.items():
        passed = {
            "junit": [case.find("failure") is None for case in xml.iter("testcase")],
            "gradescope": [each["status"] == "passed" for each in gradescope["tests"]],
            "classroom": [each["passed"] for each in classroom["tests"]],
        }
        assert all(each == [name == "right"] * 2 for each in passed.values()), (name, passed)
        assert gradescope["score"] == classroom["score"]


def test_hidden_checks_leak_nothing_but_a_count(graded):
    """Names, comparisons and values of the hidden file stay where they are."""
    source = next((EXAMPLE / "hidden").glob("test_*.py")).read_text("utf-8")
    secrets = re.findall(r"def (test_\w+)|(\[1, 0, -1\])|(0\.5, -0\.2)|(assert .+)", source)
    told = "".join(str(found[0]) + json.dumps(found[3:]) for found in graded.values())
    told += "".join(ElementTree.tostring(found[2], "unicode") for found in graded.values())
    assert len(secrets) >= 4
    assert [each for group in secrets for each in group if each and each in told] == []


def test_the_reference_passes_the_hidden_checks():
    program = ROOT / "book" / "program" / "ternary_train.py"
    done = begin("codes_and_scales", "--file", program, "--hidden", EXAMPLE / "hidden")
    assert done.communicate()[0].endswith("2 of 2 hidden checks hold\n")
    assert done.returncode == 0
