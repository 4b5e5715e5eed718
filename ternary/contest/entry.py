"""An entry of the contest: one packed file within the limits, and what is declared beside it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ternary.account import account
from ternary.contest.declaration import Declaration, read_declaration
from ternary.errors import TernaryError
from ternary.packed import load_packed
from ternary.transformer import TernaryTransformer, TransformerConfig

MAX_BYTES = 100_000
VOCAB_SIZE = 256
# With these, scoring takes seconds, or a minute, and a few hundred megabytes.
LIMITS = {"context": 1024, "n_layers": 32, "n_heads": 16}
MEMBERS = {f"{name}.npy" for name in ("header", "sha256", "codes", "scales", "gains")}

# How files begin that are something else.
OTHERS = {
    b"GGUF": "a GGUF file",
    b"\x7fELF": "a program for Linux",
    b"MZ": "a program for Windows",
    b"\xcf\xfa\xed\xfe": "a program for macOS",
    b"#!": "a script",
    b"\x80": "a pickle",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x93NUMPY": "a single array of NumPy",
}


@dataclass(frozen=True)
class Entry:
    """A file that has been read: the model in float64, bytes, and the declaration or None."""

    path: Path
    n_bytes: int
    model: TernaryTransformer
    declaration: Declaration | None


def read_entry(path: str | Path) -> Entry:
    """Read a file, of which nothing is run, and hold it against the rules.

    Raises
    ------
    TernaryError
        If it is too large, is no packed model, is damaged, holds anything else, or has sizes
        beyond the limits; or if its declaration is not about it.
    """
    path = Path(path)
    if not path.is_file():
        raise TernaryError(f"there is no file {path}; give a packed model")
    n_bytes = path.stat().st_size
    if n_bytes > MAX_BYTES:
        raise TernaryError(
            f"{path} has {n_bytes:,} bytes; expected at most {MAX_BYTES:,}. Is it packed? If so, "
            f"{n_bytes - MAX_BYTES:,} bytes are too many: train a model with a smaller --d-ff"
        )
    _require_container(path)
    model = load_packed(path, np.float64)
    _require_nothing_else(path, n_bytes)
    require_sizes(model.config)
    return Entry(path, n_bytes, model, read_declaration(path))


def require_sizes(config: TransformerConfig) -> None:
    """Refuse sizes that cannot be scored, before anybody trains them.

    Raises
    ------
    TernaryError
        It says which size is wrong.

    Examples
    --------
    >>> require_sizes(TransformerConfig(vocab_size=128))
    Traceback (most recent call last):
    ternary.errors.TernaryError: vocab_size is 128; expected 256, because the tokens are bytes
    """
    if config.vocab_size != VOCAB_SIZE:
        raise TernaryError(
            f"vocab_size is {config.vocab_size}; expected {VOCAB_SIZE}, because the tokens are "
            "bytes"
        )
    for name, limit in LIMITS.items():
        if getattr(config, name) > limit:
            raise TernaryError(f"{name} is {getattr(config, name)}; expected at most {limit}")


def _require_container(path: Path) -> None:
    """Refuse what does not begin as a packed file, and say what it is where that is known."""
    how = "expected a packed model, as `contest train` and `ternary pack` write it"
    with open(path, "rb") as file:
        begin = file.read(16)
    for magic, what in OTHERS.items():
        if begin.startswith(magic):
            raise TernaryError(f"{path} is {what}; {how}")
    if not begin.startswith(b"PK\x03\x04"):
        raise TernaryError(f"{path} is no container of arrays: it begins with {begin!r}; {how}")
    try:
        with zipfile.ZipFile(path) as archive:
            names = {*archive.namelist()}
    except zipfile.BadZipFile:
        raise TernaryError(f"{path} is cut short: the end of its container is missing") from None
    except Exception as error:  # names in no encoding, versions and lengths of nonsense
        raise TernaryError(f"{path} is a damaged container ({error!r:.80}); {how}") from None
    if "header.npy" not in names:
        listed = ", ".join(sorted(names)[:3])
        raise TernaryError(f"{path} is a zip archive of {len(names)} files ({listed}); {how}")


def _require_nothing_else(path: Path, n_bytes: int) -> None:
    """Refuse members that no packed model has, and bytes that belong to none of its arrays."""
    with zipfile.ZipFile(path) as archive:
        others = {*archive.namelist()} - MEMBERS
    if others:
        raise TernaryError(f"{path} holds {min(others)!r} beside its model; expected a model alone")
    counted = account(path).total
    if counted != n_bytes:
        raise TernaryError(
            f"{path} has {n_bytes:,} bytes, but its arrays and their container take {counted:,}; "
            "expected a model alone. Write it again with `ternary pack`"
        )
