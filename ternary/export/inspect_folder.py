"""What a safetensors file or a folder of them holds, and which of two runtimes it is for."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ternary.errors import FormatError
from ternary.export.description import Description, Part, Verdict
from ternary.export.huggingface import PARTS, TOP
from ternary.export.safetensors_file import SafeTensor, read_safetensors_header

MAX_CONFIG, MAX_INDEX = 1 << 22, 1 << 26  # the index of a model of 256 experts has 9 MB
FLOATS = {"F16", "BF16", "F32", "F64"}


def describe_folder(path: Path) -> Description:
    """Describe a folder with a ``config.json`` and safetensors files.

    Raises
    ------
    FormatError
        If one of them is missing or damaged.
    """
    config = _read_json(path / "config.json", MAX_CONFIG)
    if not isinstance(config, dict):
        raise FormatError(f"{path / 'config.json'} holds no table of settings")
    files = _weight_files(path)
    tensors: dict[str, SafeTensor] = {}
    n_bytes = 0
    for file in files:
        header = read_safetensors_header(file)
        if twice := sorted(tensors.keys() & header.tensors.keys()):
            raise FormatError(f"{path} holds {twice[0]} twice")
        tensors |= header.tensors
        n_bytes += sum(tensor.last - tensor.first for tensor in header.tensors.values())
    size = sum(each.stat().st_size for each in path.iterdir() if each.is_file())
    quantization = config.get("quantization")
    is_mlx = isinstance(quantization, dict)
    bits = quantization.get("bits") if isinstance(quantization, dict) else None
    if is_mlx and (type(bits) is not int or not 1 <= bits <= 8):
        raise FormatError(f"{path}: config.json asks for {bits!r:.40} bits; expected 1 to 8")
    name = f"an MLX folder, {bits} bits" if is_mlx else "a Hugging Face folder"
    architecture = str(config.get("model_type"))
    description = _describe(str(path), name, architecture, size, tensors, bits)
    description.verdicts += _mlx_verdicts(path, config) if is_mlx else _hf_verdicts(config, tensors)
    return description


def describe_safetensors(path: Path) -> Description:
    """Describe one safetensors file on its own."""
    header = read_safetensors_header(path)
    description = _describe(
        str(path), "safetensors", "not named", header.size, header.tensors, None
    )
    description.notes.append("a runtime needs the folder, with its config.json: inspect that")
    return description


def _describe(
    path: str,
    container: str,
    architecture: str,
    size: int,
    tensors: dict[str, SafeTensor],
    bits: int | None,
) -> Description:
    by_type: dict[str, int] = {}
    n_weights = weight_bytes = 0
    for name, (dtype, shape, first, last) in tensors.items():
        by_type[dtype] = by_type.get(dtype, 0) + last - first
        if len(shape) < 2:
            continue
        weight_bytes += last - first
        if name.endswith((".scales", ".biases")) and bits:
            continue
        is_packed = bits is not None and dtype == "U32"
        n_weights += math.prod(shape) * (32 // bits if is_packed and bits else 1)
    parts = [Part(f"tensors of {dtype}", n_bytes) for dtype, n_bytes in by_type.items()]
    names = " and ".join(by_type) or "no tensors"
    form = f"{container}, {names}"
    return Description(path, form, architecture, size, n_weights, weight_bytes, parts)


def _hf_verdicts(config: dict[str, Any], tensors: dict[str, SafeTensor]) -> list[Verdict]:
    is_arcee = config.get("model_type") == "arcee"
    layers = config.get("num_hidden_layers")
    layers = range(min(layers, len(tensors)) if type(layers) is int else 0)
    modules = [*TOP.values(), *(part.format(i) for i in layers for part in PARTS.values())]
    missing = [name for name in modules if f"{name}.weight" not in tensors] if is_arcee else []
    packed = sorted(name for name, tensor in tensors.items() if tensor.dtype not in FLOATS)
    if missing:
        hf = Verdict("Transformers", False, f"{missing[0]}.weight is missing")
    elif packed:
        hf = Verdict("Transformers", None, f"{packed[0]} is {tensors[packed[0]].dtype}")
    elif is_arcee:
        hf = Verdict("Transformers", True, "AutoModelForCausalLM makes it ArceeForCausalLM")
    else:
        hf = Verdict("Transformers", None, f"the model type {config.get('model_type')!r:.60}")
    why = "mlx-lm has no arcee, and the folder no model_file: export --to mlx"
    mlx = Verdict("mlx-lm", False if is_arcee else None, why if is_arcee else "not tried here")
    gguf = Verdict("llama.cpp", False, "it reads GGUF only: export --to gguf")
    return [hf, mlx, gguf]


def _mlx_verdicts(path: Path, config: dict[str, Any]) -> list[Verdict]:
    model_file = config.get("model_file")
    if model_file is not None:
        _require_inside(path, str(model_file), "the model file")
        exists = (path / str(model_file)).is_file()
        why = f"with trust_remote_code=True: it executes {model_file} of this folder"
        tried = True if config.get("model_type") == "arcee" else None
        mlx = Verdict("mlx-lm", tried, why if tried else f"not tried here; {why}")
        if not exists:
            mlx = Verdict("mlx-lm", False, f"the folder has no {model_file}")
    elif config.get("model_type") == "arcee":
        mlx = Verdict("mlx-lm", False, "mlx-lm has no arcee, and config.json names no model_file")
    else:
        mlx = Verdict("mlx-lm", None, f"the model type {config.get('model_type')!r:.60}")
    hf = Verdict("Transformers", False, "the weights are packed in uint32: export --to huggingface")
    return [mlx, hf, Verdict("llama.cpp", False, "it reads GGUF only: export --to gguf")]


def _read_json(path: Path, at_most: int) -> Any:
    if not path.is_file():
        raise FormatError(f"{path.parent} has no {path.name}: it is no folder of a model")
    if path.stat().st_size > at_most:
        raise FormatError(f"{path} has {path.stat().st_size} bytes; at most {at_most} are read")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise FormatError(f"{path} is not JSON; it is damaged") from None


def _weight_files(path: Path) -> list[Path]:
    """The safetensors files of a folder: those of its index, or the only one, or all."""
    index = path / "model.safetensors.index.json"
    if not index.is_file():
        if (path / "model.safetensors").is_file():
            return [path / "model.safetensors"]
        if found := sorted(each for each in path.glob("model*.safetensors") if each.is_file()):
            return found  # as mlx-lm does
        raise FormatError(f"{path} has no model.safetensors")
    table = _read_json(index, MAX_INDEX)
    names = table.get("weight_map") if isinstance(table, dict) else None
    if not isinstance(names, dict) or not all(isinstance(n, str) for n in names.values()):
        raise FormatError(f"{index} has no table of files")
    for name in set(names.values()):
        _require_inside(path, name, "a file of weights")
        if not (path / name).is_file():
            raise FormatError(f"{path} has no {name}, which its index names; fetch it")
    return [path / name for name in sorted(set(names.values()))]


def _require_inside(path: Path, name: str, what: str) -> None:
    odd = "\0" in name or "\\" in name or not name.isprintable() or len(name.encode()) > 255
    if odd or not name or Path(name).name != name:
        raise FormatError(f"{path} names {what} {name!r:.80}; expected a file of the folder itself")
