"""Chapter 8: a training step beside its matrix products alone, for larger models and batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ternary.config import TrainingConfig
from ternary.experiments.experiment import Claim, Experiment, Record, Settings, Values
from ternary.experiments.matrix_products import products_of_step
from ternary.parallel import one_blas_thread
from ternary.training import Trainer

WIDTHS = (128, 256, 512)
BATCHES = ((32, 16), (16, 64), (8, 256))  # sequences, tokens of each
HEAD_DIM = 32
TURN = 3  # steps in a row, so that one of them finds its arrays in the cache


def trials(quick: bool) -> list[Settings]:
    """Every width with every batch: 512, 1,024 and 2,048 tokens in longer and longer sequences."""
    widths, batches = (WIDTHS[::2], BATCHES[:1]) if quick else (WIDTHS, BATCHES)
    return [
        {"d_model": d_model, "sequences": sequences, "length": length}
        for d_model in widths
        for sequences, length in batches
    ]


def scaled_config(d_model: int, sequences: int, length: int, threads: int = 1) -> TrainingConfig:
    """The copy run with a wider model: heads of the same size, and so more of them."""
    return TrainingConfig(
        d_model=d_model,
        d_ff=4 * d_model,
        n_heads=d_model // HEAD_DIM,
        batch_size=sequences,
        length=length,
        threads=threads,
    )


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Milliseconds of a step, of its matrix products alone, and their ratio."""
    trainer = Trainer(replace(scaled_config(**settings), seed=seed))
    products = products_of_step(trainer.model.config, settings["sequences"], settings["length"])

    def multiply() -> None:
        for a, b, out in products:
            np.matmul(a, b, out)

    with one_blas_thread():
        step, bare = fastest_in_turns([trainer.take_step, multiply], 1 if quick else 6)
    return {
        "step": float(f"{1000 * step:.4g}"),
        "products": float(f"{1000 * bare:.4g}"),
        "ratio": float(f"{step / bare:.4g}"),
    }


def fastest_in_turns(works: list[Callable[[], object]], seconds: float) -> list[float]:
    """Seconds of the fastest call of each, in short turns for a while, two turns or more."""
    fastest = [np.inf] * len(works)
    turns, end = 0, time.perf_counter() + seconds
    while turns < 2 or time.perf_counter() < end:
        for number, work in enumerate(works):
            for _ in range(TURN):
                began = time.perf_counter()
                work()
                fastest[number] = min(fastest[number], time.perf_counter() - began)
        turns += 1
    return fastest


def ratio(record: Record, d_model: int, batch: tuple[int, int]) -> float:
    """Time of a step over that of its products, mean of the repeats."""
    sequences, length = batch
    return record.mean("ratio", d_model=d_model, sequences=sequences, length=length)


FALLS = Claim(
    "32 sequences of 16 tokens: a smaller ratio with d_model 512 than with 128",
    lambda r: ratio(r, 512, BATCHES[0]) < ratio(r, 128, BATCHES[0]),
)

EXPERIMENT = Experiment(
    name="step-scaling",
    question="How does a training step compare with its matrix products as model and batch grow?",
    prediction=(
        "Products grow with the square of d_model, passes over activations with d_model itself, so "
        "what a step takes beyond its products should halve with every doubling of d_model: from "
        "0.4 of them at 128 to 0.2 at 256 and 0.1 at 512, for 16 sequences of 64. AdamW and "
        "projection grow as the products do and are shared by all tokens: with 32 sequences of 16 "
        "the ratio falls less, from 1.5 to 1.25, since AdamW no longer fits into the cache at 512. "
        "With 8 sequences of 256 the softmax has four times as many scores a token as with 64: "
        "1.6 at 128, and 1.15 at 512."
    ),
    protocol=(
        "The copy run with d_model 128, 256 and 512, d_ff four times as large, heads of 32, two "
        "layers; 32 sequences of 16 tokens, 16 of 64, 8 of 256; one thread. Steps and bare "
        "products take turns of three, for six seconds, two turns or more; the fastest of each, "
        "and their ratio; three repeats. Run with --jobs 1, on a machine that does nothing else."
    ),
    trials=trials,
    measure=measure,
    claims=[
        FALLS,
        Claim(
            "every batch: a smaller ratio with d_model 512 than with 128",
            lambda r: all(ratio(r, 512, batch) < ratio(r, 128, batch) for batch in BATCHES),
        ),
        Claim(
            "a step takes longer than its products everywhere, and nowhere 2.5 times as long",
            lambda r: all(1 < ratio(r, d, batch) < 2.5 for d in WIDTHS for batch in BATCHES),
        ),
        Claim(
            "with d_model 512 and 1,024 tokens or more, at most 1.5 times as long",
            lambda r: all(ratio(r, 512, batch) < 1.5 for batch in BATCHES[1:]),
        ),
    ],
    quick_claims=[FALLS],
)
