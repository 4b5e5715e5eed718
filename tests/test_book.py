"""The pages of the book keep its conventions, and each convention is one that can be broken."""

import ast
import inspect
import json
import re
from pathlib import Path

import book_rules
import pytest
from book_rules import EVERY_PAGE, INTRODUCED, Page, notation_of

BOOK = Path(__file__).resolve().parent.parent / "book"
CHAPTERS = sorted(BOOK.glob("[0-9][0-9]-*.md"))
TAUGHT = CHAPTERS
SOLUTIONS = sorted((BOOK / "solutions").glob("*.md"))
PAGES = sorted(BOOK.glob("*.md")) + SOLUTIONS
WITH_NUMBERS = [path for path in PAGES if path.stem not in ("references", "notation")]


def name_of(path):
    return path.relative_to(BOOK).with_suffix("").as_posix()


def read(path):
    return path.read_text("utf-8") if path.exists() else ""


def number_of(path):
    return int(path.name[:2])


def for_each(paths):
    return pytest.mark.parametrize("path", paths, ids=name_of)


def require(path, problems):
    listed = "".join(f"\n{path.relative_to(BOOK.parent)}:{problem}" for problem in problems)
    assert not problems, listed


@pytest.fixture(scope="module")
def symbols():
    return notation_of(read(BOOK / "notation.md"))


@pytest.fixture(scope="module")
def citations():
    return set(re.findall(r"^\(([\w-]+)\)=", read(BOOK / "references.md"), re.M))


@pytest.fixture(scope="module")
def labels():
    """What a page can point to on other pages: only what is labelled, not headings."""
    explicit = (re.findall(r"^\(([\w-]+)\)=|^ *:name: *(\S+)", read(path), re.M) for path in PAGES)
    return {label for page in explicit for pair in page for label in pair if label}


# --- The pages keep the rules -----------------------------------------------------------------


@pytest.mark.parametrize("rule", EVERY_PAGE, ids=lambda rule: rule.__name__)
@for_each(PAGES)
def test_page_keeps(path, rule):
    require(path, rule(read(path)))


@for_each(PAGES)
def test_symbols_are_in_the_notation(path, symbols):
    require(path, book_rules.unknown_symbols(read(path), symbols))


@for_each(PAGES)
def test_citations_lead_to_an_entry(path, labels):
    require(path, book_rules.unresolved_links(read(path), labels))


@for_each(WITH_NUMBERS)
def test_numbers_are_printed_or_cited(path, citations):
    require(path, book_rules.unbacked_numbers(read(path), citations))


@for_each(CHAPTERS)
def test_an_order_stands_beside_a_comparison(path, citations):
    require(path, book_rules.orders_without_comparison(read(path), citations))


@for_each(CHAPTERS)
def test_measurements_lead_to_how_we_measure(path):
    require(path, book_rules.unexplained_measurements(read(path)))


@for_each(CHAPTERS + SOLUTIONS)
def test_examples_use_only_what_has_been_introduced(path):
    require(path, book_rules.names_ahead(read(path), number_of(path)))


@for_each(CHAPTERS)
def test_chapter_says_what_it_introduces(path):
    require(path, book_rules.names_unmentioned(read(path), number_of(path)))


@for_each(CHAPTERS)
def test_chapter_has_examples(path):
    assert Page(read(path)).examples, f"{path.name}: no example runs in this chapter"


@for_each(TAUGHT)
def test_chapter_has_its_spine(path):
    require(path, book_rules.broken_spine(read(path)))


@for_each(TAUGHT)
def test_chapter_has_the_right_length(path):
    require(path, book_rules.wrong_length(read(path)))


@for_each(TAUGHT)
def test_chapter_has_exercises_of_all_levels(path):
    require(path, book_rules.exercise_set(read(path), number_of(path)))


@for_each(TAUGHT)
def test_exercises_have_solutions(path):
    solutions = read(BOOK / "solutions" / path.name)
    require(path, book_rules.unsolved_exercises(read(path), solutions))


@for_each(SOLUTIONS)
def test_solutions_have_exercises(path):
    assert read(path).startswith(f"# Solutions to chapter {number_of(path)}\n")
    require(path, book_rules.solutions_of_nothing(read(path), read(BOOK / path.name)))


def test_notation_has_one_row_for_a_symbol():
    path = BOOK / "notation.md"
    require(path, book_rules.repeated_symbols(read(path)))


def test_references_can_be_found():
    path = BOOK / "references.md"
    require(path, book_rules.references_without_source(read(path)))
    require(path, book_rules.references_out_of_order(read(path)))


def contents():
    """What the front page lists: the page, and the title it is given, if any."""
    toctrees = [b for b in Page(read(BOOK / "index.md")).blocks if b.directive == "toctree"]
    for line in "\n".join(block.text for block in toctrees).split("\n"):
        match = re.fullmatch(r"(?:(.+) <)?([\w/-]+)>?", line)
        if match:
            yield match[2], match[1]


def test_contents_list_every_page_and_nothing_else():
    listed = [page for page, _ in contents()]
    assert sorted(listed) == sorted(name_of(path) for path in PAGES if path.stem != "index")
    assert [page for page in listed if re.match(r"\d", page)] == [name_of(p) for p in CHAPTERS]


def test_contents_number_the_chapters_and_give_their_titles():
    given = {page: title for page, title in contents() if title}
    titles = {path: Page(read(path)).headings[0][2] for path in CHAPTERS}
    assert given == {name_of(p): f"{number_of(p)}. {title}" for p, title in titles.items()}


@for_each(CHAPTERS)
def test_figures_are_drawn_by_scripts(path):
    """A figure is generated, from records or from a computation, and so it can be repeated."""
    for block in Page(read(path)).blocks:
        if block.directive in ("figure", "image"):
            script = BOOK / Path(block.argument).with_suffix(".py")
            assert script.exists(), f"{path.name}:{block.line}: no script {script.name} draws this"


def test_every_figure_script_is_shown():
    blocks = [block for path in PAGES for block in Page(read(path)).blocks]
    shown = {Path(block.argument).stem for block in blocks if block.directive == "figure"}
    scripts = {path.stem for path in (BOOK / "figures").glob("*.py")} - {"style", "draw"}
    assert scripts == shown


def test_kept_runs_are_those_of_the_examples():
    """What a figure shows of a run is what the chapter's example prints of it.

    Where this fails after a change of the chapter: ``python book/figures/NAME.py``.
    """
    figures = BOOK / "figures"
    chapter = read(BOOK / "08-training.md")
    for name, run in json.loads(read(figures / "sick_runs.json"))["runs"].items():
        first, flips = run["losses"][0], sum(run["flips"][:10]) / 10
        row = rf"^{name} +{first:.1f} .* {re.escape(f'{flips:.0e}')} "
        assert re.search(row, chapter, re.M), f"sick_runs.json: {name}"
    chapter = read(BOOK / "15-full-model.md")
    for damage, passed in json.loads(read(figures / "five_hundred_steps.json"))["verdicts"].items():
        verdicts = " ".join("pass" if each else "FAIL" for each in passed)
        row = rf"^{damage} +{verdicts} " if damage != "no damage" else "^PASS"
        assert re.search(row, chapter, re.M), f"five_hundred_steps.json: {damage}"


def test_introduced_names_exist():
    import ternary
    from ternary import (
        account,
        activations,
        checks,
        codecs,
        distill,
        export,
        lookup,
        memory,
        packed,
        projection,
        rotation,
        team,
    )
    from ternary.experiments import equal_bytes, uniform

    modules = (ternary, account, checks, codecs, export, lookup, packed, projection, team)
    modules += (activations, distill, equal_bytes, memory, rotation, uniform)
    for name in INTRODUCED:
        assert any(hasattr(module, name) for module in modules), name


# --- Every rule catches what it is for, and lets the rest through -----------------------------


def pycon(*lines, blank=True):
    return "\n".join(["```pycon", *lines, *([""] if blank else []), "```", ""])


def exercise(title="Exercise 3.1 (easy, 5 minutes)", hint=True, closed="closed"):
    folded = f":::{{admonition}} Hint\n:class: hint\n:collapsible: {closed}\n\nThink.\n:::\n"
    return (
        f"::::{{admonition}} {title}\n:class: exercise\n\nProve it.\n\n"
        + (folded if hint else "")
        + "::::\n\n"
    )


def exercises(*levels, chapter=3):
    return "".join(
        exercise(f"Exercise {chapter}.{n} ({level}, 9 minutes)")
        for n, level in enumerate(levels, 1)
    )


FIGURE = "```{figure} figures/x.svg\n:alt: %s\n\n%s\n```\n"
ALT = "Loss against steps: the ternary model ends a little above its twin."
ENTRY = (
    "(%s)=\nBengio, Y. (2013). *Estimating.* [arXiv:1308.3432](https://arxiv.org/abs/1308.3432)\n\n"
)
MEASURING = "## What we measured\n\n"
COMPARISON = pycon(
    ">>> print(record.compare('bpb', a, b))",
    "-0.034 [-0.051, -0.017], floor 0.011, 5 seeds: lower",
)
CODE_WORDS = "```text\n" + "word " * 3001 + "\n```"
SECTIONS = [f"## {title}\n\nText.\n" for title in book_rules.SPINE]

# Rule: arguments after the page, pages that it lets through, pages that it catches.
EXAMPLES = {
    "python_without_prompts": (
        [],
        [
            pycon(">>> 1", "1"),
            "```console\nls\n```",
            "```{literalinclude} ../ternary/x.py\n:language: python\n```",
            ":::{admonition} Exercise\nText.\n:::",
            "Write `>>>` and ```` ```pycon ````.",
        ],
        [
            "```python\nx = 1\n```",
            "```py\nx = 1\n```",
            "```pycon\nx = 1\n```",
            "```python\n>>> 1\n1\n\n```",
            "```\n>>> 1\n1\n\n```",
            "```text\n>>> 1\n1\n\n```",
            "```\nx\n```",
            "```{code-block} python\nx = 1\n```",
            ":::{admonition} Note\n```python\nx = 1\n```\n:::",
            "````{note}\n```python\nx = 1\n```\n````",
        ],
    ),
    "prompts_outside_blocks": (
        [],
        [pycon(">>> 1", "1"), "<!-- a note -->", "Type `>>> 1` at the prompt, or > quote."],
        [">>> 1\n1\n\n", "Text.\n\n    >>> 1\n    1\n\n", "<!--\n>>> import numpy\n\n-->"],
    ),
    "no_blank_line_at_end": (
        [],
        [pycon(">>> 1", "1"), "```console\nls\n```"],
        [pycon(">>> 1", "1", blank=False), "::::{note}\n" + pycon(">>> 1", blank=False) + "::::"],
    ),
    "forbidden_flags": (
        [],
        [pycon(">>> f()  # doctest: +ELLIPSIS", "..."), "Never use the NUMBER flag."],
        [
            pycon(">>> 1.5  # doctest: +NUMBER", "1."),
            pycon(">>> f()  # doctest: +SKIP"),
            pycon(">>> 1.5  # doctest: +ELLIPSIS, +NUMBER", "1."),
        ],
    ),
    "long_examples": (
        [],
        [pycon(*[">>> x = 1"] * 20, *["1"] * 30)],
        [pycon(*[">>> x = 1"] * 21), pycon(">>> if x:", *["...     y"] * 20)],
    ),
    "numpy_scalars": (
        [],
        [pycon(">>> float(np.float64(1))", "1.0"), "NumPy 2 prints `np.float64(0.3)`."],
        [pycon(">>> x", "np.float64(1.0)"), pycon(">>> x", "(np.int8(1), 2)")],
    ),
    "machine_paths": (
        [],
        ["See https://example.org/work/x and a/tmp/b."],
        ["In /tmp/x.", pycon(">>> open('/home/me/x')"), "`/home/me/book`"],
    ),
    "names_ahead": (
        [2],
        [
            pycon(">>> from ternary import project, TernaryLinear"),
            pycon(">>> from ternary.experiments import load_record"),
            pycon(">>> import ternary", ">>> ternary.project(1)"),
            "```text\nfrom ternary import AdamW\n```",
        ],
        [
            pycon(">>> from ternary import TWN"),
            pycon(">>> from ternary.layers import RMSNorm"),
            pycon(">>> import ternary", ">>> ternary.AdamW(1)"),
            pycon(">>> def f():", "...     from ternary import TWN"),
        ],
    ),
    "names_unmentioned": (
        [5],
        ["We wrote `AdamW` in one class.", "AdamW is Adam with decoupled decay."],
        ["No word of it.", "Adam and W.", pycon(">>> from ternary import AdamW")],
    ),
    "figures_without_words": (
        [],
        [
            FIGURE % (ALT, "What to see."),
            f":::{{figure}} x.svg\n:width: 100%\n:alt: {ALT}\n\nWhat to see.\n:::",
            f"![{ALT}](x.png)",
            "Write `![alt](x.png)`.",
        ],
        [
            FIGURE % ("Loss.", "What to see."),
            FIGURE % (ALT, ""),
            "```{figure} x.svg\nWhat to see.\n```",
            "```{image} x.svg\n```",
            "![](x.png)",
            "![loss](x.png)",
        ],
    ),
    "exercise_form": (
        [],
        [exercise(), exercise() * 2, ":::{admonition} Note\nText.\n:::"],
        [
            exercise("Exercise 3.1"),
            exercise("Exercise 3.1 (tricky, 5 minutes)"),
            exercise("Exercise 3.1 (easy, 5 min)"),
            exercise(hint=False),
            exercise(hint=False) + exercise("Exercise 3.2 (easy, 5 minutes)"),
            exercise(closed="open"),
            exercise().replace(":class: exercise\n", ""),
        ],
    ),
    "exercise_set": (
        [3],
        [exercises("easy", "medium", "hard", "easy")],
        [
            "",
            exercises("easy", "medium", "hard"),
            exercises(*["easy", "medium", "hard"] * 3),
            exercises("easy", "medium", "easy", "easy"),
            exercises("easy", "medium", "hard", "easy", chapter=4),
            exercises("easy", "medium", "hard", "easy").replace("3.2", "3.3"),
        ],
    ),
    "unsolved_exercises": (
        ["# Solutions\n\n## Exercise 3.1\n\nSo.\n"],
        [exercise(), "No exercise."],
        [exercise("Exercise 3.2 (easy, 5 minutes)"), exercise("Exercise 3.11 (easy, 5 minutes)")],
    ),
    "solutions_of_nothing": (
        [exercise()],
        ["# Solutions\n\n## Exercise 3.1\n\nSo.\n"],
        ["## Exercise 3.2\n\nSo.\n", "## Exercise 3.1\n\nSo.\n\n## Exercise 3.1\n\nAnd so.\n"],
    ),
    "unknown_symbols": (
        [notation_of("| symbol |\n|---|\n| $w$ | `w` |\n| $\\eta$, $s$ | |\n| `x` | $z$ |\n")],
        [
            "$w - \\eta s$ and `$q$` and \\$5 to \\$6",
            "$\\text{if } w$, $\\operatorname{sign}(w)$, $s_\\mathrm{max}$, $\\log_2 w$",
            "$$\n\\hat w = \\frac{s}{2}\n$$",
            "```console\n$ x=1; echo $x\n```",
            "```{math}\ns\n```",
        ],
        [
            "$q$",
            "Text.\n\n$$\nw =\nq\n$$",
            "$\\lambda$",
            "$\\mathbf{q}$",
            "$z$",
            "```{math}\nq\n```",
            "\\begin{align}\nq\n\\end{align}",
            "$if w$",
        ],
    ),
    "repeated_symbols": (
        [],
        ["| symbol |\n|---|\n| $w$ | $w$ |\n| $\\hat w$, $s$ |\n"],
        ["| $w$ | a |\n| $s$, $w$ | b |\n", "| $s$ | a |\n| $s$ | b |\n"],
    ),
    "unresolved_links": (
        [{"bengio2013"}],
        [
            "[Bengio et al., 2013](#bengio2013)",
            "# A title: `x`\n\n[above](#a-title-x)",
            "(here)=\nText, [there](#here).",
            "`[x](#nothing)`",
            "[chapter](04-x.md)",
        ],
        ["[Bengio et al., 2031](#bengio2031)", "[](#nothing)"],
    ),
    "references_without_source": (
        [],
        [ENTRY % "bengio2013", "(x)=\nPyTorch. *ao*, code at commit 0e8f898. [x](https://x.org)\n"],
        [
            "(x)=\nPyTorch. *ao*, source code. [x](https://x.org)\n",
            "(bengio2013)=\nBengio, Y. (2013). *Estimating.* arXiv.\n",
            "(bengio2013)=\nBengio, Y. *Estimating.* [arXiv](https://arxiv.org/abs/1308.3432)\n",
        ],
    ),
    "references_out_of_order": (
        [],
        [ENTRY % "bengio2013" + ENTRY % "yin2019"],
        [ENTRY % "yin2019" + ENTRY % "bengio2013", ENTRY % "yin2019" + ENTRY % "yin2019"],
    ),
    "unbacked_numbers": (
        [{"bengio2013"}],
        [
            pycon(">>> x", "1.585") + "A trit has 1.585 bits.",
            pycon(">>> x", "1.50") + "It is 1.5.",
            "They report 1.585 [Bengio et al., 2013](#bengio2013).",
            "It is $1.585$ and `1.585` in Python 3.11 with NumPy 2.4.6, BitNet b1.58.",
            "In exercise 3.2, section 4.1 and figures 1.2, 1.3 and 1.4: 5 of 16.",
            pycon(">>> x", "0.3101") + "So 31 % are zero, or 31.0 %, or 31 percent.",
            "[arXiv:2504.12285](https://arxiv.org/abs/2504.12285)",
            "```text\n1.585\n```",
            exercise("Exercise 3.2 (easy, 5 minutes)"),
        ],
        [
            "A trit has 1.585 bits.",
            pycon(">>> x", "1.585") + "A trit has 1.59 bits.",
            "It is half: .5 of all.",
            "They report 1.585.\n\nSee [Bengio et al., 2013](#bengio2013).",
            "- They report 1.585.\n- See [Bengio et al., 2013](#bengio2013).",
            "See 1.585 [above](#heading).",
            pycon(">>> x", "0.3101") + "So 32 % are zero.",
            pycon(">>> x", "0.3101") + "So 31.4 % are zero.",
            "```text\n1.585\n```\n\nIt is 1.585.",
            FIGURE % (ALT, "It ends at 1.95."),
            FIGURE % (ALT + " It ends at 1.95.", "What to see."),
            "| loss |\n|---|\n| 1.95 |",
            "::::{admonition} Exercise\n:class: exercise\n\nShow that it is 1.95.\n::::",
        ],
    ),
    "orders_without_comparison": (
        [{"bengio2013"}],
        [
            MEASURING + "It is ahead.\n\n" + COMPARISON,
            MEASURING + COMPARISON + "It is ahead.\n\nAnd never worse.\n",
            MEASURING + "### One\n\n" + COMPARISON + "It is ahead.\n\n" + pycon(">>> 1", "1"),
            MEASURING + "They were ahead ([Bengio et al., 2013](#bengio2013)).\n",
            MEASURING + "It goes up, and `better` is a name.\n",
            MEASURING + "Nothing.\n\n## Summary\n\nIt is ahead.\n",
            "It is ahead.\n\n" + MEASURING + "Nothing.\n",
        ],
        [
            MEASURING + "It is ahead.\n",
            MEASURING + "Better: it ends at 2.\n",
            MEASURING + pycon(">>> 1.95", "1.95") + "It is worse.\n",
            MEASURING + COMPARISON + pycon(">>> 1", "1") + "It is behind.\n",
            COMPARISON + MEASURING + "It is ahead.\n",
            MEASURING + "It is ahead.\n\n## Summary\n\n" + COMPARISON,
            MEASURING + "See [above](#x): it beats them.\n",
            MEASURING + FIGURE % (ALT + " It is ahead.", "What to see."),
        ],
    ),
    "unexplained_measurements": (
        [],
        [MEASURING + "See [how](measuring.md).\n", "## Summary\n\nNothing was measured.\n"],
        [
            MEASURING + "Nothing.\n",
            MEASURING + "It is.\n\n## Summary\n\nSee [how](measuring.md).\n",
            "See [how](measuring.md).\n\n" + MEASURING + "It is.\n",
            MEASURING + "```text\n[how](measuring.md)\n```\n",
        ],
    ),
    "broken_spine": (
        [],
        [
            "".join(SECTIONS),
            "## First\n\n" + "".join(SECTIONS).replace("wrong", "wrong: a stale scale"),
        ],
        [
            "".join(SECTIONS[:-1]),
            "".join(SECTIONS[1:]),
            "".join([SECTIONS[1], SECTIONS[0], *SECTIONS[2:]]),
            "".join(SECTIONS).replace("## Summary", "### Summary"),
        ],
    ),
    "title_form": (
        [],
        ["# Three Values\n\nText.\n\n## 31 % are zero\n"],
        ["Text.\n", "\n# Title\n", "# 3. Group scales\n", "# Chapter 3: Scales\n", "# A\n\n# B\n"],
    ),
    "wrong_length": (
        [],
        [
            "word " * 2500,
            "word " * 5500,
            "word " * 2500 + "\n\n```text\n" + "word " * 9000 + "\n```",
        ],
        ["word " * 2499, "word " * 5501, "```text\n" + "word " * 3000 + "\n```"],
    ),
    "placeholders": (
        [],
        ["The AVX-512 kernel, XNOR-Net, and a to-do list."],
        ["TODO numbers", "```{figure} x.svg\n:alt: RULES-ALT\n```", "See the table (TBD)."],
    ),
    "unclosed_blocks": (
        [],
        [exercise(), pycon(">>> 1", "1"), "````{note}\n```text\nx\n```\n````", "```` ``` ````"],
        [
            "```pycon\n>>> 1\n1\n",
            "::::{note}\nText.\n:::\n",
            "````text\n```\n",
            "```pycon\n>>> 1\n1\n\nText.\n\n```pycon\n>>> 2\n2\n\n```\n",
        ],
    ),
}


def cases(which):
    return [
        pytest.param(rule, arguments, page, id=f"{rule}-{n}")
        for rule, (arguments, *pages) in EXAMPLES.items()
        for n, page in enumerate(pages[which])
    ]


@pytest.mark.parametrize(("rule", "arguments", "page"), cases(0))
def test_rule_lets_through(rule, arguments, page):
    assert getattr(book_rules, rule)(page, *arguments) == []


@pytest.mark.parametrize(("rule", "arguments", "page"), cases(1))
def test_rule_catches(rule, arguments, page):
    problems = getattr(book_rules, rule)(page, *arguments)
    assert problems
    for problem in problems:
        assert re.fullmatch(r"\d+: .+: .+", problem), "line: what is wrong: how to mend it"


def test_every_rule_has_its_examples():
    returns_problems = {
        name
        for name, rule in inspect.getmembers(book_rules, inspect.isfunction)
        if not name.startswith("_") and rule.__annotations__.get("return") == list[str]
    }
    assert returns_problems == set(EXAMPLES)


def test_every_rule_is_applied_to_the_book():
    tree = ast.parse(Path(__file__).read_text("utf-8"))
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    applied = called | {rule.__name__ for rule in EVERY_PAGE}
    assert applied >= set(EXAMPLES)


@pytest.mark.parametrize(
    ("rule", "arguments", "line"),
    [
        ("python_without_prompts", [], 8),
        ("unknown_symbols", [set()], 6),
        ("unbacked_numbers", [set()], 4),
        ("unresolved_links", [set()], 6),
    ],
)
def test_rules_name_the_line(rule, arguments, line):
    page = "# Title\n\nText\nand 1.95\n\n[x](#y) and $q$\n\n```python\nx\n```\n"
    (problem,) = getattr(book_rules, rule)(page, *arguments)
    assert problem.startswith(f"{line}: ")
