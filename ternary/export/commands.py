"""The commands `export` and `inspect`."""

from __future__ import annotations

import argparse

from ternary.errors import TernaryError
from ternary.export import export_model, inspect_model, load_weights

HOW_TO_RUN = {
    "gguf": "load it with llama.cpp, or in Python: llama_cpp.Llama({path!r}, n_ctx={context})",
    "huggingface": "load it with AutoModelForCausalLM.from_pretrained({path!r})",
    "mlx": "load it with mlx_lm.load({path!r}, trust_remote_code=True)",
}


def export(options: argparse.Namespace) -> int:
    """Write a saved model for another runtime, and say what was written."""
    if not options.path:
        raise TernaryError("the target has no name; give a file or a folder")
    weights = load_weights(options.model)
    export_model(weights, options.to, options.path, options.type, options.force)
    for line in inspect_model(options.path).lines():
        print(line)
    print(HOW_TO_RUN[options.to].format(path=options.path, context=weights.config.context))
    return 0


def inspect(options: argparse.Namespace) -> int:
    """Say what a model file holds and which runtimes can load it."""
    for line in inspect_model(options.file).lines():
        print(line)
    return 0
