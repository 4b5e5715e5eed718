"""Whatever an answer does is reported in words, and the grader goes on."""

import builtins
import json
import sys

import attacks
import numpy as np
import pytest

from ternary.course import STEPS, grade
from ternary.course.isolated import grade_all, grade_apart


@pytest.mark.parametrize("name", attacks.HERE)
def test_it_is_reported_in_words(name):
    attack = attacks.HERE[name]
    verdict = grade("linear", attack.text)
    assert verdict.status == attack.status, verdict
    assert attack.words in " ".join(verdict.lines()), verdict.lines()


def test_nothing_of_it_remains():
    """What was replaced is back, and the next answer is graded as if nothing had happened."""
    before = np.isclose, builtins.isinstance, sys.stdout, list(sys.meta_path), set(sys.modules)
    for attack in attacks.HERE.values():
        grade("linear", attack.text)
    now = np.isclose, builtins.isinstance, sys.stdout, list(sys.meta_path)
    assert now == before[:4]
    assert before[4] <= set(sys.modules)
    assert grade("linear", STEPS["linear"].reference).passed
    assert grade("linear", STEPS["linear"].stub).status == "untouched"


@pytest.mark.parametrize(("group", "seconds"), [(attacks.ENDLESS, 2), (attacks.APART, 20)])
def test_what_ends_or_holds_its_process_is_reported_in_words(group, seconds):
    verdicts = grade_all([("linear", attack.text) for attack in group.values()], seconds)
    for (name, attack), verdict in zip(group.items(), verdicts, strict=True):
        assert verdict.status == attack.status, (name, verdict)
        assert attack.words in " ".join(verdict.lines()), (name, verdict.lines())


@pytest.mark.parametrize("name", ["exit at once", "package, late", "NumPy replaced", "recursion"])
def test_apart_the_verdict_is_the_same(name):
    text = attacks.HERE[name].text
    assert grade_apart("linear", text) == grade("linear", text)


def test_a_verdict_survives_json():
    verdict = grade("linear", "def linear(x, W):\n    return x @ W\n")
    assert type(verdict).from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
    assert verdict.mistake
