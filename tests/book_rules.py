"""The conventions of the book's pages as functions: from the text of a page to its problems.

A problem is one line, ``line: what is wrong: how to mend it``. Pages are read line by line, because
every rule has to say where; what is prose, what is code, and what is markup is decided in one
place, `Page`.
"""

import ast
import doctest
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

LEVELS = ("easy", "medium", "hard")
PROGRAM = "Our program so far"
SPINE = (
    *("What goes wrong", "What we measured", PROGRAM),
    *("Exercises", "Summary", "Further reading"),
)
WORDS = range(2500, 5501)
EXERCISES = range(4, 7)
MAX_INPUT_LINES = 20
MIN_ALT = 40
MEASURED = "What we measured"

# Which chapter introduces a name of the package. `load_record`, and what the page "How we measure"
# introduces, may be used everywhere.
INTRODUCED = {
    **dict.fromkeys(("round_clip", "project", "GroupAbsMean", "GROUP_SIZE"), 1),
    **dict.fromkeys(("TernaryLinear", "FullPrecision", "directional_error"), 2),
    **dict.fromkeys(("make_projection", "RowAbsMean", "TensorAbsMean", "ModelAbsMean"), 3),
    **dict.fromkeys(("TWN", "Binary", "TernaryProjection", "Groups"), 3),
    **dict.fromkeys(("Parameters", "ProjectionError"), 4),
    "AdamW": 5,
    **dict.fromkeys(("TernaryEmbedding", "Workspace"), 6),
    **dict.fromkeys(("RMSNorm", "CausalAttention", "SquaredReLU", "CrossEntropy", "IGNORE"), 7),
    **dict.fromkeys(("TernaryTransformer", "TransformerConfig"), 7),
    **dict.fromkeys(("clip_gradients", "learning_rate", "Trainer", "TrainingConfig"), 8),
    **dict.fromkeys(("DivergedError", "Team"), 8),
    **dict.fromkeys(("Text", "Uniform", "rounded", "n_bytes", "compare_at_bytes"), 9),
    **dict.fromkeys(("round_bfloat16", "round_even", "round_grid", "round_codes"), 10),
    **dict.fromkeys(("round_log", "Storage", "StoredAdamW"), 10),
    **dict.fromkeys(("quantize", "RoundedLinear", "RoundedAttention", "with_linears"), 11),
    **dict.fromkeys(("integer_sums", "integer_product", "IntegerLinear", "hadamard"), 11),
    **dict.fromkeys(("begin_from", "SoftCrossEntropy", "Distillation"), 12),
    **dict.fromkeys(("TernaryWeights", "load_weights", "inspect_model", "byte_tokens"), 14),
    **dict.fromkeys(("export_gguf", "export_huggingface", "export_mlx", "half_rotation"), 14),
    **dict.fromkeys(("read_gguf_header", "read_tensor"), 14),
    **dict.fromkeys(("CODECS", "encode", "decode", "pack_trits", "unpack_trits", "to_mlx"), 13),
    **dict.fromkeys(("save_packed", "load_packed", "account", "packed_matvec"), 13),
    **dict.fromkeys(("Copy", "DelayedCopy", "Induction", "check_run", "check_codes"), 15),
}
ANYWHERE = {"load_record", "compare", "noise_floor"}

GREEK = re.compile(
    r"(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho"
    r"|sigma|tau|upsilon|phi|chi|psi|omega)|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi"
    r"|Omega"
)

# --- Reading a page ---------------------------------------------------------------------------

# Directives whose body is text of the book; the body of every other one is code or data.
TEXT_DIRECTIVES = re.compile(
    r"admonition|figure|glossary|note|tip|hint|important|warning|caution|danger|seealso|sidebar"
    r"|topic|epigraph|dropdown"
)
FENCE = re.compile(r" *(?P<fence>`{3,}|~{3,}|:{3,})[ ]*(?P<info>[^`]*?)[ ]*")
DIRECTIVE = re.compile(r"\{(?P<name>[\w-]+)\}[ ]*(?P<argument>.*)")
OPTION = re.compile(r" *:(?P<name>[\w-]+):[ ]*(?P<value>.*)")
LABEL = re.compile(r"\((?P<label>[\w-]+)\)=[ ]*")
COMMENT = re.compile(r"<!--.*?-->", re.S)
INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n[ ]*\n).)+?(?<!`)\1(?!`)", re.S)
MATH = re.compile(
    r"\$\$.+?\$\$|\\begin\{(\w+\*?)\}.+?\\end\{\1\}|(?<!\\)\$(?:(?!\n[ ]*\n)[^$])+\$", re.S
)
ENTRY = re.compile(r"\((1[89]|20)\d\d[a-d]?\)\. \*[^*]+\*|\. \*[^*]+\*.* commit [0-9a-f]{7}")
LINK_TARGET = re.compile(r"(?<=\])\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)")
CITATION = re.compile(r"\]\(#(?P<key>[^)\s]+)\)")
HEADING = re.compile(r"(?P<level>#{1,6}) +(?P<title>.*?) *")


@dataclass
class Block:
    """A fenced block: its directive or language, options, and body.

    ``line`` is where it opens, ``first`` the line of the body's beginning.
    """

    line: int
    info: str
    fence: str
    options: dict[str, str] = field(default_factory=dict)
    body: list[str] = field(default_factory=list)
    first: int = 0
    closed: bool = False

    @property
    def directive(self) -> str:
        """Name of the directive; empty for a block of code."""
        match = DIRECTIVE.fullmatch(self.info)
        return match["name"] if match else ""

    @property
    def argument(self) -> str:
        """What follows the name of the directive."""
        match = DIRECTIVE.fullmatch(self.info)
        return match["argument"] if match else ""

    @property
    def language(self) -> str:
        """The language of the code, whether a fence or a directive names it."""
        if self.directive in ("code-block", "code", "sourcecode", "code-cell"):
            return self.argument
        return "" if self.directive else self.info

    @property
    def is_text(self) -> bool:
        """Whether the body is read as prose."""
        if self.directive:
            return TEXT_DIRECTIVES.fullmatch(self.directive) is not None
        return self.fence[0] == ":"

    @property
    def text(self) -> str:
        """The body, every line with its end."""
        return "".join(line + "\n" for line in self.body)

    @property
    def has_prompts(self) -> bool:
        """Whether doctest would run something in it."""
        return any(line.lstrip().startswith(">>>") for line in self.body)


class Page:
    """A page of the book, split into blocks and prose."""

    def __init__(self, text: str) -> None:
        self.text = COMMENT.sub(_blank, text)
        self.lines = self.text.splitlines()
        self.blocks: list[Block] = []
        self._prose = [""] * len(self.lines)
        self._read()

    @property
    def prose(self) -> str:
        """The page with everything that is not prose taken out; lines keep their numbers."""
        return "\n".join(self._prose)

    @cached_property
    def examples(self) -> list[Block]:
        """The blocks that doctest runs."""
        return [block for block in self.blocks if not block.is_text and block.has_prompts]

    @cached_property
    def headings(self) -> list[tuple[int, int, str]]:
        """Line, level, and title of every heading."""
        matches = ((n, HEADING.fullmatch(line)) for n, line in enumerate(self._prose, 1))
        return [(n, len(match["level"]), match["title"]) for n, match in matches if match]

    @property
    def labels(self) -> set[str]:
        """Everything on the page that ``](#...)`` can point to."""
        labels = {match["label"] for line in self.lines if (match := LABEL.fullmatch(line))}
        named = {block.options["name"] for block in self.blocks if "name" in block.options}
        return labels | named | {slug(title) for _, _, title in self.headings}

    def math(self) -> Iterator[tuple[int, str]]:
        """Line and text of every formula."""
        without_code = _without(self.prose, INLINE_CODE)
        for match in MATH.finditer(without_code):
            yield _line(without_code, match.start()), match[0]
        for block in self.blocks:
            if block.directive == "math":
                yield block.line, block.text

    def paragraphs(self) -> Iterator[tuple[int, str]]:
        """First line and text of every paragraph, item of a list, and alternative text."""
        start, lines = 0, list[str]()
        for number, line in enumerate([*self._prose, ""], 1):
            if lines and (not line.strip() or re.match(r" *([-*+]|\d+\.) ", line)):
                yield start, "\n".join(lines)
                lines = []
            if line.strip():
                start = start if lines else number
                lines.append(line)
        for block in self.blocks:
            if "alt" in block.options:
                yield block.line, block.options["alt"]

    def statements(self) -> Iterator[tuple[int, ast.stmt]]:
        """Line and syntax tree of every statement of the examples."""
        parser = doctest.DocTestParser()
        for block in self.examples:
            for example in parser.get_examples(block.text):
                try:
                    tree = ast.parse(example.source)
                except SyntaxError:
                    continue  # an example may show one
                for statement in tree.body:
                    yield block.first + example.lineno, statement

    def _read(self) -> None:
        open_blocks: list[Block] = []
        for number, line in enumerate(self.lines, 1):
            match = FENCE.fullmatch(line)
            top = open_blocks[-1] if open_blocks else None
            if top and match and not match["info"] and match["fence"].startswith(top.fence):
                top.closed = True
                open_blocks.pop()
            elif match and (top is None or top.is_text):
                block = Block(number, match["info"], match["fence"], first=number + 1)
                self.blocks.append(block)
                open_blocks.append(block)
            elif top and not top.body and top.directive and (option := OPTION.fullmatch(line)):
                top.options[option["name"]] = option["value"]
                top.first = number + 1
            else:
                if top:
                    top.body.append(line)
                if (top is None or top.is_text) and not LABEL.fullmatch(line):
                    self._prose[number - 1] = line


def slug(title: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    title = re.sub(r"[^\w\- ]", "", re.sub(r"[`$*]", "", title).strip().lower())
    return title.replace(" ", "-")


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _without(text: str, *patterns: re.Pattern[str]) -> str:
    for pattern in patterns:
        text = pattern.sub(_blank, text)
    return text


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


# --- Examples ---------------------------------------------------------------------------------


def python_without_prompts(text: str) -> list[str]:
    """Nothing tests a block of Python that has no prompts; a prompt belongs in a pycon block."""
    problems = []
    for block in Page(text).blocks:
        if block.is_text:
            continue
        if block.has_prompts and block.info != "pycon":
            problems.append(f"{block.line}: prompts in a block {block.info!r}: call it pycon")
        elif not block.has_prompts and block.language in ("python", "py", "python3", "pycon"):
            problems.append(
                f"{block.line}: nothing runs this {block.language} block: "
                "give it prompts, or show package code by literalinclude"
            )
        elif not block.info:
            problems.append(f"{block.line}: a block without a language: call it text or console")
    return problems


def no_blank_line_at_end(text: str) -> list[str]:
    """Stock doctest takes a closing fence for expected output, unless a blank line is before it."""
    return [
        f"{block.line}: the example has no blank line before its closing fence: add one"
        for block in Page(text).examples
        if block.body[-1].strip()
    ]


def forbidden_flags(text: str) -> list[str]:
    """NUMBER accepts a wrong trit, and SKIP accepts anything."""
    return [
        f"{number}: the flag {match[1]}: print something exact instead"
        for number, line in enumerate(text.splitlines(), 1)
        for match in re.finditer(r"doctest:.*?\+(NUMBER|SKIP|IGNORE_RESULT|FLOAT_CMP)\b", line)
    ]


def long_examples(text: str) -> list[str]:
    """A reader can hold about twenty lines."""
    problems = []
    for block in Page(text).examples:
        n = sum(re.match(r" *(>>>|\.\.\.)( |$)", line) is not None for line in block.body)
        if n > MAX_INPUT_LINES:
            problems.append(
                f"{block.line}: {n} lines of input: split the example, {MAX_INPUT_LINES} at most"
            )
    return problems


def numpy_scalars(text: str) -> list[str]:
    """NumPy 1 and 2 print a bare scalar differently."""
    return [
        f"{block.first + offset}: the example prints a bare NumPy scalar: "
        "print round(float(x), 3), int(x), or x.tolist()"
        for block in Page(text).examples
        for offset, line in enumerate(block.body)
        if not re.match(r" *(>>>|\.\.\.)", line)
        and re.search(r"\bnp\.(float|int|uint|bool|str|longlong)\w*\(", line)
    ]


def machine_paths(text: str) -> list[str]:
    """Nobody else has the folders of the machine where a page was written."""
    return [
        f"{number}: the path {match[0]}... of one machine: name a relative path"
        for number, line in enumerate(text.splitlines(), 1)
        for match in re.finditer(r"(?<![\w.])/(tmp|home|work|root|Users)\b", line)
    ]


def names_used(text: str) -> list[tuple[int, str]]:
    """Line and name of everything that the examples of a page take from the package."""
    used = []
    for line, statement in Page(text).statements():
        for node in ast.walk(statement):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ternary":
                used += [(line, alias.name) for alias in node.names]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used += [(line, node.attr)] if node.value.id == "ternary" else []
    return used


def names_ahead(text: str, chapter: int) -> list[str]:
    """A chapter uses what it or an earlier one has introduced."""
    return [
        f"{line}: {name} is not introduced before "
        + (f"chapter {INTRODUCED[name]}" if name in INTRODUCED else "the end of the book")
        + ": write its few lines here, or introduce it and say so in INTRODUCED"
        for line, name in names_used(text)
        if name not in ANYWHERE and INTRODUCED.get(name, 99) > chapter
    ]


def names_unmentioned(text: str, chapter: int) -> list[str]:
    """The chapter that introduces a name says in words what it is."""
    prose = Page(text).prose
    return [
        f"1: the text never mentions {name}, which this chapter introduces: say what it is"
        for name, introduced in INTRODUCED.items()
        if introduced == chapter and not re.search(rf"\b{name}\b", prose)
    ]


def prompts_outside_blocks(text: str) -> list[str]:
    """Doctest runs every prompt of a page, so every one is in a block that a reader can see."""
    problems = [
        f"{_line(text, match.start())}: prompts in a comment: show what runs"
        for match in COMMENT.finditer(text)
        if ">>> " in match[0]
    ]
    return problems + [
        f"{number}: a prompt in the text: put it into a pycon block"
        for number, line in enumerate(Page(text).prose.splitlines(), 1)
        if line.lstrip().startswith(">>> ")
    ]


# --- Figures ----------------------------------------------------------------------------------


def figures_without_words(text: str) -> list[str]:
    """Who cannot see a figure gets it in words, and whoever sees it is told what to look for."""
    problems = []
    page = Page(text)
    for block in page.blocks:
        if block.directive in ("figure", "image"):
            problems += _alt_problem(block.line, block.options.get("alt", ""))
        if block.directive == "figure" and not block.text.strip():
            problems.append(f"{block.line}: a figure without a caption: say what to see in it")
    without_code = _without(page.prose, INLINE_CODE)
    for match in re.finditer(r"!\[(?P<alt>[^\]]*)\]\(", without_code):
        problems += _alt_problem(_line(without_code, match.start()), match["alt"])
    return problems


def _alt_problem(line: int, alt: str) -> list[str]:
    if len(alt) >= MIN_ALT:
        return []
    return [
        f"{line}: the alternative text has {len(alt)} characters: "
        f"say in {MIN_ALT} or more what the picture shows, with its main numbers"
    ]


# --- Exercises --------------------------------------------------------------------------------

EXERCISE = re.compile(
    rf"Exercise (?P<number>\d+\.\d+) \((?P<level>{'|'.join(LEVELS)}), [1-9]\d* minutes\)"
)
SOLUTION = re.compile(r"Exercise (?P<number>\d+\.\d+)")


def exercise_form(text: str) -> list[str]:
    """Every exercise says how hard it is and how long it takes, and has a folded hint."""
    problems = []
    blocks = Page(text).blocks
    for position, block in enumerate(blocks):
        if not re.match(r"exercise\b", block.argument, re.I):
            continue
        if not EXERCISE.fullmatch(block.argument) or block.options.get("class") != "exercise":
            problems.append(
                f"{block.line}: an exercise of another form: write "
                "::::{admonition} Exercise 3.2 (medium, 20 minutes) and :class: exercise"
            )
        hints = [inner for inner in blocks[position + 1 :] if inner.argument == "Hint"]
        following = [inner for inner in blocks[position + 1 :] if _is_exercise(inner)]
        if not hints or (following and following[0].line < hints[0].line):
            problems.append(f"{block.line}: an exercise without a hint: add one, folded")
        elif hints[0].options != {"class": "hint", "collapsible": "closed"}:
            problems.append(
                f"{hints[0].line}: a hint of another form: add :class: hint, :collapsible: closed"
            )
    return problems


def exercise_set(text: str, chapter: int) -> list[str]:
    """A chapter has four to six exercises of all three levels, numbered from 1."""
    found = [m for b in Page(text).blocks if (m := EXERCISE.fullmatch(b.argument))]
    numbers, levels = [m["number"] for m in found], {m["level"] for m in found}
    problems = []
    if len(found) not in EXERCISES:
        problems.append(f"1: the chapter has {len(found)} exercises: write 4 to 6")
    if numbers != [f"{chapter}.{n}" for n in range(1, len(found) + 1)]:
        problems.append(f"1: exercises are numbered {numbers}: count from {chapter}.1")
    problems += [
        f"1: no exercise is {level}: write one" for level in LEVELS if found and level not in levels
    ]
    return problems


def unsolved_exercises(text: str, solutions: str) -> list[str]:
    """Every exercise has a worked solution."""
    solved = {number for _, number in _solutions(solutions)}
    return [
        f"{block.line}: exercise {match['number']} has no solution: "
        f"write one under the heading ## Exercise {match['number']}"
        for block in Page(text).blocks
        if (match := EXERCISE.fullmatch(block.argument)) and match["number"] not in solved
    ]


def solutions_of_nothing(solutions: str, text: str) -> list[str]:
    """Every solution belongs to an exercise of its chapter, and has no twin."""
    asked = [m["number"] for b in Page(text).blocks if (m := EXERCISE.fullmatch(b.argument))]
    problems, seen = [], set[str]()
    for line, number in _solutions(solutions):
        if number not in asked:
            problems.append(f"{line}: there is no exercise {number}: correct the number")
        if number in seen:
            problems.append(f"{line}: a second solution of {number}: merge them")
        seen.add(number)
    return problems


def _is_exercise(block: Block) -> bool:
    return re.match(r"exercise\b", block.argument, re.I) is not None


def _solutions(text: str) -> list[tuple[int, str]]:
    found = ((line, SOLUTION.fullmatch(title)) for line, level, title in Page(text).headings)
    return [(line, match["number"]) for line, match in found if match]


# --- Formulas, sources, and numbers -----------------------------------------------------------

# What is set upright is a word, not a symbol.
UPRIGHT = re.compile(
    r"\\(?:text|textrm|textbf|textit|texttt|operatorname|mathrm|mathtt|mathsf|label|tag|ref"
    r"|begin|end)\*?\s*\{[^{}]*\}"
)
VERSION = re.compile(
    r"\d+\.\d+\.\d+[\w.]*|\b(?:Python|NumPy|PyTorch|Transformers|OpenBLAS|Sphinx|pytest|Pyodide"
    r"|version|versions|CC BY|llama\.cpp|llama-cpp-python|gguf|mlx|MLX|mlx-lm) v?\d+(?:\.\d+)+"
)
IDENTIFIER = re.compile(r"\b(?:arXiv|doi):\s?\S+|https?://\S+", re.I)
PLACE = re.compile(
    r"\b(?:exercise|section|sec\.|chapter|figure|fig\.|table|equation|eq\.|solution|appendix"
    r"|algorithm|theorem|lemma|proposition|§)s?\s*\(?\d+\.\d+\)?"
    r"(?:(?:,| and| or| to|[-\N{EN DASH}])+\s*\(?\d+\.\d+\)?)*",
    re.I,
)
DECIMAL = re.compile(r"(?<![\w.])(?:\d[\d,]*)?\.\d+(?:e[-+]?\d+)?(?!\.?\d)(?!\s?(?:%|percent))")
PERCENT = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[\s\N{NARROW NO-BREAK SPACE}]?(?:%|per ?cent\b)")
# Words that put one arm above another, and the line by which a page shows it: `Comparison.show`.
ORDER = re.compile(r"\b(?:ahead|behind|better|worse|beats?)\b", re.I)
COMPARED = re.compile(r"\[\S+, \S+\], (?:no floor|floor \S+), \d+ seeds?: \w")
NUMBER = re.compile(r"(?<![A-Za-z_])(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")


def symbols_of(math: str) -> set[str]:
    r"""Single Latin letters, and Greek letters with their backslash, in a formula."""
    math = UPRIGHT.sub(" ", math)
    commands = set(re.findall(r"\\([A-Za-z]+)", math))
    letters = set(re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", math)))
    return letters | {"\\" + name for name in commands if GREEK.fullmatch(name)}


def notation_of(notation: str) -> set[str]:
    """The symbols in the first column of the table of notation."""
    cells = map(_symbol_cell, notation.splitlines())
    return set().union(*(symbols_of(math) for cell in cells for _, math in Page(cell).math()))


def repeated_symbols(notation: str) -> list[str]:
    """One symbol means one thing, so it has one row."""
    problems, seen = [], set[str]()
    for number, line in enumerate(notation.splitlines(), 1):
        for _, math in Page(_symbol_cell(line)).math():
            if math in seen:
                problems.append(f"{number}: a second row for {math}: merge them, or rename one")
            seen.add(math)
    return problems


def unknown_symbols(text: str, symbols: set[str]) -> list[str]:
    """Every symbol is explained in one place; one that is not is reported where it comes first."""
    first: dict[str, int] = {}
    for line, math in sorted(Page(text).math()):
        for symbol in sorted(symbols_of(math) - symbols):
            first.setdefault(symbol, line)
    return [
        f"{line}: the symbol {symbol} is not in the notation: "
        "use one that is, add a row to notation.md, or set a word with \\text{}"
        for symbol, line in first.items()
    ]


def unresolved_links(text: str, labels: set[str]) -> list[str]:
    """A citation or a reference to a heading leads somewhere."""
    page = Page(text)
    prose = _without(page.prose, INLINE_CODE)
    return [
        f"{_line(prose, match.start())}: nothing is labelled {match['key']}: "
        f"correct it, or write the entry ({match['key']})= in references.md"
        for match in CITATION.finditer(prose)
        if match["key"] not in labels | page.labels
    ]


def references_without_source(text: str) -> list[str]:
    """Every work can be found: by its arXiv number, its DOI, or an address; code by its commit."""
    problems = []
    for number, entry in _entries(text):
        if not re.search(r"\]\(https?://\S+\)", entry):
            problems.append(f"{number}: an entry without a link: add its arXiv id, DOI, or address")
        if not ENTRY.search(entry):
            problems.append(
                f"{number}: an entry of another form: write Authors (year). *Title.* Venue. "
                "or, for source code, Authors. *Name*, file at commit 0123abc."
            )
    return problems


def references_out_of_order(text: str) -> list[str]:
    """The list is sorted by its labels, and no label comes twice."""
    lines = enumerate(text.splitlines(), 1)
    labels = [(match["label"], n) for n, line in lines if (match := LABEL.fullmatch(line))]
    return [
        f"{number}: {label} comes after {before}: sort the entries"
        for (before, _), (label, number) in itertools.pairwise(labels)
        if label <= before
    ]


def unbacked_numbers(text: str, citations: set[str]) -> list[str]:
    """A measured number is printed by an example of the page, or its paragraph names the source.

    A percentage may round the share that an example prints. Chosen values are set as math.
    """
    page = Page(text)
    printed = printed_numbers(page.examples)
    problems = []
    for first, paragraph in page.paragraphs():
        if any(match["key"] in citations for match in CITATION.finditer(paragraph)):
            continue
        words = _without(
            paragraph, INLINE_CODE, MATH, LINK_TARGET, IDENTIFIER, VERSION, PLACE, EXERCISE
        )
        for match in DECIMAL.finditer(words):
            if Decimal(match[0].replace(",", "")) not in printed:
                problems.append((first + _line(words, match.start()) - 1, match[0]))
        for match in PERCENT.finditer(words):
            if not _is_share(Decimal(match[1]), printed):
                problems.append((first + _line(words, match.start()) - 1, match[0]))
    return [
        f"{line}: no example on this page prints {number}: "
        "print it, cite its source in the paragraph, or set a chosen value as math"
        for line, number in problems
    ]


def orders_without_comparison(text: str, citations: set[str]) -> list[str]:
    """Where results are told, who is ahead stands beside a comparison, or cites whose result it is.

    Beside: of the examples in its section, the last one before the paragraph or the first one after
    it prints the line of a comparison.
    """
    page = Page(text)
    begin, end = _section(page, MEASURED)
    examples = [block for block in page.examples if begin <= block.line < end]
    problems = []
    for first, paragraph in page.paragraphs():
        words = _without(paragraph, INLINE_CODE, MATH, LINK_TARGET)
        match = ORDER.search(words)
        if not (match and begin <= first < end):
            continue
        before = [block for block in examples if block.line < first][-1:]
        after = [block for block in examples if block.line > first][:1]
        compared = any(COMPARED.search(block.text) for block in before + after)
        cited = any(found["key"] in citations for found in CITATION.finditer(paragraph))
        if not (compared or cited):
            problems.append(
                f"{first + _line(words, match.start()) - 1}: {match[0]!r} without a comparison: "
                "print record.compare(...) in the example before it or after it, or cite its source"
            )
    return problems


def unexplained_measurements(text: str) -> list[str]:
    """Where results are told, a link leads to what they are worth."""
    page = Page(text)
    begin, end = _section(page, MEASURED)
    if begin == end or "](measuring.md" in "\n".join(page.prose.splitlines()[begin : end - 1]):
        return []
    return [f"{begin}: {MEASURED!r} has no link to measuring.md: add one below the heading"]


def _section(page: Page, title: str) -> tuple[int, int]:
    """First line of a section of the second level, and that after its last; equal if none is."""
    tops = [(line, name) for line, level, name in page.headings if level <= 2]
    last = len(page.lines) + 1
    begin = next((line for line, name in tops if name.startswith(title)), last)
    return begin, next((line for line, _ in tops if line > begin), last)


def printed_numbers(blocks: Iterable[Block]) -> set[Decimal]:
    """Every number in the examples."""
    return {Decimal(match[0]) for block in blocks for match in NUMBER.finditer(block.text)}


def _is_share(percent: Decimal, printed: set[Decimal]) -> bool:
    tolerance = Decimal(5).scaleb(int(percent.as_tuple().exponent) - 1)  # half a unit, last place
    return percent in printed or any(
        abs(100 * share - percent) <= tolerance
        for share in printed
        if int(share.as_tuple().exponent) < 0
    )


def _symbol_cell(row: str) -> str:
    return row.split("|")[1] if row.startswith("| $") else ""


def _entries(text: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if LABEL.fullmatch(line):
            rest = lines[number:]
            end = next((n for n, each in enumerate(rest) if not each.strip()), len(rest))
            yield number, " ".join(rest[:end])


# --- The whole of a chapter -------------------------------------------------------------------


def broken_spine(text: str) -> list[str]:
    """The last sections of a chapter are the same in all, in this order."""
    headings = [(line, title) for line, level, title in Page(text).headings if level == 2]
    problems, position = [], 0
    for wanted in SPINE:
        places = [n for n, (_, title) in enumerate(headings) if title.startswith(wanted)]
        later = [n for n in places if n >= position]
        if not places:
            problems.append(f"1: no section {wanted!r}: write it")
        elif not later:
            line = headings[places[0]][0]
            problems.append(f"{line}: {wanted!r} comes too early: keep the order {SPINE}")
        else:
            position = later[0] + 1
    return problems


def title_form(text: str) -> list[str]:
    """A page has one title, on its first line, without a number."""
    titles = [(line, title) for line, level, title in Page(text).headings if level == 1]
    problems = [f"{line}: a second title: make it a section" for line, _ in titles[1:]]
    if not titles or titles[0][0] != 1:
        problems.append("1: the page does not begin with its title: put # Title on the first line")
    elif re.match(r"(chapter )?\d+[.:]?\s", titles[0][1], re.I):
        problems.append("1: the title begins with a number: leave it to the contents")
    return problems


def count_words(text: str) -> int:
    """Words as a reader would count them."""
    return len(re.findall(r"\S*\w\S*", text))


def wrong_length(text: str) -> list[str]:
    """A chapter is read in one sitting; captions and the lines of our program are beside it."""
    page = Page(text)
    begin, end = _section(page, PROGRAM)
    lines = page.prose.splitlines()
    prose = "\n".join(lines[: begin - 1] + lines[end - 1 :])
    captions = "\n".join(block.text for block in page.blocks if block.directive == "figure")
    words = count_words(prose) - count_words(captions)
    if words in WORDS:
        return []
    return [f"1: the chapter has {words} words: {WORDS.start} to {WORDS.stop - 1} are right"]


def placeholders(text: str) -> list[str]:
    """What was left for later is done before it is read."""
    left = r"\b(TODO|FIXME|TBD|XXX|[A-Z][A-Z0-9]+-(?:TEXT|ALT|CAPTION|NUMBERS?|TABLE))\b"
    return [
        f"{number}: {match[0]} is left for later: write it now, or take it out"
        for number, line in enumerate(text.splitlines(), 1)
        for match in re.finditer(left, line)
    ]


def unclosed_blocks(text: str) -> list[str]:
    """An open fence swallows the rest of the page, or the block after it."""
    blocks = Page(text).blocks
    advice = "close it, and give an outer fence more characters than an inner one"
    unclosed = [
        f"{block.line}: the block {block.info!r} never closes: {advice}"
        for block in blocks
        if not block.closed
    ]
    return unclosed + [
        f"{block.first + n}: {line!r} is inside the block {block.info!r}: {advice}"
        for block in blocks
        if not block.is_text
        for n, line in enumerate(block.body)
        if re.match(re.escape(block.fence) + r"\S", line)
    ]


# Rules that need the text alone and hold for every page.
EVERY_PAGE: list[Callable[[str], list[str]]] = [
    python_without_prompts,
    prompts_outside_blocks,
    no_blank_line_at_end,
    forbidden_flags,
    long_examples,
    numpy_scalars,
    machine_paths,
    figures_without_words,
    exercise_form,
    unclosed_blocks,
    placeholders,
    title_form,
]
