"""The contest's own text: fixed bytes that are the same everywhere.

It is the book's: the documentation topics of Python 3.11.7, which the records were made with. They
come with the package, because other versions of Python have others. The first nine tenths are for
training. The rest is held out, without two topics that the training part repeats (chapter 9).
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files

import numpy as np

from ternary.data import Task, Text
from ternary.errors import TernaryError

ARCHIVE = "python-3.11.7-topics.txt.gz"
SHA256 = "2a95af4ac93f5b719944030ce3769070ddf827d847cba42192afa8da989e5dc4"
REPEATED = b'The "while" statement\n', b'The "yield" statement\n'  # from the one up to the other


@cache
def fixed_texts() -> tuple[bytes, bytes]:
    """The training text and the held-out text, which is public.

    Raises
    ------
    TernaryError
        If the file of the package is not the one that scores are about.

    Examples
    --------
    >>> [len(text) for text in fixed_texts()]
    [419576, 42629]
    """
    packed = files("ternary.contest").joinpath(ARCHIVE).read_bytes()
    again = "it is damaged or of another version: install the package again"
    try:
        text = gzip.decompress(packed)
    except Exception as error:  # zlib, gzip and the end of the file have an error each
        raise TernaryError(f"{ARCHIVE} cannot be unpacked ({error}); {again}") from None
    found = hashlib.sha256(text).hexdigest()
    if found != SHA256:
        raise TernaryError(f"{ARCHIVE} has the SHA-256 {found}; expected {SHA256}: {again}")
    n_training = len(text) - len(text) // 10
    held_out = text[n_training:]
    first, last = (held_out.index(title) for title in REPEATED)
    return text[:n_training], held_out[:first] + held_out[last:]


class ContestText(Text):
    """The task of the contest: all of its training text, judged by the held-out text.

    Parameters
    ----------
    length
        Bytes in a training window.

    Examples
    --------
    >>> task = ContestText(64)
    >>> len(task.training), len(task.validation)
    (419576, 42629)
    """

    def __init__(self, length: int | None = None) -> None:
        Task.__init__(self, length)  # not that of Text, which reads a file and cuts it
        self.source, self.sha256 = "documentation topics of Python 3.11.7, fixed", SHA256
        training, held_out = fixed_texts()
        self.training = np.frombuffer(training, np.uint8).astype(np.int64)
        self.validation = np.frombuffer(held_out, np.uint8).astype(np.int64)
