"""The law of every reader of files: something valid comes back, or an error that is ours.

No other error, no more than two seconds of the processor, and no more memory than a multiple of the
file's size and a constant, both stated with the reader.
"""

from __future__ import annotations

import signal
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ternary import TernaryError

SECONDS, HANGS = 2.0, 10.0  # of the processor: what is allowed, and when it is stopped


class BrokenLawError(Exception):
    """What a reader did, and must not do."""


class Hang(BaseException):  # no `except Exception` of a reader may catch it
    """A reader that would not have ended."""


@dataclass(frozen=True)
class Reader:
    """A reader of files.

    Attributes
    ----------
    name
        Of the reader, and of its folder in the corpus.
    make
        A damaged file, from a source of random numbers.
    read
        Reads a file, and uses what came as the program does.
    put
        Writes the content to a folder, and returns the path to be read.
    multiple, constant
        Memory in file sizes, and in bytes beside them.
    """

    name: str
    make: Callable[[Random], bytes]
    read: Callable[[Path], object]
    put: Callable[[Path, bytes], Path]
    multiple: int
    constant: int = 4 << 20

    def content(self, number: int) -> bytes:
        """The input of that number, the same at every run."""
        return self.make(Random(f"{self.name} {number}"))

    def allowed(self, content: bytes) -> int:
        """Memory that it may take to read a file, in bytes."""
        return self.multiple * len(content) + self.constant

    def keeps_the_law(self, folder: Path, content: bytes) -> bool:
        """Read a file; whether it was valid.

        Raises
        ------
        BrokenLawError
            It says what the reader did.
        """
        path = self.put(folder, content)
        before = tracemalloc.get_traced_memory()[0]
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()
        began, valid = time.process_time(), True
        try:
            with _stopped_if_it_hangs():
                self.read(path)
        except TernaryError as error:
            valid = False
            if not str(error).strip():
                raise BrokenLawError("an error without words") from None
        except Exception as error:
            raise BrokenLawError(f"{type(error).__name__}: {error}"[:500]) from error
        except Hang:
            raise BrokenLawError(f"it did not end within {HANGS} s") from None
        seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1] - before
        if seconds > SECONDS:
            raise BrokenLawError(f"it took {seconds:.1f} s")
        if peak > self.allowed(content):
            raise BrokenLawError(f"{len(content)} bytes took {peak} of memory")
        return valid


@contextmanager
def _stopped_if_it_hangs() -> Iterator[None]:
    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return

    def stop(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def counted_memory() -> Iterator[None]:
    """Within it, every allocation is counted, which takes three times as long."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
