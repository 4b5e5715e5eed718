"""The training loop: one step, a run of them, and how to stop and go on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from ternary.checkpoint import Header, read_checkpoint, require_stored, write_checkpoint
from ternary.config import TrainingConfig
from ternary.data import Evaluation, Task, Text, evaluate
from ternary.errors import CheckpointError, DivergedError, TernaryError
from ternary.optim import clip_gradients, learning_rate
from ternary.parallel import DataParallel
from ternary.projection import Projection, make_projection
from ternary.soundness import require_sound
from ternary.transformer import TernaryTransformer


class Trainer:
    """A model, its optimizer and its data, and how many steps they have behind them.

    Parameters
    ----------
    config
        What to train, and how.
    task, projection
        Objects of one's own instead of those that `config` names, for experiments.

    Attributes
    ----------
    losses
        Training loss of every step so far, in nats.

    Examples
    --------
    >>> trainer = Trainer(TrainingConfig(steps=3, d_model=32, d_ff=64))
    >>> trainer.run()
    >>> trainer.step, len(trainer.losses), trainer.evaluate().n_targets
    (3, 3, 16384)
    """

    def __init__(
        self,
        config: TrainingConfig | None = None,
        task: Task | None = None,
        projection: Projection | None = None,
    ) -> None:
        self.config = (config or TrainingConfig()).resolved()
        self.can_save = task is None and projection is None
        self.task = task or self.config.make_task()
        init_seed, data_seed = np.random.SeedSequence(self.config.seed).spawn(2)
        self.model = TernaryTransformer(
            self.config.model_config(self.task.context),
            projection or make_projection(self.config.projection, self.config.group_size),
            init_seed,
        )
        self.model.project(self.projected_share(0))
        self.parallel = DataParallel(self.model, self.config.threads)
        self.optimizer = self.config.make_optimizer(self.model.parameters)
        self.rng = np.random.default_rng(data_seed)
        self.losses: list[float] = []

    @property
    def step(self) -> int:
        """Steps taken so far."""
        return len(self.losses)

    @property
    def done(self) -> bool:
        """Whether all steps are taken."""
        return self.step >= self.steps

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        assert self.config.steps is not None
        return self.config.steps

    @property
    def train_loss(self) -> float:
        """Mean training loss of the last ten steps."""
        return float(np.mean(self.losses[-10:]))

    def take_step(self) -> float:
        """Take one step: forward, backward, clip, optimize, project. Returns the loss before it.

        Raises
        ------
        DivergedError
            If the loss or a gradient is not finite; latents and optimizer are left as they were.
        ProjectionError
            If the step moved a latent to where it has no ternary value.
        """
        config, parameters = self.config, self.model.parameters
        assert config.batch_size is not None and config.warmup is not None
        tokens, targets = self.task.batch(self.rng, config.batch_size)
        loss = self.parallel.loss_and_gradient(tokens, targets)
        self.shape_gradients()
        norm = clip_gradients(parameters.gradients, config.clip)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise DivergedError(self._diagnosis(loss))
        lr = learning_rate(self.step, self.steps, config.lr, config.warmup, config.decay)
        self.optimizer.step(lr, self.weight_decay())
        self.model.project(self.projected_share(self.step + 1))
        self.losses.append(loss)
        return loss

    def shape_gradients(self) -> None:
        """Do nothing; an experiment that varies the estimator overrides this."""

    def weight_decay(self) -> float:
        """Weight decay of the present step; an experiment that schedules it overrides this."""
        config = self.config
        assert config.weight_decay is not None
        return config.weight_decay if self.step < config.weight_decay_until * self.steps else 0.0

    def projected_share(self, step: int) -> float:
        """Share of the projection in the weights of a step: 1, but for a warm-up from 0 to 1."""
        warmup = self.config.projection_warmup * self.steps
        return min(step / warmup, 1.0) if warmup else 1.0

    def run(self, after_step: Callable[[Trainer], bool | None] | None = None) -> None:
        """Take all steps that are left; `after_step` sees each, and stops the run by True."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # found by take_step
            while not self.done:
                self.take_step()
                if after_step is not None and after_step(self):
                    return

    def evaluate(self) -> Evaluation:
        """Judge the model by the held-out sequences of the task."""
        assert self.config.batch_size is not None
        return evaluate(self.model, self.task, self.config.batch_size)

    def save(self, path: str | Path) -> None:
        """Write everything that the rest of the run depends on, atomically.

        Raises
        ------
        TernaryError
            If the run has a task or a projection of its own, which a file could not restore.
        """
        if not self.can_save:
            raise TernaryError(
                "this run was given a task or projection object, which a checkpoint cannot hold; "
                "name them in TrainingConfig to save it"
            )
        parameters = self.model.parameters
        arrays: dict[str, Any] = {"losses": np.array(self.losses)}
        for kind, buffer in self._buffers().items():
            for name in parameters.names:
                arrays[f"{kind}/{name}"] = parameters.view(buffer, name)
        header = {
            "config": asdict(self.config),
            "corpus": self.task.sha256 if isinstance(self.task, Text) else None,
            "step": self.step,
            "rng": self.rng.bit_generator.state,
        }
        write_checkpoint(path, header, arrays)

    @classmethod
    def resume(cls, path: str | Path) -> Trainer:
        """Go on from a checkpoint: the steps that follow are those of the uninterrupted run.

        Raises
        ------
        CheckpointError
            If the file is not a complete checkpoint, or its text has changed since.
        """
        header, arrays = _read(path)
        trainer = cls(_config(header))
        corpus = trainer.task.sha256 if isinstance(trainer.task, Text) else None
        if corpus != header["corpus"]:
            raise CheckpointError(
                f"{path} was trained on a text with SHA-256 {header['corpus']}, but "
                f"{trainer.task.describe()}; resume with the text (or the Python) it began with"
            )
        parameters = trainer.model.parameters
        for kind, buffer in trainer._buffers().items():
            for name in parameters.names:
                parameters.view(buffer, name)[...] = arrays[f"{kind}/{name}"]
        trainer.losses = arrays["losses"].tolist()
        trainer.optimizer.t = trainer.step
        trainer.rng.bit_generator.state = header["rng"]
        trainer.model.project(trainer.projected_share(trainer.step))
        return trainer

    def _buffers(self) -> dict[str, Any]:
        parameters, optimizer = self.model.parameters, self.optimizer
        return {"latent": parameters.values, "adam_m": optimizer.m, "adam_v": optimizer.v}

    def _diagnosis(self, loss: float) -> str:
        """Name the layer whose gradient went first, in the order of the backward pass."""
        parameters = self.model.parameters
        order = [*reversed(parameters.matrix_shapes), *reversed(parameters.gain_sizes)]
        sizes = {name: abs(parameters.view(parameters.gradients, name)).max() for name in order}
        first = next(
            (n for n in order if not math.isfinite(sizes[n])), max(order, key=sizes.__getitem__)
        )
        return (
            f"training diverged at step {self.step}: the loss is {loss:g}, and the gradient of "
            f"{first} was the first, on the way back, to leave the finite numbers. "
            f"The latents are as step {self.step - 1} left them. Try a smaller learning rate than "
            f"{self.config.lr:g} or a longer warm-up"
        )


def load_model(path: str | Path) -> tuple[TernaryTransformer, TrainingConfig]:
    """The model of a checkpoint and how it was trained; the text itself is not needed.

    Raises
    ------
    CheckpointError
        If the file is not a complete checkpoint.
    """
    require_stored(path)
    header, arrays = _read(path)
    config = _config(header)
    require_sound(path, config)
    projection = make_projection(config.projection, config.group_size)
    model = TernaryTransformer(config.model_config(), projection)
    for name in model.parameters.names:
        model.parameters.view(model.parameters.values, name)[...] = arrays[f"latent/{name}"]
    model.project()
    return model, config


def read_config(path: str | Path) -> TrainingConfig:
    """How the run of a checkpoint is trained.

    Raises
    ------
    CheckpointError
        If the file is not a complete checkpoint, or no run can have its settings.
    """
    require_stored(path)
    config = _config(_read(path)[0])
    require_sound(path, config)
    return config


def _config(header: Header) -> TrainingConfig:
    """The configuration in a header, whose other entries are checked to be there."""
    known = {field.name for field in fields(TrainingConfig)}
    if set(header["config"]) != known or not {"corpus", "step", "rng"} <= set(header):
        raise CheckpointError("the checkpoint was written by another version: its settings differ")
    np.random.PCG64().state = header["rng"]  # a ValueError, if it is the state of something else
    config = TrainingConfig(**header["config"])
    make_projection(config.projection, config.group_size)
    return config


def _read(path: str | Path) -> tuple[Header, dict[str, Any]]:
    def expected(header: Header, n_arrays: int) -> dict[str, tuple[tuple[int, ...], Any]]:
        training = _config(header)
        config = training.model_config()
        if config.n_layers > n_arrays:
            raise CheckpointError(f"{path} claims {config.n_layers} layers in {n_arrays} arrays")
        shapes: dict[str, tuple[int, ...]] = dict(config.matrices())
        shapes |= {name: (size,) for name, size in config.gains().items()}
        arrays: dict[str, tuple[tuple[int, ...], Any]] = {
            f"{kind}/{name}": (shape, np.float32)
            for kind in ("latent", "adam_m", "adam_v")
            for name, shape in shapes.items()
        }
        return arrays | {"losses": ((header["step"],), np.float64)}

    return read_checkpoint(path, expected)
