"""Chapter 6: what it costs to write results into new arrays instead of old ones."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.executors import end_with
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.layer_cost import Work, fastest, ratio
from ternary.experiments.record import Settings, Values

TOKENS = [16, 64, 256, 1024, 4096]  # outputs of 32 kB to 8 MB
N_KEPT = 8  # outputs alive together, as in training, where the backward pass needs them
NOTHING, SOME = "nothing", "16 MB"


def trials(quick: bool) -> list[Settings]:
    """A matrix product and a square, by tokens, and the square in a process with a past."""
    tokens = [1024] if quick else TOKENS
    works = ("product", "square")
    return [
        *({"what": w, "tokens": n, "after": NOTHING} for w in works for n in tokens),
        {"what": "square", "tokens": 1024, "after": SOME},
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """The same as `measure_here`, in a process of its own: the allocator remembers a past."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, end_with) as executor:
        return executor.submit(measure_here, settings, seed, quick).result()


def measure_here(settings: Settings, seed: int, quick: bool) -> Values:
    """Microseconds for eight outputs `(tokens, 512)`, in new arrays and in old; page faults."""
    rng = np.random.default_rng(seed)
    if settings["after"] == SOME:
        np.ones(1 << 21)  # 16 MB, freed at once
    x = rng.standard_normal((settings["tokens"], 128), np.float32)
    W = rng.standard_normal((512, 128), np.float32)
    h = x @ W.T
    old = [np.empty_like(h) for _ in range(N_KEPT)]
    compute: Callable[..., Floats] = functools.partial(np.matmul, x, W.T)
    if settings["what"] == "square":
        compute = functools.partial(np.multiply, h, h)

    def into_new() -> None:
        kept = [compute() for _ in range(N_KEPT)]
        del kept

    def into_old() -> None:
        for y in old:
            compute(out=y)

    us, bare = fastest([into_new, into_old], 0.1 if quick else 0.4)
    faults, old_faults = page_faults(into_new), page_faults(into_old)
    return {"us": us, "bare": bare, "faults": faults, "old_faults": old_faults}


def page_faults(work: Work, calls: int = 10) -> float:
    """Pages that the system hands out in a call, the mean of ten; 0 where it cannot be asked."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(calls):
        work()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / calls


REUSED = Claim(
    "arrays that are written again fault less than a page for each of the eight",
    lambda r: all(max(r.values("old_faults", **settings)) < N_KEPT for settings in r.settings),
)
PAST = Claim(
    "after 16 MB have been taken and freed, new arrays fault no more than that either",
    lambda r: max(r.values("faults", after=SOME)) < N_KEPT,
)

EXPERIMENT = Experiment(
    name="fresh-memory",
    question="What does it cost to write results into new arrays instead of old ones?",
    prediction=(
        "New outputs cost nothing up to 64 tokens (128 kB, what the C library may map by itself), "
        "then one page fault for every 4 kB: 1.2 to 1.5 times the time for the product, 2 to 4 "
        "times for the square. From 4 MB on NumPy asks for large pages, so faults become few, but "
        "as many bytes are cleared. (Added after a trial run in which other measurements had used "
        "large arrays before, and new arrays had no faults at all: hence a process of its own, and "
        "one trial after 16 MB have been taken and freed, where we expect no faults and times "
        "within a tenth of each other.)"
    ),
    protocol=(
        "Eight outputs (N, 512) in float32, all kept until the last is there, of a product with a "
        "matrix (512, 128) or of a square; into new arrays and into those of the call before, in "
        "turn for 0.4 seconds, the fastest call of each; one thread, every trial in a process that "
        "has done nothing else. Page faults of the process, mean of ten calls. The seeds repeat "
        "the timing. Run with --jobs 1 on a machine that does nothing else."
    ),
    trials=trials,
    measure=measure,
    claims=[
        REUSED,
        PAST,
        Claim(
            "without such a past, the square of 1,024 tokens takes at least 1.5 times as long",
            lambda r: ratio(r, what="square", tokens=1024, after=NOTHING) > 1.5,
        ),
    ],
    quick_claims=[REUSED],
    timed=True,
)
