"""The errors that wrong input raises: what was given, what was expected, how to fix it."""

from __future__ import annotations

import errno

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # full, over quota, over the limit of a file


class TernaryError(ValueError):
    """An input that cannot be used."""


class ShapeError(TernaryError):
    """Sizes that do not fit together."""


class ProjectionError(TernaryError):
    """A latent weight or a scale that has no ternary value: NaN, infinite, or beyond float16.

    Attributes
    ----------
    group
        Number of the first bad group in the flat buffer that was projected.
    """

    def __init__(self, message: str, group: int = 0) -> None:
        super().__init__(message)
        self.group = group


class DivergedError(TernaryError):
    """Training whose loss or gradient left the finite numbers."""


class CheckpointError(TernaryError):
    """A file that is not a complete checkpoint of this package."""


class CodecError(TernaryError):
    """Codes or scales that a format cannot hold, or bytes that are not a block of it."""


class FormatError(TernaryError):
    """A model file that is damaged, or not what it claims to be."""


class ExportError(TernaryError):
    """A model that a runtime's format cannot hold, or a target that cannot be written."""


def in_words(error: OSError) -> str:
    """What the system refused to do; of a full disk, what is still there and how to go on.

    Examples
    --------
    >>> in_words(FileNotFoundError(errno.ENOENT, "No such file or directory", "text.txt"))
    'text.txt: No such file or directory'
    >>> in_words(OSError(errno.ENOSPC, "No space left on device"))[:60]
    'No space left on device; nothing that was there was changed.'
    """
    place = f"{error.filename}: " if error.filename else ""
    what = f"{place}{error.strerror or error}"
    if error.errno in NO_ROOM:
        what += "; nothing that was there was changed. Make room, and give the command once more"
    return what
