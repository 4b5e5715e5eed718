"""Small GGUF files of architectures that the package does not export, as llama.cpp wants them.

Source: ggml-org/llama.cpp, ``src/models/gpt2.cpp`` (commit 82234e0), ``qwen3.cpp`` (069be0a).
"""

import numpy as np

from ternary.export.gguf_file import F32, Tensor, write_gguf
from ternary.export.tokenizer import byte_tokens

D, FF, HEADS, CONTEXT, VOCABULARY = 64, 128, 2, 32, 256
ARCHITECTURES = ("gpt2", "llama", "qwen3")

TOKENIZER = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "gpt-2",
    "tokenizer.ggml.tokens": byte_tokens(),
    "tokenizer.ggml.token_type": [1] * VOCABULARY,
    "tokenizer.ggml.merges": [],
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 0,
}


def metadata_of(architecture):
    sizes = {
        "context_length": CONTEXT,
        "embedding_length": D,
        "block_count": 1,
        "feed_forward_length": FF,
        "attention.head_count": HEADS,
    }
    epsilon = "layer_norm_epsilon" if architecture == "gpt2" else "layer_norm_rms_epsilon"
    sizes[f"attention.{epsilon}"] = 1e-5
    if architecture == "llama":
        sizes["rope.dimension_count"] = D // HEADS
    keys = {f"{architecture}.{key}": value for key, value in sizes.items()}
    return {"general.architecture": architecture, **keys, **TOKENIZER}


def shapes_of(architecture):
    """Shapes `(rows, cols)` of a network of one block; gpt2 has biases and fuses q, k and v."""
    block = {"attn_output": (D, D), "ffn_up": (FF, D), "ffn_down": (D, FF)}
    block |= {"attn_norm": (D,), "ffn_norm": (D,)}
    if architecture == "gpt2":
        block["attn_qkv"] = (3 * D, D)
    else:
        block |= {"ffn_gate": (FF, D), "attn_q": (D, D), "attn_k": (D, D), "attn_v": (D, D)}
    if architecture == "qwen3":
        block |= {"attn_q_norm": (D // HEADS,), "attn_k_norm": (D // HEADS,)}
    shapes = {"token_embd.weight": (VOCABULARY, D), "output_norm.weight": (D,)}
    shapes |= {f"blk.0.{name}.weight": shape for name, shape in block.items()}
    if architecture == "gpt2":
        shapes["position_embd.weight"] = (CONTEXT, D)
        shapes["output_norm.bias"] = (D,)
        shapes |= {f"blk.0.{name}.bias": shape[:1] for name, shape in block.items()}
    return shapes


def write_file_of(path, architecture, without=None, extra=None):
    """A file of an architecture, without one of its keys, or with others."""
    rng = np.random.default_rng(0)
    tensors = {
        name: Tensor(shape, F32, rng.standard_normal(shape, np.float32) / 8)
        for name, shape in shapes_of(architecture).items()
    }
    metadata = {**metadata_of(architecture), **(extra or {})}
    with open(path, "wb") as file:
        write_gguf(file, {k: v for k, v in metadata.items() if k != without}, tensors)
    return path
