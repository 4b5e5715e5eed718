"""Print the book: `python docs/tools/make_pdf.py FOLDER book.pdf`.

FOLDER is what `sphinx-build -b singlehtml` made: one page that has everything. Chromium or Chrome
prints it, with bookmarks made from its headings and with tags for screen readers.
``print_layout.js`` puts the parts in order, with a cover and the contents in front;
``docs/_static/print.css`` says how it looks. The browser is the one that the variable CHROMIUM
names, the first on the path, or the one of ``playwright install chromium``.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import pikepdf
from browser import find_browser
from draw_cover import draw_cover
from playwright.sync_api import sync_playwright

LAYOUT = Path(__file__).with_name("print_layout.js")
LONGEST = 10 * 60_000  # milliseconds, for one step on a slow machine
# The scripts of the page that paper has no use for: Run buttons and moving figures.
UNWANTED = "**/_static/{runnable,figures}/*.js*"


HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5")].map((heading) => {
  const copy = heading.cloneNode(true);
  copy.querySelectorAll(".headerlink").forEach((link) => link.remove());
  return copy.textContent.trim();
})"""


def finish(target: Path, headings: list[str]) -> None:
    """Say who wrote it and in which language, and pack it: a third of the size, nothing lost.

    Bookmarks get their spaces back: some browsers drop the one where a heading's line ends.
    """
    titles = {"".join(heading.split()): " ".join(heading.split()) for heading in headings}

    def mend(items: list[pikepdf.OutlineItem]) -> None:
        for item in items:
            item.title = titles.get("".join(item.title.split()), item.title)
            mend(item.children)

    with pikepdf.open(target, allow_overwriting_input=True) as book:
        with book.open_outline() as outline:
            mend(outline.root)
        book.Root.Lang = "en"
        book.docinfo["/Title"], book.docinfo["/Author"] = "Three Values", "the authors"
        packed = pikepdf.ObjectStreamMode.generate
        book.save(target, object_stream_mode=packed, recompress_flate=True)


def print_book(folder: Path, target: Path) -> None:
    """Print the page in `folder` to `target`."""
    page_file = folder / "book" / "index.html"
    if not page_file.exists():
        raise SystemExit(f"there is no {page_file}: run sphinx-build -b singlehtml . {folder}")
    with tempfile.TemporaryDirectory() as work:
        # The page lies in a folder but names its pictures as if it did not; so it is moved up.
        shutil.copytree(folder, work, dirs_exist_ok=True)
        whole = shutil.copy(page_file, Path(work, "whole-book.html"))
        draw_cover(Path(work, "cover.png"))
        with sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path=find_browser(play), args=["--no-sandbox"]
            )
            page = browser.new_page(color_scheme="light")
            page.set_default_timeout(LONGEST)
            page.route(UNWANTED, lambda route: route.abort())
            page.goto(whole.as_uri())
            page.evaluate("() => MathJax.startup.promise")
            made = page.evaluate(LAYOUT.read_text("utf-8"), "cover.png")
            page.evaluate("() => Promise.all([...document.images].map((i) => i.decode()))")
            headings = page.evaluate(HEADINGS)
            target.parent.mkdir(parents=True, exist_ok=True)
            page.pdf(
                path=target,
                prefer_css_page_size=True,
                print_background=True,
                outline=True,
                tagged=True,
            )
            browser.close()
    finish(target, headings)
    print(f"{target}: {made['pages']} parts, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    print_book(given.folder.resolve(), given.target.resolve())
