"""The held-out text in two halves: one to choose settings by, the other to report."""

from __future__ import annotations

from functools import cache

from ternary.data import Text, evaluate
from ternary.errors import TernaryError
from ternary.training import Trainer

HALVES = ("select", "report")


class HalfOfText(Text):
    """The same text and training part, judged by one half of the held-out windows.

    Whoever chooses the best of many runs by some windows chooses their luck on these windows too,
    so what is reported comes from others. ``select`` has the first half of the windows, ``report``
    the second: neighbours are about the same topic, and stay on one side.

    Parameters
    ----------
    half
        ``select`` or ``report``.
    length, path
        As of `Text`.

    Raises
    ------
    TernaryError
        If there is no such half, or the text has fewer than two held-out windows.

    Examples
    --------
    >>> counts = [sum(len(x) for x, _ in task.held_out(16))
    ...           for task in (Text(), HalfOfText("select"), HalfOfText("report"))]
    >>> counts[0] == counts[1] + counts[2] and 0 <= counts[2] - counts[1] <= 1
    True
    """

    def __init__(self, half: str, length: int | None = None, path: str | None = None) -> None:
        if half not in HALVES:
            raise TernaryError(f"half is {half!r}; expected one of {', '.join(HALVES)}")
        super().__init__(length, path)
        n_windows = len(range(0, len(self.validation) - self.length, self.length))
        if n_windows < 2:
            raise TernaryError(
                f"{self.source} has {n_windows} held-out window of {self.length} bytes; expected 2 "
                "or more for two halves: give a longer text or a smaller length"
            )
        # A window predicts the byte after it, which is also the first of the next one.
        middle = n_windows // 2 * self.length
        first, second = self.validation[: middle + 1], self.validation[middle:]
        self.validation = first if half == "select" else second


@cache
def half_of_text(half: str) -> HalfOfText:
    """One half in windows of 64 bytes, read once a process."""
    return HalfOfText(half)


def half_bits(trainer: Trainer, half: str) -> float:
    """Bits per byte of a model on one half of the held-out windows."""
    return round(evaluate(trainer.model, half_of_text(half), 16).bits, 4)
