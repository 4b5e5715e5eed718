"""What a training run shows while it goes on, and how it is stopped."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ternary.training import Trainer

LINE_EVERY = 100


class Progress:
    """A line every 100 steps on standard output and, on a terminal, a live one in between."""

    def __init__(self, trainer: Trainer, quiet: bool) -> None:
        self.trainer = trainer
        self.quiet = quiet
        self.live = sys.stderr.isatty() and not quiet
        self.began, self.first = time.perf_counter(), trainer.step

    def show(self) -> None:
        """Report the step just taken, if it is time to."""
        trainer, number = self.trainer, self.trainer.step - 1
        if not self.quiet and (number % LINE_EVERY == 0 or trainer.done):
            self._erase()
            print(f"Step {number}: loss={trainer.losses[-1]:.3f}", flush=True)
        if self.live and number % 10 == 0:
            speed = self._speed()
            left = (trainer.steps - trainer.step) / speed
            line = f"step {number}/{trainer.steps}  {speed:.0f} steps/s  {left:.0f} s left"
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Remove the live line, and say how long it took."""
        self._erase()
        n, seconds = self.trainer.step - self.first, time.perf_counter() - self.began
        if n and not self.quiet:
            print(f"{n} steps in {seconds:.1f} s, {n / seconds:.0f} steps/s")

    def _speed(self) -> float:
        return (self.trainer.step - self.first) / (time.perf_counter() - self.began)

    def _erase(self) -> None:
        if self.live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def stop_on_signal() -> Iterator[list[int]]:
    """Collect Ctrl-C and termination, to act on between two steps; a second one acts at once."""
    received: list[int] = []

    def handle(number: int, _frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
