"""The page and the terminal give the same verdict on the same text, whatever the text.

    pytest tests/site/test_course_verdicts.py

Every stub, every reference, every wrong answer of every step, and answers that are more than wrong,
graded by Pyodide, which is what a page asks, and by this Python.
"""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from ternary.course import PREDICTIONS, STEPS, grade, reveal

sys.path.insert(0, str(ROOT / "tests" / "course"))
import attacks

pytestmark = pytest.mark.site
# NumPy's own words for an array that no memory holds depend on the width of an address, and Python
# on WebAssembly refuses to start other programs in words of its own.
BY_MACHINE = {"a giant array", "other program"}


def answers():
    """Every answer: the name of the step, what it is, and its text."""
    for step in STEPS.values():
        yield step.id, "stub", step.stub
        yield step.id, "reference", step.reference
        for wrong in step.wrong:
            yield step.id, wrong.says, step.mistaken(wrong)
    for name, attack in attacks.HERE.items():
        if name not in BY_MACHINE:
            yield "linear", name, attack.text
    # What is wrong has left nothing behind.
    yield from ((step.id, "reference, at last", step.reference) for step in STEPS.values())


def predictions():
    """Every prediction with an answer, right or not."""
    for prediction in PREDICTIONS.values():
        yield prediction.id, prediction.choices[0] if prediction.choices else "41"


@pytest.fixture(scope="module")
def on_the_page():
    """What Pyodide says of all of them, under Node.js."""
    asked = {
        "grade": [(step, text) for step, _, text in answers()],
        "reveal": list(predictions()),
    }
    done = subprocess.run(
        ["node", "docs/tools/grade_pyodide.mjs", "vendor/pyodide"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_the_page_and_the_terminal_say_the_same(on_the_page):
    differ = {}
    for (step, name, text), there in zip(answers(), on_the_page["grade"], strict=True):
        here = json.loads(json.dumps(grade(step, text).to_json()))
        if there != here:
            differ[step, name] = here, there
    assert differ == {}


def test_predictions_come_out_the_same(on_the_page):
    here = [json.loads(json.dumps(reveal(*each))) for each in predictions()]
    assert on_the_page["reveal"] == here
