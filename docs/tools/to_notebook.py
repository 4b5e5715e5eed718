"""Turn a chapter into a Jupyter notebook: `python docs/tools/to_notebook.py PAGE.md OUT.ipynb`.

Every ``>>>`` block becomes code cells, one for each value that it prints, because a notebook shows
only the last value of a cell; the printed value is kept as the cell's output until the reader runs
it. All else becomes Markdown: listings of the package's code, exercises with folded hints, figures
(the pictures travel inside the notebook), and links, which lead to the pages.
"""

from __future__ import annotations

import argparse
import ast
import base64
import doctest
import re
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import nbformat.v4 as nb
from docutils.nodes import make_id
from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from sphinx.directives.code import LiteralIncludeReader

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
MARKDOWN = MarkdownIt().use(colon_fence_plugin).use(dollarmath_plugin).use(myst_block_plugin)

DIRECTIVE = re.compile(r"\{(?P<name>[\w:-]+)\}[ ]*(?P<argument>.*)")
OPTION = re.compile(r":(?P<name>[\w-]+):[ ]*(?P<value>.*)")
LABEL = re.compile(r"^\(([\w-]+)\)=", re.M)
CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
# Links to another page or to a label, and the roles that are links; neither inside code.
LINK = re.compile(
    r"\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]"
    r"\((?P<target>[^)\s#]*\.md)?(?P<anchor>#[^)\s]+)?\)"
)
ROLE = re.compile(r"\{(?P<role>[\w:]+)\}`~?(?P<text>[^`<]+?)(?:\s*<(?P<target>[^`>]+)>)?`")

# The reader's own files, which grow by some lines a chapter; the second imports the first.
PROGRAM, PARTS = "ternary_train.py", "ternary_parts.py"
WRITE_PROGRAM = """\
from pathlib import Path

_ = Path("{name}").write_text(r'''{source}
''', "utf-8")"""

INTRODUCTION = """\
*This is a chapter of [{project}]({address}) as a notebook. Run the cells from top to bottom: each
prints what is shown below it, which is what the book prints. Then change something.*"""

SETUP = """\
# Run this first. It installs the package, with the records of the experiments, if it is not there.
import subprocess, sys

REPOSITORY = {repository!r}
try:
    import ternary.projection
except ImportError:
    if not REPOSITORY:
        raise SystemExit("Install the package first: pip install the folder that holds your copy "
                         "of the book's repository, or set REPOSITORY to its address.")
    pip = [sys.executable, "-m", "pip", "install", "-q", f"git+{{REPOSITORY}}"]
    subprocess.run(pip, check=True)
# Values are shown on one line, as in the book.
get_ipython().display_formatter.formatters["text/plain"].pprint = False"""


@dataclass
class Site:
    """Where the pages are, where the repository is, and which page has which label."""

    address: str = "http://localhost:8000/"
    repository: str = ""
    project: str = "Three Values"
    labels: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_book(cls, **addresses: str) -> Site:
        """Read titles and labels from the pages of the book."""
        site = cls(**addresses)
        for path in sorted(BOOK.rglob("*.md")):
            name, text = path.relative_to(BOOK).as_posix(), path.read_text("utf-8")
            site.labels.update(dict.fromkeys(LABEL.findall(text), name))
            title = re.search(r"^# (.+)", text, re.M)
            site.titles[name] = title[1] if title else name
        return site

    def page(self, name: str, anchor: str = "") -> str:
        """Address of a page, of ``04-near-zero-scales.md`` say."""
        return f"{self.address}book/{name.removesuffix('.md')}.html{anchor}"


class Converter:
    """One chapter on its way to a notebook: cells in order, and the Markdown not yet in one."""

    def __init__(self, path: Path, site: Site):
        self.path, self.site = path, site
        self.cells: list = []
        self.prose: list[str] = []
        self.pictures: dict[str, dict[str, str]] = {}

    def notebook(self):
        """The whole chapter: title, what it is, the cell that installs the package, the text."""
        text = self.path.read_text("utf-8")
        number = re.match(r"\d+", self.path.name)
        title, rest = re.fullmatch(r"# (.+?)\n(.*)", text, re.S).groups()
        self.prose += [f"# {int(number[0])}. {title}" if number else f"# {title}"]
        address = self.site.page(self.path.name)
        self.prose += [INTRODUCTION.format(project=self.site.project, address=address)]
        self.code(SETUP.format(repository=self.site.repository))
        self.convert(rest)
        self.flush()
        for number, cell in enumerate(self.cells):
            cell["id"] = f"cell-{number}"  # the same at every build
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
        return nb.new_notebook(cells=self.cells, metadata=metadata)

    def flush(self):
        """Put the Markdown so far into a cell, with the pictures that it shows."""
        if self.prose:
            cell = nb.new_markdown_cell("\n\n".join(self.prose))
            if self.pictures:
                cell["attachments"] = self.pictures
            self.cells.append(cell)
        self.prose, self.pictures = [], {}

    def code(self, source: str, outputs: tuple = ()):
        self.flush()
        self.cells.append(nb.new_code_cell(source, outputs=list(outputs)))

    def convert(self, text: str):
        """Read Markdown block by block; what needs no change is copied line by line."""
        lines, start = text.splitlines(), 0
        for token in MARKDOWN.parse(text):
            if token.level or token.map is None or token.type.endswith("_close"):
                continue
            special = token.type in ("fence", "colon_fence", "myst_target", "heading_open")
            if special:
                self.text("\n".join(lines[start : token.map[0]]))
                start = token.map[1]
            if token.type == "heading_open":
                self.flush()
                self.text("\n".join(lines[slice(*token.map)]))
            elif token.type in ("fence", "colon_fence"):
                self.block(token)
        self.text("\n".join(lines[start:]))

    def text(self, markdown: str):
        if markdown.strip():
            self.prose.append(self.linked(markdown.strip("\n")))

    def block(self, token):
        """One fenced block: examples, another listing, or a directive."""
        directive = DIRECTIVE.fullmatch(token.info.strip())
        if directive:
            how = getattr(self, f"directive_{directive['name']}", None)
            if how is None:
                raise ValueError(
                    f"{self.path.name}: a notebook has no {{{directive['name']}}}: add a method "
                    f"directive_{directive['name']} to {Path(__file__).name}, or use an admonition"
                )
            options, body = split_options(token.content)
            how(directive["argument"], options, body)
        elif token.info.strip() == "pycon":
            for source, want in examples(token.content):
                self.code(source, [output_of(source, want)] if want else [])
        else:
            self.prose.append(f"```{token.info.strip()}\n{token.content.rstrip()}\n```")

    def directive_literalinclude(self, argument, options, body):
        """The listing that Sphinx would show."""
        path = self.path.parent / argument
        given = {key: value or None for key, value in options.items()}
        if options.get("dedent"):
            given["dedent"] = int(options["dedent"])
        reader = LiteralIncludeReader(path, given, SimpleNamespace(source_encoding="utf-8"))
        listing = reader.read()[0].rstrip()
        if path.name in (PROGRAM, PARTS):
            if path.name == PARTS:
                whole = path.with_name(PROGRAM).read_text("utf-8").rstrip()
                self.prose.append("The whole program; this writes the file:")
                self.code(WRITE_PROGRAM.format(name=PROGRAM, source=whole))
            self.prose.append(f"`{path.name}`, the new lines at its end; this writes the file:")
            self.code(WRITE_PROGRAM.format(name=path.name, source=so_far(path, listing)))
            return
        self.prose.append(f"From `{path.resolve().relative_to(ROOT).as_posix()}`:")
        self.prose.append(f"```{options.get('language', 'python')}\n{listing}\n```")

    def directive_figure(self, argument, options, body):
        """The picture, inside the notebook: PNG, because Jupyter shows no SVG that is attached."""
        picture = (self.path.parent / argument).with_suffix(".png")
        if not picture.exists():
            raise FileNotFoundError(f"{picture} is missing; run python book/figures/draw.py")
        data = base64.b64encode(picture.read_bytes()).decode()
        self.pictures[picture.name] = {"image/png": data}
        alt = re.sub(r"([\[\]])", r"\\\1", options.get("alt", ""))
        self.prose.append(f"![{alt}](attachment:{picture.name})")
        caption = self.linked(" ".join(body.split()))
        if "name" in options:
            page = self.site.page(self.path.name, f"#{options['name']}")
            caption += f" ([On the page it moves.]({page}))"
        self.prose.append(f"**Figure.** {caption}")

    def directive_admonition(self, argument, options, body):
        """An exercise with a cell to work in, a hint folded, or any other box as a quotation."""
        kind = options.get("class", "")
        if "collapsible" in options:
            self.prose.append(f"<details><summary>{argument}</summary>")
            self.convert(body)
            self.prose.append("</details>")
        elif kind == "exercise":
            self.flush()
            self.prose.append(f"### {argument}")
            self.convert(body)
            self.code(f"# {argument.split(' (')[0]}")
        else:
            quoted = textwrap.indent(self.linked(body.strip()), "> ", lambda line: True)
            self.prose.append(f"> **{argument}**\n>\n{quoted}")

    directive_note = directive_tip = directive_warning = directive_important = (
        lambda self, argument, options, body: self.directive_admonition("Note", options, body)
    )

    def directive_toctree(self, argument, options, body):
        """A notebook has no contents of its own: Jupyter makes them from the headings."""

    def linked(self, markdown: str) -> str:
        """Let links and roles lead to the pages; what stands in code stays as it is."""
        kept: list[str] = []

        def hide(code):
            kept.append(code[0])
            return f"\0{len(kept) - 1}\0"

        hidden = LINK.sub(self.link, CODE.sub(hide, ROLE.sub(self.role, markdown)))
        return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], hidden)

    def link(self, match) -> str:
        target, anchor = match["target"], match["anchor"] or ""
        if not target and not anchor:
            return match[0]
        name = target or self.site.labels.get(anchor[1:], self.path.name)
        return f"[{match['text'] or self.site.titles[name]}]({self.site.page(name, anchor)})"

    def role(self, match) -> str:
        """A word of the glossary, or the name of something in the package."""
        if match["role"] == "term":
            anchor = "#" + make_id("term-" + (match["target"] or match["text"]))
            return f"[{match['text']}]({self.site.page('glossary.md', anchor)})"
        return f"`{match['text']}`"


def so_far(path: Path, last: str) -> str:
    """A file from its beginning to the end of the lines that were added last."""
    source = path.read_text("utf-8")
    return source[: source.index(last) + len(last)]


def split_options(content: str) -> tuple[dict[str, str], str]:
    """The options at the head of a directive, and its body."""
    lines, options = content.splitlines(), {}
    while lines and (option := OPTION.fullmatch(lines[0].strip())):
        value = option["value"].strip()
        is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
        options[option["name"]] = value[1:-1] if is_quoted else value
        del lines[0]
    return options, "\n".join(lines).strip("\n")


def examples(block: str):
    """The sources of a doctest block, each up to the next printed value, and that value."""
    source = ""
    for example in doctest.DocTestParser().get_examples(block):
        if example.exc_msg:
            raise ValueError(f"an example that raises: catch the error and print it:\n{block}")
        source += example.source
        if example.want:
            yield source.rstrip(), example.want
            source = ""
    if source:
        yield source.rstrip(), ""


def output_of(source: str, want: str):
    """A printed value as a notebook keeps it: what ``print`` wrote, or what the last line is."""
    last = ast.parse(source).body[-1]
    call = last.value if isinstance(last, ast.Expr) else None
    prints = isinstance(call, ast.Call) and getattr(call.func, "id", "") == "print"
    text = want.replace("<BLANKLINE>", "")
    if call is None or prints:
        return nb.new_output("stream", name="stdout", text=text)
    return nb.new_output("execute_result", data={"text/plain": text.rstrip("\n")})


def write_notebook(path: Path, out: Path, site: Site) -> None:
    """Convert one chapter; the same chapter gives the same bytes."""
    import nbformat

    notebook = Converter(path, site).notebook()
    nbformat.validate(notebook)
    out.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    write_notebook(given.page.resolve(), given.out, Site.of_book())
