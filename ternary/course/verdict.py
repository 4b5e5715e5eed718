"""What the grader says of an answer: one form for the page, the terminal and the files."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

STATUSES = {
    "passed": "every check holds",
    "failed": "a check does not hold",
    "untouched": "the stub, as it was written for the reader",
    "error": "the answer raised an error, or could not be read",
    "refused": "it used what a step must not use, or changed the grader",
    "stopped": "it took too long or too much memory, or it ended its process",
}
ENDINGS = {
    "time": "It was still running after {limit} seconds and was stopped. Look for a loop that "
    "never ends: which line changes what its condition asks for?",
    "memory": "It asked for more than {limit} MB of memory. Look at the shapes: two that are "
    "broadcast against each other can make an array with the sizes of both.",
    "crash": "It ended Python itself, without an error message ({limit}). NumPy alone does not do "
    "that: look for os.abort, os._exit, ctypes or a signal.",
    "output": "It wrote more than {limit} MB and was stopped. Take its prints out.",
}


@dataclass(frozen=True)
class Verdict:
    """What came of one answer.

    Attributes
    ----------
    step
        The id of the step.
    status
        One of `STATUSES`.
    message
        What is wrong, in words; for an answer that passed, that it did.
    checks
        For each check that was run, its law and whether it holds; the last one may not.
    mistake
        The explanation of a known mistake, if the answer does exactly that; else empty.
    notes
        What else was noticed, as that the answer prints without end.
    printed
        The beginning of what it printed, if it did not pass: in the call that failed, if one did.
    reread
        The section that explains it: ``{"chapter": 1, "page": "01-three-values", "heading": ...}``.
    """

    step: str
    status: str
    message: str
    checks: list[dict[str, Any]] = field(default_factory=list)
    mistake: str = ""
    notes: list[str] = field(default_factory=list)
    reread: dict[str, Any] = field(default_factory=dict)
    printed: str = ""

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.status == "passed"

    def to_json(self) -> dict[str, Any]:
        """Itself in the types of JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote."""
        return cls(**found)

    def lines(self) -> list[str]:
        """The verdict in words, one line after the other; the page shows the same."""
        told = [f"{'PASS' if self.passed else 'FAIL'}  {self.step}: {self.message}"]
        told += [f"  {'ok  ' if each['passed'] else 'no  '}{each['law']}" for each in self.checks]
        told += [f"  Mistake: {self.mistake}"] if self.mistake else []
        told += [f"  Note: {note}" for note in self.notes]
        if self.printed:
            told += ["  It printed:", *(f"    {line}" for line in self.printed.splitlines())]
        if self.reread and not self.passed:
            told.append(
                "  Reread: chapter {chapter}, {heading} (book/{page}.md)".format(**self.reread)
            )
        return told
