"""One row of the contest's table, and the statistic that tells who has read the public text.

Every model finds a hidden text harder or easier than the public one, by an amount that is much the
same for all that were trained on the same text. The *excess* is how much more than the baseline a
model gains from the public text: hidden minus public, less the same difference of the baseline.
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
# In bits per byte. Honest models came to at most 0.02, see docs/teaching/contest.md.
MAX_EXCESS = 0.1


@dataclass(frozen=True)
class Row:
    """What is known of an entry: scores in bits per byte, None where no hidden text was given."""

    name: str
    n_bytes: int
    minutes: float | None
    public: float
    hidden: float | None = None
    excess: float | None = None

    def problems(self) -> Iterator[str]:
        """What an instructor has to ask about."""
        if self.minutes is None:
            yield f"{self.name}: no CPU-minutes are declared; expected {self.name}.json beside it"
        elif self.minutes > BUDGET:
            yield f"{self.name}: {self.minutes:g} CPU-minutes declared; expected at most {BUDGET:g}"
        if self.excess is not None and self.excess > MAX_EXCESS:
            yield (
                f"{self.name}: the public text is {self.excess:.3f} bits per byte easier for it "
                f"than the hidden text explains; expected at most {MAX_EXCESS:g}. It may have been "
                "trained on the public text: ask how it was made, and run that again"
            )


def judge(entry: Entry, hidden: bytes | None = None) -> Row:
    """Score an entry by the public text, and by a hidden one too if it is given."""
    public = bits_per_byte(entry.model, fixed_texts()[1])
    minutes = None if entry.declaration is None else entry.declaration.cpu_minutes
    row = entry.path.name, entry.n_bytes, minutes, public
    if hidden is None:
        return Row(*row)
    fresh = bits_per_byte(entry.model, hidden)
    return Row(*row, fresh, excess(public, fresh, *baseline_scores(hidden)))


def excess(public: float, hidden: float, public_of_baseline: float, of_baseline: float) -> float:
    """How much of a public score the hidden one does not explain, in bits per byte.

    Examples
    --------
    >>> round(excess(1.5, 2.6, 1.9, 2.7), 2)  # much better, but hardly so on what is fresh
    0.3
    """
    return (hidden - public) - (of_baseline - public_of_baseline)


@cache
def baseline_scores(hidden: bytes) -> tuple[float, float]:
    """Scores of the baseline that comes with the package, by both texts."""
    with as_file(files("ternary.contest").joinpath(BASELINE_FILE)) as path:
        model = read_entry(path).model
    return bits_per_byte(model, fixed_texts()[1]), bits_per_byte(model, hidden)
