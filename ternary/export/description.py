"""What an inspection finds out, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Part(NamedTuple):
    """A kind of content and the bytes that it takes."""

    name: str
    n_bytes: int


class Verdict(NamedTuple):
    """Whether a runtime loads the file, and then computes its model; None: not known; and why."""

    runtime: str
    loads: bool | None
    why: str


@dataclass
class Description:
    """A model file in a few lines.

    Attributes
    ----------
    path, format, architecture
        Where it is; which container and types; which network.
    size
        Bytes on disk, all files together.
    n_weights, weight_bytes
        Entries of the matrices, and the bytes that hold them, their scales included.
    parts
        The account of the bytes; what is left over is headers and padding.
    verdicts
        One for each runtime.
    notes
        What a user should know: missing fields, a type that others read in another way.

    Examples
    --------
    >>> parts = [Part("Q2_0", 72), Part("F32", 16)]
    >>> description = Description("m.gguf", "GGUF 3", "arcee", 160, 256, 72, parts)
    >>> for line in description.lines():
    ...     print(line)
    m.gguf: GGUF 3
    architecture  arcee
    weights       256 at 2.25 bits
    bytes         160
                  72  Q2_0
                  16  F32
                  72  headers, names, padding
    """

    path: str
    format: str
    architecture: str
    size: int
    n_weights: int
    weight_bytes: int
    parts: list[Part]
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def bits_per_weight(self) -> float:
        """Bits that an entry of a matrix takes, its share of the scales included."""
        return 8 * self.weight_bytes / max(self.n_weights, 1)

    def lines(self) -> list[str]:
        """The description as it is printed."""
        rest = self.size - sum(part.n_bytes for part in self.parts)
        out = [
            f"{self.path}: {self.format}",
            f"architecture  {self.architecture:.80}",
            f"weights       {self.n_weights} at {self.bits_per_weight:.4g} bits",
            f"bytes         {self.size}",
        ]
        for part in [*self.parts, Part("headers, names, padding", rest)]:
            out.append(f"{part.n_bytes:16}  {part.name}")
        words = {True: "yes", False: "no", None: "not known"}
        for runtime, loads, why in self.verdicts:
            out.append(f"{runtime:20}  {words[loads]}: {why}")
        out += [f"note: {note}" for note in self.notes]
        return ["".join(c if c.isprintable() else "?" for c in line) for line in out]
