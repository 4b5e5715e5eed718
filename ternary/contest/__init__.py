"""The 100 kB contest: the lowest bits per byte of a fixed text, in a file of 100,000 bytes."""

from ternary.contest.declaration import BUDGET, Declaration, declare
from ternary.contest.entry import MAX_BYTES, Entry, read_entry
from ternary.contest.score import bits_per_byte
from ternary.contest.text import ContestText, fixed_texts
from ternary.contest.train import BASELINE, entry_trainer, train_entry

__all__ = [
    "BASELINE",
    "BUDGET",
    "MAX_BYTES",
    "ContestText",
    "Declaration",
    "Entry",
    "bits_per_byte",
    "declare",
    "entry_trainer",
    "fixed_texts",
    "read_entry",
    "train_entry",
]
