"""Export to GGUF, for llama.cpp: the architecture `arcee`, as Q2_0 or as float16."""

from __future__ import annotations

from pathlib import Path

from ternary.checkpoint import write_file
from ternary.codecs import CODECS
from ternary.export.files import require_target
from ternary.export.gguf_file import F16, F32, Q2_0, Tensor, Value, write_gguf
from ternary.export.tokenizer import byte_tokens
from ternary.export.weights import TernaryWeights

ARCHITECTURE = "arcee"
FILE_TYPES = {"Q2_0": 41, "F16": 1}  # LLAMA_FTYPE_MOSTLY_...
NORMAL = 1  # the kind of a token that is text

# llama.cpp's names of what a block holds; {} is the number of the layer.
MATRICES = {
    "q": "blk.{}.attn_q.weight",
    "k": "blk.{}.attn_k.weight",
    "v": "blk.{}.attn_v.weight",
    "o": "blk.{}.attn_output.weight",
    "up": "blk.{}.ffn_up.weight",
    "down": "blk.{}.ffn_down.weight",
    "norm1": "blk.{}.attn_norm.weight",
    "norm2": "blk.{}.ffn_norm.weight",
}
TOP = {"embedding": "token_embd.weight", "head": "output.weight", "norm": "output_norm.weight"}


def export_gguf(
    weights: TernaryWeights, path: str | Path, kind: str = "Q2_0", force: bool = False
) -> None:
    """Write a model as a GGUF file that llama.cpp loads.

    Both kinds hold the very same weights. Q2_0 keeps codes and scales, at 2.25 bits a weight;
    F16 keeps their products, which float16 holds exactly because the scale is a float16.

    Parameters
    ----------
    weights
        What `load_weights` returns.
    path
        The new file.
    kind
        "Q2_0" or "F16".
    force
        Replace an existing file.

    Raises
    ------
    CodecError
        If Q2_0 cannot hold the matrices: their columns are not a multiple of 64.
    ExportError
        If the target cannot be written.

    Notes
    -----
    The rows of q and k stay as they are: llama.cpp turns neighbouring features of this
    architecture, as this package does (``llama_model_rope_type`` in ggml-org/llama.cpp,
    ``src/llama-model.cpp`` at commit 0c1e570: ``LLAMA_ROPE_TYPE_NORM``).

    Examples
    --------
    >>> import tempfile
    >>> from ternary import TernaryTransformer, TransformerConfig
    >>> weights = TernaryWeights.of(TernaryTransformer(TransformerConfig()))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_gguf(weights, Path(folder) / "model.gguf")
    ...     (Path(folder) / "model.gguf").stat().st_size
    137120
    """
    path = Path(path)
    require_target(path, force)
    tensors = gguf_tensors(weights, kind)
    metadata = gguf_metadata(weights, kind)
    write_file(path, lambda file: write_gguf(file, metadata, tensors))


def gguf_name(name: str) -> str:
    """What llama.cpp calls one of our matrices or gains."""
    if name in TOP:
        return TOP[name]
    _, layer, part = name.split(".")
    return MATRICES[part].format(layer)


def gguf_tensors(weights: TernaryWeights, kind: str) -> dict[str, Tensor]:
    """All tensors by llama.cpp's names; gains are float32."""
    tensors = {}
    for name, codes in weights.codes.items():
        if kind == "Q2_0":
            data = CODECS["Q2_0"].encode(codes, weights.scales[name], weights.group_size)
            tensors[gguf_name(name)] = Tensor(codes.shape, Q2_0, data)
        else:
            half = weights.matrix(name).astype("<f2")
            tensors[gguf_name(name)] = Tensor(codes.shape, F16, half)
    for name, gain in weights.gains.items():
        tensors[gguf_name(name)] = Tensor(gain.shape, F32, gain.astype("<f4"))
    return tensors


def gguf_metadata(weights: TernaryWeights, kind: str) -> dict[str, Value]:
    """Everything that llama.cpp asks for: sizes, rotary positions, and the tokenizer."""
    config = weights.config
    head_dim = config.d_model // config.n_heads
    sizes: dict[str, Value] = {
        "context_length": config.context,
        "embedding_length": config.d_model,
        "block_count": config.n_layers,
        "feed_forward_length": config.d_ff,
        "attention.head_count": config.n_heads,
        "attention.head_count_kv": config.n_heads,
        "attention.layer_norm_rms_epsilon": config.norm_eps,
        "rope.dimension_count": head_dim,
        "rope.freq_base": config.rope_base,
        "vocab_size": config.vocab_size,
    }
    return {
        "general.architecture": ARCHITECTURE,
        "general.name": "ternary",
        "general.file_type": FILE_TYPES[kind],
        "general.quantization_version": 2,
        **{f"{ARCHITECTURE}.{key}": value for key, value in sizes.items()},
        # A byte-level vocabulary without merges. Byte 0 occurs in no text, so it may end one;
        # without these two keys llama.cpp takes token 11, a byte like any other, for the end.
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": byte_tokens(),
        "tokenizer.ggml.token_type": [NORMAL] * config.vocab_size,
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
    }
