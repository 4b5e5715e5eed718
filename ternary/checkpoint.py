"""Checkpoints: arrays and a JSON header in NumPy's own container, written whole or not at all.

A checkpoint is an ``.npz`` file without pickled objects. The header and a SHA-256 of everything
else lie in it as arrays of bytes, so that a truncated or altered file is recognised as one.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from ternary.errors import CheckpointError

FORMAT = "ternary checkpoint 1"
MAX_HEADER = 1 << 20

Array: TypeAlias = npt.NDArray[Any]
Header: TypeAlias = dict[str, Any]
Expected: TypeAlias = Mapping[str, tuple[tuple[int, ...], npt.DTypeLike]]
Writer: TypeAlias = Callable[[BinaryIO], object]  # writes what belongs into a file


def write_file(path: Path, write: Writer) -> None:
    """Write ``path.partial`` and let it take the name of `path` when it is complete."""
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_checkpoint(
    path: str | Path, header: Header, arrays: Mapping[str, Array], kind: str = FORMAT
) -> None:
    """Write a header and named arrays to `path`, replacing what is there only when it is complete.

    Everything goes to ``path.partial`` first, which then takes the name of `path`. Whenever the
    process ends, `path` holds the old checkpoint or the new one, whole.
    """
    encoded = json.dumps({"format": kind, **header}).encode()
    members = {
        "header": np.frombuffer(encoded, np.uint8),
        "sha256": np.frombuffer(_digest(encoded, arrays), np.uint8),
        **arrays,
    }
    write_file(Path(path), lambda file: np.savez(file, allow_pickle=False, **members))


def read_checkpoint(
    path: str | Path, expected: Callable[[Header, int], Expected], kind: str = FORMAT
) -> tuple[Header, dict[str, Array]]:
    """Read a checkpoint whose arrays have the names, shapes and types of `expected(header, n)`.

    `n` is the number of arrays in the file. Sizes are compared before anything is allocated.

    Raises
    ------
    CheckpointError
        If the file is missing, not a checkpoint, cut short, altered, or holds other arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            encoded = _read_array(archive, "header", None).tobytes()
            header = json.loads(encoded)
            found = header.get("format") if isinstance(header, dict) else None
            if found != kind:
                raise CheckpointError(f"{path} has the format {found!r}; expected {kind!r}")
            wanted = {**expected(header, len(archive.namelist())), "sha256": ((32,), np.uint8)}
            arrays = {name: _read_array(archive, name, what) for name, what in wanted.items()}
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}; give the path of a saved model") from None
    except Exception as error:  # a damaged archive fails in more ways than can be listed
        reason = str(error) or type(error).__name__
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint ({reason}); it may be cut short, altered, or "
            "made by another program. Use an earlier one"
        ) from None
    if arrays.pop("sha256").tobytes() != _digest(encoded, arrays):
        raise CheckpointError(f"{path} was altered after it was written: its SHA-256 differs")
    return header, arrays


def require_stored(path: str | Path) -> None:
    """Refuse an archive with compressed members before one of them is opened.

    An LZMA member of a hundred bytes can ask for gigabytes as its dictionary.

    Raises
    ------
    CheckpointError
        If there are such members. What is no archive at all, reading it says.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            compressed = [i.filename for i in archive.infolist() if i.compress_type]
    except Exception:
        return
    if compressed:
        raise CheckpointError(
            f"{path} holds {compressed[0]!r:.80} compressed; expected arrays as they are, as this "
            "package writes them"
        )


def read_format(path: str | Path) -> str | None:
    """The format that a file names in its header; None where it has no such header."""
    try:
        require_stored(path)
        with zipfile.ZipFile(path) as archive:
            header = json.loads(_read_array(archive, "header", None).tobytes())
        return str(header["format"])
    except Exception:  # reading it says what is wrong with it
        return None


def _read_array(
    archive: zipfile.ZipFile, name: str, expected: tuple[tuple[int, ...], npt.DTypeLike] | None
) -> Array:
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} has an unknown array format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if expected is None:  # the header itself: bytes, and not many
            expected = ((min(int(np.prod(shape)), MAX_HEADER),), np.uint8)
        if (shape, dtype) != (expected[0], np.dtype(expected[1])):
            raise ValueError(f"{name} is {dtype} {shape}; expected {expected[1]} {expected[0]}")
        n_bytes = int(np.prod(shape)) * dtype.itemsize
        if info.compress_type != zipfile.ZIP_STORED or not 0 <= info.file_size - n_bytes <= 4096:
            raise ValueError(f"{name} has {info.file_size} bytes; expected about {n_bytes}")
        data = file.read()
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _digest(encoded: bytes, arrays: Mapping[str, Array]) -> bytes:
    digest = hashlib.sha256(encoded)
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.digest()
