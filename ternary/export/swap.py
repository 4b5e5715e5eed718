"""Two names exchanged in one step, where the system has a call for it.

A file takes the name of another in one step; a folder cannot, while there is anything in the other.
Two renamings leave a moment in which neither the old nor the new folder has the name, and a process
that is killed then leaves it so. Linux and macOS can exchange two names instead.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = -100  # AT_FDCWD: a path is meant as it is, relative to the present folder
EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


def swap(one: Path, other: Path) -> bool:
    """Exchange the names of two folders; False if it cannot be done, and then nothing was done.

    Source: the manual pages rename(2) of Linux (``renameat2``) and of macOS (``renamex_np``).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, other = Path(folder, "one"), Path(folder, "other")
    ...     one.mkdir(), other.mkdir(), (one / "file").touch()
    ...     done = swap(one, other)
    ...     (other / "file").exists() == done
    (None, None, None)
    True
    """
    names = os.fsencode(one), os.fsencode(other)
    try:
        import ctypes  # a Python in a browser may have none

        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            failed = library.renamex_np(*names, EXCHANGE)
        elif sys.platform == "linux":
            failed = library.renameat2(HERE, names[0], HERE, names[1], EXCHANGE)
        else:
            return False
    except (ImportError, AttributeError, OSError, TypeError):  # no such call in this library
        return False
    return not failed  # where the file system cannot, it says so and does nothing
