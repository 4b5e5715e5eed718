"""Turn a chapter into a deck of slides, as Markdown for sphinx-revealjs, for `build_slides.py`.

Nothing in a chapter is marked for it. What it shows, it finds by what the text already is:

- *key sentences*: the first sentence of a section, every sentence that the text itself emphasises,
  and the words in bold with which a paragraph begins, with the sentence behind them;
- displayed formulas, figures with the first sentences of their captions, and tables, six rows each;
- of the examples of a section, or of a paragraph that begins in bold, the first that prints
  something and fits, with the sentence behind it, which is what it shows;
- of our program, the signatures, because students write the bodies;
- from the introduction the sentences that say what the reader will be able to do; the exercises by
  title; and the summary, whole.

The notes of a slide are the paragraphs that it was taken from.
"""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from to_notebook import CODE, DIRECTIVE, LINK, MARKDOWN, ROLE, split_options

LONGEST = 105  # words of running text on a slide
COLUMNS, LINES = 112, 24  # of an example, in the smallest type
TYPES = (("large", 30, 76), ("medium", 25.5, 92), ("small", 21, 112))  # height, columns
HEIGHT = 530  # what is left of 720 below a heading of two lines
ROWS, CHARACTERS, POINTS = 6, 850, 5  # of a table; of a list
LONG_FORMULA = 120
SKIPPED = ("Further reading", "Exercises", "Summary", "Our program so far")
MATH = re.compile(r"(?<![\\$])\$(?!\$)(?:\\\$|[^$])+\$")
EMPHASIS = re.compile(r"(?<![\w*])(\*{1,2})(?=\S)([^*]{20,}?)(?<=\S)\1(?![\w*])")
BOLD_START = re.compile(r"\*\*([^*]+?)[.:]?\*\*[.:]? +(.*)", re.S)
NO_END = re.compile(r"(?:\bet al|\be\.g|\bi\.e|\bcf|\bno|\bp|\bpp|\bvol|\bsec)\.$")


@dataclass
class Slide:
    """One slide: its title, its Markdown, and what the speaker reads."""

    title: str
    body: list[str]
    notes: list[str] = field(default_factory=list)
    kind: str = "text"


@dataclass
class Part:
    """A block of a chapter: a paragraph, an item of a list, a formula, example, figure or table."""

    kind: str
    text: str
    options: dict[str, str] = field(default_factory=dict)
    argument: str = ""


# --- Reading a chapter ----------------------------------------------------------------------------


def plain(markdown: str) -> str:
    """Markdown without links and roles, which lead nowhere from a slide."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    text = MATH.sub(hide, CODE.sub(hide, ROLE.sub(r"\g<text>", markdown)))
    text = re.sub(r"\{([\w:]+)\}\0", "\0", LINK.sub(r"\g<text>", text))
    text = re.sub(r"\s+", " ", re.sub(r" *\((?:\[[^\]]*\](?:, )?)+\)", "", text)).strip()
    return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], text)


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph of plain Markdown."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    hidden = MATH.sub(hide, CODE.sub(hide, paragraph))
    found, start = [], 0
    for match in re.finditer(r"[.!?][\"”)*]*(?= +[\"“(*]*[A-Z\0$])", hidden):
        piece = hidden[start : match.end()]
        inside = piece.count("(") > piece.count(")") or piece.count("*") % 2
        if not NO_END.search(piece) and not inside:
            found.append(piece.strip())
            start = match.end()
    found.append(hidden[start:].strip())
    shown = (re.sub(r"\0(\d+)\0", lambda m: kept[int(m[1])], piece) for piece in found if piece)
    return list(shown)


def parts(text: str) -> Iterator[Part]:
    """The blocks of a piece of a chapter, in order."""
    lines = text.splitlines()
    for token in MARKDOWN.parse(text):
        source = "\n".join(lines[slice(*token.map)]) if token.map else ""
        if token.type == "paragraph_open" and token.level in (0, 2):
            if source.lstrip().startswith("|"):
                yield Part("table", source)
            else:
                yield Part("text" if token.level == 0 else "item", plain(source))
        elif token.type == "heading_open":
            yield Part("heading", plain(source.lstrip("# ")))
        elif token.type == "math_block":
            yield Part("formula", token.content.strip())
        elif token.type in ("fence", "colon_fence"):
            directive = DIRECTIVE.fullmatch(token.info.strip())
            if directive:
                options, body = split_options(token.content)
                yield Part(directive["name"], body, options, directive["argument"])
            elif token.info.strip() == "pycon":
                yield Part("example", token.content.rstrip("\n"))


def sections(text: str) -> tuple[str, dict[str, str]]:
    """What stands before the first section of a chapter, and the sections by title."""
    outside, pieces, fence = [], {}, ""
    current = outside
    for line in text.splitlines():
        mark = re.match(r" *(`{3,}|:{3,})", line)
        if mark and (not fence or line.strip() == fence):
            fence = "" if fence else mark[1]
        if not fence and line.startswith("## "):
            current = pieces.setdefault(line[3:].strip(), [])
        else:
            current.append(line)
    return "\n".join(outside), {title: "\n".join(body) for title, body in pieces.items()}


# --- Slides of one kind ---------------------------------------------------------------------------


def words(texts: Iterable[str]) -> int:
    return sum(len(text.split()) for text in texts)


def listed(title: str, points: list[tuple[str, str]], kind: str = "points") -> list[Slide]:
    """Slides of a list of points, each with the paragraph it comes from, as many as are needed."""
    slides: list[Slide] = []
    for point, note in points:
        last = slides[-1] if slides else None
        most = 6 if kind == "exercises" else POINTS
        if last is None or len(last.body) >= most or words([*last.body, point]) > LONGEST:
            last = Slide(title, [], [], kind)
            slides.append(last)
        last.body.append(point)
        if note not in last.notes:
            last.notes.append(note)
    return slides


def fits(example: str) -> bool:
    lines = example.splitlines()
    return len(lines) <= LINES and max(map(len, lines)) <= COLUMNS


def prints(example: str) -> bool:
    return any(each.want for each in doctest.DocTestParser().get_examples(example + "\n"))


def arranged(code: str, asks: str, finds: str) -> tuple[str, list[str]]:
    """The largest type in which an example fits beside as much of the text around it as may be."""
    lines = code.splitlines()
    columns = max(map(len, lines), default=0)
    for around in ((asks, finds), ("", finds), ("", "")):
        texts = sum(10 + 33 * -(-len(text) // 88) for text in around if text)
        for size, height, most in TYPES:
            if columns <= most and 24 + height * len(lines) + texts <= HEIGHT:
                return size, list(around)
    return "small", ["", ""]


def fenced(language: str, code: str) -> str:
    return f"```{language}\n{code}\n```"


def example_slide(title: str, part: Part, before: str, after: str) -> Slide:
    """An example with what it asks above it and what it shows below it, as far as there is room."""
    asks = sentences(before)[-1] if before else ""
    finds = sentences(after)[0] if after and not BOLD_START.match(after) else ""
    size, (asks, finds) = arranged(part.text, asks, finds)
    body = [text for text in (asks, fenced("pycon", part.text), finds) if text]
    return Slide(title, body, [before, after], f"example {size}")


def formula_slide(title: str, part: Part, before: str, after: str) -> Slide:
    """A displayed formula below the words that lead to it; a long one in its parts."""
    pieces = re.split(r"\\q?quad", part.text) if len(part.text) > LONG_FORMULA else [part.text]
    shown: list[str] = []
    for piece in pieces:  # an arrow between two formulas belongs to the second
        arrow = shown and re.fullmatch(r"\s*\\Longrightarrow\s*", shown[-1])
        shown = [*shown[:-1], shown[-1] + piece] if arrow else [*shown, piece]
    lead = sentences(before)[-1] if before else ""
    body = [lead] if 0 < words([lead]) <= 45 else []
    return Slide(
        title, body + [f"$$\n{each.strip()}\n$$" for each in shown], [before, after], "formula"
    )


def figure_slide(title: str, part: Part) -> Slide:
    caption = plain(part.text)
    first = [sentence for sentence in sentences(caption) if "Repeat with" not in sentence]
    shown = first[0] if words(first[:1]) > 14 else " ".join(first[:2])
    alt = re.sub(r"\s+", " ", part.options.get("alt", ""))
    fence = f"```{{image}} {part.argument}\n:alt: {alt}\n```"
    return Slide(title, [fence, shown], [caption, alt], "figure")


def table_slides(title: str, part: Part, before: str) -> list[Slide]:
    head, rule, *rows = [plain_row(line) for line in part.text.splitlines()]
    pieces: list[list[str]] = [[]]
    for row in rows:
        if len(pieces[-1]) == ROWS or sum(map(len, [*pieces[-1], row])) > CHARACTERS:
            pieces.append([])
        pieces[-1].append(row)
    return [Slide(title, ["\n".join([head, rule, *piece])], [before], "table") for piece in pieces]


def plain_row(row: str) -> str:
    return LINK.sub(r"\g<text>", ROLE.sub(r"\g<text>", row))


def program_slides(path: Path, section: str) -> list[Slide]:
    """Signatures and first lines of what the reader writes in this chapter."""
    found: list[tuple[str, str]] = []
    first = next((part.text for part in parts(section) if part.kind == "text"), "")
    for part in parts(section):
        if part.kind == "literalinclude" and part.argument.startswith("program/"):
            source = (path.parent / part.argument).read_text("utf-8")
            found += [
                (signature(node), part.argument)
                for node in ast.parse(cut(source, part.options)).body
                if isinstance(node, ast.FunctionDef)
            ]
    slides = []
    for i in range(0, len(found), 5):
        code = "\n\n".join(text for text, _ in found[i : i + 5])
        size, _ = arranged(code, "", "")
        slides.append(Slide("Our program", [fenced("python", code)], [first], f"program {size}"))
    return slides


def signature(node: ast.FunctionDef) -> str:
    """What a student is given: the name, the arguments, what it returns; the body is theirs."""
    says = ast.get_docstring(node)
    line = f"def {node.name}({ast.unparse(node.args)}):"
    return f'{line}\n    """{says.splitlines()[0]}"""' if says else line


def cut(source: str, options: dict[str, str]) -> str:
    """The lines that a literalinclude shows, by its two options that the chapters use."""
    start = source.index(options["start-at"]) if "start-at" in options else 0
    end = source.find(options["end-before"], start + 1) if "end-before" in options else len(source)
    return source[start:end]


# --- A deck ---------------------------------------------------------------------------------------


def key_sentences(paragraph: str, is_first: bool) -> list[str]:
    """What goes on a slide: where a section begins, its beginning; and what is stressed."""
    whole = sentences(paragraph)
    if re.fullmatch(r"\*.*how we measure.*\*", paragraph, re.S | re.I):
        return []
    stressed = [
        sentence
        for sentence in whole
        if any(len(m[2].split()) >= 5 for m in EMPHASIS.finditer(sentence))
    ]
    opening = " ".join(whole[: 1 if words(whole[:1]) > 12 else 2])
    if not is_first:
        return stressed
    return [opening, *(sentence for sentence in stressed if sentence not in opening)]


def section_slides(title: str, text: str) -> list[Slide]:
    """The slides of one section: key sentences first, then what it shows."""
    points: list[tuple[str, str]] = []
    shown: list[Slide] = []
    content, has_example, is_first, before, topic = list(parts(text)), False, True, "", title
    for i, part in enumerate(content):
        after = next((p.text for p in content[i + 1 :] if p.kind == "text"), "")
        if part.kind == "heading":
            topic, has_example = part.text, False
        elif part.kind == "text":
            bold = BOLD_START.match(part.text)
            if bold:
                topic, has_example = bold[1], False
                points.append((f"**{bold[1]}.** {sentences(bold[2])[0]}", part.text))
            else:
                keys = key_sentences(part.text, is_first)
                points += [(key, part.text) for key in keys]
                is_first = is_first and not keys
            before = part.text
        elif part.kind == "example" and not has_example and prints(part.text) and fits(part.text):
            shown.append(example_slide(topic, part, before, after))
            has_example = True
        elif part.kind == "formula":
            shown.append(formula_slide(topic, part, before, after))
        elif part.kind == "figure":
            shown.append(figure_slide(topic, part))
        elif part.kind == "table":
            shown += table_slides(topic, part, before)
    return [*listed(title, points), *shown]


def summary_points(section: str) -> list[tuple[str, str]]:
    """A summary's items, or its sentences where it is written in paragraphs."""
    content = list(parts(section))
    items = [(part.text, part.text) for part in content if part.kind == "item"]
    texts = [part.text for part in content if part.kind == "text"]
    return items or [(sentence, text) for text in texts for sentence in sentences(text)]


def exercise_points(section: str) -> list[tuple[str, str]]:
    titles = []
    for part in parts(section):
        if part.kind == "admonition" and part.options.get("class") == "exercise":
            texts = [p.text for p in parts(part.text) if p.kind == "text"]
            titles.append((part.argument, f"{part.argument}: {texts[0]}"))
    return titles


def make_deck(path: Path) -> list[Slide]:
    """All slides of a chapter; the first is its title."""
    number = int(re.match(r"\d+", path.name)[0])
    text = path.read_text("utf-8")
    title, rest = re.fullmatch(r"# (.+?)\n(.*)", text, re.S).groups()
    opening, pieces = sections(rest)
    intro = [part.text for part in parts(opening) if part.kind == "text"]
    able = next((p for p in intro if re.search(r"\b(you can|able to|You will)\b", p)), intro[-1])
    deck = [Slide(title, [f"Chapter {number}", sentences(intro[0])[0]], intro, "title")]
    aims = [(aim, able) for sentence in sentences(able) for aim in sentence.split("; ")]
    deck += listed("What you will be able to do", aims)
    for name, section in pieces.items():
        if name not in SKIPPED:
            deck += section_slides(plain(name), section)
    deck += program_slides(path, pieces.get("Our program so far", ""))
    deck += listed("Exercises", exercise_points(pieces.get("Exercises", "")), "exercises")
    return deck + listed("Summary", summary_points(pieces.get("Summary", "")))


# --- As Markdown ----------------------------------------------------------------------------------


def to_markdown(deck: list[Slide]) -> str:
    """A deck as a page for sphinx-revealjs: a title, and one level of headings, one a slide."""
    title, *slides = deck
    number, lead = title.body
    pages = [f"# {title.title}\n\n{number}\n\n{lead}\n\n{notes(title.notes)}"]
    for slide in slides:
        kind, body = slide.kind, "\n\n".join(slide.body)
        if kind == "points" and len(slide.body) == 1:
            kind = "statement"  # one sentence stands alone, and larger
        elif kind in ("points", "exercises"):
            body = "\n".join(f"- {point}" for point in slide.body)
        shown = f"::::{{container}} {kind}\n{body}\n::::"
        pages.append(f"## {slide.title}\n\n{shown}\n\n{notes(slide.notes)}")
    return "\n\n".join(pages) + "\n"


def notes(texts: list[str]) -> str:
    said = "\n\n".join(text for text in texts if text)
    return f":::::{{revealjs-notes}}\n{said}\n:::::" if said else ""
