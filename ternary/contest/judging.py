"""One row of the contest's table, and two statistics that tell who has read the public text.

A model that predicts the training text better predicts the public text better too, by much the same
amount whoever trained it. How far *ahead* of that an entry is, its own two scores say. The *excess*
asks the same of a hidden text: hidden minus public, less that difference of the baseline.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

from ternary.contest.declaration import BUDGET
from ternary.contest.entry import Entry, read_entry
from ternary.contest.score import bits_per_byte
from ternary.contest.text import fixed_texts

BASELINE_FILE = "baseline.npz"
SAMPLE = slice(100_000, 140_000)  # of the training text
# Bits per byte of the baseline by the public text and by the sample, and what a bit by the sample
# is worth by the public text: measured on the honest models of docs/teaching/contest.md.
BASELINE_PUBLIC, BASELINE_SAMPLE, WORTH = 1.8862, 1.7743, 0.6
# In bits per byte. Those honest models came to at most 0.01 and 0.05.
MAX_AHEAD, MAX_EXCESS = 0.05, 0.15


@dataclass(frozen=True)
class Row:
    """What is known of an entry: scores in bits per byte, None where no hidden text was given."""

    name: str
    n_bytes: int
    minutes: float | None
    public: float
    ahead: float
    hidden: float | None = None
    excess: float | None = None

    def problems(self) -> Iterator[str]:
        """What an instructor has to ask about."""
        if self.minutes is None:
            yield f"{self.name}: no CPU-minutes are declared; expected {self.name}.json beside it"
        elif self.minutes > BUDGET:
            yield f"{self.name}: {self.minutes:g} CPU-minutes declared; expected at most {BUDGET:g}"
        easier = f"{self.name}: the public text is easier for it than"
        ask = "It may have been trained on that text: ask how it was made, and make it again"
        if self.ahead > MAX_AHEAD:
            yield (
                f"{easier} the training text explains, by {self.ahead:.3f} bits per byte; expected "
                f"at most {MAX_AHEAD:g}. {ask}"
            )
        if self.excess is not None and self.excess > MAX_EXCESS:
            yield (
                f"{easier} the hidden text explains, by {self.excess:.3f} bits per byte; expected "
                f"at most {MAX_EXCESS:g}. {ask}"
            )


def judge(entry: Entry, hidden: bytes | None = None) -> Row:
    """Score an entry by the public text and the training text, and by a hidden one if given."""
    training, held_out = fixed_texts()
    public = bits_per_byte(entry.model, held_out)
    lead = ahead(public, bits_per_byte(entry.model, training[SAMPLE]))
    minutes = None if entry.declaration is None else entry.declaration.cpu_minutes
    row = entry.path.name, entry.n_bytes, minutes, public, lead
    if hidden is None:
        return Row(*row)
    fresh = bits_per_byte(entry.model, hidden)
    return Row(*row, fresh, excess(public, fresh, score_of_baseline(hidden)))


def ahead(public: float, sample: float) -> float:
    """How far a public score is below what the score by the training text makes us expect.

    Examples
    --------
    >>> round(ahead(1.8862, 1.7743), 3)  # the baseline
    0.0
    >>> round(ahead(1.50, 2.10), 3)  # much better by the one, and worse by the other
    0.582
    """
    return BASELINE_PUBLIC + WORTH * (sample - BASELINE_SAMPLE) - public


def excess(public: float, hidden: float, hidden_of_baseline: float) -> float:
    """How much more than the baseline a model gains from the public text, against a hidden one.

    Examples
    --------
    >>> round(excess(1.50, 2.87, 2.63), 2)
    0.63
    """
    return (hidden - public) - (hidden_of_baseline - BASELINE_PUBLIC)


@cache
def score_of_baseline(text: bytes) -> float:
    """Bits per byte of the baseline that comes with the package."""
    with as_file(files("ternary.contest").joinpath(BASELINE_FILE)) as path:
        return bits_per_byte(read_entry(path).model, text)
