"""Chapter 13: a matrix-vector product straight from packed codes, beside the dense one."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ternary.arrays import Bytes, Codes, Floats, Scales
from ternary.codecs import CODECS
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.matvec_bandwidth import fastest
from ternary.experiments.record import Record, Settings, Values
from ternary.lookup import packed_matvec
from ternary.projection import GROUP_SIZE

SIZES = [128, 512, 2048, 8192]  # float32: 64 kB to 268 MB; packed: 4 kB to 15 MB
WAYS = ["dense", "look-up", "unpack"]
ROWS = 64  # unpacked at a time, so that the floats stay in the cache
BASE3 = CODECS["base3"]


def trials(quick: bool) -> list[Settings]:
    """Every way of multiplying, by size."""
    sizes = [512] if quick else SIZES
    return [{"way": way, "size": size} for size in sizes for way in WAYS]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Nanoseconds for one weight, bits of memory that hold it, and the error of the product."""
    size, way = settings["size"], settings["way"]
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, 2, (size, size), np.int8)
    scales = rng.uniform(0.01, 0.02, (size, size // GROUP_SIZE)).astype(np.float16)
    x = rng.standard_normal((size,), np.float32)
    data = BASE3.encode(codes, scales)
    weights = floats(codes, scales)
    held: Floats | Bytes = weights if way == "dense" else data
    y = np.empty(size, np.float32)
    work: Callable[[], Floats] = {
        "dense": functools.partial(np.matmul, weights, x, out=y),
        "look-up": functools.partial(packed_matvec, data, x),
        "unpack": functools.partial(unpack_and_multiply, data, x),
    }[way]
    exact = weights[:64].astype(np.float64) @ x
    error = float(np.abs(work()[:64] - exact).max() / np.abs(exact).max())
    return {
        "ns": float(f"{fastest(work, quick) / codes.size:.4g}"),
        "bits": 8 * held.nbytes / codes.size,
        "error": float(f"{error:.2g}"),
    }


def floats(codes: Codes, scales: Scales) -> Floats:
    """The matrix in float32: codes times scales."""
    weights = codes.astype(np.float32).reshape(*scales.shape, -1)
    weights *= scales[..., None].astype(np.float32)
    return weights.reshape(codes.shape)


def unpack_and_multiply(data: Bytes, x: Floats) -> Floats:
    """Turn some rows at a time into float32, and multiply them."""
    y = np.empty(len(data), np.float32)
    for start in range(0, len(data), ROWS):
        rows = slice(start, start + ROWS)
        np.matmul(floats(*BASE3.decode(data[rows], len(x))), x, out=y[rows])
    return y


def ratio(record: Record, way: str, size: int) -> float:
    """Time of a product in units of the dense one."""
    return record.mean("ns", way=way, size=size) / record.mean("ns", way="dense", size=size)


SAME = Claim(
    "the three products agree to float32's rounding",
    lambda r: all(trial["values"]["error"] < 1e-5 for trial in r.trials),
)
SLOWER = Claim(
    "look-ups in NumPy are slower than the dense product in the cache",
    lambda r: ratio(r, "look-up", 512) > 1.5,
)
FASTER = Claim(
    "look-ups are faster than unpacking and multiplying",
    lambda r: ratio(r, "look-up", 512) < ratio(r, "unpack", 512),
)

EXPERIMENT = Experiment(
    name="packed-product",
    question="What does a product straight from packed codes cost in NumPy, and what does it save?",
    prediction=(
        "A first look on a busy machine gave 0.6 to 0.8 ns a weight for look-ups at sizes 512 and "
        "2,048, 0.04 to 0.14 for the dense product, and 2 for unpacking. We expect the look-ups to "
        "take the same 0.5 to 0.8 ns at every size from 512 on, because 1.75 bits a weight do not "
        "leave the cache: 10 to 20 times the dense product at 512, but only 2 to 3 times at 8,192, "
        "where the dense one waits for memory. They will not win anywhere. Unpacking takes 2 to 4 "
        "times as long as looking up. Size 128 is dominated by the calls."
    ),
    protocol=(
        "Random codes and scales in groups of 128, one float32 vector, one thread: the fastest of "
        "the calls that fit into one second, at least five. Dense is W @ x in float32. Look-up is "
        "ternary.lookup.packed_matvec on the rows of the codec base3. Unpack decodes 64 rows at a "
        "time to float32 and multiplies. The three seeds repeat the timing with other codes. Run "
        "with --jobs 1, on a machine that does nothing else."
    ),
    trials=trials,
    measure=measure,
    claims=[
        SAME,
        SLOWER,
        FASTER,
        Claim(
            "beyond the cache, look-ups come within a factor of 5 of the dense product",
            lambda r: ratio(r, "look-up", 8192) < 5,
        ),
        Claim(
            "look-ups are faster nowhere",
            lambda r: all(ratio(r, "look-up", size) > 1 for size in SIZES),
        ),
    ],
    quick_claims=[SAME, SLOWER, FASTER],
    timed=True,
)
