"""Chapter 1: what bounds a matrix-vector product, arithmetic or the reading of its weights."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np

from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.record import Record, Settings, Values

SIZES = [128, 256, 512, 1024, 2048, 4096, 8192, 16384]  # 64 kB to 1 GB of float32
VECTORS = [2, 4, 8, 16, 32, 64]
TYPES = ["float32", "int16", "int8"]
SMALL, LARGE = 512, 8192  # a matrix that a cache of one core holds; one beyond most caches
HUGE = 23168  # 2.1 GB of float32, and beyond the cache even as int8


def trials(quick: bool) -> list[Settings]:
    """Products with one vector by size, with several vectors, and reading by size and type."""
    sizes, vectors, types = ([SMALL, LARGE], [64], TYPES[::2]) if quick else (SIZES, VECTORS, TYPES)
    huge = LARGE if quick else HUGE
    return [
        *({"what": "product", "size": size, "vectors": 1} for size in sizes),
        *({"what": "product", "size": LARGE, "vectors": number} for number in vectors),
        *({"what": "read", "size": size, "type": "float32"} for size in sizes if size != huge),
        *({"what": "read", "size": huge, "type": name} for name in types),
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Nanoseconds for one number of a matrix, and the bytes a second that this means."""
    size, dtype = settings["size"], settings.get("type", "float32")
    matrix = np.ones((size, size), dtype)  # not zeros: memory that was never written is not read
    work: Callable[[], object] = matrix.max
    if settings["what"] == "product":
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((size, settings["vectors"]), dtype=np.float32)
        x = x[:, 0].copy() if settings["vectors"] == 1 else x
        y = np.empty_like(x)
        work = functools.partial(np.matmul, matrix, x, out=y)
    ns = fastest(work, quick) / matrix.size
    return {"ns": float(f"{ns:.4g}"), "gb_per_s": float(f"{matrix.itemsize / ns:.4g}")}


def fastest(work: Callable[[], object], quick: bool) -> float:
    """Nanoseconds of the fastest of many calls: whatever else the machine does only adds time."""
    work()
    least, end = np.inf, time.perf_counter() + (0.2 if quick else 1.0)
    calls = 0
    while calls < 5 or time.perf_counter() < end:
        began = time.perf_counter_ns()
        work()
        least = min(least, time.perf_counter_ns() - began)
        calls += 1
    return float(least)


def from_memory(record: Record) -> bool:
    """Whether a weight costs more from main memory than from the cache of a core."""
    far, near = (record.mean("ns", size=size, vectors=1) for size in (LARGE, SMALL))
    return far > 1.3 * near


def many_vectors(record: Record) -> bool:
    """Whether 64 vectors together cost less than half as much a vector as one alone."""
    return record.mean("ns", vectors=64) / 64 < record.mean("ns", size=LARGE, vectors=1) / 2


def fewer_bytes(record: Record) -> bool:
    """Whether a number of one byte is read in less than half the time of one of four."""
    size = record.select(type="int8")[0]["settings"]["size"]
    return record.mean("ns", type="int8") < record.mean("ns", type="float32", size=size) / 2


CACHE = Claim("a weight from main memory takes longer than one from the cache", from_memory)
BATCH = Claim("64 vectors together cost less than half as much a vector as one", many_vectors)
BYTES = Claim("one byte a weight is read in less than half the time of four", fewer_bytes)

EXPERIMENT = Experiment(
    name="matvec-bandwidth",
    question="Does a matrix-vector product wait for its arithmetic or for its weights?",
    prediction=(
        "A first look on this processor gave 0.04 ns a weight from the second-level cache and 0.27 "
        "from main memory, so we expect the time of a weight to rise in steps, 5 to 8 times in "
        "all, and then to stay: 8,192 and 16,384 within 10 % of each other. Beyond the cache, "
        "reading alone takes as long as the product within 20 %, and int8 a quarter of the time of "
        "float32 within 15 %. 16 vectors side by side cost 2 to 4 times as much as one, not 16 "
        "times. By the roofline alone 2 and 4 vectors should cost no more than one, but the first "
        "look showed twice the time for 2, and we expect that again."
    ),
    protocol=(
        "W @ x in float32, W square, one thread: the fastest of the calls that fit into one "
        "second, at least five. The same with 2 to 64 columns in x for size 8,192. Reading alone "
        "is the maximum of such a matrix, and of 537 million numbers of 4, 2, and 1 bytes. The "
        "three seeds repeat the timing. Run with --jobs 1, on a machine that does nothing else: "
        "trials side by side share its memory."
    ),
    trials=trials,
    measure=measure,
    claims=[
        CACHE,
        BATCH,
        BYTES,
        Claim(
            "beyond the cache, the time of a weight no longer depends on the size",
            lambda r: (
                0.8
                < r.mean("ns", size=16384, vectors=1) / r.mean("ns", size=LARGE, vectors=1)
                < 1.25
            ),
        ),
        Claim(
            "from main memory the product takes longer than reading alone, and not twice as long",
            lambda r: (
                1
                < r.mean("ns", size=16384, vectors=1) / r.mean("ns", size=16384, type="float32")
                < 2
            ),
        ),
    ],
    quick_claims=[CACHE, BATCH, BYTES],
    timed=True,
)
