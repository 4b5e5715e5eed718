"""What a checkpoint or a packed model of this package holds."""

from __future__ import annotations

from pathlib import Path

from ternary.account import account
from ternary.export.description import Description, Part, Verdict
from ternary.packed import is_packed, load_packed
from ternary.training import load_model

ARCHITECTURE = "arcee"


def describe_npz(path: Path) -> Description:
    """Describe a checkpoint or a packed model; it is read as a whole and its digest compared.

    Raises
    ------
    CheckpointError
        If it is damaged, or of another program.
    """
    return _describe_packed(path) if is_packed(path) else _describe_checkpoint(path)


def _describe_packed(path: Path) -> Description:
    load_packed(path)  # every code and scale is looked at
    counted = account(path)
    weight_bytes = counted.codes + counted.scales
    parts = [
        Part("codes, 5 a byte", counted.codes),
        Part("scales, float16", counted.scales),
        Part("gains, float32", counted.gains),
    ]
    verdict = Verdict("ternary", True, "generate, export")
    return Description(
        str(path),
        "a packed model",
        ARCHITECTURE,
        counted.total,
        counted.n_weights,
        weight_bytes,
        parts,
        [verdict],
    )


def _describe_checkpoint(path: Path) -> Description:
    model, config = load_model(path)
    n_weights = sum(rows * cols for rows, cols in model.parameters.matrix_shapes.values())
    n_gains = sum(model.parameters.gain_sizes.values())
    parts = [
        Part("latents, float32", 4 * n_weights),
        Part("gains, float32", 4 * n_gains),
        Part("state of the optimizer, float32", 8 * (n_weights + n_gains)),
    ]
    form = f"a checkpoint, projection {config.projection}, task {config.task}"
    uses = ["generate", "check", "train --resume"]
    uses += ["pack", "export"] if model.parameters.projection.is_ternary else []
    return Description(
        str(path),
        form,
        ARCHITECTURE,
        path.stat().st_size,
        n_weights,
        12 * n_weights,
        parts,
        [Verdict("ternary", True, ", ".join(uses))],
        ["latents are for training; pack and export write codes and scales alone"],
    )
