"""Train and pack an entry on the contest's training text, with the CPU-minutes counted."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
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


def train_entry(
    path: str | Path,
    config: TrainingConfig = BASELINE,
    how: str = "train_entry",
    after_step: Callable[[Trainer], bool | None] | None = None,
) -> Declaration | None:
    """Train a model, pack it, and declare the CPU-minutes of this process.

    Parameters
    ----------
    path
        The packed model; its declaration goes beside it.
    config
        Of the run; its task is the text.
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
        If the model would be too large or cannot be scored, before the first step; or if the budget
        is spent before the last one.
    """
    if config.task != "text" or config.text is not None:
        raise TernaryError("an entry is trained on the contest's own text; leave out task and text")
    began = time.process_time()
    trainer = Trainer(config, ContestText(config.length))
    _require_fitting(trainer)

    def watch(trainer: Trainer) -> bool | None:
        minutes = (time.process_time() - began) / 60
        if minutes > BUDGET:
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


def _require_fitting(trainer: Trainer) -> None:
    """Pack the untrained model: a trained one takes as many bytes."""
    require_sizes(trainer.model.config)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "untrained.npz"
        save_packed(path, trainer.model)
        n_bytes = path.stat().st_size
    if n_bytes > MAX_BYTES:
        raise TernaryError(
            f"a model of these sizes takes {n_bytes:,} bytes; expected at most {MAX_BYTES:,}: "
            "lower --d-ff or --d-model"
        )


def shortened(config: TrainingConfig, steps: int) -> TrainingConfig:
    """The same run in so many steps: a pilot.

    Examples
    --------
    >>> shortened(BASELINE, 10).steps
    10
    """
    return replace(config, steps=steps)
