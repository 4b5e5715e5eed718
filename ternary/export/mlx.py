"""Export to a folder that mlx-lm loads: two-bit weights, and the model in one readable file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ternary.codecs import to_mlx
from ternary.export.files import as_json, require_target, write_folder
from ternary.export.huggingface import FILES as HF_FILES
from ternary.export.huggingface import hf_config, hf_name
from ternary.export.safetensors_file import write_safetensors
from ternary.export.tokenizer import tokenizer_files
from ternary.export.weights import TernaryWeights

MODEL_FILE = "arcee.py"
FILES = HF_FILES | {MODEL_FILE}


def export_mlx(weights: TernaryWeights, path: str | Path, force: bool = False) -> None:
    """Write a folder for `mlx_lm.load`, with ``trust_remote_code=True``.

    MLX computes a weight as ``scale * code + bias`` from two-bit codes 0, 1, 2, so that scale ``s``
    and bias ``-s`` give ``-s``, 0 and ``s``. mlx-lm has no `arcee`; the folder brings a model file
    of its own, which mlx-lm executes: hence ``trust_remote_code``.

    Raises
    ------
    CodecError
        If MLX cannot hold the matrices: its groups have 32, 64 or 128 weights, in whole rows.
    ExportError
        If the target cannot be written.

    Notes
    -----
    Packing: ``quantized_matmul`` of ml-explore/mlx 0.32. Loading: ml-explore/mlx-lm,
    ``mlx_lm/utils.py`` at commit 003da2e, ``load_model``, the key ``model_file``.
    """
    path = Path(path)
    require_target(path, force, FILES)
    tensors: dict[str, npt.NDArray[Any]] = {}
    for name, codes in weights.codes.items():
        packed, scales, biases = to_mlx(codes, weights.scales[name], weights.group_size)
        module = hf_name(name)
        tensors[f"{module}.weight"] = packed.astype("<u4")
        tensors[f"{module}.scales"] = scales.astype("<f2")
        tensors[f"{module}.biases"] = biases.astype("<f2")
    for name, gain in weights.gains.items():
        tensors[f"{hf_name(name)}.weight"] = gain.astype("<f4")
    config = hf_config(weights) | {
        "model_file": MODEL_FILE,
        "quantization": {"group_size": weights.group_size, "bits": 2},
    }
    files = {
        "config.json": config,
        "generation_config.json": {"pad_token_id": 0},
        **tokenizer_files(weights.config.context),
    }
    writers = {name: as_json(value) for name, value in files.items()}
    model_file = resources.files("ternary.export") / "mlx_model" / MODEL_FILE
    writers[MODEL_FILE] = lambda file: file.write(model_file.read_bytes())
    writers["model.safetensors"] = lambda file: write_safetensors(file, tensors, {"format": "mlx"})
    write_folder(path, writers)
