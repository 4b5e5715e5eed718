"""Tasks: where the tokens come from, which of them are to be predicted, and how well it went.

A task draws training batches from a random stream and yields the same held-out batches at every
call. `tokens` go into the model, `targets` say what each position should predict; `IGNORE` marks
positions that do not count.
"""

from __future__ import annotations

import hashlib
import math
import platform
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ternary.arrays import Ints
from ternary.errors import TernaryError
from ternary.loss import IGNORE
from ternary.transformer import TernaryTransformer

VOCAB_SIZE = 256
HELD_OUT_SEED = 2**31 - 1  # the held-out sequences are the same in every run
HELD_OUT_SEQUENCES = 1024


class Task(ABC):
    """Sequences to learn from, and others to be judged by.

    Parameters
    ----------
    length
        Tokens that the task is about; a sequence may be longer, see `context`.

    Attributes
    ----------
    context
        Tokens in a sequence.
    steps, batch_size, default_length, weight_decay, optimizer
        What a run of this task takes when nothing else is asked for.
    """

    name: str
    steps = 500
    batch_size = 32
    default_length = 16
    weight_decay = 0.1
    optimizer = "adamw"

    def __init__(self, length: int | None = None) -> None:
        self.length = self.default_length if length is None else length
        if self.length < 2:
            raise TernaryError(f"length is {self.length}; expected 2 tokens or more")
        self.context = self.length

    @abstractmethod
    def batch(self, rng: np.random.Generator, size: int) -> tuple[Ints, Ints]:
        """Draw `size` training sequences: tokens and targets, int64 `(size, context)`."""

    def held_out(self, size: int) -> Iterator[tuple[Ints, Ints]]:
        """Batches of at most `size` held-out sequences, the same ones at every call."""
        rng = np.random.default_rng(HELD_OUT_SEED)
        for first in range(0, HELD_OUT_SEQUENCES, size):
            yield self.batch(rng, min(size, HELD_OUT_SEQUENCES - first))

    def describe(self) -> str:
        """One line about the data, for the log."""
        return f"{self.name}: random sequences of {self.context} tokens"


class Copy(Task):
    """Say every token again, at its own place. Embedding and head suffice for it.

    Examples
    --------
    >>> tokens, targets = Copy(4).batch(np.random.default_rng(0), 2)
    >>> tokens.shape, bool((tokens == targets).all())
    ((2, 4), True)
    """

    name = "copy"

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Ints, Ints]:
        tokens = rng.integers(0, VOCAB_SIZE, (size, self.length))
        return tokens, tokens


class DelayedCopy(Task):
    """Random tokens, then the same again: predict the second half, which takes attention.

    Examples
    --------
    >>> tokens, targets = DelayedCopy(3).batch(np.random.default_rng(0), 1)
    >>> tokens.tolist(), targets.tolist()
    ([[217, 163, 130, 217, 163]], [[-1, -1, 217, 163, 130]])
    """

    name = "delayed-copy"

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.context = 2 * self.length - 1

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Ints, Ints]:
        half = rng.integers(0, VOCAB_SIZE, (size, self.length))
        sequence = np.concatenate([half, half], axis=1)
        targets = sequence[:, 1:].copy()
        targets[:, : self.length - 1] = IGNORE
        return sequence[:, :-1], targets


class Induction(Task):
    """A random prefix comes back at a random distance: predict it once it has begun.

    Between the two stand random tokens, and all tokens before the second prefix are different, so
    that one token tells where in the prefix we are. The first token of the second prefix cannot be
    known and is not asked for.

    Examples
    --------
    >>> tokens, targets = Induction(3).batch(np.random.default_rng(0), 1)
    >>> tokens.tolist(), targets.tolist()
    ([[89, 91, 245, 54, 202, 148, 89, 91]], [[-1, -1, -1, -1, -1, -1, 91, 245]])
    """

    name = "induction"
    steps = 2000
    weight_decay = 1.0  # codes that flip more often find the two layers' circuit sooner

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        if 3 * self.length > VOCAB_SIZE:
            raise TernaryError(f"length is {self.length}; expected at most {VOCAB_SIZE // 3}")
        self.context = 3 * self.length - 1

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Ints, Ints]:
        n, context = self.length, self.context
        sequence = rng.permuted(np.tile(np.arange(VOCAB_SIZE), (size, 1)), axis=1)[:, : context + 1]
        distance = rng.integers(n, 2 * n + 1, (size, 1))
        second = distance + np.arange(n)  # where the prefix stands again
        np.put_along_axis(sequence, second, sequence[:, :n], axis=1)
        targets = np.full((size, context + 1), IGNORE)
        np.put_along_axis(targets, second[:, 1:], sequence[:, 1:n], axis=1)
        return sequence[:, :-1], targets[:, 1:]


class Text(Task):
    """Predict the next byte of a text: its last tenth is held out, never trained on.

    Parameters
    ----------
    length
        Bytes in a training window.
    path
        A file; by default the documentation topics that come with every CPython
        (``pydoc_data.topics``), which differ a little between versions of Python.

    Attributes
    ----------
    sha256
        Of the whole corpus, so that two results can be known to be about the same text.

    Raises
    ------
    TernaryError
        If the held-out tenth is shorter than one window.

    Examples
    --------
    >>> task = Text(length=8)
    >>> tokens, targets = task.batch(np.random.default_rng(0), 2)
    >>> bool((tokens[:, 1:] == targets[:, :-1]).all())
    True
    """

    name = "text"
    optimizer = "muon"
    steps = 1500
    batch_size = 16
    default_length = 64

    def __init__(self, length: int | None = None, path: str | None = None) -> None:
        super().__init__(length)
        data = Path(path).read_bytes() if path else _python_documentation()
        self.source = path or f"documentation topics of Python {platform.python_version()}"
        self.sha256 = hashlib.sha256(data).hexdigest()
        corpus = np.frombuffer(data, np.uint8).astype(np.int64)
        n_held_out = len(corpus) // 10
        if n_held_out <= self.length:
            raise TernaryError(
                f"{self.source} has {len(corpus)} bytes, {n_held_out} of them held out; expected "
                f"more than {10 * (self.length + 1)} for windows of {self.length}: "
                "give a longer text or a smaller --length"
            )
        self.training = corpus[:-n_held_out]
        self.validation = corpus[-n_held_out:]

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Ints, Ints]:
        starts = rng.integers(0, len(self.training) - self.length, size)
        return _windows(self.training, starts, self.length)

    def held_out(self, size: int) -> Iterator[tuple[Ints, Ints]]:
        """Windows side by side: every held-out byte but the first is predicted at most once."""
        starts = np.arange(0, len(self.validation) - self.length, self.length)
        for first in range(0, len(starts), size):
            yield _windows(self.validation, starts[first : first + size], self.length)

    def describe(self) -> str:
        size = len(self.training) + len(self.validation)
        return (
            f"text: {self.source}, {size} bytes, {len(self.validation)} held out, "
            f"SHA-256 {self.sha256[:16]}"
        )


TASKS: dict[str, type[Task]] = {task.name: task for task in (Copy, DelayedCopy, Induction, Text)}


@dataclass(frozen=True)
class Evaluation:
    """Held-out results: mean cross-entropy in nats, share of right predictions, how many."""

    loss: float
    accuracy: float
    n_targets: int

    @property
    def bits(self) -> float:
        """Cross-entropy in bits a token; bits per byte (bpb) when tokens are bytes."""
        return self.loss / math.log(2)


def evaluate(model: TernaryTransformer, task: Task, batch_size: int) -> Evaluation:
    """Judge a model by all held-out sequences of a task."""
    loss, correct, n_targets = 0.0, 0, 0
    for tokens, targets in task.held_out(batch_size):
        counted = targets != IGNORE
        n = int(np.count_nonzero(counted))
        logits = model.forward(tokens)
        correct += int(np.count_nonzero((logits.argmax(axis=-1) == targets) & counted))
        flat = logits.reshape(-1, logits.shape[-1])
        loss += n * model.cross_entropy.forward(flat, targets.reshape(-1))
        n_targets += n
    return Evaluation(loss / n_targets, correct / n_targets, n_targets)


def _windows(corpus: Ints, starts: Ints, length: int) -> tuple[Ints, Ints]:
    windows = corpus[starts[:, None] + np.arange(length + 1)]
    return windows[:, :-1], windows[:, 1:]


def _python_documentation() -> bytes:
    from pydoc_data.topics import topics  # half a megabyte, only read when it is asked for

    return "\n".join(topics[name] for name in sorted(topics)).encode()
