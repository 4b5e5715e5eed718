"""Sphinx: what a reader can take away.

Every chapter is written as a notebook, ``_static/notebooks/NN-name.ipynb``, by
``docs/tools/to_notebook.py``, and has a link to it under its title. The front page leads to the
EPUB and the PDF of the whole book, where ``docs/tools/build_site.py`` has made them; they lie in
the folder that `downloads_folder` names. The decks of slides, which ``docs/tools/build_slides.py``
has made where `slides_folder` says, are copied to ``slides``; each chapter leads to its own, and a
page for teachers to all.
"""

import re
import shutil
from pathlib import Path

from to_notebook import ROOT, Site, write_notebook

CHAPTER = re.compile(r"book/\d\d-[^/]*")
SOLUTIONS = re.compile(r"book/solutions/(\d\d-[^/]*)")
DECKS = "docs/teaching/slides"  # the page that lists them
FORMATS = {".epub": "EPUB", ".pdf": "PDF"}


def is_site(app) -> bool:
    """Whether the pages of the site are built, and not a book of them."""
    return app.builder.name in ("html", "dirhtml")


def downloads(app) -> list[Path]:
    """The whole book as single files, those that are there."""
    folder = Path(app.confdir, app.config.downloads_folder)
    return sorted(path for path in folder.glob("*") if path.suffix in FORMATS)


def decks(app) -> list[Path]:
    """The decks of slides, those that are there."""
    return sorted(Path(app.confdir, app.config.slides_folder).glob("[0-9][0-9]-*.html"))


def deck_links(app, context) -> str:
    """The list of all decks, with the titles of their chapters."""
    top = context["pathto"]("slides", resource=True)
    items = [
        f'<li><a href="{top}/{path.name}">{app.env.titles[f"book/{path.stem}"].astext()}</a></li>'
        for path in decks(app)
    ]
    return f"<p>Here they are:</p>\n<ol>{''.join(items)}</ol>" if items else ""


def add_links(app, pagename, templatename, context, doctree):
    """Put the links under the titles of chapters, of their solutions, and of the front page."""
    if not is_site(app) or doctree is None:
        return
    static = context["pathto"]("_static", resource=True)
    links = []
    if CHAPTER.fullmatch(pagename):
        name = f"{Path(pagename).name}.ipynb"
        notebook = f'<a href="{static}/notebooks/{name}" download>as a notebook</a>'
        links = [f"Chapter {int(name[:2])} · {notebook}"]
        if any(path.stem == Path(pagename).name for path in decks(app)):
            deck = context["pathto"](f"slides/{Path(pagename).name}.html", resource=True)
            links = [f'{links[0]} · <a href="{deck}">as slides</a>']
    elif solutions := SOLUTIONS.fullmatch(pagename):
        exercises = context["pathto"](f"book/{solutions[1]}") + "#exercises"
        links = [f'<a href="{exercises}">The exercises of the chapter</a>']
    elif pagename == app.config.root_doc:
        links = [
            f'<a href="{static}/downloads/{path.name}" download>{FORMATS[path.suffix]}</a>'
            f" ({path.stat().st_size / 1e6:.1f} MB)"
            for path in downloads(app)
        ]
        links = ["The whole book as " + " and ".join(links)] if links else []
    if pagename == DECKS:
        context["body"] = context["body"].replace("<!-- decks -->", deck_links(app, context))
    for link in links:
        line = f'</h1>\n<p class="take-away">{link}</p>'
        context["body"] = context["body"].replace("</h1>", line, 1)


def write_files(app, exception):
    """Write the notebooks, and copy the books."""
    if exception or not is_site(app):
        return
    site = Site.of_book(
        address=app.config.html_baseurl,
        repository=app.config.repository_url,
        project=app.config.project,
    )
    static = Path(app.outdir, "_static")
    for name in sorted(filter(CHAPTER.fullmatch, app.env.found_docs)):
        source = ROOT / f"{name}.md"
        write_notebook(source, static / "notebooks" / f"{source.stem}.ipynb", site)
    if decks(app):
        folder = Path(app.confdir, app.config.slides_folder)
        shutil.copytree(folder, Path(app.outdir, "slides"), dirs_exist_ok=True)
    for path in downloads(app):
        (static / "downloads").mkdir(exist_ok=True)
        shutil.copy2(path, static / "downloads")


def setup(app):
    app.add_config_value("repository_url", "", "html")
    app.add_config_value("downloads_folder", "_build/downloads", "html")
    app.add_config_value("slides_folder", "_build/slides", "html")
    app.connect("html-page-context", add_links)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
