"""Sphinx: what a site needs beside its pages.

Every page gets a description and a card for those who share its link; the site gets
``sitemap.xml``, ``robots.txt`` and ``llms.txt``, which lists the pages with their descriptions as
plain text. The addresses in them begin with `html_baseurl`.
"""

import re
from html import escape
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from draw_card import PIXELS, draw_card
from sphinx import addnodes

CARD = "_static/card.png"  # drawn by docs/tools/draw_card.py
LONGEST = 200  # characters of a description


def description_of(doctree: nodes.document) -> str:
    """The first sentences of a page, as many as fit."""
    paragraphs = [
        node.astext()
        for node in doctree.findall(nodes.paragraph)
        if isinstance(node.parent, nodes.section) and not node.next_node(nodes.math)
    ]
    text = " ".join((paragraphs or [""])[0].split())
    if len(text) <= LONGEST:
        return text
    whole = re.match(rf".{{40,{LONGEST}}}[.!?](?= )", text)
    return whole[0] if whole else text[:LONGEST].rsplit(" ", 1)[0] + " …"


def plain_title(app, pagename: str) -> str:
    """A page's title, a chapter's with its number."""
    title = app.env.titles[pagename].astext()
    chapter = re.match(r"book/(\d\d)-", pagename)
    return f"{int(chapter[1])}. {title}" if chapter else title


def add_description(app, pagename, templatename, context, doctree):
    """Say in the page's head what it is about, for search engines and for shared links."""
    if app.builder.format != "html" or app.builder.name == "epub" or doctree is None:
        return
    text = description_of(doctree) or app.config.site_description
    if pagename == app.config.root_doc:
        text = app.config.site_description
    app.env.site_descriptions[pagename] = text
    address = urljoin(app.config.html_baseurl, app.builder.get_target_uri(pagename))
    properties = {
        "og:type": "article" if re.match(r"book/\d", pagename) else "website",
        "og:title": plain_title(app, pagename),
        "og:description": text,
        "og:url": address,
        "og:site_name": app.config.project,
        "og:image": urljoin(app.config.html_baseurl, CARD),
        "og:image:width": str(PIXELS[0]),
        "og:image:height": str(PIXELS[1]),
        "og:image:alt": "Three Values: a grid of weights that are -1, 0 or +1",
    }
    named = {"description": text, "twitter:card": "summary_large_image"}
    context["metatags"] += "".join(
        f'<meta {kind}="{key}" content="{escape(value)}">\n'
        for kind, entries in (("property", properties), ("name", named))
        for key, value in entries.items()
    )


def complete_headings(app, pagename, templatename, context, doctree):
    """Give the captions of the contents, which Sphinx calls headings, the level that they lack."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace(
        'class="caption" role="heading"', 'class="caption" role="heading" aria-level="2"'
    )


def fold_solutions(app, pagename, templatename, context, doctree):
    """Fold the solutions in the contents, unless one of them is the page at hand."""
    state = " open" if pagename.startswith("book/solutions/") else ""
    title = r'(<span class="caption-text">Solutions</span>)'
    context["furo_navigation_tree"] = re.sub(
        rf'<p class="caption"[^>]*>{title}</p>\s*(<ul.*?</ul>)',
        rf'<details{state}><summary class="caption">\1</summary>\n\2</details>',
        context.get("furo_navigation_tree", ""),
        flags=re.DOTALL,
    )


def flatten_listing(app, pagename, templatename, context, doctree):
    """Make one list of the modules with source code: viewcode puts lists directly into a list."""
    if pagename == "_modules/index":
        heading = re.match(r"<h1>.*?</h1>", context["body"])
        items = "\n".join(re.findall(r"<li>.*?</li>", context["body"]))
        context["body"] = f"{heading[0]}\n<ul>\n{items}\n</ul>"


def reserve_places(app, pagename, templatename, context, doctree):
    """Tell the browser how large a figure is before it has come, so that the page does not jump.

    On the site a figure is fetched only when the reader comes near it.
    """
    sources = {name: source for source, name in app.builder.images.items()}
    lazy = ' loading="lazy"' if app.builder.name in ("html", "dirhtml") else ""

    def sized(image):
        name = re.search(r'src="[^"]*/([^"/]+\.svg)"', image[0])
        source = app.srcdir / sources[name[1]] if name and name[1] in sources else None
        drawing = source.read_text("utf-8")[:2000] if source else ""
        size = re.search(r'viewBox="0 0 (\S+) (\S+?)"', drawing)
        if size is None:
            return image[0]
        width, height = (round(float(each)) for each in size.groups())
        return f'<img width="{width}" height="{height}"{lazy}' + image[0].removeprefix("<img")

    if app.builder.format == "html" and app.builder.name != "epub" and "body" in context:
        context["body"] = re.sub(r"<img [^>]*>", sized, context["body"])


def pages_in_order(app) -> list[str]:
    """Every page, as the contents list them."""
    seen: list[str] = []

    def visit(name):
        if name in seen:
            return
        seen.append(name)
        for toctree in app.env.get_doctree(name).findall(addnodes.toctree):
            for child in toctree["includefiles"]:
                visit(child)

    visit(app.config.root_doc)
    return seen


def write_lists(app, exception):
    """Write the files that machines read."""
    if exception or app.builder.format != "html" or app.builder.name == "epub":
        return
    base, out = app.config.html_baseurl, Path(app.outdir)
    draw_card(out / CARD)

    def address(name):
        return urljoin(base, app.builder.get_target_uri(name))

    pages = pages_in_order(app)
    entries = "".join(f"<url><loc>{escape(address(name))}</loc></url>\n" for name in pages)
    (out / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</urlset>\n',
        "utf-8",
    )
    (out / "robots.txt").write_text(
        f"User-agent: *\nAllow: /\nSitemap: {urljoin(base, 'sitemap.xml')}\n", "utf-8"
    )
    lines = [f"# {app.config.project}", "", f"> {app.config.site_description}", ""]
    sections = {"Chapters": r"book/\d", "Solutions": r"book/solutions/", "Reference": r""}
    for title, pattern in sections.items():
        lines += [f"## {title}", ""]
        for name in [page for page in pages if re.match(pattern, page)]:
            pages.remove(name)
            text = app.env.site_descriptions.get(name, "")
            lines.append(f"- [{plain_title(app, name)}]({address(name)}): {text}".rstrip(": "))
        lines.append("")
    (out / "llms.txt").write_text("\n".join(lines), "utf-8")


def keep_descriptions(app):
    if not hasattr(app.env, "site_descriptions"):
        app.env.site_descriptions = {}  # kept with the pages that are not written again


def setup(app):
    app.add_config_value("site_description", "", "html")
    app.connect("builder-inited", keep_descriptions)
    app.connect("html-page-context", add_description)
    app.connect("html-page-context", complete_headings, priority=900)  # after the theme
    app.connect("html-page-context", fold_solutions, priority=900)
    app.connect("html-page-context", flatten_listing)
    app.connect("html-page-context", reserve_places)
    app.connect("build-finished", write_lists)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
