"""What in a GGUF file makes llama.cpp refuse it, or load it and write nonsense.

Sources: ggml-org/llama.cpp, ``src/llama-vocab.cpp`` at commit 00ad355 (keys of the tokenizer; a
missing ``tokenizer.ggml.pre`` is a warning), ``src/models/arcee.cpp`` at 8a5c4e0 and ``gpt2.cpp``
at 82234e0 (each architecture has keys of its own); PrismML-Eng/llama.cpp, pull request 121 and
issue 242 (the keys ``prism.hadamard.*``). What is said of missing keys, our tests see in llama.cpp.
"""

from __future__ import annotations

from pathlib import Path

from ternary.export.gguf import ARCHITECTURE, MATRICES, TOP
from ternary.export.gguf_reader import Header

# Without these llama.cpp refuses a file of the architecture that we export. Others have their own:
# gpt2, with its LayerNorm, has no attention.layer_norm_rms_epsilon.
REQUIRED = (
    "context_length",
    "embedding_length",
    "block_count",
    "feed_forward_length",
    "attention.head_count",
    "attention.layer_norm_rms_epsilon",
)
# These it asks of every architecture.
TOKENIZER = ("tokenizer.ggml.model", "tokenizer.ggml.tokens")
MERGES = "tokenizer.ggml.merges"
TRIED_PRE = (None, "gpt-2")  # values of tokenizer.ggml.pre that our tests load

ROTATED = "prism.hadamard."  # keys of PrismML's fork for weights in a rotated basis
NEEDS_FORK = "prism-fork-required"  # in the name of the one such file that llama.cpp loads


def refusals(header: Header) -> list[str]:
    """What is missing, so that llama.cpp refuses the file."""
    keys = header.metadata
    if _not_alone(header):
        return []  # the rest may lie in another file
    if "general.architecture" not in keys:
        return ["the metadata lack general.architecture: llama.cpp refuses the file"]
    out = []
    if keys["general.architecture"] == ARCHITECTURE:
        wanted = [f"{ARCHITECTURE}.{key}" for key in REQUIRED]
        if missing := [key for key in wanted if key not in keys]:
            out.append(f"the metadata lack {', '.join(missing)}: llama.cpp refuses the file")
    tokenizer = keys.get("tokenizer.ggml.model")
    wanted = [] if tokenizer in ("none", "no_vocab") else [*TOKENIZER]
    if tokenizer == "gpt2" and keys.get("tokenizer.ggml.pre") != "kimi-k2":
        wanted.append(MERGES)
    out += [
        f"the metadata lack {key}: llama.cpp refuses the file" for key in wanted if key not in keys
    ]
    missing, others = _compared(header)
    if missing and not others:
        out.append(f"{len(missing)} tensors are missing, such as {missing[0]}")
    return out


def doubt(header: Header) -> str | None:
    """What a file has that our tests do not load in llama.cpp."""
    keys = header.metadata
    architecture, tokenizer = keys.get("general.architecture"), keys.get("tokenizer.ggml.model")
    if reason := _not_alone(header):
        return reason
    if architecture != ARCHITECTURE:
        return f"its keys for the architecture {architecture!r:.60} are not checked here"
    pre = keys.get("tokenizer.ggml.pre")
    if tokenizer != "gpt2" or pre not in TRIED_PRE:
        return f"its tokenizer was not tried: {tokenizer!r:.60}, {pre!r:.60}"
    if others := _compared(header)[1]:
        return f"{len(others)} tensors that were not tried, such as {others[0]}"
    return None


def other_notes(path: Path, header: Header) -> list[str]:
    """What makes a file that loads write bad text."""
    keys, notes = header.metadata, []
    if keys.get("tokenizer.ggml.model") == "gpt2":
        if "tokenizer.ggml.pre" not in keys:
            notes.append(
                "the metadata name no tokenizer.ggml.pre: llama.cpp warns, and splits text by its "
                "default rule, which may not be the one of the training"
            )
        if "tokenizer.ggml.eos_token_id" not in keys:
            notes.append("the metadata name no end of text: llama.cpp takes token 11 for it")
    if key := rotation(header):
        notes.append(
            f"the weights are in a rotated basis ({key}): a runtime that does not rotate the "
            "activations too may load the file, and writes nonsense"
        )
    elif named_for_fork(path, header):
        notes.append(
            f"the name says {NEEDS_FORK!r}, which PrismML gave to weights in a rotated basis: "
            f"llama.cpp would write nonsense; no key {ROTATED}* confirms it"
        )
    return notes


def rotation(header: Header) -> str | None:
    """The first key that tells of weights in a rotated basis."""
    return next((key for key in header.metadata if key.startswith(ROTATED)), None)


def named_for_fork(path: Path, header: Header) -> bool:
    """Whether the name of the file or of the model says that mainline is not enough."""
    names = f"{path.name} {header.metadata.get('general.name')}"
    return NEEDS_FORK in names.lower().replace(" ", "-")


def _not_alone(header: Header) -> str | None:
    """Why a file is not meant to be loaded by itself, if it is not."""
    kind, n_files = (header.metadata.get(key) for key in ("general.type", "split.count"))
    if kind not in (None, "model"):
        return f"no model by itself: its general.type is {kind!r:.60}"
    if isinstance(n_files, int) and n_files > 1:
        return f"one of {n_files} files: llama.cpp is given the first, and needs all"
    return None


def _compared(header: Header) -> tuple[list[str], list[str]]:
    """Tensors that a file of our architecture lacks, and those that it has beside ours."""
    if header.metadata.get("general.architecture") != ARCHITECTURE:
        return [], []
    n_layers = header.metadata.get(f"{ARCHITECTURE}.block_count")
    n_layers = n_layers if isinstance(n_layers, int) else 0
    layers = range(min(n_layers, len(header.tensors)))  # a file cannot hold more than it has
    expected = {TOP["embedding"], TOP["norm"]} | {
        name.format(layer) for layer in layers for name in MATRICES.values()
    }
    tensors = {tensor.name for tensor in header.tensors}
    return sorted(expected - tensors), sorted(tensors - expected - {TOP["head"]})
