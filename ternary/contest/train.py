"""Train and pack an entry on the contest's training text, with the CPU-minutes counted."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ternary.config import TrainingConfig
from ternary.contest.declaration import BUDGET, Declaration, declare
from ternary.contest.entry import MAX_BYTES, require_sizes
from ternary.contest.text import ContestText
from ternary.errors import TernaryError
from ternary.packed import save_packed
from ternary.training import Trainer

# Chapter 9's ternary model at equal bytes, its rate and decay, with 32 hidden features less.
BASELINE = TrainingConfig(task="text", d_ff=480, lr=0.005, weight_decay=0.1)


def entry_trainer(config: TrainingConfig = BASELINE) -> Trainer:
    """A run on the contest's training text, whose model fits into the limits.

    Raises
    ------
    TernaryError
        If the model would be too large or could not be scored.

    Examples
    --------
    >>> entry_trainer().model.parameters.count
    443008
    """
    if config.task != "text" or config.text is not None:
        raise TernaryError("an entry is trained on the contest's own text; leave out task and text")
    require_sizes(config.model_config())
    trainer = Trainer(config, ContestText(config.length))
    with tempfile.TemporaryDirectory() as folder:  # a trained one takes as many bytes
        path = Path(folder) / "untrained.npz"
        save_packed(path, trainer.model)
        n_bytes = path.stat().st_size
    if n_bytes > MAX_BYTES:
        raise TernaryError(
            f"a model of these sizes takes {n_bytes:,} bytes; expected at most {MAX_BYTES:,}: "
            "lower --d-ff or --d-model"
        )
    return trainer


def train_entry(
    path: str | Path,
    trainer: Trainer,
    how: str,
    after_step: Callable[[Trainer], bool | None] | None = None,
) -> Declaration | None:
    """Take all steps of a run, pack its model, and declare the CPU-minutes of this process.

    Parameters
    ----------
    path
        The packed model; its declaration goes beside it.
    trainer
        As `entry_trainer` makes it, or one of your own.
    how
        What the declaration says about how the model was made.
    after_step
        As of `Trainer.run`; a run that it stops is not packed.

    Returns
    -------
    The declaration, or None where the run was stopped.

    Raises
    ------
    TernaryError
        If the budget is spent before the last step.
    """
    began = time.process_time()

    def watch(trainer: Trainer) -> bool | None:
        if time.process_time() - began > 60 * BUDGET:
            raise TernaryError(
                f"the budget of {BUDGET:g} CPU-minutes is spent after {trainer.step} of "
                f"{trainer.steps} steps; give fewer --steps or a smaller model"
            )
        return after_step(trainer) if after_step else None

    trainer.run(watch)
    if not trainer.done:
        return None
    save_packed(path, trainer.model)
    return declare(path, (time.process_time() - began) / 60, how)
