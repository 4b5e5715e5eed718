"""Every chapter as a notebook: valid, and printing what the page prints, cell by cell."""

import doctest
import json
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT, SITE
from nbclient import NotebookClient
from to_notebook import SETUP as SETUP_CELL
from to_notebook import Converter, Site

pytestmark = pytest.mark.site
CHAPTERS = sorted((ROOT / "book").glob("[0-9][0-9]-*.md"))
SETUP = 1  # the code cells of the text come after the one that installs the package


def printed(cell):
    """What a code cell shows, as doctest would see it: what was printed, then the last value."""
    text = "".join(out["text"] for out in cell.outputs if out.get("name") == "stdout")
    values = [out["data"]["text/plain"] for out in cell.outputs if "data" in out]
    return text + "".join(value + "\n" for value in values)


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda path: path.stem)
def test_the_notebook_prints_what_the_page_prints(page, tmp_path):
    built = SITE / "_static" / "notebooks" / f"{page.stem}.ipynb"
    assert built.exists(), f"there is no {built}: run python docs/tools/build_site.py"
    notebook = nbformat.read(built, as_version=4)
    nbformat.validate(notebook)
    expected = [printed(cell) for cell in notebook.cells if cell.cell_type == "code"]
    wanted = [
        example.want.replace("<BLANKLINE>", "")
        for example in doctest.DocTestParser().get_examples(page.read_text("utf-8"))
        if example.want
    ]
    assert [text for text in expected if text] == wanted, "the outputs kept are not those printed"

    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    differences = [
        f"{cell.source}\nprinted in the book:\n{text}printed by the notebook:\n{printed(cell)}"
        for cell, text in zip(cells, expected, strict=True)
        if printed(cell) != text
    ]
    assert not differences, "\n\n".join(differences)


def test_every_chapter_leads_to_its_notebook():
    for page in CHAPTERS:
        html = (SITE / "book" / f"{page.stem}.html").read_text("utf-8")
        assert f"_static/notebooks/{page.stem}.ipynb" in html


# --- The converter, on a page made for it -----------------------------------------------------

PAGE = """\
# A page

Text with {term}`codes <code>`, `[x](#y)`, $a_1$, [chapter
two](02-straight-through.md#the-gradient) and [Ma et al., 2024](#ma2024).

```pycon
>>> x = 1
>>> x
1
>>> print(x)
1
>>> y = 2

```

(here)=
## Heading

```{literalinclude} ../ternary/projection.py
:pyobject: round_clip
:start-at: if np.isnan
:dedent:
:language: python
```

::::{admonition} Exercise 3.1 (easy, 5 minutes)
:class: exercise

Prove it.

:::{admonition} Hint
:class: hint
:collapsible: closed

Think of [this](#here).
:::
::::
"""


@pytest.fixture
def cells(tmp_path):
    page = ROOT / "book" / "03-page.md"  # where it would lie: only its name is used
    site = Site.of_book(address="https://example.org/", repository="https://example.org/book.git")
    site.labels["here"] = page.name

    class Text(type(page)):
        def read_text(self, *_):
            return PAGE

    notebook = Converter(Text(page), site).notebook()
    nbformat.validate(notebook)
    return notebook.cells


@pytest.mark.parametrize(
    ("repository", "told"),
    [
        ("https://example.org/book.git", "-m pip install -q git+https://example.org/book.git"),
        ("", "Install the package first"),
    ],
)
def test_the_first_cell_installs_the_package_where_it_is_missing(tmp_path, repository, told):
    source = SETUP_CELL.format(repository=repository)
    no_pip = "import subprocess, sys; subprocess.run = lambda c, check: sys.exit(' '.join(c))\n"
    alone = [sys.executable, "-I", "-S", "-c", no_pip + source]  # without any package
    done = subprocess.run(alone, capture_output=True, text=True, cwd=tmp_path)
    assert told in done.stderr
    there = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import numpy\n"
    there += "get_ipython = lambda: sys.exit('the package is there')\n"
    found = [sys.executable, "-c", there + source]
    done = subprocess.run(found, capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == "the package is there\n"


def test_examples_become_cells_of_one_value_each(cells):
    code = [cell for cell in cells if cell.cell_type == "code"][SETUP:]
    assert [cell.source for cell in code] == ["x = 1\nx", "print(x)", "y = 2", "# Exercise 3.1"]
    assert [out.output_type for cell in code for out in cell.outputs] == [
        "execute_result",
        "stream",
    ]
    assert [printed(cell) for cell in code] == ["1\n", "1\n", "", ""]


def test_markup_becomes_markdown_that_a_notebook_shows(cells):
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert "# 3. A page" in text
    pages = "https://example.org/book/"
    assert f"[codes]({pages}glossary.html#term-code), `[x](#y)`, $a_1$" in text
    assert f"[chapter\ntwo]({pages}02-straight-through.html#the-gradient)" in text
    assert f"[Ma et al., 2024]({pages}references.html#ma2024)" in text
    assert "```python\nif np.isnan" in text
    assert "### Exercise 3.1 (easy, 5 minutes)\n\nProve it." in text
    folded = f"<summary>Hint</summary>\n\nThink of [this]({pages}03-page.html#here).\n\n</details>"
    assert folded in text
    assert "(here)=" not in text
    assert ":::" not in text


def test_what_cannot_be_converted_is_said(cells):
    converter = Converter(ROOT / "book" / "03-page.md", Site())
    with pytest.raises(ValueError, match=r"03-page\.md: a notebook has no \{video\}: add"):
        converter.convert("```{video} x\n```\n")


def test_pictures_travel_inside(tmp_path):
    for page in CHAPTERS:
        built = json.loads((SITE / "_static" / "notebooks" / f"{page.stem}.ipynb").read_text())
        for cell in built["cells"]:
            shown = "".join(cell["source"]).count("](attachment:")
            assert shown == len(cell.get("attachments", {}))
