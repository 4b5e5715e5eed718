"""Chapter 8: a training step beside its matrix products alone, for larger models and batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ternary.config import TrainingConfig
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.matrix_products import products_in_parts
from ternary.experiments.record import Record, Settings, Values
from ternary.team import one_blas_thread
from ternary.training import Trainer

WIDTHS = (128, 256, 512)
BATCHES = ((32, 16), (16, 64), (8, 256))  # sequences, tokens of each
THREADS = (1, 2)
HEAD_DIM = 32
TURN = 3  # steps in a row, so that one of them finds its arrays in the cache


def trials(quick: bool) -> list[Settings]:
    """Every width with every batch: 512, 1,024 and 2,048 tokens in longer and longer sequences."""
    return [
        {"threads": threads, "d_model": d_model, "sequences": sequences, "length": length}
        for threads in (THREADS[:1] if quick else THREADS)
        for d_model in (WIDTHS[::2] if quick else WIDTHS)
        for sequences, length in (BATCHES[:1] if quick else BATCHES)
    ]


def scaled_config(d_model: int, sequences: int, length: int, threads: int) -> TrainingConfig:
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
    products = products_in_parts(trainer.config)
    with one_blas_thread():
        step, bare = fastest_in_turns([trainer.take_step, products], 1 if quick else 3)
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


def ratio(record: Record, threads: int, d_model: int, batch: tuple[int, int]) -> float:
    """Time of a step over that of its products, mean of the repeats."""
    settings = {"threads": threads, "d_model": d_model, "sequences": batch[0], "length": batch[1]}
    return record.mean("ratio", **settings)


def beyond(record: Record, threads: int, d_model: int) -> float:
    """What a step takes beyond its products, in units of them; mean of the batches."""
    return float(np.mean([ratio(record, threads, d_model, batch) for batch in BATCHES])) - 1


FLOOR = Claim(
    "a step takes longer than its products everywhere, and nowhere 2.5 times as long",
    lambda r: all(1 < value < 2.5 for each in r.settings for value in [r.mean("ratio", **each)]),
)
SIXTEEN = Claim(
    "sixteen times the weights take more than six times as long",
    lambda r: (
        r.mean("step", threads=1, d_model=512, length=16)
        > 6 * r.mean("step", threads=1, d_model=128, length=16)
    ),
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
        "1.6 at 128, and 1.15 at 512. So far for one thread. For two, a first look at steps whose "
        "update ran on one gave 1.6 at 128 and 1.4 at 256, with 32 sequences of 16; once the "
        "update uses both threads, we expect 0.05 to 0.1 more than with one thread, at every size."
    ),
    protocol=(
        "The copy run with d_model 128, 256 and 512, d_ff four times as large, heads of 32, two "
        "layers; 32 sequences of 16 tokens, 16 of 64, 8 of 256; on one thread, and in two parts "
        "on two. Steps and bare products take turns of three, for three seconds, two turns or "
        "more; the fastest of each, and their ratio; three repeats, on a machine that "
        "does nothing else."
    ),
    trials=trials,
    measure=measure,
    claims=[
        FLOOR,
        SIXTEEN,
        Claim(
            "on two threads a step takes a fifth less beyond its products with d_model 512",
            lambda r: beyond(r, 2, 512) < 0.8 * beyond(r, 2, 128),
        ),
        Claim(
            "it has not halved twice",
            lambda r: all(beyond(r, n, 512) > beyond(r, n, 128) / 4 for n in THREADS),
        ),
    ],
    quick_claims=[FLOOR, SIXTEEN],
    timed=True,
)
