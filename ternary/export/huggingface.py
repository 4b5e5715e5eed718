"""Export to a folder that Transformers loads: `ArceeForCausalLM` and a byte-level tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ternary.arrays import Floats
from ternary.export.files import as_json, require_target, write_folder
from ternary.export.safetensors_file import write_safetensors
from ternary.export.tokenizer import tokenizer_files
from ternary.export.weights import TernaryWeights

# Transformers' names of what a block holds; {} is the number of the layer.
PARTS = {
    "q": "model.layers.{}.self_attn.q_proj",
    "k": "model.layers.{}.self_attn.k_proj",
    "v": "model.layers.{}.self_attn.v_proj",
    "o": "model.layers.{}.self_attn.o_proj",
    "up": "model.layers.{}.mlp.up_proj",
    "down": "model.layers.{}.mlp.down_proj",
    "norm1": "model.layers.{}.input_layernorm",
    "norm2": "model.layers.{}.post_attention_layernorm",
}
TOP = {"embedding": "model.embed_tokens", "head": "lm_head", "norm": "model.norm"}
FILES = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}


def export_huggingface(weights: TernaryWeights, path: str | Path, force: bool = False) -> None:
    """Write a folder for `AutoModelForCausalLM` and `AutoTokenizer`.

    Matrices are stored as float16, which holds a float16 scale times -1, 0 or +1 exactly, gains as
    float32; the configuration asks for float32 arithmetic.

    Raises
    ------
    ExportError
        If the target cannot be written.

    Notes
    -----
    Names and configuration: huggingface/transformers, ``models/arcee/modeling_arcee.py`` at commit
    074ee8d.

    Examples
    --------
    >>> import tempfile
    >>> from ternary import TernaryTransformer, TransformerConfig
    >>> weights = TernaryWeights.of(TernaryTransformer(TransformerConfig(d_model=32, n_layers=1)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_huggingface(weights, Path(folder) / "model")
    ...     {each.name for each in (Path(folder) / "model").iterdir()} == FILES
    True
    """
    path = Path(path)
    require_target(path, force, FILES)
    n_heads = weights.config.n_heads
    tensors = {}
    for name in weights.codes:
        W = weights.matrix(name)
        if name.endswith((".q", ".k")):
            W = half_rotation(W, n_heads)
        tensors[f"{hf_name(name)}.weight"] = W.astype("<f2")
    for name, gain in weights.gains.items():
        tensors[f"{hf_name(name)}.weight"] = gain.astype("<f4")
    files: dict[str, Any] = {
        "config.json": hf_config(weights),
        "generation_config.json": {"pad_token_id": 0},
        **tokenizer_files(weights.config.context),
    }
    writers = {name: as_json(value) for name, value in files.items()}
    writers["model.safetensors"] = lambda file: write_safetensors(file, tensors, {"format": "pt"})
    write_folder(path, writers)


def half_rotation(W: Floats, n_heads: int) -> Floats:
    """Reorder the rows of q or k for rotary positions that pair feature ``j`` with ``j + d/2``.

    This package turns neighbours, ``2 j`` and ``2 j + 1``; Transformers turns the two halves of a
    head against each other. Within each head the even rows go first, then the odd ones. The same
    permutation in q and k leaves every product of a query and a key as it was.

    Examples
    --------
    >>> half_rotation(np.arange(8)[:, None], n_heads=2).ravel().tolist()
    [0, 2, 1, 3, 4, 6, 5, 7]
    """
    rows = W.reshape(n_heads, -1, 2, W.shape[1])
    return np.ascontiguousarray(rows.swapaxes(1, 2)).reshape(W.shape)


def hf_name(name: str) -> str:
    """What Transformers calls the module of one of our matrices or gains."""
    if name in TOP:
        return TOP[name]
    _, layer, part = name.split(".")
    return PARTS[part].format(layer)


def hf_config(weights: TernaryWeights) -> dict[str, Any]:
    """The ``config.json`` of the architecture `arcee`."""
    config = weights.config
    return {
        "architectures": ["ArceeForCausalLM"],
        "model_type": "arcee",
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_heads,
        "head_dim": config.d_model // config.n_heads,
        "hidden_act": "relu2",
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_base,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        "dtype": "float32",
        "torch_dtype": "float32",
    }
