"""Chapter 8: where the time of a training step goes, beside its matrix products alone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from ternary.config import TrainingConfig
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.matrix_products import products_of_step
from ternary.experiments.record import Record, Settings, Values
from ternary.optim import clip_gradients
from ternary.team import one_blas_thread
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer

LENGTH = 64
SEQUENCES = (1, 4, 16, 64)
LAYERS = ("linear forward", "linear backward", "attention", "norms, activation, loss")
UPDATE = ("clip", "AdamW", "projection")
PARTS = (*LAYERS, *UPDATE)


def trials(quick: bool) -> list[Settings]:
    """Batches from 64 tokens to 4,096; the text runs of the book have 1,024."""
    return [{"sequences": n} for n in (SEQUENCES[::2] if quick else SEQUENCES)]


class StopWatch:
    """Keeps the fastest time of every call of a step, and adds them up part by part.

    A short call has a chance to go undisturbed even where a machine is shared; a step has none.
    """

    def __init__(self) -> None:
        self._calls = 0
        self._fastest: dict[tuple[str, int], float] = {}

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, watched."""

        def watched(*arguments: Any) -> Any:
            self._calls += 1
            key = part, self._calls
            began = time.perf_counter()
            try:
                return call(*arguments)
            finally:
                seconds = time.perf_counter() - began
                self._fastest[key] = min(seconds, self._fastest.get(key, np.inf))

        return watched

    def end_step(self) -> None:
        """Count the calls of the next step from the beginning."""
        self._calls = 0

    def milliseconds(self) -> dict[str, float]:
        """Of every part."""
        parts: dict[str, float] = defaultdict(float)
        for (part, _), seconds in self._fastest.items():
            parts[part] += 1000 * seconds
        return {part: float(f"{ms:.4g}") for part, ms in sorted(parts.items())}


def watch_layers(model: TernaryTransformer, watch: StopWatch) -> None:
    """Let the watch see every forward and backward pass of the layers."""
    linear, attention, other = [model.embedding, model.head], [], [model.norm, model.cross_entropy]
    for block in model.blocks:
        linear += [block.qkv, block.o, block.up, block.down]
        attention.append(block.attention)
        other += [block.norm1, block.norm2, block.activation]
    for layers, parts in (
        (linear, LAYERS[:2]),
        (attention, (LAYERS[2], LAYERS[2])),
        (other, (LAYERS[3], LAYERS[3])),
    ):
        for layer in layers:
            for name, part in zip(("forward", "backward"), parts, strict=True):
                setattr(layer, name, watch.timed(part, getattr(layer, name)))


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Milliseconds of every part of a step, and of its matrix products alone."""
    trainer = Trainer(TrainingConfig(seed=seed, length=LENGTH, threads=1, weight_decay=0.1))
    model, parameters, watch = trainer.model, trainer.model.parameters, StopWatch()
    batch = trainer.task.batch(trainer.rng, settings["sequences"])
    watch_layers(model, watch)
    clip = watch.timed("clip", clip_gradients)
    optimize = watch.timed("AdamW", trainer.optimizer.step)
    project = watch.timed("projection", model.project)

    def step() -> None:
        model.loss(*batch)
        model.backward()
        clip(parameters.gradients, 1.0)
        optimize(1e-3, 0.1)
        project()

    products = products_of_step(model.config, settings["sequences"], LENGTH)
    multiply = watch.timed("products", np.matmul)
    end = time.perf_counter() + (0.5 if quick else 4)
    with one_blas_thread():
        while time.perf_counter() < end:
            step()
            for a, b, out in products:
                multiply(a, b, out)
            watch.end_step()
    return watch.milliseconds()


def over_products(record: Record, sequences: int) -> float:
    """Time of all parts over that of the matrix products alone."""
    step = sum(record.mean(part, sequences=sequences) for part in PARTS)
    return step / record.mean("products", sequences=sequences)


def share(record: Record, sequences: int, *parts: str) -> float:
    """Share of some parts in the time of a step."""
    total = sum(record.mean(part, sequences=sequences) for part in PARTS)
    return sum(record.mean(part, sequences=sequences) for part in parts) / total


EVERYWHERE = [
    Claim(
        "clip, AdamW and projection matter less than half as much with 1,024 tokens as with 64",
        lambda r: share(r, 16, *UPDATE) < share(r, 1, *UPDATE) / 2,
    ),
    Claim(
        "with 1,024 tokens a step takes less than 2.5 times as long as its matrix products",
        lambda r: over_products(r, 16) < 2.5,
    ),
]

EXPERIMENT = Experiment(
    name="step-cost",
    question="Where does the time of a training step go?",
    prediction=(
        "With 1,024 tokens a step takes 1.3 to 1.6 times as long as its matrix products alone. "
        "Linear layers take 60 to 70 % of it, backward twice as long as forward; attention, the "
        "softmax included, 10 to 20 %; norms, activation and loss about 10 %; clip, AdamW and the "
        "projection together 10 to 15 %, of which the projection, the only part that is ternary, "
        "is 5 % or less. With 64 tokens clip, AdamW and projection take half of the step."
    ),
    protocol=(
        "The book's model, 64 tokens a sequence, one thread; every call timed inside the same "
        "steps, bare products in turn with them; the fastest time of each call; three repeats."
    ),
    trials=trials,
    measure=measure,
    claims=EVERYWHERE,
    quick_claims=EVERYWHERE,
    timed=True,
)
