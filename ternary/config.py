"""Everything that a training run depends on, in one value."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ternary.data import TASKS, Task, Text
from ternary.errors import TernaryError
from ternary.muon import Muon
from ternary.optim import DECAYS, AdamW
from ternary.parameters import Parameters
from ternary.projection import GROUP_SIZE
from ternary.transformer import TransformerConfig

MAX_COUNT = 1 << 24  # steps, sequences, tokens: beyond any run, and within what memory can hold

MAX_THREADS = 256

OPTIMIZERS = ("adamw", "muon")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that a run depends on: two runs with equal configurations are equal bit by bit.

    Attributes
    ----------
    task, text
        One of `TASKS`; for the task ``text`` a file, or None for Python's own documentation.
    steps, batch_size, length
        Optimizer steps, sequences a step, and tokens of the task; None takes the task's own.
    lr, weight_decay, clip
        Peak learning rate, decoupled decay of the latents, largest norm of the gradient.
    weight_decay_until
        Share of the steps after which weight decay is switched off: 0.5 for BitNet's two stages.
    warmup, decay
        Steps of warm-up (None: one in 25), and how the learning rate falls, one of `DECAYS`.
    projection, group_size
        One of `PROJECTIONS`, and the weights in a group.
    projection_warmup
        Share of the steps over which the weights go from the latents to their projection.
    optimizer
        One of `OPTIMIZERS`; None takes the task's own.
    momentum, muon_ratio
        Of Muon: the share of its average that stays, and the learning rate of the layers' matrices
        in those of the rest, which AdamW moves by `lr`.
    seed
        Of the initial latents and of the order of the data.
    d_model, n_layers, n_heads, d_ff
        Sizes of the model.
    threads
        Parts that a batch is split into, each computed by a thread. The sum of their gradients
        depends on it by float32 rounding, so it belongs here; the cores of the machine do not.

    Raises
    ------
    TernaryError
        If a value is out of range.

    Examples
    --------
    >>> TrainingConfig(task="delayed-copy").resolved().steps
    500
    """

    task: str = "copy"
    text: str | None = None
    steps: int | None = None
    batch_size: int | None = None
    length: int | None = None
    lr: float = 3e-3
    weight_decay: float | None = None
    weight_decay_until: float = 1.0
    clip: float = 1.0
    warmup: int | None = None
    decay: str = "cosine"
    projection: str = "group"
    group_size: int = GROUP_SIZE
    projection_warmup: float = 0.0
    optimizer: str | None = None
    momentum: float = 0.8
    muon_ratio: float = 10.0
    seed: int = 0
    d_model: int = 128
    n_layers: int = 2
    n_heads: int = 4
    d_ff: int = 512
    threads: int = 2

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise TernaryError(
                f"there is no task {self.task!r}; expected one of {', '.join(TASKS)}"
            )
        if self.text is not None and self.task != "text":
            raise TernaryError(f"a text was given for the task {self.task}; use the task text")
        if self.decay not in DECAYS:
            raise TernaryError(
                f"there is no decay {self.decay!r}; expected one of {', '.join(DECAYS)}"
            )
        if self.optimizer is not None and self.optimizer not in OPTIMIZERS:
            raise TernaryError(
                f"there is no optimizer {self.optimizer!r}; expected one of {', '.join(OPTIMIZERS)}"
            )
        for name in ("steps", "batch_size", "length"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= MAX_COUNT:
                raise TernaryError(f"{name} is {value}; expected 1 to {MAX_COUNT}")
        if not 1 <= self.threads <= MAX_THREADS:
            raise TernaryError(f"threads is {self.threads}; expected 1 to {MAX_THREADS}")
        if not 0 <= self.momentum < 1:
            raise TernaryError(f"momentum is {self.momentum}; expected a number from 0 to below 1")
        for name in ("lr", "clip", "muon_ratio"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise TernaryError(f"{name} is {value}; expected a positive number")
        for name in ("weight_decay_until", "projection_warmup"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise TernaryError(f"{name} is {value}; expected a share of the steps, 0 to 1")
        for name in ("weight_decay", "seed", "warmup"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise TernaryError(f"{name} is {value}; expected 0 or more")

    def resolved(self) -> TrainingConfig:
        """The same with every None replaced by what it stands for."""
        task = TASKS[self.task]
        steps = self.steps or task.steps
        return replace(
            self,
            steps=steps,
            batch_size=self.batch_size or task.batch_size,
            length=self.length or task.default_length,
            weight_decay=task.weight_decay if self.weight_decay is None else self.weight_decay,
            optimizer=self.optimizer or task.optimizer,
            warmup=steps // 25 if self.warmup is None else self.warmup,
        )

    def make_optimizer(self, parameters: Parameters) -> AdamW:
        """The optimizer that is named here, for these parameters."""
        name = self.optimizer or TASKS[self.task].optimizer
        if name == "muon":
            return Muon(parameters, self.momentum, self.muon_ratio)
        return AdamW(parameters)

    def make_task(self) -> Task:
        """The task that is named here, with its data."""
        if self.task == Text.name:
            return Text(self.length, self.text)
        return TASKS[self.task](self.length)

    @property
    def context(self) -> int:
        """Tokens in a sequence of the task, known without its text."""
        if self.task == Text.name:
            return self.length or Text.default_length
        return self.make_task().context

    def model_config(self, context: int | None = None) -> TransformerConfig:
        """Sizes of the model that is asked for."""
        return TransformerConfig(
            d_model=self.d_model,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            d_ff=self.d_ff,
            context=self.context if context is None else context,
        )
