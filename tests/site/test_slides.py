"""The slides: a deck for every chapter, nothing over the edge of a slide, no other host."""

import re

import pytest
from conftest import ROOT, SITE
from deck import make_deck, plain

pytestmark = pytest.mark.site
CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("[0-9][0-9]-*.md"))
SIZE = {"width": 1280, "height": 720}
# A deck is walked through, and what reaches over the edge of its slide is named, the first of each.
OVER_THE_EDGE = """() => Reveal.getSlides().flatMap((slide, number) => {
  const { h, v } = Reveal.getIndices(slide);
  Reveal.slide(h, v);
  const edge = slide.getBoundingClientRect();
  for (const element of slide.querySelectorAll(":not(aside):not(aside *)")) {
    const box = element.getBoundingClientRect();
    const clipped = element.tagName === "CODE" ? element.scrollWidth - element.clientWidth : 0;
    const over = Math.max(box.right - edge.right, box.bottom - edge.bottom, clipped);
    if (box.width && over > 1) {
      return [`slide ${number + 1}: ${element.tagName} is ${Math.round(over)} pixels over`];
    }
  }
  return [];
})"""
ABROAD = re.compile(
    r"""<(?:script|img|iframe|link)[^>]*\s(?:src|href)=["']?(?:https?:)?//"""
    r"""|url\(\s*["']?(?:https?:)?//|@import[^;]*//""",
    re.I,
)


def test_every_chapter_has_a_deck():
    assert sorted(path.stem for path in (SITE / "slides").glob("[0-9]*.html")) == CHAPTERS


@pytest.mark.parametrize("name", CHAPTERS)
def test_nothing_is_over_the_edge_of_a_slide(visit, name):
    opened = visit(f"slides/{name}.html", viewport=SIZE)
    opened.page.wait_for_function("() => Reveal.isReady()")
    assert opened.page.evaluate("() => Reveal.getTotalSlides()") > 20
    assert opened.page.evaluate(OVER_THE_EDGE) == []
    assert opened.complaints == []
    assert opened.foreign == []


def test_slides_have_notes(visit):
    page = visit(f"slides/{CHAPTERS[0]}.html", viewport=SIZE).page
    bare = "() => Reveal.getSlides().filter((slide) => !slide.querySelector('aside.notes')).length"
    assert page.evaluate(bare) == 0


def test_slides_name_no_other_host():
    """Not only what a visit happens to fetch: styles, scripts, fonts and pictures."""
    files = [path for kind in ("html", "css") for path in (SITE / "slides").rglob(f"*.{kind}")]
    assert len(files) > len(CHAPTERS)
    assert [path.name for path in files if ABROAD.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_slides_say_what_the_chapter_says(name):
    """Sentences of lists and examples stand in the chapter, and every figure is shown."""
    path = ROOT / "book" / f"{name}.md"
    text, deck = path.read_text("utf-8"), make_deck(path)
    flat = plain(re.sub(r"^#+ ", "", text, flags=re.M)).replace("*", "")
    for slide in deck:
        if slide.kind == "points":
            said = [point.replace("*", "").split(". ")[-1].rstrip(".") for point in slide.body]
            assert [each for each in said if each not in flat] == []
        elif slide.kind.startswith("example"):
            (code,) = re.findall(r"```pycon\n(.*?)\n```", "\n".join(slide.body), re.S)
            assert code in text
    shown = {path for slide in deck for path in re.findall(r"\{image\} (\S+)", slide.body[0])}
    assert shown == set(re.findall(r"^`{3}\{figure\} (\S+)", text, re.M))
