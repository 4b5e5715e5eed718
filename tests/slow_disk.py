"""A slow disk, for a process that calls `install`; or one that ends the process at some step.

Files take a page of 4 kB at a time, and a moment for each; flushing, renaming and removing take a
moment more. So a process that is killed leaves files at every state in between,
which on a quick disk last for microseconds. It is Python's own writing that is slow, not a disk's.
"""

from __future__ import annotations

import builtins
import io
import os
import time
from collections.abc import Callable

PAGE, MOMENT = 4096, 0.0005  # bytes, seconds
CALLS = ("fsync", "rename", "replace", "unlink", "remove", "rmdir", "ftruncate")
plain_open, plain_write = io.open, os.write


class SlowFile(io.FileIO):
    """A raw file that takes one page of what it is given, as a system may."""

    def write(self, data):
        pause()
        return super().write(memoryview(data).cast("B")[:PAGE])


def slow_open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **more):
    if not set(mode) & set("wxa+") or more or isinstance(file, int):
        return plain_open(file, mode, buffering, encoding, errors, newline, **more)
    raw = SlowFile(file, mode.replace("b", "").replace("t", ""))
    if buffering == 0:
        return raw
    buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
    return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)


def slow_write(file, data):
    pause()
    return plain_write(file, bytes(data)[:PAGE])


def slowly(call):
    def slow(*args, **kwargs):
        pause()
        return call(*args, **kwargs)

    return slow


def pause() -> None:
    time.sleep(MOMENT)


def install(instead: Callable[[], None] | None = None) -> None:
    """From now on, this process writes to a slow disk; or does something else at every step."""
    global pause
    pause = instead or pause
    builtins.open = io.open = slow_open
    os.write = slow_write
    for name in CALLS:
        setattr(os, name, slowly(getattr(os, name)))
