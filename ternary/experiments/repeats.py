"""Which held-out windows repeat a passage of the training text, and which are new."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from ternary.arrays import Ints
from ternary.data import Text

PASSAGE = 50  # bytes: most of a line


class PartOfText(Text):
    """The same text and split, judged by some of the held-out windows only.

    Parameters
    ----------
    repeated
        Whether to keep the windows that share a passage of 50 bytes with the training text, or
        those that share none.
    """

    def __init__(self, repeated: bool) -> None:
        super().__init__()
        self.repeated = repeated

    def held_out(self, size: int) -> Iterator[tuple[Ints, Ints]]:
        covered = repeated_bytes()
        pairs = [pair for batch in super().held_out(1) for pair in zip(*batch, strict=True)]
        starts = self.length * np.arange(len(pairs))
        touched = [bool(covered[start : start + self.length + 1].any()) for start in starts]
        kept = [pair for pair, hit in zip(pairs, touched, strict=True) if hit == self.repeated]
        for first in range(0, len(kept), size):
            tokens, targets = zip(*kept[first : first + size], strict=True)
            yield np.array(tokens), np.array(targets)


@cache
def repeated_bytes() -> npt.NDArray[np.bool_]:
    """For every held-out byte, whether it lies in a passage that the training text holds too."""
    task = Text()
    known, new = (bytes(part.astype(np.uint8)) for part in (task.training, task.validation))
    passages = {known[i : i + PASSAGE] for i in range(len(known) - PASSAGE + 1)}
    covered = np.zeros(len(new), np.bool_)
    for i in range(len(new) - PASSAGE + 1):
        if new[i : i + PASSAGE] in passages:
            covered[i : i + PASSAGE] = True
    return covered
