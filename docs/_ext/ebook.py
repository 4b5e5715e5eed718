"""Sphinx: the book as an EPUB that epubcheck accepts, `sphinx-build -b epub`.

The builder is Sphinx's own with two repairs. The site's scripts and styles stay out of the EPUB; it
has a style and a cover of its own, and its formulas are MathML (see ``mathml.py``).
"""

import posixpath
import re
from pathlib import Path

from draw_cover import draw_cover
from sphinx.builders.epub3 import Epub3Builder

COVER = "_static/cover.png"
ITEM = re.compile(r'<item [^>]*?href="(?P<href>[^"]+)"[^>]*/>')


class BookBuilder(Epub3Builder):
    """Sphinx's builder, with the addresses and the declarations that the format demands."""

    name = "epub"

    def get_toc(self) -> None:
        """List the contents; a page of another folder than the first one's without dots."""
        super().get_toc()
        for entry in self.refnodes:
            entry["refuri"] = posixpath.normpath(entry["refuri"])

    def build_content(self) -> None:
        """Write the manifest, and say in it which pages contain MathML."""
        super().build_content()
        manifest = Path(self.outdir, "content.opf")
        manifest.write_text(ITEM.sub(self.with_mathml, manifest.read_text("utf-8")), "utf-8")

    def with_mathml(self, item: re.Match) -> str:
        page = Path(self.outdir, item["href"])
        declared = "properties=" in item[0]  # the list of contents, which is written later
        if declared or page.suffix != self.out_suffix or b"<math" not in page.read_bytes():
            return item[0]
        return item[0].replace("<item ", '<item properties="mathml" ')


def prepare(app):
    """Leave the site's files out, and draw the cover."""
    if app.builder.name != "epub":
        return
    folders = [path for path in app.config.html_static_path if path != "docs/_static"]
    app.config.html_static_path = [*folders, "docs/_static/epub"]
    app.config.html_additional_pages = {}
    app.config.html_domain_indices = False
    cover = Path(app.outdir, COVER)
    cover.parent.mkdir(parents=True, exist_ok=True)
    draw_cover(cover)


def without_site_styles(app, pagename, templatename, context, doctree):
    """Drop the styles that extensions add to every page, and which are for the site."""
    if app.builder.name == "epub":
        own = ("epub.css", "ebook.css", "pygments.css")
        context["css_files"] = [s for s in context["css_files"] if str(s.filename).endswith(own)]


def setup(app):
    app.add_builder(BookBuilder, override=True)
    app.connect("builder-inited", prepare)
    app.connect("html-page-context", without_site_styles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
