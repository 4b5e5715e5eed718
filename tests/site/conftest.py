"""The built pages on a local server, and a browser to look at them with.

    sphinx-build -W -n . _build/html
    pytest tests/site

`SITE` names another folder of pages, `CHROMIUM` another browser than the one on the path.
"""

import os
import re
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "tools"))

from browser import find_browser  # noqa: E402

SITE = Path(os.environ.get("SITE", ROOT / "_build" / "html")).resolve()
CHECKS = ROOT / "vendor" / "checks"
QUIET = [  # what a browser asks of its maker's servers by itself
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no other host can answer
]
SIZES = {"desk": {"width": 1200, "height": 900}, "phone": {"width": 390, "height": 844}}

if not (SITE / "book" / "index.html").exists():
    raise pytest.UsageError(f"there are no pages in {SITE}; run sphinx-build -W -n . {SITE}")
MOVED = {  # by page of an address of the first edition, where it leads
    path.as_posix(): found[1]
    for path in SITE.glob("book/**/1*.html")
    if (found := re.search(r'location\.replace\("([^"]+)"', path.read_text("utf-8")))
}
if not CHECKS.is_dir():
    raise pytest.UsageError(f"{CHECKS} is missing; run python docs/tools/fetch_vendor.py --checks")


def pages(pattern="**/*.html"):
    """The built pages, as paths below the site; neither slides, which have tests of their own, nor
    pages that only lead to another address."""
    paths = (path for path in SITE.glob(pattern) if path.as_posix() not in MOVED)
    found = sorted(path.relative_to(SITE).as_posix() for path in paths)
    return [name for name in found if not name.startswith("slides/")]


class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept, as by a real server
    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):  # a browser that goes away in the middle is no failure
        pass


@pytest.fixture(scope="session")
def address():
    """Where the pages are served, with a slash at the end."""
    with Server(("127.0.0.1", 0), partial(Handler, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(playwright), args=QUIET)
        yield browser
        browser.close()


def new_context(browser, **options):
    """A visitor: what is fetched once is kept."""
    options = {"viewport": SIZES["desk"], "reduced_motion": "reduce", **options}
    context = browser.new_context(**options)
    context.set_default_timeout(120_000)
    return context


class Visit:
    """An open page, what it complained of, and which other hosts it asked for something."""

    def __init__(self, browser, address, context=None, **options):
        self.address, self.complaints, self.foreign = address, [], []
        self.context = context or new_context(browser, **options)
        self.page = self.context.new_page()
        self.page.on("request", self.asked)
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", self.answered)

    def asked(self, request):
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.foreign.append(request.url)

    def heard(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def answered(self, response):
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def go(self, name):
        self.page.goto(self.address + name, wait_until="load")
        # Formulas are set after the page is loaded.
        self.page.evaluate("() => window.MathJax?.startup?.promise")
        return self.page


@pytest.fixture
def visit(browser, address):
    """Open a page: ``visit(name, **options of the browser's context)``."""
    opened = []

    def open_page(name, **options):
        opened.append(Visit(browser, address, **options))
        opened[-1].go(name)
        return opened[-1]

    yield open_page
    for each in opened:
        each.context.close()
