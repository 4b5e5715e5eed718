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


def press(page, name):
    """Press a button with the keyboard: a click misses where the page moves under the pointer."""
    page.get_by_role("button", name=name, exact=True).press("Enter")


def run(page, number):
    press(page, f"Run example {number}")
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
    press(page, "Run example 4")
    page.wait_for_function("() => document.querySelector('#example-4').dataset.state === 'failed'")
    assert "example 3" in status(page, 4).inner_text()

    # An endless loop can be stopped, and Python starts again.
    page.get_by_label("Code of example 3").fill("while True:\n    print('again')")
    press(page, "Run example 3")
    page.wait_for_function(
        "() => document.querySelector('#example-3 + .run-output').innerText.includes('again')"
    )
    page.get_by_role("button", name="Stop example 3", exact=True).click()
    page.wait_for_function("() => document.querySelector('#example-3').dataset.state === 'stopped'")
    press(page, "Restore example 3")
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


# What the pages give NumPy. A sum of n products, in whatever order, is off by at most n half units
# in the last place of the sum of their magnitudes; shapes, strides and directions are of all kinds.
PRODUCTS = """
import numpy as np
rng = np.random.default_rng(0)
def error(C, A, B):
    A, B = A.astype(np.float64), B.astype(np.float64)
    bound = A.shape[-1] * 2.0**-24 * (abs(A) @ abs(B))
    return float((abs(C - A @ B) / bound).max())
worst = 0.0
for trial in range(400):
    m, n, p, q = (int(k) for k in rng.integers(1, 80 if trial % 4 else 8, 4))
    A = rng.standard_normal([(m, n), (q, m, n), (n, m)][trial % 3]).astype(np.float32)
    B = rng.standard_normal((q, p, n) if trial % 6 == 1 else (p, n)).astype(np.float32).mT
    if trial % 3 == 2:
        A = A.T
    if trial % 2:
        B = np.ascontiguousarray(B)
    if trial % 5 == 0:
        A, B = A[..., ::-1], B[..., ::-1, :]
    out = np.zeros((*A.shape[:-1], 2 * p), np.float32)[..., :: 1 + trial % 2][..., :p]
    product = np.matmul(A, B, out=out)
    row, column = A[(0,) * (A.ndim - 1)], B[(0,) * (B.ndim - 2)][:, 0]
    vectors = error(A @ column, A, column), error(np.vecdot(A, column), A, column)
    worst = max(worst, error(product, A, B), error(A @ B, A, B), error(row @ B, row, B), *vectors)
worst < 1.001
"""
ELEMENTWISE = """
wrong = set()
functions = np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.abs, np.sqrt
for n in (1, 15, 16, 17, 64, 100):
    x, y = np.abs(rng.standard_normal((2, 3, n))).astype(np.float32)
    x[1], y[2, ::3] = -x[1] if n % 2 else x[1], np.inf
    y[1, ::5] = np.nan
    for f in functions:
        for pair in ((x, y), (x, y[:, :1]), (x[:, :1], y), (x[:, ::-1], y), (x.T, y.T)):
            given = [abs(a) if f is np.sqrt else a for a in pair[: f.nin]]
            exact = f(*(a.astype(np.float64) for a in given)).astype(np.float32)
            if not np.array_equal(f(*given), exact, equal_nan=True):
                wrong.add(f.__name__)
            own = np.array(np.broadcast_arrays(*given)[0])
            if not np.array_equal(f(own, *given[1:], out=own), exact, equal_nan=True):
                wrong.add(f.__name__ + " in place")
numbers = np.arange(1, 100, dtype=np.float32)
shifted = numbers.copy()
shifted[1:] += shifted[:-1]
if not np.array_equal(np.cumsum(numbers), np.cumsum(np.arange(1, 100))):
    wrong.add("cumsum")
if not np.array_equal(shifted[1:], np.arange(3, 199, 2)):
    wrong.add("shifted")
wrong
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
# -1 - x + (1 + x / 2) ** 2, whose last term, x * x / 4, is lost if the square is rounded.
FUSED = """
x = 2**-11
row, column = np.array([[1, 1 + x / 2], [-1 - x, 1 + x / 2]], np.float32)
bool((np.tile(row, (64, 1)) @ np.tile(column, (64, 1)).T > 0).all())
"""
# A browser that does not know relaxed WebAssembly refuses a module with that instruction in it.
OLDER = """
const { validate } = WebAssembly;
WebAssembly.validate = (bytes) =>
  !String.fromCharCode(...bytes).includes("\xfd\x85\x02") && validate(bytes);
"""


@pytest.mark.parametrize("fuses", [True, False], ids=["fused", "older browser"])
def test_arithmetic_is_right_and_products_are_fast(visit, fuses):
    """np.dot, with which they are compared, is still NumPy's own."""
    opened = visit("404.html")
    if not fuses:
        opened.context.route(
            "**/runnable/worker.js",
            lambda route: route.fulfill(
                content_type="text/javascript", body=route.fetch().text() + OLDER
            ),
        )
    page = opened.go(CHAPTER)
    edit(page, 1, PRODUCTS + ELEMENTWISE + SPEED + FUSED)
    assert "Ran your version" in run(page, 1)
    shown = page.locator("#example-1 + .run-output").inner_text()
    assert shown == f"True\nset()\nTrue\n{fuses}\n"
