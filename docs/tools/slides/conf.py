"""How decks of slides are made: `docs/tools/build_slides.py` builds them with this."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_ext")]

project = "Three Values"
author = "the authors"
language = "en"

extensions = ["myst_parser", "sphinx_revealjs", "mathml"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
suppress_warnings = ["myst.header"]
html_favicon = str(ROOT / "docs" / "_static" / "favicon.svg")
html_copy_source = False
html_math_renderer = "mathml"  # the browser sets it: no script, no font, no other host

revealjs_static_path = [str(Path(__file__).parent / "static")]
revealjs_style_theme = "slides.css"
revealjs_css_files = ["revealjs/plugin/highlight/monokai.css"]
revealjs_script_plugins = [
    {"name": "RevealNotes", "src": "revealjs/plugin/notes/notes.js"},
    {"name": "RevealHighlight", "src": "revealjs/plugin/highlight/highlight.js"},
]
revealjs_script_conf = {
    "width": 1280,
    "height": 720,
    "margin": 0,
    "center": False,
    "hash": True,
    "slideNumber": "c/t",
    "transition": "none",
}


def close_sections(app, pagename, templatename, context, doctree):
    """Close the last section of a deck, which the builder leaves to the browser."""
    body = context.get("body", "")
    context["body"] = body + "</section>\n" * (body.count("<section") - body.count("</section>"))


def setup(app):
    app.connect("html-page-context", close_sections)
