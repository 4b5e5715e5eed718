"""Tokens a second of greedy generation, beside llama.cpp on the same model.

Four contestants: our float32 weights; our packed codes with products by look-up, as in exercise
13.6; and llama.cpp with the exported file, F16 and Q2_0. All of them continue one prompt until the
context is full, and what is timed is every token but the first. For llama.cpp that is the time that
its own report gives for generation: the passes and the choice of the likeliest token, without the
prompt, HTTP, and JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from machine import describe, load
from turns import in_child

sys.path.insert(0, str(Path(__file__).parents[2]))

from ternary import TernaryTransformer, TransformerConfig
from ternary.codecs import CODECS
from ternary.experiments.readers import LlamaCpp
from ternary.export import TernaryWeights, export_gguf
from ternary.lookup import packed_matvec

SIZES = [(128, 64), (128, 512), (512, 512)]  # d_model and context
N_PROMPT = 16
TURN_SECONDS = 0.5  # of a turn, at least; and one text to warm up
INSTALL = 'not installed: pip install ".[runtimes]", or xllamacpp alone'

# A turn of a contestant: milliseconds before the first token, seconds for the others, the tokens.
Text = tuple[float, float, list[int]]


def main() -> int:
    options = _options()
    if options.child:
        LlamaCpp.n_threads = options.threads[0]  # ours are told by the environment
        print(json.dumps(_turn(options.child, *options.size, Path(options.folder))))
        return 0
    print(describe())
    failed = False
    for d_model, context in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            weights = TernaryWeights.of(_model(d_model, context))
            for kind in ("F16", "Q2_0"):
                export_gguf(weights, Path(folder) / f"{kind}.gguf", kind)
            for threads in options.threads:
                failed |= _compare(d_model, context, threads, options.rounds, folder)
    return failed


def _compare(d_model: int, context: int, threads: int, rounds: int, folder: str) -> bool:
    """Print the table of one size and number of threads; whether a contestant failed."""
    turns: dict[str, list[dict]] = {name: [] for name in CONTESTANTS}
    complaints, loads = {}, []
    for name in CONTESTANTS:
        if name.startswith("llama.cpp") and importlib.util.find_spec("xllamacpp") is None:
            complaints[name] = INSTALL
    for _ in range(rounds):
        for name in CONTESTANTS:
            if name in complaints:
                continue
            loads.append(load())
            turn, complaint = in_child(
                __file__, threads, "--child", name, "--threads", str(threads),
                "--size", str(d_model), str(context), "--folder", folder,
            )  # fmt: skip
            if complaint:
                complaints[name] = complaint
            else:
                turns[name].append(turn)
    print(
        f"\nd_model {d_model}, context {context}, {threads} thread{'s' * (threads > 1)}; "
        f"{rounds} rounds in turns, load {min(loads):.1f} to {max(loads):.1f}"
    )
    width = max(map(len, CONTESTANTS))
    print(f"{'':{width}}  tokens/s  highest  us/token  lowest  first, ms  / ours  same tokens")
    for name in CONTESTANTS:
        print(f"{name:{width}}  {complaints.get(name) or _row(turns[name], turns['float32'])}")
    return any(complaint != INSTALL for complaint in complaints.values())


def _row(turns: list[dict], ours: list[dict]) -> str:
    def median(name: str, of: list[dict]) -> float:
        return statistics.median(turn[name] for turn in of)

    us, lowest = median("us", turns), min(turn["us"] for turn in turns)
    ratio = f"{median('us', ours) / us:.2f}" if ours else "n/a"
    text, reference = turns[0]["tokens"], (ours or turns)[0]["tokens"]
    same = sum(itertools.accumulate((a == b for a, b in zip(text, reference, strict=True)), min))
    return (
        f"{1e6 / us:8.0f}  {1e6 / lowest:7.0f}  {us:8.1f}  {lowest:6.1f}  "
        f"{median('first', turns):9.2f}  {ratio:>6}  {same} of {len(text)}"
    )


def _turn(name: str, d_model: int, context: int, folder: Path) -> dict:
    """As many texts as fill the time: what they took, and what they were."""
    continue_prompt = CONTESTANTS[name](d_model, context, folder)
    continue_prompt()  # to warm up
    began, texts = time.perf_counter(), list[Text]()
    while time.perf_counter() - began < TURN_SECONDS:
        texts.append(continue_prompt())
    first, seconds, tokens = zip(*texts, strict=True)
    us = 1e6 * sum(seconds) / sum(len(each) - 1 for each in tokens)
    return {"us": us, "first": statistics.median(first), "tokens": tokens[0]}


# --- Contestants: each takes a size and the folder of the exports, and gives a function ----------


def _model(d_model: int, context: int) -> TernaryTransformer:
    """Random weights: the speed is that of trained ones."""
    return TernaryTransformer(TransformerConfig(d_model=d_model, d_ff=4 * d_model, context=context))


def _prompt() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, N_PROMPT)


def _float32(d_model: int, context: int, folder: Path) -> Callable[[], Text]:
    return _text_of(_model(d_model, context))


def _packed(d_model: int, context: int, folder: Path) -> Callable[[], Text]:
    """Every linear layer is packed; the embedding, which multiplies nothing, is not."""
    model = _model(d_model, context)
    for i, block in enumerate(model.blocks):
        q, k, v, o, up, down = (f"layers.{i}.{name}" for name in ("q", "k", "v", "o", "up", "down"))
        block.qkv = PackedLinear(model, q, k, v)
        block.o, block.up, block.down = (PackedLinear(model, name) for name in (o, up, down))
    model.head = PackedLinear(model, "head")
    return _text_of(model)


class PackedLinear:
    """Matrices as rows of base 3, stacked."""

    def __init__(self, model: TernaryTransformer, *names: str) -> None:
        parts = model.parameters.codes, model.parameters.scales
        codes, scales = (np.concatenate([part(name) for name in names]) for part in parts)
        self.data = CODECS["base3"].encode(codes, scales)

    def forward(self, x: np.ndarray) -> np.ndarray:
        rows = [packed_matvec(self.data, row) for row in x.reshape(-1, x.shape[-1])]
        return np.stack(rows).reshape(*x.shape[:-1], -1)


def _text_of(model: TernaryTransformer) -> Callable[[], Text]:
    prompt = _prompt()

    def continue_prompt() -> Text:
        began = time.perf_counter()
        tokens = model.generate(prompt, model.config.context - N_PROMPT - 1, temperature=0)
        text = [next(tokens)]
        first = time.perf_counter()
        text.extend(tokens)
        return 1000 * (first - began), time.perf_counter() - first, text

    return continue_prompt


def _llama_cpp(kind: str, d_model: int, context: int, folder: Path) -> Callable[[], Text]:
    reader = LlamaCpp(folder / f"{kind}.gguf", context)
    question = {
        "prompt": _prompt().tolist(),
        "n_predict": context - N_PROMPT - 1,  # it wants room for one more
        "temperature": 0,
        "samplers": ["temperature"],  # and no other to ask before the likeliest is taken
        "cache_prompt": False,
        "ignore_eos": True,
        "return_tokens": True,
    }

    def continue_prompt() -> Text:
        answer = reader.ask("/completion", **question)
        timings = answer["timings"]
        return timings["prompt_ms"], timings["predicted_ms"] / 1000, answer["tokens"]

    return continue_prompt


CONTESTANTS = {
    "float32": _float32,
    "packed look-ups": _packed,
    "llama.cpp F16": partial(_llama_cpp, "F16"),
    "llama.cpp Q2_0": partial(_llama_cpp, "Q2_0"),
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (%(default)s)")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], help="of each (%(default)s)"
    )
    parser.add_argument("--child", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.rounds, *options.threads) < 1:
        parser.error("--rounds and --threads are 1 or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
