"""Weigh and time the built pages: `python tests/site/measure.py [--build]`.

Prints what was measured beside what was asked for, and fails where it falls short. Times are those
of this machine as it is: on a busy one they say little, so its load is printed with them.
"""

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from urllib.parse import unquote, urlsplit

from conftest import QUIET, ROOT, SITE, Handler, Server, Visit, find_browser, pages
from playwright.sync_api import sync_playwright

from ternary.course import STEPS

CHAPTERS = pages("book/[0-9]*.html")
FIRST_PAINT = """() => new Promise((done) => {
  const found = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const look = () => (found() === undefined ? setTimeout(look, 20) : done(found()));
  look();
})"""
DONE = "n => runnable.page.blocks[n].outcome"
CHECK = """async ([id, text]) => {
  const box = course.boxes.get(`step-${id}`);
  box.editor.value = text;
  const { status } = await box.check();
  if (status !== "passed") throw new Error(`${id}: ${status}`);
  return box.took;
}"""
failures = 0


def report(what, value, limit, unit):
    global failures
    good = value <= limit
    failures += not good
    print(f"{'ok  ' if good else 'FAIL'}  {what}: {value:.3g} {unit} (asked: at most {limit:g})")


def weight(urls):
    """Compressed size in kilobytes of what was fetched, each file once."""
    files = {SITE / unquote(urlsplit(url).path).lstrip("/") for url in urls}
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in files if path.is_file()) / 1e3


def visit(browser, address):
    opened = Visit(browser, address)
    urls = []
    opened.page.on("request", lambda request: urls.append(request.url))
    return opened, urls


def measure_weights(browser, address):
    before, after = {}, {}
    for name in CHAPTERS:
        opened, urls = visit(browser, address)
        opened.go(name)
        opened.page.wait_for_timeout(300)
        before[name] = weight(urls)
        if name == CHAPTERS[0]:  # Python is the same on every page
            opened.page.evaluate("() => runnable.page.run(0)")
            opened.page.wait_for_timeout(300)
            python = weight(urls) - before[name]
        opened.context.close()
    after = {name: kilobytes + python for name, kilobytes in before.items()}
    heaviest = max(before, key=before.get)
    report(f"heaviest chapter before Run ({heaviest})", before[heaviest], 500, "kB compressed")
    report("the same after Run", after[heaviest] / 1e3, 10, "MB compressed")


def measure_run(browser, address):
    """The best of three cold starts, and then a light example again."""
    cold, warm = [], []
    for _ in range(3):
        opened, _ = visit(browser, address)
        page = opened.go("book/02-straight-through.html")
        began = time.perf_counter()
        page.evaluate("() => runnable.page.run(0)")
        cold.append(time.perf_counter() - began)
        for number in (1, 2):
            page.evaluate("n => runnable.page.run(n)", number)
            assert page.evaluate(DONE, number) == "same"
            warm.append(page.evaluate("n => runnable.page.blocks[n].took", number) * 1e3)
        opened.context.close()
    report("first Run, cold", min(cold), 5, "s")
    report("a light example after it", min(warm), 50, "ms")


def measure_check(browser, address):
    """The best of three first Checks of a visit, and of one of every other step of the chapter."""
    cold, warm = [], {}
    chapter = next(name for name in CHAPTERS if "transformer" in name)
    first, *others = [step for step in STEPS.values() if f"-{step.page}." in chapter]
    for _ in range(3):
        opened, _ = visit(browser, address)
        page = opened.go(chapter)
        cold.append(page.evaluate(CHECK, [first.id, first.reference]))
        for step in others:
            seconds = page.evaluate(CHECK, [step.id, step.reference])
            warm.setdefault(step.id, []).append(seconds)
        opened.context.close()
    report("first Check, cold", min(cold), 6, "s")
    slowest = max(warm, key=lambda step: min(warm[step]))
    report(f"a Check after it, the slowest ({slowest})", min(warm[slowest]), 0.3, "s")


def measure_paint(browser, address):
    """First contentful paint, the processor slowed down four times."""
    worst = {}
    for name in ["book/index.html", "book/02-straight-through.html"]:
        times = []
        for _ in range(3):
            opened, _ = visit(browser, address)
            session = opened.context.new_cdp_session(opened.page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
            opened.page.goto(address + name)
            times.append(opened.page.evaluate(FIRST_PAINT) / 1e3)
            opened.context.close()
        worst[name] = min(times)
    for name, seconds in worst.items():
        report(f"first contentful paint, 4 x slower processor ({name})", seconds, 1, "s")


def measure_build():
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", "-d", f"{folder}/doctrees"]
        subprocess.run([*command, str(ROOT), f"{folder}/html"], check=True)
        report("clean build", time.perf_counter() - began, 60, "s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--build", action="store_true", help="time a clean build as well")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with (
        Server(("127.0.0.1", 0), partial(Handler, directory=SITE)) as server,
        sync_playwright() as playwright,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        browser = playwright.chromium.launch(executable_path=find_browser(playwright), args=QUIET)
        measure_weights(browser, address)
        measure_run(browser, address)
        measure_check(browser, address)
        measure_paint(browser, address)
        browser.close()
        server.shutdown()
    if options.build:
        measure_build()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
