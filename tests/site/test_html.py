"""The built files: valid HTML, links that lead somewhere, and what a site has beside its pages."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from conftest import CHECKS, SITE, pages

pytestmark = pytest.mark.site

# Errors that are the theme's or Sphinx's, each with the pages it may occur on.
KNOWN = [
    # viewcode puts what leads to a definition, a div element, into a pre element.
    (r"Element .div. not allowed as child of element .pre.", r"_modules/ternary"),
    # Its list of modules has lists directly in a list.
    (r"Element .ul. not allowed as child of element .ul.", r"_modules/index.html"),
]


class Links(HTMLParser):
    """The anchors of a page, and where its links go."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.targets = {""}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        for key in ("href", "src", "data", "data-pyodide", "data-archive"):
            if given.get(key) and not (tag == "link" and given.get("rel") == "canonical"):
                self.targets.append(given[key])


@pytest.fixture(scope="module")
def links():
    return {name: Links((SITE / name).read_text("utf-8")) for name in pages()}


def test_links_and_anchors_hold(links):
    broken = []
    for name, page in links.items():
        for target in page.targets:
            parts = urlsplit(urljoin(name, target))
            if parts.scheme or parts.netloc or target.startswith("/"):
                continue  # another site; linkcheck is for those
            path = unquote(parts.path)
            if path in links:
                if unquote(parts.fragment) not in links[path].anchors:
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


def test_every_example_of_the_sources_has_its_place(links):
    """The times of a page are found by the number of the block, in the build as in the browser."""
    for name in pages("book/**/*.html"):
        text = (SITE / name).read_text("utf-8")
        seconds = re.search(r'data-seconds="([^"]*)"', text)
        blocks = len(re.findall(r'<div class="highlight-pycon', text))
        assert bool(blocks) == bool(seconds), name
        if seconds:
            times = json.loads(seconds[1].replace("&#34;", '"').replace("&quot;", '"'))
            assert all(0 <= int(number) < blocks for number in times), name


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


def test_a_shared_link_has_its_card():
    page = (SITE / "book" / "02-straight-through.html").read_text("utf-8")
    described = dict(re.findall(r'<meta (?:name|property)="([\w:]+)" content="([^"]*)">', page))
    assert described["og:title"] == "2. The straight-through estimator"
    assert 50 < len(described["description"]) <= 202
    assert described["og:image"].endswith("_static/card.png")
    assert (SITE / "_static" / "card.png").stat().st_size < 200_000
