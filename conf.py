"""How the pages are built: `sphinx-build -W -n . _build/html`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT / "book" / "figures")]

from ternary import __version__  # noqa: E402

project = "Three Values"
author = "the authors"
copyright = "2026, the authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "sphinx.ext.viewcode"]
root_doc = "book/index"
# A whitelist: nothing else at the top (.pytest_cache/README.md, CHANGELOG.md) becomes a page.
include_patterns = ["book/**", "docs/**"]
exclude_patterns = ["_build", ".*"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3
# doctest wants a blank line before the closing fence; it is not shown.
highlight_options = {"pycon": {"stripnl": True}}

numpydoc_show_class_members = False
autodoc_typehints = "none"

html_theme = "furo"
html_theme_options = {"top_of_page_buttons": []}
html_title = "Three Values"
html_static_path = ["docs/_static"]
html_css_files = ["book.css"]
html_js_files = [("a11y.js", {"defer": "defer"})]
html_additional_pages = {"index": "redirect.html"}
templates_path = ["docs/_templates"]
html_show_sourcelink = False
mathjax3_config = {"options": {"enableMenu": False}}
if (ROOT / "vendor" / "mathjax").is_dir():  # MathJax 3 served with the pages; else from its CDN
    html_static_path.append("vendor")
    mathjax_path = "mathjax/tex-chtml-full.js"
else:
    mathjax_path = "https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-chtml-full.js"


def draw_figures(app):
    """Draw the figures from the records, before the pages that show them are read."""
    from draw import draw_all

    draw_all()


def setup(app):
    app.connect("builder-inited", draw_figures)
