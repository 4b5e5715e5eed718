"""A training run as the command line sees it, in one process or, as `ternary.ranks`, in several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from ternary.errors import TernaryError, in_words
from ternary.soundness import require_text
from ternary.training import Trainer, read_config

CHECK_EVERY = 100  # steps between two comparisons of all processes, beside those at checkpoints


class ElsewhereError(TernaryError):
    """An error that all ranks share, and that rank 0 tells."""


class Job:
    """A training run in one process, with what `Ranks` does differently in several.

    Attributes
    ----------
    rank, size
        Number of this process, and of all.
    stopped
        Signals received: if there is one, the run is to end after its step.

    Examples
    --------
    >>> with Job() as job:
    ...     trainer = job.start(lambda: Trainer(), resumed=False)
    >>> job.rank, job.size, job.is_stopping
    (0, 1, False)
    """

    rank, size = 0, 1

    def __init__(self) -> None:
        self.stopped: list[int] = []

    @property
    def is_stopping(self) -> bool:
        """Whether the run ends after this step."""
        return bool(self.stopped)

    def on_first(self, call: Callable[[], object]) -> None:
        """Carry out a call in the first process only; its error is that of all."""
        call()

    def start(self, make: Callable[[], Trainer], resumed: bool) -> Trainer:
        """The trainer of this process; a `resumed` one is read by the first process alone."""
        return make()

    def check(self, trainer: Trainer) -> None:
        """Compare the trainers of all processes."""

    def save(self, trainer: Trainer, path: str) -> None:
        """Write a checkpoint, once.

        Raises
        ------
        TernaryError
            If the disk is full, say; the checkpoint that was there before is as it was.
        """
        save(trainer, path)

    def describe(self) -> str:
        """Words for the log; empty for one process."""
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        pass


def resume(path: str) -> Trainer:
    """A run from its checkpoint, whose settings are looked at before anything is made of them.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint, or its text is not there.
    """
    require_text(path, read_config(path))
    return Trainer.resume(path)


def save(trainer: Trainer, path: str) -> None:
    """Write a checkpoint; where the system refuses, say what is left of the run."""
    try:
        trainer.save(path)
    except OSError as error:
        left = f"start it again with --resume {path}" if Path(path).is_file() else "start it again"
        raise TernaryError(
            f"step {trainer.step} could not be saved to {path}: {in_words(error)}; {left}"
        ) from None
