"""A graded step: everything that is known of it, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ternary.course import program
from ternary.errors import TernaryError

# The chapters in their order; a test compares it with the files of the book.
PAGES = (
    "three-values",
    "straight-through",
    "group-scales",
    "near-zero-scales",
    "weight-decay",
    "linear-layer",
    "transformer",
    "training",
    "real-text",
    "memory",
    "activations",
    "from-trained",
    "packing",
    "runtimes",
    "full-model",
)
STEPS: dict[str, Step] = {}


@dataclass(frozen=True)
class Wrong:
    """A plausible wrong answer: the reference with one piece of its text replaced.

    Attributes
    ----------
    find, replace
        The piece, which occurs in the reference, and what stands there instead.
    says
        What the reader is told who does exactly this.
    breaks
        Whether it is known by its error alone, where the right answer raises none.
    """

    find: str
    replace: str
    says: str
    breaks: bool = False


@dataclass(frozen=True)
class Check:
    """One law that an answer has to keep: `run` raises `Failed` with a message in words."""

    law: str
    run: Callable[[Any], None]


@dataclass
class Step:
    """A step of the course.

    Attributes
    ----------
    id
        The name of the function, or of the value, that the reader writes.
    page, heading
        The chapter, by the name of its file without its number, and the section to reread.
    title, minutes, doc
        What it is called, how long it takes, and the docstring of its stub.
    hints
        Two or more levels, the first one the gentlest.
    wrong
        Plausible wrong answers.
    stub_code
        What the stub holds instead of a function without a body: a program with a bug, a log.
    given
        Makes functions that stand in for those of the program while this step is graded.
    prints
        Whether what it prints is a part of its answer.
    """

    id: str
    page: str
    heading: str
    title: str
    minutes: int
    doc: str
    hints: tuple[str, ...]
    wrong: tuple[Wrong, ...]
    stub_code: str = ""
    given: Callable[[], dict[str, Any]] = dict
    prints: bool = False
    checks: list[Check] = field(default_factory=list)

    def __post_init__(self) -> None:
        STEPS[self.id] = self

    def check(self, run: Callable[[Any], None]) -> Callable[[Any], None]:
        """Add a check, whose docstring is its law."""
        self.checks.append(Check((run.__doc__ or "").strip(), run))
        return run

    @property
    def chapter(self) -> int:
        """The number of its chapter."""
        return PAGES.index(self.page) + 1

    @property
    def reread(self) -> dict[str, Any]:
        """The section that explains it."""
        page = f"{self.chapter:02}-{self.page}"
        return {"chapter": self.chapter, "page": page, "heading": self.heading}

    @property
    def header(self) -> str:
        """The first lines of every answer: what the program has before this step."""
        before = "# what comes before this step; the grader has it"
        lines = ["import numpy as np", f"from ternary_train import *  {before}"]
        if program.file_with(self.id) == "ternary_parts":
            lines.append("from ternary_parts import *")
        return "\n".join(lines)

    @property
    def stub(self) -> str:
        """What the reader starts from."""
        top = f"# {self.title}: a step of chapter {self.chapter}, about {self.minutes} minutes.\n"
        if self.stub_code:
            return f"{top}{self.header}\n\n{_comment(self.doc)}\n{self.stub_code.strip()}\n"
        doc = self.doc.strip().replace("\n", "\n    ").replace("    \n", "\n")
        end = "\n    " if "\n" in doc else ""
        body = f'    """{doc}{end}"""\n    raise NotImplementedError("write this function")\n'
        return f"{top}{self.header}\n\n\n{program.signature(self.id)}\n{body}"

    @property
    def reference(self) -> str:
        """The right answer, as a reader could have handed it in."""
        return f"{self.header}\n\n\n{program.reference(self.id)}\n"

    def mistaken(self, wrong: Wrong) -> str:
        """One of the wrong answers, whole."""
        text = program.reference(self.id)
        return f"{self.header}\n\n\n{text.replace(wrong.find, wrong.replace)}\n"


def find_step(name: str) -> Step:
    """The step of a name; hyphens stand for underscores.

    Raises
    ------
    TernaryError
        If there is none; it names the ones that sound alike.
    """
    from difflib import get_close_matches

    wanted = name.strip().removesuffix(".py").replace("-", "_")
    if wanted in STEPS:
        return STEPS[wanted]
    close = get_close_matches(wanted, STEPS, 3) or list(STEPS)[:3]
    raise TernaryError(
        f"there is no step {name!r}; did you mean {', '.join(close)}? "
        "`ternary course list` shows them all"
    )


def _comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.strip().splitlines())
