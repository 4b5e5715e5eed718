"""The pages for teachers: complete, consistent with the chapters, and by the rules of the book."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import book_rules
import pytest

from ternary.course import STEPS

ROOT = Path(__file__).resolve().parents[2]
TEACHING, BOOK = ROOT / "docs" / "teaching", ROOT / "book"
CHAPTERS = sorted(BOOK.glob("[0-9][0-9]-*.md"))
NOTES = [TEACHING / "chapters" / path.name for path in CHAPTERS]
PAIRS = list(zip(NOTES, CHAPTERS, strict=True))
PAGES = sorted(p for p in TEACHING.rglob("*.md") if "template" not in p.relative_to(TEACHING).parts)
RULES = (
    book_rules.python_without_prompts,
    book_rules.no_blank_line_at_end,
    book_rules.forbidden_flags,
    book_rules.numpy_scalars,
    book_rules.machine_paths,
)


def read(path):
    return path.read_text("utf-8")


def name_of(path):
    return path.stem


def exercises_of(chapter):
    return re.findall(r"Exercise \d+\.\d+ \(\w+, (\d+) minutes\)", read(chapter))


def minutes_of(notes):
    """The four numbers of a page of notes: reading, lecture, steps, exercises."""
    table = read(notes).split("## Minutes")[1].split("## ")[0]
    return [int(n) for n in re.findall(r"\| (\d+) \|", table)]


def words_of(text):
    prose = re.sub(r"```.*?```|\$.*?\$", " ", text.lower(), flags=re.S)
    return re.findall(r"[a-z0-9]+", prose)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_pages_keep_the_rules_of_the_book(rule):
    assert [f"{p.name}:{problem}" for p in PAGES for problem in rule(read(p))] == []


@pytest.mark.parametrize("page", NOTES, ids=name_of)
def test_notes_are_complete(page):
    parts = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", read(page), re.M | re.S))
    assert list(parts) == [
        *("Objectives", "Minutes", "Misconceptions, and how to surface them"),
        *("To discuss", "Exam questions"),
    ]
    assert len(re.findall(r"^- ", parts["Objectives"], re.M)) >= 4
    assert (
        len(re.findall(r'^\*\*".+?"\*\* ', parts["Misconceptions, and how to surface them"], re.M))
        >= 3
    )
    assert len(re.findall(r"^\*[^*]+\?\* ", parts["To discuss"], re.M)) >= 2
    questions = re.findall(r"^\*\*Question \d+\.[a-z]\.\*\*", parts["Exam questions"], re.M)
    assert len(questions) >= 3
    assert len(questions) == parts["Exam questions"].count(":::{admonition} Solution")
    assert ">>> " in parts["Exam questions"]


@pytest.mark.parametrize(("page", "chapter"), PAIRS)
def test_minutes_are_those_of_the_chapter(page, chapter):
    minutes = exercises_of(chapter)
    assert minutes_of(page)[3] == sum(map(int, minutes))
    assert f"all {len(minutes)} exercises" in read(page)


@pytest.mark.parametrize("page", NOTES, ids=name_of)
def test_minutes_are_those_of_the_graded_steps(page):
    steps = [step for step in STEPS.values() if step.chapter == int(page.name[:2])]
    word = f"{len(steps)} graded step{'' if len(steps) == 1 else 's'}"
    assert f"| {word} | {sum(step.minutes for step in steps)} |" in read(page)


def test_the_table_of_minutes_is_that_of_the_pages():
    table = read(TEACHING / "chapters.md")
    rows = re.findall(r"^\| \[\d+\. (.+?)\]\(chapters/(.+?)\) \|(.+)\|$", table, re.M)
    titles, names, minutes = zip(*rows, strict=True)
    assert list(names) == [path.name for path in CHAPTERS]
    assert list(titles) == [re.match(r"# (.+)", read(path))[1] for path in CHAPTERS]
    numbers = [[int(n) for n in row.split("|")] for row in minutes]
    assert numbers == [minutes_of(path) for path in NOTES]
    (total,) = re.findall(r"^\| together \|(.+)\|$", table, re.M)
    assert [int(n) for n in total.split("|")] == [sum(each) for each in zip(*numbers, strict=True)]


@pytest.mark.parametrize(("page", "chapter"), PAIRS)
def test_exam_questions_are_not_exercises_of_the_book(page, chapter):
    """No ten words of a question stand in a row in the exercises or in their solutions."""
    known = read(chapter).split("## Exercises")[1] + read(BOOK / "solutions" / chapter.name)
    book = words_of(known)
    runs = {tuple(book[i : i + 10]) for i in range(len(book) - 9)}
    exam = words_of(read(page).split("## Exam questions")[1])
    assert [exam[i : i + 10] for i in range(len(exam) - 9) if tuple(exam[i : i + 10]) in runs] == []


def toctree(page):
    found = re.findall(r"^```\{toctree\}\n(.*?)^```", read(page), re.M | re.S)
    return [line for block in found for line in block.splitlines() if line and line[0] != ":"]


def test_every_page_is_in_the_contents():
    listed = [TEACHING / f"{name}.md" for name in toctree(TEACHING / "index.md")]
    listed += [TEACHING / f"{name}.md" for name in toctree(TEACHING / "chapters.md")]
    ours = [path for path in PAGES if "projects" not in path.relative_to(TEACHING).parts]
    assert set(ours) - {TEACHING / "index.md"} <= set(listed)
    assert [path for path in listed if not path.is_file()] == []
    assert "../docs/teaching/index" in toctree(BOOK / "index.md")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", read(page), flags=re.S)
    targets = re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", text)
    assert [t for t in targets if not (page.parent / t).is_file()] == []


def test_the_long_syllabus_has_every_chapter_in_order():
    text = read(TEACHING / "syllabus.md").split("## Twelve weeks")[1].split("\n## ")[0]
    assert re.findall(r"book/(\d\d-[\w-]+\.md)", text) == [path.name for path in CHAPTERS]
    assert len(re.findall(r"^\| \d+ \|", text, re.M)) == 12


def test_the_short_syllabus_keeps_the_order():
    text = read(TEACHING / "syllabus.md").split("## Six weeks")[1].split("\n## ")[0]
    found = re.findall(r"book/(\d\d)-", text)
    assert found == sorted(set(found))
    assert len(re.findall(r"^\| \d+ \|", text, re.M)) == 6


def test_the_workshop_fills_three_hours():
    text = read(TEACHING / "syllabus.md").split("## One workshop")[1]
    times = [tuple(map(int, pair)) for pair in re.findall(r"^\| (\d+) to (\d+) \|", text, re.M)]
    assert times[0][0] == 0
    assert times[-1][1] == 180
    assert all(before[1] == after[0] for before, after in pairwise(times))


def test_steps_that_are_named_are_functions_of_the_program():
    tree = ast.parse(read(BOOK / "program" / "ternary_train.py"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    named = re.findall(r"steps? `(\w+)`|course (?:start|check) (\w+)", "".join(map(read, PAGES)))
    steps = {name for pair in named for name in pair if name}
    assert {"codes_and_scales", "linear_backward"} <= steps
    assert steps - functions <= {"STEP"}
