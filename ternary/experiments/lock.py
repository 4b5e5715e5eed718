"""One run at a time: a lock on a file that ends with the process that holds it, however it ends."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ternary.errors import TernaryError


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the file `path` for ourselves; the system lets go of it when this process ends.

    Raises
    ------
    TernaryError
        If another process holds it: `what` that is, and which process.
    """
    file = _open_locked(path)
    if file is None:
        holder = path.read_text(errors="replace").strip() if sys.platform != "win32" else ""
        raise TernaryError(
            f"{what} in another process{f' ({holder})' if holder else ''}; wait until it ends, "
            "or name another folder with --folder"
        )
    try:
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} on {platform.node()}\n".encode())
        yield
    finally:
        if sys.platform != "win32":  # there an open file cannot be removed; it may stay
            path.unlink(missing_ok=True)
        os.close(file)


def _open_locked(path: Path) -> int | None:
    """The file, opened and locked, or None where it is locked already."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _try_lock(file):
            os.close(file)
            return None
        with suppress(FileNotFoundError):  # whoever had it may have removed it meanwhile
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        os.close(file)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

elif sys.platform == "emscripten":  # Python in a browser, where nobody else is

    def _try_lock(file: int) -> bool:
        return file >= 0

else:
    import fcntl

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
