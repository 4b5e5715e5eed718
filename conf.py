"""How the pages are built: `sphinx-build -W -n . _build/html`."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent
OURS = ["", "book/figures", "docs/_ext", "docs/tools"]
sys.path[:0] = [str(ROOT / folder) for folder in OURS]

from ternary import __version__  # noqa: E402

project = "Three Values"
author = "the authors"
copyright = "2026, the authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx.ext.viewcode",
    "sphinx_codeautolink",  # names in examples lead to the API reference
    "runnable",  # the rest is in docs/_ext
    "course_boxes",
    "site_extras",
    "notebooks",
    "mathml",
    "ebook",
]
root_doc = "book/index"
# A whitelist: nothing else at the top (.pytest_cache/README.md, CHANGELOG.md) becomes a page.
include_patterns = ["book/**", "docs/**"]
exclude_patterns = ["_build", ".*", "vendor", "docs/teaching/template"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3
# doctest wants a blank line before the closing fence; it is not shown.
highlight_options = {"pycon": {"stripnl": True}}

numpydoc_show_class_members = False
autodoc_typehints = "none"
codeautolink_concat_default = True  # a name of one example means the same in the next

# --- The site -----------------------------------------------------------------------------------
site_description = (
    "A textbook that runs: train transformers whose every weight is -1, 0 or +1 times a scale, "
    "in NumPy, with every gradient written by hand and every number measured."
)
# Where the pages will be; for the canonical address, the sitemap and the cards of shared links.
html_baseurl = os.environ.get(
    "READTHEDOCS_CANONICAL_URL", os.environ.get("SITE_URL", "http://localhost:8000/")
)

html_theme = "furo"
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {
        "color-brand-primary": "#1c5f99",
        "color-brand-content": "#1c5f99",
        "color-brand-visited": "#6a4391",
        "color-api-name": "var(--color-brand-content)",
        "color-api-pre-name": "var(--color-brand-content)",
        # The contents are quiet, so that the place where one is stands out.
        "color-sidebar-link-text--top-level": "var(--color-foreground-secondary)",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7db8ea",
        "color-brand-content": "#7db8ea",
        "color-brand-visited": "#c3a6e8",
        "color-api-name": "var(--color-brand-content)",
        "color-api-pre-name": "var(--color-brand-content)",
        "color-sidebar-link-text--top-level": "var(--color-foreground-secondary)",
    },
}
html_title = "Three Values"
html_favicon = "docs/_static/favicon.svg"
html_static_path = ["docs/_static"]
html_css_files = ["book.css", "figures/figures.css"]
html_js_files = [("a11y.js", {"defer": "defer"}), ("figures/main.js", {"type": "module"})]
# The addresses that pages had in the first edition lead to where they are now.
MOVED = {"10-packing": "13-packing", "11-runtimes": "14-runtimes", "12-full-model": "15-full-model"}
moved = {
    f"{at}/{old}": f"{at}/{new}" for at in ("book", "book/solutions") for old, new in MOVED.items()
}
html_additional_pages = {"index": "redirect.html", "404": "404.html"}
html_additional_pages |= dict.fromkeys(moved, "moved.html")
html_context = {"site_path": urlsplit(html_baseurl).path, "moved": moved}
templates_path = ["docs/_templates"]
html_show_sourcelink = False

# --- Notebooks, EPUB and PDF: docs/tools/build_site.py makes all of them --------------------------
# Where the sources are; both hosts say so. A notebook installs the package from there.
repository_url = os.environ.get("READTHEDOCS_GIT_CLONE_URL", "")
if "GITHUB_REPOSITORY" in os.environ:
    repository_url = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}".format_map(os.environ)
html_css_files += ["downloads.css", ("print.css", {"media": "print"})]
html_math_renderer = "mathjax"  # and MathML in the EPUB
epub_basename = epub_uid = epub_identifier = "three-values"
epub_description = site_description
epub_publisher = author
epub_cover = ("_static/cover.png", "epub-cover.html")
epub_css_files = ["ebook.css"]
epub_show_urls = "no"
epub_use_index = False
epub_tocscope = "includehidden"

# --- Formulas: MathJax 3 served with the pages, where docs/tools/fetch_vendor.py has put it -------
mathjax3_config = {"options": {"enableMenu": False}}
if (ROOT / "vendor" / "mathjax").is_dir():
    mathjax_path = "mathjax/tex-chtml.js"
else:
    mathjax_path = "https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-chtml.js"


# --- Figures ------------------------------------------------------------------------------------
def draw_figures(app):
    """Draw the figures from the records, before the pages that show them are read."""
    from draw import draw_all

    draw_all()


def setup(app):
    app.connect("builder-inited", draw_figures)
