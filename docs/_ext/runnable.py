"""Sphinx: make every ``>>>`` block of a page one that the reader can run, edit and stop.

The work is done in the browser, by the scripts in ``docs/_static/runnable``; this extension tells a
page of them, and puts beside them what they fetch when the reader first presses Run: the archive
with the package, and Python for WebAssembly from ``vendor/pyodide``, where
``docs/tools/fetch_vendor.py`` has put it (without it, the page goes to its CDN). MathJax lies in
``vendor`` too and is copied with it.
"""

import hashlib
import json
import shutil
from pathlib import Path

from docutils import nodes
from reader_archive import ROOT, reader_archive

VENDOR = ROOT / "vendor"
CDN = "https://cdn.jsdelivr.net/pyodide/v314.0.3/full/"
TIMES = Path(__file__).with_name("example_times.json")


def is_examples(node: nodes.Node) -> bool:
    """Whether this is a block of examples, by the rule that the script in the page follows too."""
    return isinstance(node, nodes.literal_block) and node.astext().startswith(">>>")


def key_of(text: str) -> str:
    """What a recorded time is found by; it changes when the example does."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:12]


def recorded_seconds(blocks: list[nodes.Node]) -> dict[int, float]:
    """Seconds of the blocks that take long on WebAssembly, by their number on the page."""
    times = json.loads(TIMES.read_text("utf-8"))
    found = {number: times.get(key_of(block.astext())) for number, block in enumerate(blocks)}
    return {number: seconds for number, seconds in found.items() if seconds}


def add_to_page(app, pagename, templatename, context, doctree):
    if app.builder.format != "html" or app.builder.name == "epub" or doctree is None:
        return
    blocks = list(doctree.findall(is_examples))
    if not blocks:
        return
    static = context["pathto"]("_static", resource=True)
    app.add_css_file("runnable/runnable.css")
    app.add_js_file(
        "runnable/runnable.js",
        type="module",
        **{
            "data-pyodide": f"{static}/pyodide/" if (VENDOR / "pyodide").is_dir() else CDN,
            "data-archive": f"{static}/reader.zip",
            "data-seconds": json.dumps(recorded_seconds(blocks)),
        },
    )


def copy_vendored(app, exception):
    if exception or app.builder.format != "html" or app.builder.name == "epub":
        return
    static = Path(app.outdir, "_static")
    (static / "reader.zip").write_bytes(reader_archive())
    for name in ("pyodide", "mathjax"):
        if (VENDOR / name).is_dir():
            shutil.copytree(VENDOR / name, static / name, dirs_exist_ok=True)


def setup(app):
    app.connect("html-page-context", add_to_page)
    app.connect("build-finished", copy_vendored)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
