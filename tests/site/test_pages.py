"""Every page: loads without complaint, asks no other host, is accessible, and fits on a phone."""

import json
import os

import pytest
from conftest import CHECKS, SIZES, pages

pytestmark = pytest.mark.site
AXE = (CHECKS / "axe" / "axe.min.js").read_text("utf-8")
# The pages that send the reader on at once, or stand alone.
SENDS_ON = {"index.html"}
LISTINGS = [name for name in pages() if name.startswith("_modules/")]
TEXT = [name for name in pages() if name not in SENDS_ON and name not in LISTINGS]
VIEWS = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]
# Pages share their frame and styles: axe sees these in every view, and of each other page one view,
# by turns, unless `SITE_ALL` is set.
IN_FULL = {"book/index.html", "book/02-straight-through.html", "docs/course.html"}
EVERY_VIEW = bool(os.environ.get("SITE_ALL"))
IN_FULL |= set(TEXT) if EVERY_VIEW else set()


def violations(page):
    """What axe finds, a line for each rule and element."""
    found = page.evaluate(
        "() => axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)"
    )
    return [
        f"{rule['id']}: {rule['help']}: {' '.join(map(str, node['target']))}: {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
    ]


def sideways(page):
    """How far the page can be scrolled to the side, in pixels."""
    return page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def require_fit_and_accessible(page, turn, in_full=EVERY_VIEW):
    """Nothing scrolls sideways in any view, and axe finds nothing in the one whose turn it is."""
    page.evaluate(AXE)
    for view in VIEWS:
        size, scheme = view
        page.set_viewport_size(SIZES[size])
        page.emulate_media(color_scheme=scheme)
        page.evaluate("() => new Promise(requestAnimationFrame)")
        if in_full or view == VIEWS[turn % len(VIEWS)]:
            assert violations(page) == [], f"axe, {size}, {scheme}, {page.url}"
        assert sideways(page) <= 0, f"{size}: {page.url} scrolls sideways"


@pytest.mark.parametrize("name", TEXT)
def test_page(visit, name):
    opened = visit(name)
    page = opened.page
    raw = page.evaluate("() => document.querySelectorAll('.math').length")
    if raw:
        unset = page.evaluate(
            "() => [...document.querySelectorAll('.math')].filter((box) =>"
            " !box.querySelector('mjx-container') || box.querySelector('mjx-merror')).length"
        )
        assert unset == 0, f"{unset} of {raw} formulas are not set"
    require_fit_and_accessible(page, TEXT.index(name), in_full=name in IN_FULL)
    assert opened.complaints == []
    assert opened.foreign == []


def test_the_pages_seen_in_full_are_there():
    assert set(TEXT) >= IN_FULL


def test_listings(visit):
    """Listings of source code differ only in their code: look at all, check the first in full."""
    opened = visit(LISTINGS[0], viewport=SIZES["phone"])
    opened.page.evaluate(AXE)
    assert violations(opened.page) == []
    for name in LISTINGS:
        opened.go(name)
        assert sideways(opened.page) <= 0, name
    assert opened.complaints == []
    assert opened.foreign == []


def test_front_page_is_reached_from_the_root(visit):
    opened = visit("404.html")
    opened.page.goto(opened.address)
    opened.page.wait_for_url("**/book/index.html")
    assert opened.page.locator("h1").first.inner_text().startswith("Three Values")


def test_unknown_address_page_needs_nothing_relative(visit):
    page = visit("404.html").page
    for link in page.locator("a").all():
        assert link.get_attribute("href").startswith("/")


def test_search_finds_weight_decay(visit):
    opened = visit("search.html?q=weight+decay")
    opened.page.wait_for_selector("ul.search li a")
    found = opened.page.locator("ul.search li a").evaluate_all("links => links.map(a => a.href)")
    assert any("05-weight-decay" in link for link in found), json.dumps(found)
    assert opened.complaints == []


def test_drawers_open_by_keyboard_on_a_phone(visit):
    page = visit("book/02-straight-through.html", viewport=SIZES["phone"]).page
    button = page.get_by_role("button", name="Contents of the book")
    button.first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#__navigation").is_checked()


def test_pages_work_without_javascript(browser, address):
    """All text, code and navigation are there."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + "book/02-straight-through.html")
    assert page.locator("h2").count() >= 5
    assert page.locator(".highlight-pycon").first.is_visible()
    assert page.get_by_role("button", name="Run").count() == 0
    context.close()
