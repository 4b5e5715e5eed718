"""Exports for other runtimes, and an account of model files: which of them can load it?"""

from __future__ import annotations

from pathlib import Path

from ternary.errors import ExportError
from ternary.export.description import Description
from ternary.export.gguf import FILE_TYPES, export_gguf
from ternary.export.gguf_reader import read_gguf_header, read_tensor
from ternary.export.huggingface import export_huggingface, half_rotation
from ternary.export.inspection import inspect_model
from ternary.export.mlx import export_mlx
from ternary.export.tokenizer import byte_tokens
from ternary.export.weights import TernaryWeights, load_weights

__all__ = [
    "TARGETS",
    "Description",
    "TernaryWeights",
    "byte_tokens",
    "export_gguf",
    "export_huggingface",
    "export_mlx",
    "export_model",
    "half_rotation",
    "inspect_model",
    "load_weights",
    "read_gguf_header",
    "read_tensor",
]

TARGETS = {"gguf": export_gguf, "huggingface": export_huggingface, "mlx": export_mlx}


def export_model(
    weights: TernaryWeights,
    target: str,
    path: str | Path,
    kind: str | None = None,
    force: bool = False,
) -> None:
    """Write a model for one of `TARGETS`; `kind` is for GGUF, "Q2_0" by default or "F16".

    Raises
    ------
    ExportError
        If the format cannot hold the model, or the target cannot be written.
    """
    if target not in TARGETS:
        raise ExportError(f"there is no target {target!r}; expected one of {', '.join(TARGETS)}")
    if target == "gguf":
        if (kind or "Q2_0") not in FILE_TYPES:
            raise ExportError(f"there is no type {kind!r}; expected {' or '.join(FILE_TYPES)}")
        export_gguf(weights, path, kind or "Q2_0", force)
    elif kind is not None:
        raise ExportError(f"a type was given, {kind}, but only gguf has types; leave it out")
    elif target == "huggingface":
        export_huggingface(weights, path, force)
    else:
        export_mlx(weights, path, force)
