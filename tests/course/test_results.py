"""Results for others, and hidden checks that tell nothing but how many of them hold."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from ternary.cli import main
from ternary.course import STEPS

HIDDEN = '''"""Padding"""
from pytest_grader import points

@points(3)
def test_secret_shape_of_130(answer):
    """The secret docstring."""
    groups, counts = answer("to_groups")(__import__("numpy").ones((1, 130)))
    assert groups.shape == (2, 128), "the secret message"

def test_secret_loop(answer):
    print("a secret print")
    assert len(answer("to_groups")(__import__("numpy").ones((1, 128)))[1]) == 1
'''
ROWS_DOWN = STEPS["to_groups"].wrong[0]  # one group too many where a row fills its groups


@pytest.fixture
def folder(tmp_path):
    """Answers of three steps: a right one, a wrong one, an untouched one; and hidden checks."""
    answers, hidden = tmp_path / "answers", tmp_path / "hidden"
    answers.mkdir()
    hidden.mkdir()
    (answers / "linear.py").write_text(STEPS["linear"].reference)
    (answers / "to_groups.py").write_text(STEPS["to_groups"].mistaken(ROWS_DOWN))
    (answers / "norm.py").write_text(STEPS["norm"].stub)
    (hidden / "test_padding.py").write_text(HIDDEN)
    return tmp_path


def check(folder, *words):
    return main(["course", "check", "--folder", str(folder / "answers"), *map(str, words)])


def test_gradescope_s_form(folder):
    """Its documentation: `score`, and for each of `tests` a score, a maximum, a status."""
    assert check(folder, "--gradescope", folder / "results.json") == 1
    found = json.loads((folder / "results.json").read_text())
    assert found["score"] == 1
    assert [(t["score"], t["max_score"]) for t in found["tests"]] == [(1, 1), (0, 1), (0, 1)]
    assert [t["status"] for t in found["tests"]] == ["passed", "failed", "failed"]
    assert ROWS_DOWN.says in found["tests"][1]["output"]
    assert {t["visibility"] for t in found["tests"]} == {"visible"}


def test_classroom_50_s_form(folder, monkeypatch):
    """The keys and patterns of its schema, `classroom50/result/v1`."""
    given = {"CLASSROOM": "low-bit", "ASSIGNMENT": "week1", "OWNER": "ada"}
    given |= {"SUBMISSION_TAG": "submit/1-a", "COMMIT_URL": "c", "RELEASE_URL": "r"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert check(folder, "--classroom", folder / "result.json") == 1
    found = json.loads((folder / "result.json").read_text())
    assert found.keys() == {
        *("schema", "classroom", "assignment", "assignment_type", "owner", "submission", "commit"),
        *("release", "review", "datetime", "score", "max-score", "tests"),
    }
    assert found["schema"] == "classroom50/result/v1"
    assert (found["classroom"], found["assignment"], found["owner"]) == ("low-bit", "week1", "ada")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["datetime"])
    assert (found["score"], found["max-score"]) == (1, 3)
    assert all({"test-name", "passed", "score", "max-score"} <= t.keys() for t in found["tests"])


def test_junit_xml_is_pytest_s_own(folder):
    assert check(folder, "--junit", folder / "junit.xml") == 1
    suite = ET.parse(folder / "junit.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "2", "0")
    cases = {case.get("name").split()[0]: case for case in suite.iter("testcase")}
    assert cases["linear"].find("failure") is None
    assert ROWS_DOWN.says in cases["to_groups"].find("failure").text


def test_hidden_checks_count_and_nothing_of_them_leaks(folder, capfd):
    """Not the names of checks, not what they print or say: the file's own name and two numbers."""
    files = [folder / name for name in ("results.json", "result.json", "junit.xml")]
    options = zip(("--gradescope", "--classroom", "--junit"), files, strict=True)
    words = [word for pair in options for word in pair]
    assert check(folder, "to_groups", "--hidden", folder / "hidden", *words) == 1
    out = "".join(capfd.readouterr())
    assert "FAIL  Padding: 1 of 2 hidden checks hold" in out
    written = "".join(path.read_text() for path in files)
    assert "secret" not in out + written
    line = json.loads(files[0].read_text())["tests"][-1]
    assert (line["name"], line["score"], line["max_score"]) == ("Padding", 3, 4)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (STEPS["to_groups"].reference, 2),
        ("import os\ndef to_groups(W):\n    os._exit(0)\n", 0),
        ("def to_groups(W):\n    raise SystemExit\n", 0),
        ("from ternary.projection import *\ndef to_groups(W):\n    return W, W\n", 0),
        ("def to_groups(W:\n", 0),
    ],
    ids=["right", "ends its process", "exits", "imports the package", "no Python"],
)
def test_hidden_checks_bear_every_answer(folder, capfd, text, held):
    (folder / "answers" / "to_groups.py").write_text(text)
    assert check(folder, "to_groups", "--hidden", folder / "hidden") == (0 if held == 2 else 1)
    assert f"{held} of 2 hidden checks hold" in capfd.readouterr().out


def test_a_step_that_was_not_handed_in_holds_none(folder, capfd):
    assert check(folder, "linear", "--hidden", folder / "hidden") == 1
    assert "0 of 2 hidden checks hold" in capfd.readouterr().out


def test_all_counts_what_was_not_started(folder):
    check(folder, "--all", "--gradescope", folder / "results.json")
    assert len(json.loads((folder / "results.json").read_text())["tests"]) == len(STEPS)


def test_a_folder_without_checks_is_refused_in_words(folder, capfd):
    assert check(folder, "linear", "--hidden", folder / "answers") == 2
    assert "no files test_*.py" in capfd.readouterr().err


SLOW = '''"""Slow."""
import time

def test_right(answer):
    assert answer("linear")

def test_late(answer):
    time.sleep(30)
'''


def test_hidden_checks_out_of_time_are_counted_and_json_stays_json(folder, capfd):
    (folder / "hidden" / "test_padding.py").write_text(SLOW)
    assert check(folder, "linear", "--hidden", folder / "hidden", "--seconds", "1", "--json") == 1
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert lines[0]["status"] == "passed"
    hidden = lines[1]["hidden"]
    assert (hidden["name"], hidden["passed"], hidden["total"], hidden["late"]) == ("Slow.", 1, 2, 1)
