"""Every step: its stub fails, its reference passes, and each wrong answer is told its mistake."""

import ast
import re
from pathlib import Path

import pytest
from book_rules import Page

from ternary.course import PAGES, PREDICTIONS, STEPS, grade, program

BOOK = Path(__file__).parents[2] / "book"
MISTAKES = [(step, wrong) for step in STEPS.values() for wrong in step.wrong]


def each(things):
    return pytest.mark.parametrize("step", things, ids=lambda step: step.id)


@each(STEPS.values())
def test_the_untouched_stub_fails(step):
    verdict = grade(step.id, step.stub)
    assert verdict.status == "untouched"
    assert "still the stub" in verdict.message


@each(STEPS.values())
def test_a_stub_with_another_comment_fails_too(step):
    assert not grade(step.id, f"# mine\n{step.stub}").passed


@each(STEPS.values())
def test_the_reference_passes(step):
    verdict = grade(step.id, step.reference)
    assert verdict.passed, verdict.lines()
    assert [each["law"] for each in verdict.checks] == [check.law for check in step.checks]
    assert not verdict.mistake


@pytest.mark.parametrize(
    ("step", "wrong"), MISTAKES, ids=[f"{s.id}: {w.says}" for s, w in MISTAKES]
)
def test_a_wrong_answer_is_told_its_own_mistake(step, wrong):
    assert wrong.find in program.reference(step.id)
    verdict = grade(step.id, step.mistaken(wrong))
    assert verdict.status in ("failed", "error"), verdict.lines()
    assert verdict.mistake == wrong.says
    assert verdict.message


@each(STEPS.values())
def test_it_is_complete(step):
    assert 2 <= len(step.wrong) <= 8
    assert len({wrong.says for wrong in step.wrong}) == len(step.wrong)
    assert len(step.hints) >= 2
    assert step.checks
    assert all(check.law.endswith(".") and "\n" not in check.law for check in step.checks)
    assert 5 <= step.minutes <= 60
    ast.parse(step.stub)


@each([step for step in STEPS.values() if not step.stub_code])
def test_its_stub_shows_nothing_of_the_body(step):
    (function,) = (n for n in ast.parse(step.stub).body if isinstance(n, ast.FunctionDef))
    assert [type(node) for node in function.body] == [ast.Expr, ast.Raise]
    body = ast.parse(program.reference(step.id)).body[0].body
    lines = {ast.unparse(n) for n in body if not isinstance(n, ast.Expr | ast.FunctionDef)}
    assert not [line for line in lines if line in step.stub]


def test_every_function_of_the_readers_program_is_a_step():
    assert set(program.functions_of("ternary_train")) <= STEPS.keys()


def test_at_least_six_lie_beside_it():
    assert len(STEPS.keys() - program.functions_of("ternary_train").keys()) >= 6


def test_the_chapters_are_those_of_the_book_in_its_order():
    files = sorted(path.stem for path in BOOK.glob("[0-9][0-9]-*.md"))
    assert files == [f"{number:02}-{page}" for number, page in enumerate(PAGES, 1)]


@each([*STEPS.values(), *PREDICTIONS.values()])
def test_the_section_to_reread_is_there(step):
    page = Page((BOOK / f"{step.chapter:02}-{step.page}.md").read_text(encoding="utf-8"))
    assert step.heading in [title for _, _, title in page.headings]


@each([step for step in STEPS.values() if step.id in program.functions_of("ternary_train")])
def test_a_step_of_the_program_belongs_to_the_chapter_that_prints_it(step):
    text = program.text_of("ternary_train")
    before = text[: text.index(f"\ndef {step.id}(")]
    assert step.chapter == int(re.findall(r"# --- Chapter (\d+)", before)[-1])


def test_a_whole_program_answers_every_step_of_it():
    """Who has typed the book's program can hand it in for any of its functions."""
    text = program.text_of("ternary_train")
    failed = [
        name for name in program.functions_of("ternary_train") if not grade(name, text).passed
    ]
    assert failed == []


PRINTING = STEPS["linear"].reference.replace(
    "return x @ W.T", "print('seen', x.shape); return x @ W"
)


def test_what_a_wrong_answer_printed_in_the_failing_call_is_shown():
    verdict = grade("linear", PRINTING)
    assert verdict.printed == "seen (3, 4)\n"
    assert verdict.lines()[-3:-1] == ["  It printed:", "    seen (3, 4)"]


def test_what_it_printed_before_an_error_is_shown():
    assert grade("linear", "print('before')\nraise ValueError").printed == "before\n"


def test_of_what_is_printed_without_end_the_beginning_is_kept():
    verdict = grade("linear", PRINTING.replace("'seen'", "'seen ' * 1000"))
    assert len(verdict.printed) == 2000
    assert "It prints 5," in verdict.notes[0]


def test_a_right_answer_may_print():
    verdict = grade("linear", PRINTING.replace("x @ W", "x @ W.T"))
    assert verdict.passed
    assert not verdict.printed


def test_a_name_that_the_book_has_later_is_said_to_come_later():
    text = STEPS["linear"].reference.replace("x @ W.T", "x @ project({'W': W})['W'].T")
    assert "it is a step of chapter 4, which comes after this one" in grade("linear", text).message
