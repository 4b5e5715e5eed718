"""Chapter 14: the same trained models in three runtimes: logits, text, and bytes."""

from __future__ import annotations

import tempfile
from itertools import accumulate
from pathlib import Path

import numpy as np

from ternary.config import TrainingConfig
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import text_task
from ternary.experiments.readers import (
    MLX,
    LlamaCpp,
    LlamaCppPython,
    Reader,
    Transformers,
    wrong_in_folder,
    wrong_in_gguf,
)
from ternary.experiments.record import Record, Settings, Values
from ternary.export import TernaryWeights, export_gguf, export_huggingface, export_mlx
from ternary.export.inspection import inspect_model
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer

STEPS, QUICK_STEPS = 800, 20
N_WINDOWS = 8  # whose logits are compared
PROMPT = b"If the object is a "
N_ADDED = 45  # bytes that fill the context of 64

# Name in the record: which reader, and the export that it reads.
READERS: dict[str, tuple[type[Reader], str]] = {
    "transformers": (Transformers, "huggingface"),
    "mlx": (MLX, "mlx"),
    "llama_q2_0": (LlamaCpp, "q2_0.gguf"),
    "llama_f16": (LlamaCpp, "f16.gguf"),
    "llama_python_q2_0": (LlamaCppPython, "q2_0.gguf"),
}
WHEELS = [name for name in READERS if name != "llama_python_q2_0"]  # the extra `runtimes`


def trials(quick: bool) -> list[Settings]:
    """All runtimes; quick, none of them: the files are read back by this package alone."""
    return [{"readers": [] if quick else WHEELS}]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Train, export to every format, read each file back, and ask each runtime."""
    steps = QUICK_STEPS if quick else STEPS
    trainer = Trainer(TrainingConfig(task="text", steps=steps, seed=seed, threads=1), text_task())
    trainer.run()
    held_out = text_task().validation  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        values = files(trainer.model, Path(folder))
        values["bpb"] = round(trainer.evaluate().bits, 4)
        values["prompt"] = list(PROMPT)
        ours = continuation(trainer.model)
        values |= closest_decision(trainer.model, ours)
        for name in settings["readers"]:
            kind, export = READERS[name]
            reader = kind(Path(folder) / export, trainer.model.config.context)
            compared = compare(trainer.model, ours, reader, held_out)
            values |= {f"{name}_{key}": value for key, value in compared.items()}
            if isinstance(reader, LlamaCpp):
                sample = reader.sample(PROMPT.decode(), N_ADDED, 0.8, seed)
                values[f"{name}_sample"] = list(sample.encode())
    return values


def files(model: TernaryTransformer, folder: Path) -> Values:
    """Write every export to a folder; wrong weights, bytes, and bits a weight of each."""
    weights = TernaryWeights.of(model)
    export_gguf(weights, folder / "q2_0.gguf", "Q2_0")
    export_gguf(weights, folder / "f16.gguf", "F16")
    export_huggingface(weights, folder / "huggingface")
    export_mlx(weights, folder / "mlx")
    values: Values = {}
    for path in sorted(folder.iterdir()):
        wrong = wrong_in_folder if path.is_dir() else wrong_in_gguf
        description = inspect_model(path)
        name = path.name.replace(".", "_")
        values[f"{name}_wrong"] = wrong(path, weights)
        values[f"{name}_bytes"] = description.size
        values[f"{name}_bits"] = round(description.bits_per_weight, 4)
    return values


def continuation(model: TernaryTransformer) -> bytes:
    """What the model itself adds to the prompt, greedily, up to the end of its context."""
    prompt = np.frombuffer(PROMPT, np.uint8).astype(np.int64)
    return bytes(model.generate(prompt, N_ADDED, temperature=0))


def closest_decision(model: TernaryTransformer, ours: bytes) -> Values:
    """Where in our own continuation the two likeliest bytes are closest, and by how many nats."""
    text = np.frombuffer(PROMPT + ours, np.uint8).astype(np.int64)
    logits = np.sort(model.forward(text[None, :-1])[0, len(PROMPT) - 1 :], axis=-1)
    gaps = logits[:, -1] - logits[:, -2]
    return {"closest_gap": float(f"{gaps.min():.3g}"), "closest_after": int(gaps.argmin())}


def compare(model: TernaryTransformer, added: bytes, reader: Reader, text: np.ndarray) -> Values:
    """Differences of the logits, bits per byte of both, agreement, and the two continuations."""
    length = model.config.context
    n = length - 1  # llama.cpp wants room for the byte that it predicts
    windows = text[: N_WINDOWS * n].reshape(N_WINDOWS, n)
    ours = model.forward(windows).astype(np.float64)
    theirs = np.stack([reader.logits(window) for window in windows]).astype(np.float64)
    following = text[1 : N_WINDOWS * n + 1].reshape(N_WINDOWS, n)
    text_there = reader.continuation(PROMPT.decode(), N_ADDED).encode()
    pairs = zip(text_there, added, strict=False)
    ours -= ours.mean(axis=-1, keepdims=True)  # a constant changes no prediction, and some
    theirs -= theirs.mean(axis=-1, keepdims=True)  # runtimes tell log-probabilities
    difference = np.abs(theirs - ours)
    return {
        "version": reader.version(),
        "rms": float(f"{np.sqrt((difference**2).mean() / (ours**2).mean()):.3g}"),
        "largest": float(f"{difference.max() / np.abs(ours).max():.3g}"),
        "bpb": round(bits(theirs, following), 4),
        "our_bpb": round(bits(ours, following), 4),
        "agreement": round(float((theirs.argmax(-1) == ours.argmax(-1)).mean()), 4),
        "tokens_equal": float(reader.tokens("naïve — 日本\n") == list("naïve — 日本\n".encode())),
        "text": list(text_there),
        "same_bytes": sum(accumulate((a == b for a, b in pairs), min)),
    }


def bits(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean bits of the targets under the softmax of the logits."""
    log_sum = np.log(np.exp(logits - logits.max()).sum(axis=-1)) + logits.max()
    chosen = np.take_along_axis(logits, targets[..., None].astype(np.int64), axis=-1)[..., 0]
    return float((log_sum - chosen).mean() / np.log(2))


def _all(record: Record, value: str) -> list[float]:
    return [float(x) for x in record.values(value)]


NO_WEIGHT_IS_WRONG = Claim(
    "every file holds the very weights of the model",
    lambda r: (
        not any(
            sum(_all(r, f"{name}_wrong"))
            for name in ("q2_0_gguf", "f16_gguf", "huggingface", "mlx")
        )
    ),
)
EXPERIMENT = Experiment(
    name="runtimes",
    question="Do three runtimes compute with the exported weights what NumPy computes with them?",
    prediction=(
        "Written with the first edition's record in view, whose models were trained with AdamW for "
        "1,500 steps: relative RMS of 5e-7 (Transformers, MLX), 2e-4 (llama.cpp, F16) and 3e-3 "
        "(llama.cpp, Q2_0). With Muon the same: below 1e-5, 1e-3 and 1e-2. Bits per byte in each "
        "runtime are ours to 0.001 in float32 and to 0.01 in llama.cpp. Transformers and MLX write "
        "the same greedy text as NumPy; llama.cpp with Q2_0 leaves it in at least one of three "
        "models, at a close decision."
    ),
    protocol=(
        "The text task as python -m ternary --task text --steps 800 trains it, with Muon, three "
        "seeds. Logits, less their mean at each position, and bits per byte of 8 held-out windows "
        "of 63 bytes; greedy continuation of a prompt of 19 bytes up to the context of 64. Every "
        "file is also read back by this package and compared weight by weight. llama.cpp is that "
        "of the package xllamacpp."
    ),
    trials=trials,
    measure=measure,
    claims=[
        NO_WEIGHT_IS_WRONG,
        Claim("Transformers agrees to 1e-4", lambda r: max(_all(r, "transformers_rms")) < 1e-4),
        Claim("MLX agrees to 1e-4", lambda r: max(_all(r, "mlx_rms")) < 1e-4),
        Claim("llama.cpp agrees to 2 %", lambda r: max(_all(r, "llama_q2_0_rms")) < 0.02),
        Claim(
            "Transformers and MLX write the same text",
            lambda r: (
                min(_all(r, "transformers_same_bytes") + _all(r, "mlx_same_bytes")) == N_ADDED
            ),
        ),
        Claim(
            "every tokenizer reads a text as its bytes",
            lambda r: all(min(_all(r, f"{name}_tokens_equal")) == 1 for name in WHEELS),
        ),
    ],
    quick_claims=[NO_WEIGHT_IS_WRONG],
)
