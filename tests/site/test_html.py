"""The built files: valid HTML, links that lead somewhere, and what a site has beside its pages."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from conftest import CHECKS, MOVED, SITE, pages

pytestmark = pytest.mark.site

# Errors that are the theme's or Sphinx's, each with the pages it may occur on.
KNOWN = [
    # viewcode puts what leads to a definition, a div element, into a pre element.
    (r"Element .div. not allowed as child of element .pre.", r"_modules/ternary"),
]


class Read(HTMLParser):
    """What a page has: anchors, targets of links, descriptions, blocks of examples and times."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.targets, self.described = {""}, [], {}
        self.blocks, self.times = 0, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.blocks += "highlight-pycon" in (given.get("class") or "").split()
        if "data-seconds" in given:
            self.times = json.loads(given["data-seconds"])
        if tag == "meta":
            self.described[given.get("name") or given.get("property")] = given.get("content")
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        for key in ("href", "src", "data", "data-pyodide", "data-archive"):
            if given.get(key) and not (tag == "link" and given.get("rel") == "canonical"):
                self.targets.append(given[key])


@pytest.fixture(scope="module")
def read():
    return {name: Read((SITE / name).read_text("utf-8")) for name in pages()}


def test_links_and_anchors_hold(read):
    broken = []
    for name, page in read.items():
        for target in page.targets:
            parts = urlsplit(urljoin(name, target))
            if parts.scheme or parts.netloc or target.startswith("/"):
                continue  # another site; linkcheck is for those
            path = unquote(parts.path)
            if path in read:
                if unquote(parts.fragment) not in read[path].anchors:
                    broken.append(f"{name}: {target}: no such anchor")
            elif not (SITE / path).exists():
                broken.append(f"{name}: {target}: no such file")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere():
    """Not only what a visit happens to fetch: no page names a script, style or picture abroad."""
    abroad = re.compile(
        r"<(?:script|img|iframe)[^>]*\ssrc=\"https?:|<link[^>]*stylesheet[^>]*https?:"
    )
    assert [name for name in pages() if abroad.search((SITE / name).read_text("utf-8"))] == []


def test_html_is_valid():
    java = shutil.which("java")
    assert java, "vnu takes a Java runtime of version 11 or newer"
    command = [java, "-Xss4m", "-jar", str(CHECKS / "vnu" / "vnu.jar"), "--format", "json"]
    done = subprocess.run(
        [*command, "--errors-only", "--skip-non-html", str(SITE)], capture_output=True, text=True
    )
    found = [
        (unquote(urlsplit(each["url"]).path).removeprefix(f"{SITE}/"), each)
        for each in json.loads(done.stderr)["messages"]
    ]
    ours = {
        f"{name}:{each.get('lastLine')}: {each['message']}"
        for name, each in found
        if not any(
            re.match(what, each["message"]) and re.match(where, name) for what, where in KNOWN
        )
    }
    assert ours == set()


def test_every_example_of_the_sources_has_its_place(read):
    """The times of a page are found by the number of the block, in the build as in the browser."""
    for name in pages("book/**/*.html"):
        page = read[name]
        assert bool(page.blocks) == (page.times is not None), name
        assert all(0 <= int(number) < page.blocks for number in page.times or {}), name


def test_the_addresses_of_the_first_edition_lead_to_pages():
    assert len(MOVED) == 6
    for path, target in MOVED.items():
        new = Path(path).with_name(target)
        assert new.exists() and new.as_posix() not in MOVED
        assert new.stem[3:] == Path(path).stem[3:], "another chapter"


def test_sitemap_lists_the_pages():
    root = ElementTree.fromstring((SITE / "sitemap.xml").read_text("utf-8"))
    listed = [element.text for element in root.findall("{*}url/{*}loc")]
    for name in pages("book/**/*.html"):
        assert any(address.endswith(name) for address in listed), name
    assert len(listed) == len(set(listed))


def test_llms_txt_says_what_is_where():
    text = (SITE / "llms.txt").read_text("utf-8")
    assert text.startswith("# Three Values\n\n> ")
    entries = re.findall(r"^- \[(.+?)\]\((\S+)\): (.+)", text, re.M)
    assert len(entries) >= len(pages("book/*.html"))


def test_a_shared_link_has_its_card(read):
    described = read["book/02-straight-through.html"].described
    assert described["og:title"] == "2. The straight-through estimator"
    assert 50 < len(described["description"]) <= 202
    assert described["og:image"].endswith("_static/card.png")
    assert (SITE / "_static" / "card.png").stat().st_size < 200_000
