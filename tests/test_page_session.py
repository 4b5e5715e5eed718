"""What runs the examples of a page in a browser judges them as doctest does."""

import doctest
import importlib.util
import sys
import types
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "_static" / "runnable"


@pytest.fixture
def session():
    spec = importlib.util.spec_from_file_location("page_session", FOLDER / "session.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples_of(text):
    return [
        (example.source, example.want) for example in doctest.DocTestParser().get_examples(text)
    ]


def passes_doctest(text):
    test = doctest.DocTestParser().get_doctest(text, {}, "page", None, 0)
    return doctest.DocTestRunner(verbose=False).run(test, out=lambda _: None).failed == 0


FAILS = ">>> 1 / 0\nTraceback (most recent call last):\n  ...\n"
CASES = {
    "value": ">>> 1 + 1\n2\n",
    "wrong value": ">>> 1 + 1\n3\n",
    "printed": ">>> print('a\\nb')\na\nb\n",
    "nothing": ">>> x = 1\n",
    "something for nothing": ">>> 1\n",
    "nothing for something": ">>> x = 1\n1\n",
    "several": ">>> x = 2\n>>> x * 3\n6\n>>> for i in range(2):\n...     print(i)\n0\n1\n",
    "blank line": ">>> print('a\\n\\nb')\na\n<BLANKLINE>\nb\n",
    "ellipsis": ">>> list(range(50))  # doctest: +ELLIPSIS\n[0, 1, ..., 49]\n",
    "wrong ellipsis": ">>> list(range(50))  # doctest: +ELLIPSIS\n[0, 2, ..., 49]\n",
    "ellipsis not asked for": ">>> list(range(5))\n[0, ..., 4]\n",
    "white space": ">>> print('a   b')  # doctest: +NORMALIZE_WHITESPACE\na b\n",
    "trailing space": ">>> print('a ')\na\n",
    "error": FAILS + "ZeroDivisionError: division by zero\n",
    "other error": FAILS + "ValueError: division by zero\n",
    "unexpected error": ">>> 1 / 0\n",
    "no error": ">>> 1\nTraceback (most recent call last):\n  ...\nZeroDivisionError: no\n",
    "syntax error": ">>> 1 +\n2\n",
    "None is not shown": ">>> None\n",
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
def test_judges_as_doctest(session, text):
    outcome = session.run_block(examples_of(text), lambda _: None)
    assert outcome in ("same", "differs", "failed")
    assert (outcome == "same") == passes_doctest(text)


def test_what_the_reader_wrote_is_not_compared(session):
    shown = []
    assert session.run_block([("x = 6\nprint('x')\nx * 7\n", None)], shown.append) == "ran"
    assert "".join(shown) == "x\n42\n"


def test_names_are_kept_until_we_start_over(session):
    assert session.run_block([("kept = 1", None)], print) == "ran"
    assert session.run_block([("kept", "1\n")], lambda _: None) == "same"
    session.start_over()
    shown = []
    assert session.run_block([("kept", "1\n")], shown.append) == "failed"
    assert "NameError" in "".join(shown)


def test_an_error_shows_the_readers_lines_and_none_of_ours(session):
    shown = []
    assert (
        session.run_block([("def f():\n    return 1 / 0\n\nf()\n", None)], shown.append) == "failed"
    )
    text = "".join(shown)
    assert "line 2, in f" in text and "return 1 / 0" in text and "session.py" not in text


def test_an_endless_flood_of_text_is_cut(session):
    shown = []
    assert session.run_block([("for i in range(10**5): print(i)", None)], shown.append) == "ran"
    text = "".join(shown)
    assert len(text) < session.SHOWN_AT_MOST + 100 and "not shown" in text


def test_training_tells_how_far_it_is(session, monkeypatch):
    class Trainer:
        steps = 30
        step = 0
        done = property(lambda self: self.step == self.steps)

        def take_step(self):
            self.step += 1
            return 0.5

    monkeypatch.setitem(sys.modules, "ternary.training", types.SimpleNamespace(Trainer=Trainer))
    told = []
    session.watch_training(told.append)
    session.watch_training(told.append)  # once is enough
    trainer = Trainer()
    while not trainer.done:
        assert trainer.take_step() == 0.5
    assert told[0] == [1, 30, 0.5] and told[-1] == [30, 30, 0.5] and len(told) < 10
