"""What is said when a process ends so suddenly that it cannot say anything itself."""

from __future__ import annotations

import subprocess
import sys
from typing import Self

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
words = ""
for line in sys.stdin:
    words = line.strip()
if words:
    print(words, file=sys.stderr)
"""


class LastWords:
    """A small process that outlives this one, and then says on its standard error what it was told.

    An MPI that loses a process kills the others at once, with a signal that none of them can
    handle. What remains is a pipe that closes, and whoever reads its other end.

    Examples
    --------
    >>> with LastWords() as last_words:  # a run that ends well: nothing is said
    ...     last_words.become("the last checkpoint is run.npz")
    """

    def __init__(self) -> None:
        self._speaker = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            start_new_session=True,  # killed with the others, it would be as silent
            text=True,
        )

    def become(self, words: str) -> None:
        """Let `words`, one line, be what is said in the end; the empty one is nothing."""
        assert self._speaker.stdin is not None
        print(words, file=self._speaker.stdin, flush=True)

    def close(self) -> None:
        """End without last words."""
        self.become("")
        self._speaker.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
