"""The numbers that interactive figures fetch are those that their scripts would make today."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "book" / "figures"


@pytest.fixture(scope="module")
def script():
    """Import a script that makes numbers: its module, and the numbers that are committed."""
    sys.path.insert(0, str(FOLDER))

    def load(name):
        module = importlib.import_module(name)
        return module, json.loads(module.NUMBERS.read_text("utf-8"))

    yield load
    sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("number", range(12))
def test_a_planted_bug_leaves_its_marks(script, number):
    module, numbers = script("find_the_bug")
    bug, place = module.PUZZLES[number]
    puzzle = numbers["puzzles"][number]
    assert (puzzle["bug"], puzzle["place"]) == (bug, place)
    found = module.errors(bug, place)
    assert {name: error > 0 for name, error in found.items()} == {
        name: error > 0 for name, error in puzzle["errors"].items()
    }
    assert list(found.values()) == pytest.approx(list(puzzle["errors"].values()), rel=0.1)


def test_the_marks_allow_the_place_of_every_bug(script):
    module, numbers = script("find_the_bug")
    assert numbers["places"] == module.PLACES
    for puzzle in numbers["puzzles"]:
        failing = {name for name, error in puzzle["errors"].items() if error}
        assert puzzle["possible"] == module.possible(failing, set(puzzle["errors"]) - failing)
        assert puzzle["place"] in puzzle["possible"]
        assert len(puzzle["possible"]) <= 3


def test_a_right_model_has_no_marks(script):
    module, _ = script("find_the_bug")
    assert not any(module.errors(None, None).values())


@pytest.mark.parametrize("number", [None, 0, 8])
def test_a_loss_beside_the_marks_begins_as_committed(script, number):
    module, numbers = script("find_the_bug")
    bug, place = (None, None) if number is None else module.PUZZLES[number]
    curve = numbers["right"] if number is None else numbers["puzzles"][number]["curve"]
    assert len(curve) == module.STEPS // module.EVERY
    assert module.curve(bug, place, steps=20) == pytest.approx(curve[:2], abs=0.02)


@pytest.mark.parametrize("name", ["healthy", "not projected", "adding", "epsilon", "shuffled"])
def test_a_sick_run_begins_as_committed(script, name):
    """Ten steps: later, the rounding of another processor may have flipped a code."""
    module, numbers = script("which_run")
    assert list(numbers) == list(module.RUNS)
    assert {len(curve) for curve in numbers[name].values()} == {100}
    for key, values in module.curves(name, steps=10).items():
        committed = np.array(numbers[name][key][:10])
        assert values == pytest.approx(committed, rel=0.05, abs=0.01), key


def test_what_a_teacher_and_its_rounding_say_is_committed(script):
    """A twin is trained without any rounding of codes, so its logits hold to some digits."""
    module, numbers = script("temperature")
    for place, committed in zip(module.logits(), numbers, strict=True):
        assert (place["context"], place["next"]) == (committed["context"], committed["next"])
        assert place["teacher"] == pytest.approx(committed["teacher"], abs=0.1)
