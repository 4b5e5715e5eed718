"""Chapter 6: what a ternary layer costs beside the matrix products that it is made of.

Every trial times two pieces of work in turn and keeps the fastest call of each, so that their
quotient says something even where the machine is shared.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.record import Record, Settings, Values
from ternary.layers import TernaryEmbedding, TernaryLinear

Work: TypeAlias = Callable[[], object]

MATRICES = {"o": (128, 128), "up": (512, 128), "down": (128, 512)}
TOKENS = [1, 4, 16, 64, 256, 1024, 4096]
VOCABULARIES = [256, 1024, 4096, 16384]
ROWS = [1, 4, 16, 64]  # of every matrix in a stack that holds 1,024 tokens


def trials(quick: bool) -> list[Settings]:
    """Both passes by tokens, the projection, and two choices that the layers make."""
    matrices, tokens = (["up"], [4, 1024]) if quick else (list(MATRICES), TOKENS)
    vocabularies, rows = (VOCABULARIES[:3:2], [1]) if quick else (VOCABULARIES, ROWS)
    passes = ("forward", "backward")
    return [
        *({"what": w, "matrix": m, "tokens": n} for m in matrices for w in passes for n in tokens),
        *({"what": "projection", "matrix": m} for m in matrices),
        *({"what": "scatter", "vocab": v} for v in vocabularies),
        *({"what": "stack", "rows": r} for r in rows),
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Microseconds of the work, and of what it is compared with."""
    rng = np.random.default_rng(seed)
    what = settings["what"]
    if what == "scatter":
        works = scatter_works(settings["vocab"], rng)
    elif what == "stack":
        works = stack_works(settings["rows"], rng)
    else:
        works = layer_works(what, MATRICES[settings["matrix"]], settings.get("tokens", 1), rng)
    us, bare = fastest(works, 0.1 if quick else 0.4)
    return {"us": us, "bare": bare}


def layer_works(
    what: str, shape: tuple[int, int], tokens: int, rng: np.random.Generator
) -> tuple[Work, Work]:
    """A pass of the layer, and its products alone; or the projection, and a copy of the latents."""
    out_dim, in_dim = shape
    layer = TernaryLinear.from_latent(rng.standard_normal(shape, np.float32))
    x = rng.standard_normal((tokens, in_dim), np.float32)
    dy = rng.standard_normal((tokens, out_dim), np.float32)
    W, dW = layer.W_ternary, np.empty_like(layer.W_ternary)
    y, dx = np.empty_like(dy), np.empty_like(x)
    layer.forward(x)

    def both_products() -> None:
        np.matmul(dy.T, x, out=dW)
        np.matmul(dy, W, out=dx)

    if what == "forward":
        return lambda: layer.forward(x), lambda: np.matmul(x, W.T, out=y)
    if what == "backward":
        return lambda: layer.backward(dy), both_products
    return layer.project, lambda: np.copyto(dW, layer.W_latent)


def scatter_works(vocab: int, rng: np.random.Generator) -> tuple[Work, Work]:
    """The gradient of an embedding of 1,024 tokens by `np.add.at`, and by the one-hot product."""
    table = TernaryEmbedding.from_latent(rng.standard_normal((vocab, 128), np.float32))
    tokens, dy = rng.integers(0, vocab, 1024), rng.standard_normal((1024, 128), np.float32)
    table.forward(tokens)
    dW = np.empty_like(table.dW_latent)

    def scatter() -> None:
        dW.fill(0)
        np.add.at(dW, tokens, dy)

    return scatter, lambda: table.backward(dy)


def stack_works(rows: int, rng: np.random.Generator) -> tuple[Work, Work]:
    """1,024 tokens times a matrix: as a stack `(1024 / rows, rows, 128)`, and as one matrix."""
    x = rng.standard_normal((1024 // rows, rows, 128), np.float32)
    W = rng.standard_normal((512, 128), np.float32)
    y, flat = np.empty((*x.shape[:-1], 512), np.float32), x.reshape(1024, 128)
    as_one = functools.partial(np.matmul, flat, W.T, out=y.reshape(1024, 512))
    return lambda: np.matmul(x, W.T, out=y), as_one


def fastest(works: Sequence[Work], seconds: float) -> list[float]:
    """Microseconds of the fastest call of each, called in turn for so many seconds."""
    least = [np.inf] * len(works)
    for work in works:
        work()
    rounds, end = 0, time.perf_counter() + seconds
    while rounds < 3 or time.perf_counter() < end:
        for i, work in enumerate(works):
            began = time.perf_counter_ns()
            work()
            least[i] = min(least[i], time.perf_counter_ns() - began)
        rounds += 1
    return [float(f"{nanoseconds / 1000:.4g}") for nanoseconds in least]


def projection_share(record: Record, matrix: str, tokens: int) -> float:
    """Time of a projection over that of a forward and a backward pass, medians of the seeds."""
    passes = ("forward", "backward")
    times = (record.values("us", what=w, matrix=matrix, tokens=tokens) for w in passes)
    projection = record.values("us", what="projection", matrix=matrix)
    return float(np.median(projection) / sum(np.median(each) for each in times))


def ratio(record: Record, **settings: object) -> float:
    """Time of the work over that of what it is compared with, the median of the seeds."""
    pairs = zip(record.values("us", **settings), record.values("bare", **settings), strict=True)
    return float(np.median([us / bare for us, bare in pairs]))


PROJECTION = Claim(
    "a projection takes longer than both passes at 4 tokens, and less than a tenth at 1,024",
    lambda r: all(
        projection_share(r, matrix, 4) > 1 and projection_share(r, matrix, 1024) < 0.1
        for matrix in {trial["settings"]["matrix"] for trial in r.select(what="projection")}
    ),
)
SCATTER = Claim(
    "np.add.at is faster than the one-hot product at a vocabulary of 4,096",
    lambda r: ratio(r, vocab=4096) < 1,
)
STACK = Claim(
    "a stack of matrices of one row takes more than twice as long as one matrix",
    lambda r: ratio(r, rows=1) > 2,
)

EXPERIMENT = Experiment(
    name="layer-cost",
    question="What does a ternary layer cost beside the matrix products that it is made of?",
    prediction=(
        "A product takes 2 N operations a weight and the backward pass is two products, so at some "
        "80 operations a nanosecond both passes take 0.08 N ns a weight. A projection passes over "
        "a weight about eight times, some 1 ns, whatever N is. So it takes longer than both passes "
        "below 8 tokens, as long somewhere from 8 to 32, a tenth at 128 or so, and one or two "
        "hundredths at 1,024, for all three matrices. A layer adds a few microseconds of Python: "
        "twice the time of its products at one token, less than a twentieth more from 256 tokens "
        "on. The backward pass takes 1.8 to 2.2 times as long as the forward pass from 256 tokens "
        "on. np.add.at loses to the one-hot product with a vocabulary of 256 and wins from 4,096 "
        "on. A stack of 1,024 one-row matrices takes 3 to 5 times as long as one matrix, and less "
        "with more rows (a quick look gave 4, and 1.5 for 64 rows)."
    ),
    protocol=(
        "Two pieces of work in turn for 0.4 seconds, the fastest call of each; float32, one "
        "thread. forward, backward: a TernaryLinear against its products alone, into arrays that "
        "exist. projection: layer.project() against a copy of the latents. scatter: the gradient "
        "of an embedding of 1,024 tokens by np.add.at against the one-hot product. stack: 1,024 "
        "tokens times a matrix (512, 128), as a stack of products against one. The seeds repeat "
        "the timing. Run with --jobs 1 on a machine that does nothing else."
    ),
    trials=trials,
    measure=measure,
    claims=[
        PROJECTION,
        SCATTER,
        STACK,
        Claim(
            "the one-hot product is faster at a vocabulary of 256",
            lambda r: ratio(r, vocab=256) > 1,
        ),
        Claim(
            "at 256 and 1,024 tokens a layer takes less than 1.2 times as long as its products",
            lambda r: all(
                ratio(r, what=what, matrix=matrix, tokens=tokens) < 1.2
                for what in ("forward", "backward")
                for matrix in MATRICES
                for tokens in (256, 1024)
            ),
        ),
    ],
    quick_claims=[PROJECTION, SCATTER, STACK],
    timed=True,
)
