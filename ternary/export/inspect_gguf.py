"""What a GGUF file holds, and the clash of two layouts under one type number."""

from __future__ import annotations

import math
from pathlib import Path

from ternary.codecs import CODECS
from ternary.errors import FormatError
from ternary.export.description import Description, Part, Verdict
from ternary.export.gguf_checks import doubt, named_for_fork, other_notes, refusals, rotation
from ternary.export.gguf_file import Q2_0, TYPES, TensorType
from ternary.export.gguf_reader import Header, misplaced, read_gguf_header

# Before llama.cpp took Q2_0 in, with blocks of 64, PrismML's fork had used its number for blocks of
# 128; the fork has moved to number 142, but the files are still about.
OLD_Q2_0 = TensorType("Q2_0 in blocks of 128", 128, 34)
_OLD_TYPES = {**TYPES, Q2_0: OLD_Q2_0}
ONLY_IN_FORK = {CODECS[name].type_id for name in ("PQ2_0", "PTQ1_0")}
NEWEST_IN_PACKAGE = 41  # of the Python package gguf, version 0.19


def describe_gguf(path: Path) -> Description:
    """Describe a GGUF file by its header.

    Raises
    ------
    FormatError
        If the file is damaged, or its tensors lie where no known layout puts them.
    """
    header = read_gguf_header(path)
    types = _OLD_TYPES if _is_old(path, header) else TYPES
    kinds = {tensor.type for tensor in header.tensors}
    architecture = header.metadata.get("general.architecture")
    counts: dict[str, int] = {}
    n_weights = weight_bytes = 0
    for _, shape, kind, _ in header.tensors:
        block = types.get(kind)
        n_bytes = math.prod(shape[:-1]) * block.row_bytes(shape[-1]) if block else 0
        name = block.name if block else f"unknown type {kind}"
        counts[name] = counts.get(name, 0) + n_bytes
        if len(shape) > 1 and block:
            n_weights += math.prod(shape)
            weight_bytes += n_bytes
    description = Description(
        str(path),
        f"GGUF {header.version}, {' and '.join(counts) or 'no tensors'}",
        str(architecture),
        header.size,
        n_weights,
        weight_bytes,
        [Part(f"tensors of {name}", n_bytes) for name, n_bytes in counts.items()],
    )
    description.notes += [*refusals(header), *other_notes(path, header)]
    if types is TYPES and Q2_0 in kinds and misplaced(header, _OLD_TYPES) is None:
        description.notes.append("so small a file would also fit type 42 in blocks of 128")
    description.verdicts += _verdicts(path, header, types)
    return description


def _is_old(path: Path, header: Header) -> bool:
    """Whether type 42 has blocks of 128 here: only the tensors' places in the file tell."""
    if unknown := {tensor.type for tensor in header.tensors} - set(TYPES):
        if any(tensor.type == Q2_0 for tensor in header.tensors):
            raise FormatError(f"{path} mixes type 42 with the unknown type {min(unknown)}")
        return False
    problem = misplaced(header, TYPES)
    if problem is None:
        return False
    if misplaced(header, _OLD_TYPES) is None:
        return True
    raise FormatError(f"{path} is damaged or cut short: {problem}")


def _verdicts(path: Path, header: Header, types: dict[int, TensorType]) -> list[Verdict]:
    kinds = {tensor.type for tensor in header.tensors}
    unknown, forked = kinds - set(TYPES), kinds & ONLY_IN_FORK
    if types.get(Q2_0) is OLD_Q2_0:
        why = (
            f"it reads type 42 in blocks of 64, here are blocks of 128 ({misplaced(header, TYPES)})"
        )
        main = Verdict("llama.cpp", False, why)
        fork = Verdict("PrismML's llama.cpp", None, "builds from before type 142 read these blocks")
    elif forked:
        why = f"type {min(forked)} exists in PrismML's fork only"
        main = Verdict("llama.cpp", False, why)
        fork = Verdict("PrismML's llama.cpp", None, "it defines the type; not tried here")
    elif unknown:
        main = Verdict("llama.cpp", None, f"type {min(unknown)} is not known to this program")
        fork = main._replace(runtime="PrismML's llama.cpp")
    else:
        main, fork = _by_content(path, header, kinds)
    reader = Verdict("gguf (Python)", True, "all types are in version 0.19")
    if newer := [kind for kind in kinds if kind > NEWEST_IN_PACKAGE]:
        why = f"version 0.19 raises ValueError on type {min(newer)}"
        reader = Verdict("gguf (Python)", False, why)
    elif unknown:
        reader = main._replace(runtime="gguf (Python)")
    return [main, fork, reader]


def _by_content(path: Path, header: Header, kinds: set[int]) -> tuple[Verdict, Verdict]:
    """The verdicts on llama.cpp and its fork where both know all types of tensors."""
    fork = Verdict("PrismML's llama.cpp", None, "not tried here")
    if refused := refusals(header):
        main = Verdict("llama.cpp", False, refused[0])
        fork = main._replace(runtime=fork.runtime)
    elif key := rotation(header):
        why = f"it may load, but writes nonsense: no build that we know has the rotation ({key})"
        main = Verdict("llama.cpp", False, why)
        fork = fork._replace(why="builds since prism-v7 have the rotation; not tried here")
    elif named_for_fork(path, header):
        main = Verdict("llama.cpp", None, "the name says that PrismML's fork is required")
    elif reason := doubt(header):
        main = Verdict("llama.cpp", None, reason)
        fork = main._replace(runtime=fork.runtime)
    else:
        main = Verdict("llama.cpp", True, _since(kinds))
        if Q2_0 in kinds:
            fork = fork._replace(why="older builds read type 42 in blocks of 128")
    return main, fork


def _since(kinds: set[int]) -> str:
    return "builds that have type 42" if Q2_0 in kinds else "builds that have the architecture"
