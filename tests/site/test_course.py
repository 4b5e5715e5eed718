"""Check, hints, predictions and progress, in a browser."""

import json
import re

import pytest
from conftest import Visit, new_context, pages
from test_pages import require_fit_and_accessible

from ternary.course import PREDICTIONS, STEPS, ended, grade, reveal

pytestmark = pytest.mark.site
PROGRESS = "docs/course-progress.html"
ENDLESS = "def linear(x, W):\n    while True:\n        pass\n"


def page_of(item):
    return next(name for name in pages("book/*.html") if name.endswith(f"-{item.page}.html"))


def open_step(page, step_id):
    """Open its box, if it is not open, and return it."""
    box = page.locator(f"#step-{step_id}")
    if box.get_attribute("open") is None:
        box.locator("summary").press("Enter")
    return box


def press(box, name):
    box.get_by_role("button", name=name, exact=True).press("Enter")


def check(page, step_id, text=None):
    """Check, wait for the verdict, and return its words."""
    box = open_step(page, step_id)
    if text is not None:
        box.get_by_role("textbox").fill(text)
    page.evaluate("id => course.boxes.get(id).check()", f"step-{step_id}")
    return said(box)


def said(box):
    parts = (".course-headline", ".course-details")
    return " ".join(box.locator(part).inner_text() for part in parts)


def in_words(verdict):
    """What has to stand on the page of a verdict, each as it is shown."""
    words = [verdict.message, verdict.mistake, *verdict.notes, *verdict.printed.splitlines()]
    words += [each["law"] for each in verdict.checks]
    words += [] if verdict.passed else [verdict.reread["heading"]]
    return [word.replace("`", "") for word in words if word]


def test_every_step_and_prediction_stands_once_on_the_page_of_its_chapter(visit):
    opened = visit("404.html")
    for name in pages("book/[0-9]*.html"):
        expected = [f"step-{s.id}" for s in STEPS.values() if page_of(s) == name]
        expected += [f"prediction-{p.id}" for p in PREDICTIONS.values() if page_of(p) == name]
        page = opened.go(name)
        found = page.locator(".course-box").evaluate_all("all => all.map(box => box.id)")
        assert sorted(found) == sorted(expected), name
        for step in [s for s in STEPS.values() if page_of(s) == name]:
            value = page.locator(f"#step-{step.id} textarea").input_value()
            assert value == step.stub
    assert opened.complaints == []


@pytest.mark.parametrize("step_id", ["linear", "to_groups", "decay_schedule", "integer_linear"])
def test_a_stub_fails_the_reference_passes_and_a_mistake_is_named(visit, step_id):
    step = STEPS[step_id]
    opened = visit(page_of(step))
    texts = [step.stub, step.reference, *(step.mistaken(wrong) for wrong in step.wrong)]
    for text in texts:
        words = check(opened.page, step_id, text)
        for expected in in_words(grade(step_id, text)):
            assert expected in words
    mark = opened.page.locator(f"#step-{step_id} .course-mark")
    assert "begun" in mark.inner_text()
    check(opened.page, step_id, step.reference)
    assert "passed" in mark.inner_text()
    assert opened.complaints == []
    assert opened.foreign == []


def test_what_a_wrong_answer_printed_is_shown(visit):
    step = STEPS["linear"]
    opened = visit(page_of(step))
    text = step.reference.replace("return x @ W.T", "print('shapes', x.shape); return x @ W")
    words = check(opened.page, step.id, text)
    assert [word for word in in_words(grade(step.id, text)) if word not in words] == []
    assert "shapes (3, 4)" in words


def test_the_books_own_answer_folds_away_when_a_step_is_opened(visit):
    step = STEPS["linear"]
    opened = visit(page_of(step))
    listing = opened.page.locator(".course-listing")
    assert listing.count() == 1
    assert listing.locator("pre").is_visible()
    assert "def linear(" in listing.inner_text()
    open_step(opened.page, step.id)
    listing.locator("pre").wait_for(state="hidden")
    listing.locator("summary").press("Enter")
    listing.locator("pre").wait_for(state="visible")
    check(opened.page, step.id, step.reference)
    opened.page.reload()
    open_step(opened.page, step.id)
    assert listing.locator("pre").is_visible(), "it stays open for who has passed the step"


def test_python_is_not_fetched_before_check(visit):
    opened, asked = visit("404.html"), []
    opened.page.on("request", lambda request: asked.append(request.url))
    opened.go(page_of(STEPS["linear"])).wait_for_load_state("networkidle")
    open_step(opened.page, "linear")
    assert not any("pyodide/" in url or "reader.zip" in url for url in asked)


def test_an_endless_answer_is_ended_and_the_page_goes_on(visit):
    opened = visit(page_of(STEPS["linear"]))
    page = opened.page
    # Time runs three times as fast for this box, so that nobody waits.
    limit = page.evaluate(
        "() => { const { step } = course.boxes.get('step-linear');"
        " const limit = step.seconds; step.seconds = limit / 3; return limit; }"
    )
    words = check(page, "linear", ENDLESS)
    assert ended("linear", "time", limit).message in words
    words = check(page, "linear", STEPS["linear"].reference)
    assert "checks hold" in words
    page.evaluate("() => runnable.page.run(0)")
    page.wait_for_function("() => runnable.page.blocks[0].outcome === 'same'")
    # A reader need not wait for the limit.
    box = open_step(page, "linear")
    box.get_by_role("textbox").fill(ENDLESS)
    press(box, "Check linear")
    stop = box.get_by_role("button", name="Stop linear", exact=True)
    stop.wait_for()
    stop.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('#step-linear .run-status').textContent.startsWith('Stopped')"
    )
    assert "Of an earlier version" in said(box)
    assert opened.complaints == []


def test_an_answer_that_ends_python_is_survived(visit):
    opened = visit(page_of(STEPS["linear"]))
    words = check(opened.page, "linear", "import os\nos._exit(3)\n")
    assert "Passed" not in words
    words = check(opened.page, "linear", STEPS["linear"].reference)
    assert "Passed" in words


def test_check_leaves_the_names_of_the_examples_alone(visit):
    page = visit(page_of(STEPS["linear"])).page
    page.evaluate("() => runnable.page.run(1)")
    check(page, "linear", "kept = 1\n" + STEPS["linear"].reference)
    page.evaluate("() => runnable.page.run(2)")
    assert page.evaluate("() => runnable.page.blocks[2].outcome") == "same"


def test_by_keyboard_with_hints_reset_and_reload(visit):
    step = STEPS["to_groups"]
    opened = visit(page_of(step))
    page = opened.page
    box = open_step(page, step.id)
    editor = box.get_by_role("textbox")
    editor.fill("")
    page.keyboard.type("def to_groups(W):\nreturn 7")  # the step after the colon is made by itself
    assert editor.input_value() == "def to_groups(W):\n    return 7"
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "() => document.querySelector('#step-to_groups .course-headline').innerText"
    )
    words = said(box)
    press(box, "Hint for to_groups")
    press(box, f"Hint 2 of {len(step.hints)} for to_groups")
    hints = box.locator(".course-hints li").all_inner_texts()
    assert hints == [hint.replace("`", "") for hint in step.hints[:2]]

    page.reload()
    box = open_step(page, step.id)
    assert box.get_by_role("textbox").input_value() == "def to_groups(W):\n    return 7"
    assert said(box) == words
    assert box.locator(".course-hints li").count() == 2

    press(box, "Reset to_groups")
    assert box.get_by_role("textbox").input_value() == step.stub
    press(box, "Bring back to_groups")
    assert box.get_by_role("textbox").input_value() == "def to_groups(W):\n    return 7"
    assert opened.complaints == []


@pytest.mark.parametrize("prediction_id", ["first_adam_step", "zeros_when_shrunk"])
def test_a_prediction_runs_only_after_a_commitment(visit, prediction_id):
    prediction = PREDICTIONS[prediction_id]
    opened = visit(page_of(prediction))
    page = opened.page
    answer = prediction.choices[0] if prediction.choices else "0.01"
    box = page.locator(f"#prediction-{prediction_id}")
    box.locator("summary").press("Enter")
    assert box.locator(".highlight").inner_text().strip() == prediction.code.strip()
    commit = box.get_by_role("button", name=re.compile("^Commit and run"))
    commit.press("Enter")
    assert "first; then it runs" in box.locator(".run-status").inner_text()
    if prediction.choices:
        box.get_by_label(answer, exact=True).press("Space")
    else:
        box.get_by_role("textbox").fill("a little")
        commit.press("Enter")
        assert "number first" in box.locator(".run-status").inner_text()
        box.get_by_role("textbox").fill(answer)
    commit.press("Enter")
    box.locator(".course-headline").wait_for()
    expected = reveal(prediction_id, answer)
    for _ in range(2):
        words = box.locator(".course-details").inner_text()
        assert expected["came"] in words and expected["explanation"] in words
        assert ("As you predicted" in words) == expected["right"]
        assert not commit.is_visible()
        assert box.locator("input:enabled").count() == 0
        page.reload()
        box.locator("summary").press("Enter")
    assert opened.complaints == []


def test_progress_export_and_import(browser, address, tmp_path):
    step = STEPS["linear"]
    first = Visit(browser, address)
    first.go(page_of(step))
    check(first.page, step.id, step.reference)
    page = first.go(PROGRESS)
    assert f"1 of {len(STEPS)} steps passed" in page.locator(".course-total").inner_text()
    row = page.locator("tr", has=page.locator(f"[data-of=step-{step.id}]"))
    mates = [s for s in STEPS.values() if s.page == step.page]
    assert row.locator(".course-count").inner_text() == f"1 of {len(mates)}"
    with page.expect_download() as download:
        press(page, "Export your work")
    file = tmp_path / "work.json"
    download.value.save_as(file)
    assert json.loads(file.read_text("utf-8"))["work"]["step-linear"]["text"] == step.reference
    assert first.complaints == []
    first.context.close()

    second = Visit(browser, address)  # another browser
    page = second.go(PROGRESS)
    assert page.locator(".course-total").inner_text().startswith("0 of")
    for text, words in {
        "not JSON": "no JSON file",
        '{"a": 1}': "not an export of this course",
        file.read_text("utf-8")
        .replace('"passed"', "3", 1)
        .replace('"text": "', '"text": 5, "x": "'): "no page",
    }.items():
        bad = tmp_path / "bad.json"
        bad.write_text(text, "utf-8")
        page.locator("input[type=file]").set_input_files(bad)
        page.wait_for_function(
            "words => document.querySelector('.run-status').textContent.includes(words)", arg=words
        )
        assert page.locator(".course-total").inner_text().startswith("0 of")
    page.locator("input[type=file]").set_input_files(file)
    page.wait_for_function(
        "() => document.querySelector('.course-total').textContent.startsWith('1 of')"
    )
    page.locator(f"a[href$='#step-{step.id}']").click()
    box = page.locator(f"#step-{step.id}")
    box.get_by_role("textbox").wait_for()  # the link has opened it
    assert box.get_by_role("textbox").input_value() == step.reference
    assert "Passed" in said(box)
    page = second.go(PROGRESS)
    page.locator("input[type=file]").set_input_files(file)
    press(page, "Undo the import")
    assert page.locator(".course-total").inner_text().startswith("1 of")
    assert second.complaints == []
    second.context.close()


def test_open_boxes_are_accessible_and_fit_on_a_phone(visit):
    step = STEPS["linear"]
    opened = visit(page_of(step))
    page = opened.page
    check(page, step.id, step.mistaken(step.wrong[0]))
    page.evaluate(
        "() => document.querySelectorAll('.course-box').forEach((box) => {"
        " box.open = true; course.boxes.get(box.id).hint?.(); })"
    )
    for turn, name in enumerate((None, page_of(PREDICTIONS["zeros_when_shrunk"]), PROGRESS)):
        if name:
            opened.go(name)
            page.evaluate(
                "() => document.querySelectorAll('.course-box').forEach(b => b.open = true)"
            )
        require_fit_and_accessible(page, turn + 1)  # the last on a phone, in the dark
    assert opened.complaints == []


def test_without_javascript_the_stub_is_there(browser, address):
    context = new_context(browser, java_script_enabled=False)
    page = context.new_page()
    step = STEPS["linear"]
    page.goto(address + page_of(step))
    assert page.locator(f"#step-{step.id} pre").text_content() == step.stub
    assert page.get_by_role("button", name="Check").count() == 0
    context.close()
