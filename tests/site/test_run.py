"""Run, Edit and Stop: every example prints in the browser what it prints in the book."""

import json
import re
import time
from html import unescape

import pytest
from conftest import SITE, Visit, new_context, pages

pytestmark = pytest.mark.site


def text_of(name):
    return (SITE / name).read_text("utf-8")


WITH_EXAMPLES = [name for name in pages("book/**/*.html") if "data-archive" in text_of(name)]
CHAPTER = "book/02-straight-through.html"
AT_ONCE = 2  # pages that run side by side: one for each core
LONGEST = 15 * 60  # seconds, for one page on a slow machine


def status(page, number):
    return page.locator(".run-status").nth(number - 1)


def run(page, number):
    page.get_by_role("button", name=f"Run example {number}", exact=True).click()
    page.wait_for_function(
        "n => ['same', 'differs', 'ran', 'failed', 'stopped'].includes("
        "document.querySelectorAll('.run-bar')[n - 1].dataset.state)",
        arg=number,
        timeout=1000 * LONGEST,
    )
    return status(page, number).inner_text()


def edit(page, number, code):
    page.get_by_role("button", name=f"Edit example {number}", exact=True).click()
    page.get_by_role("textbox", name=f"Code of example {number}").fill(code)


def expected_seconds(name):
    """What the page itself announces for its long examples, in all."""
    announced = re.search(r'data-seconds="([^"]*)"|data-seconds=\'([^\']*)\'', text_of(name))
    return sum(json.loads(unescape(announced[1] or announced[2])).values())


@pytest.fixture(scope="module")
def outcomes(request, browser, address):
    """What every page came to: the longest begin first, and whenever one is done, the next."""
    tests = [item for item in request.session.items if "outcomes" in item.fixturenames]
    waiting = sorted((test.callspec.params["name"] for test in tests), key=expected_seconds)
    running, found = {}, {}
    # Each reader fetches Python once, and has one page in view: pages out of view have to wait.
    readers = [new_context(browser) for _ in range(AT_ONCE)]
    while waiting or running:
        while waiting and readers:
            name = waiting.pop()
            opened = Visit(browser, address, readers.pop())
            opened.go(name).evaluate(
                "() => { runnable.runAll().then((results) => { window.results = results; }); }"
            )
            running[name] = opened, time.monotonic()
        for name, (opened, began) in list(running.items()):
            opened.page.wait_for_timeout(200)
            results = opened.page.evaluate("() => window.results ?? null")
            took = time.monotonic() - began
            if results is not None or took > LONGEST:
                found[name] = results, opened.complaints, opened.foreign
                opened.page.close()
                readers.append(opened.context)
                del running[name]
                print(f"{name}: {took:.0f} s")
    for context in readers:
        context.close()
    return found


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_every_example_prints_what_the_book_prints(outcomes, name):
    results, complaints, foreign = outcomes[name]
    assert results, f"not done after {LONGEST} s"
    wrong = [f"example {i}: {r}" for i, r in enumerate(results, 1) if r["outcome"] != "same"]
    assert wrong == []
    assert complaints == []
    assert foreign == []


def test_python_is_not_fetched_before_run(visit):
    opened, asked = visit("404.html"), []
    opened.page.on("request", lambda request: asked.append(request.url))
    opened.go(CHAPTER).wait_for_load_state("networkidle")
    python = ("_static/pyodide/", "reader.zip")
    assert [url for url in asked if any(part in url for part in python)] == []
    run(opened.page, 1)
    assert all(any(part in url for url in asked) for part in python)


def test_edit_stop_errors_and_repetition(visit):
    """One visit for all of them, since every visit starts Python."""
    opened = visit(CHAPTER)
    page = opened.page

    # Examples before it run first; the output is the printed one, and it is said so.
    assert "Same output as printed" in run(page, 3)
    assert all("Same output" in status(page, n).inner_text() for n in (1, 2))
    # The same again, for the page is run from its top; what Python took to start does not count.
    assert run(page, 2) == "✓ Same output as printed"

    # An edited example shows its own output; what it defined is kept.
    edit(page, 3, "kept = 7\nprint('mine', kept)\nkept * 6")
    assert "Ran your version" in run(page, 3)
    assert page.locator("#example-3 + .run-output").inner_text() == "mine 7\n42\n"
    edit(page, 4, "kept + 1")
    run(page, 4)
    assert page.locator("#example-4 + .run-output").inner_text() == "8\n"

    # An error is shown with its line, and ends what comes after it.
    page.get_by_label("Code of example 3").fill("x = 1\nx / 0")
    assert "error" in run(page, 3)
    shown = page.locator("#example-3 + .run-output").inner_text()
    assert "ZeroDivisionError" in shown and "line 2" in shown and "x / 0" in shown
    assert "page_session" not in shown
    page.get_by_role("button", name="Run example 4", exact=True).click()
    page.wait_for_function("() => document.querySelector('#example-4').dataset.state === 'failed'")
    assert "example 3" in status(page, 4).inner_text()

    # An endless loop can be stopped, and Python starts again.
    page.get_by_label("Code of example 3").fill("while True:\n    print('again')")
    page.get_by_role("button", name="Run example 3", exact=True).click()
    stop = page.get_by_role("button", name="Stop example 3", exact=True)
    stop.click()
    page.wait_for_function("() => document.querySelector('#example-3').dataset.state === 'stopped'")
    page.get_by_role("button", name="Restore example 3", exact=True).click()
    assert "Same output as printed" in run(page, 3)
    assert opened.complaints == []


def test_by_keyboard(visit):
    page = visit(CHAPTER).page
    page.get_by_role("button", name="Edit example 1", exact=True).focus()
    page.keyboard.press("Enter")
    box = page.get_by_label("Code of example 1")
    assert box.evaluate("box => box === document.activeElement")
    box.fill("")
    page.keyboard.type("for i in range(3):\nprint(i)")  # the step after the colon is made by itself
    assert box.input_value() == "for i in range(3):\n    print(i)"
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => document.querySelector('#example-1').dataset.state === 'ran'")
    assert page.locator("#example-1 + .run-output").inner_text() == "0\n1\n2\n"
    assert box.evaluate("box => box === document.activeElement")
    page.keyboard.press("Tab")  # the editor is no trap
    assert not box.evaluate("box => box === document.activeElement")
    announced = status(page, 1)
    assert announced.get_attribute("role") == "status"


def test_training_shows_its_progress(visit):
    page = visit(CHAPTER).page
    edit(
        page,
        1,
        "from ternary import Trainer, TrainingConfig\n"
        "trainer = Trainer(TrainingConfig(steps=400, d_model=32, d_ff=64))\n"
        "trainer.run()\ntrainer.step",
    )
    page.evaluate(
        "() => { const clock = document.querySelector('#example-1 .run-clock'); window.seen = [];"
        " new MutationObserver(() => window.seen.push(clock.textContent))"
        ".observe(clock, { childList: true }); }"
    )
    assert "Ran your version" in run(page, 1)
    assert page.locator("#example-1 + .run-output").inner_text() == "400\n"
    assert any("of 400, loss" in text for text in page.evaluate("() => window.seen"))


PRODUCTS = """
import numpy as np
rng = np.random.default_rng(0)
worst = 0.0
for trial in range(300):
    m, n, p, q = (int(k) for k in rng.integers(1, 40, 4))
    A = rng.standard_normal([(m, n), (q, m, n), (n, m)][trial % 3]).astype(np.float32)
    B = rng.standard_normal((p, n)).astype(np.float32).T
    if trial % 3 == 2:
        A = A.T
    if trial % 2:
        B = np.ascontiguousarray(B)
    if trial % 5 == 0:
        A, B = A[..., ::-1], B[::-1]
    out = np.zeros((*A.shape[:-1], 2 * p), np.float32)[..., :: 1 + trial % 2][..., :p]
    product = np.matmul(A, B, out=out)
    exact = A.astype(np.float64) @ B.astype(np.float64)
    worst = max(worst, abs(out - exact).max(), abs(A @ B - exact).max())
bool(worst < 2e-5)
"""
SPEED = """
import time
A, B = np.ones((512, 128), np.float32), np.ones((128, 512), np.float32)
def seconds(multiply):
    began = time.perf_counter()
    multiply(A, B)
    return time.perf_counter() - began
fastest = {f: min(seconds(f) for _ in range(5)) for f in (np.matmul, np.dot)}
3 * fastest[np.matmul] < fastest[np.dot]
"""


def test_the_matrix_product_is_right_and_fast(visit):
    """For shapes, strides and directions of all kinds; np.dot is still NumPy's own."""
    page = visit(CHAPTER).page
    edit(page, 1, PRODUCTS + SPEED)
    assert "Ran your version" in run(page, 1)
    assert page.locator("#example-1 + .run-output").inner_text() == "True\nTrue\n"
