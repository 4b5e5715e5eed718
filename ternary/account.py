"""Where every byte of a packed model is.

>>> account = Account(1000, codes=200, scales=16, gains=40, header=300, container=1200)
>>> account.total, round(account.bits_per_weight, 3)
(1756, 1.728)
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ternary.checkpoint import read_checkpoint, require_stored
from ternary.errors import CheckpointError
from ternary.packed import FORMAT, expected_arrays, settings_of

# Sizes of the records of a zip archive, without names and extra fields.
LOCAL_RECORD, DIRECTORY_RECORD, END_RECORD = 30, 46, 22


@dataclass(frozen=True)
class Account:
    """Where the bytes of a packed file are.

    Attributes
    ----------
    n_weights
        Ternary weights.
    codes, scales, gains
        Bytes of each.
    header
        Bytes of the sizes that the model is built from, and of the SHA-256 over everything.
    container
        Bytes of the zip archive, and of the headers of its arrays.
    """

    n_weights: int
    codes: int
    scales: int
    gains: int
    header: int
    container: int

    @property
    def total(self) -> int:
        """Bytes of the file."""
        return self.codes + self.scales + self.gains + self.header + self.container

    @property
    def bits_per_weight(self) -> float:
        """Bits that a weight takes with its share of a scale."""
        return 8 * (self.codes + self.scales) / self.n_weights

    def lines(self) -> Iterator[str]:
        """The account as a table, and what it comes to."""
        for name in ("codes", "scales", "gains", "header", "container", "total"):
            n_bytes = getattr(self, name)
            share = 100 * n_bytes / self.total
            yield f"{name:9} {n_bytes:>9,} bytes {share:5.1f} %"
        yield (
            f"{8 * self.codes / self.n_weights:.3f} bits a code, {self.bits_per_weight:.3f} bits a "
            f"weight with its scale, {8 * self.total / self.n_weights:.3f} with everything"
        )
        in_float16 = 2 * (self.n_weights + self.gains // 4)
        times = in_float16 / self.total
        yield f"all numbers in float16 would take {in_float16:,} bytes, {times:.1f} times as many"


def account(path: str | Path) -> Account:
    """Count the bytes of a packed file, each from the record in the file that it belongs to.

    Raises
    ------
    CheckpointError
        If the file is not a complete packed model.
    """
    require_stored(path)
    header, arrays = read_checkpoint(path, expected_arrays, FORMAT)
    data = {name: array.nbytes for name, array in arrays.items()} | {"sha256": 32}
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        data["header"] = len(_read_header(archive))
        if others := members.keys() - data.keys():
            raise CheckpointError(
                f"{path} holds {min(others)!r:.80} beside its model; expected a model alone: write "
                "it again with `ternary pack`"
            )
        container = END_RECORD
        for name, info in members.items():
            file.seek(info.header_offset + LOCAL_RECORD - 4)
            of_name, of_extra = np.frombuffer(file.read(4), "<u2").tolist()
            container += LOCAL_RECORD + of_name + of_extra
            container += info.file_size - data[name]  # what NumPy writes in front of the numbers
            container += DIRECTORY_RECORD + len(info.filename) + len(info.extra)
    shapes = settings_of(header)[0].matrices().values()
    n_weights = sum(out_dim * in_dim for out_dim, in_dim in shapes)
    signed = data["header"] + data["sha256"]
    return Account(n_weights, data["codes"], data["scales"], data["gains"], signed, container)


def _read_header(archive: zipfile.ZipFile) -> bytes:
    with archive.open("header.npy") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return file.read()
