"""Chapter 14: tokens a second of llama.cpp, by type of file, in the cache and out of it."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ternary.errors import TernaryError
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.readers import LlamaCpp
from ternary.experiments.record import Record, Settings, Values
from ternary.export import TernaryWeights
from ternary.export.gguf import FILE_TYPES, gguf_metadata, gguf_tensors
from ternary.export.gguf_file import F16, Tensor, write_gguf
from ternary.transformer import TransformerConfig

MODELS = {  # the sizes of the book's model, and of one whose weights no cache holds
    "book": TransformerConfig(),
    "wide": TransformerConfig(d_model=2048, n_layers=4, n_heads=16, d_ff=8192),
}
TYPES = {"F16": (1, FILE_TYPES["F16"]), "Q8_0": (8, 7), "Q4_0": (2, 2), "Q2_0": (42, 41)}
THREADS = (1, 2)
N_PROMPT, N_ADDED = 16, 47  # in a context of 64, where llama.cpp wants room for one more
TEXTS = {"book": 20, "wide": 1}  # that are timed, so that a turn takes a second or more


def trials(quick: bool) -> list[Settings]:
    """Every type of both models; quick, the two that the package itself writes, of the small."""
    if quick:
        return [{"model": "book", "type": kind} for kind in ("F16", "Q2_0")]
    return [{"model": model, "type": kind} for model in MODELS for kind in TYPES]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bytes of the file and, unless quick, milliseconds a token of reading and of writing."""
    model, kind = settings["model"], settings["type"]
    weights = random_weights(MODELS[model], seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        write(weights, kind, path)
        values: Values = {"bytes": path.stat().st_size}
        if quick:
            return values
        for threads in THREADS:
            values |= timed(path, weights.config.context, threads, TEXTS[model])
    return values | {"version": LlamaCpp.version()}


def random_weights(config: TransformerConfig, seed: int) -> TernaryWeights:
    """Codes and scales as a model of that size may have them: speed does not ask for sense."""
    rng = np.random.default_rng(seed)
    codes, scales = {}, {}
    for name, (rows, cols) in config.matrices().items():
        codes[name] = rng.integers(-1, 2, (rows, cols), np.int8)
        scales[name] = (rng.uniform(0.5, 1.5, (rows, cols // 128)) * cols**-0.5).astype(np.float16)
    gains = {name: np.ones(n, np.float32) for name, n in config.gains().items()}
    return TernaryWeights(config, 128, codes, scales, gains)


def write(weights: TernaryWeights, kind: str, path: Path) -> None:
    """A GGUF file with every matrix in one type; what the package does not write, gguf encodes."""
    own = kind if kind in FILE_TYPES else "F16"
    tensors, metadata = gguf_tensors(weights, own), gguf_metadata(weights, own)
    number, metadata["general.file_type"] = TYPES[kind]
    if own != kind:
        gguf = need_gguf()
        for name, tensor in tensors.items():
            if tensor.type == F16:
                data = gguf.quants.quantize(tensor.data.astype(np.float32), number)
                tensors[name] = Tensor(tensor.shape, number, data)
    with path.open("wb") as file:
        write_gguf(file, metadata, tensors)


def need_gguf() -> Any:
    """The library `gguf` of llama.cpp's own repository, which the extra `runtimes` brings."""
    try:
        return importlib.import_module("gguf")
    except ImportError as error:
        raise TernaryError(
            f"gguf is not installed ({error}); install it with python -m pip install "
            "'.[runtimes]' in the folder of the book"
        ) from None


def timed(path: Path, context: int, threads: int, n_texts: int) -> Values:
    """The fastest of some texts, by the server's own clock, after one to warm up."""

    class Reader(LlamaCpp):
        n_threads = threads

    reader = Reader(path, context)
    question = {
        "prompt": np.random.default_rng(0).integers(1, 256, N_PROMPT).tolist(),
        "n_predict": N_ADDED,
        "temperature": 0,
        "samplers": ["temperature"],
        "cache_prompt": False,
        "ignore_eos": True,
    }
    answers = [reader.ask("/completion", **question)["timings"] for _ in range(1 + n_texts)][1:]
    return {
        f"{what}, {threads} threads": float(f"{min(answer[key] for answer in answers):.4g}")
        for what, key in (("write", "predicted_per_token_ms"), ("read", "prompt_per_token_ms"))
    }


def ratio(r: Record, model: str, kind: str, than: str, threads: int = 1) -> float:
    """Milliseconds a written token of one type, in units of another's."""
    mean = [r.mean(f"write, {threads} threads", model=model, type=t) for t in (kind, than)]
    return mean[0] / mean[1]


SMALLER = Claim(
    "a file of Q2_0 has less than a quarter of the bytes of one of F16",
    lambda r: all(
        4 * r.mean("bytes", model=model, type="Q2_0") < r.mean("bytes", model=model, type="F16")
        for model in {trial["settings"]["model"] for trial in r.trials}
    ),
)

EXPERIMENT = Experiment(
    name="runtime-speed",
    question="How many tokens a second does llama.cpp write from each type of file on a processor?",
    prediction=(
        "Known beforehand: at d_model 128 and 512, on one thread, F16 wrote about five times as "
        "many tokens as Q2_0, for whose product llama.cpp has no kernel for x86, only plain C. "
        "We expect, at d_model 2,048, where 0.4 GB of F16 come from memory for every token: Q8_0 "
        "1.5 to 2.2 times as fast as F16 and Q4_0 2 to 4 times, nearly in proportion to their "
        "bytes; Q2_0, with an eighth of the bytes, slower than F16, since its time is that of "
        "instructions: 0.2 to 0.8 of it. With two threads Q2_0 gains 1.7 to 2 times, F16 1.1 to "
        "1.9 times. For the book's model everything lies in the cache, and F16, Q8_0 and Q4_0 are "
        "within 1.5 of each other."
    ),
    protocol=(
        "Random codes and scales: the book's model, and an arcee of width 2,048 with four layers "
        "and d_ff 8,192, 202 million weights. Files of F16 and Q2_0 by the package, Q8_0 and Q4_0 "
        "by llama.cpp's library gguf from the F16 weights; all matrices in the one type. Then "
        "llama.cpp, as the wheel xllamacpp brings it, reads 16 tokens and writes 47, one after "
        "another: milliseconds a token by its server's report, the fastest of twenty texts (of "
        "one, for the wide model) after one to warm up. Five seeds repeat it with other weights. "
        "On an x86 processor that does nothing else."
    ),
    trials=trials,
    measure=measure,
    seeds=(0, 1, 2, 3, 4),
    claims=[
        SMALLER,
        Claim(
            "out of the cache, fewer bytes are faster from F16 to Q8_0 to Q4_0",
            lambda r: ratio(r, "wide", "Q8_0", "F16") < 0.9 > ratio(r, "wide", "Q4_0", "Q8_0"),
        ),
        Claim(
            "but not to Q2_0, which has no kernel for this processor",
            lambda r: ratio(r, "wide", "Q2_0", "Q4_0") > 1.5,
        ),
        Claim(
            "in the cache, Q2_0 is slower than F16",
            lambda r: ratio(r, "book", "Q2_0", "F16") > 1.5,
        ),
    ],
    quick_claims=[SMALLER],
    timed=True,
)
