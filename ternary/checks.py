"""The four checks of a trained model, computed from the latents again, slowly and independently.

Nothing here calls the projection that trained the model: codes and scales are recomputed group by
group from their definition and compared with what the model multiplies with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ternary.data import Evaluation, Text
from ternary.parameters import Parameters
from ternary.projection import round_clip
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer

MAX_LOSS = 0.3
MIN_ACCURACY = 0.8


@dataclass(frozen=True)
class Check:
    """One check: what was asked, what was found, and whether that will do.

    ``passed`` is None where the question does not apply, as for codes of full precision.
    """

    name: str
    found: str
    passed: bool | None

    def __str__(self) -> str:
        verdict = {True: "PASS", False: "FAIL", None: "n/a "}[self.passed]
        return f"{verdict}  {self.name}: {self.found}"


@dataclass(frozen=True)
class Group:
    """One group of one matrix: its place, its latents, and what the model uses for them."""

    layer: str
    number: int
    latents: np.ndarray
    weights: np.ndarray
    scale: np.float16


def groups(parameters: Parameters) -> Iterator[Group]:
    """Every group of every matrix, row by row, without padding.

    Examples
    --------
    >>> parameters = Parameters({"W": (2, 130)})
    >>> [(group.number, group.latents.size) for group in groups(parameters)]
    [(0, 128), (1, 2), (2, 128), (3, 2)]
    """
    size = parameters.projection.group_size
    for name in parameters.matrix_shapes:
        latent = parameters.view(parameters.values, name)
        weight = parameters.view(parameters.weights, name)
        scales = parameters.scales(name)
        for row in range(len(latent)):
            for column in range(scales.shape[1]):
                where = slice(column * size, (column + 1) * size)
                number = row * scales.shape[1] + column
                yield Group(
                    name, number, latent[row, where], weight[row, where], scales[row, column]
                )


def check_loss(train_loss: float) -> Check:
    """Is the training loss, averaged over the last ten steps, below 0.3 nats?"""
    found = f"{train_loss:.3f}, expected below {MAX_LOSS}"
    return Check("train loss", found, bool(train_loss < MAX_LOSS))


def check_codes(model: TernaryTransformer) -> Check:
    """Is every projected weight of every layer its group's scale times -1, 0 or +1?"""
    name, parameters = "weights in {-1, 0, +1}", model.parameters
    if not parameters.projection.is_ternary:
        return Check(name, "full precision has no codes", None)
    counts = {-1: 0, 0: 0, 1: 0}
    for group in groups(parameters):
        scale = np.float32(group.scale)
        for code in counts:
            counts[code] += int(np.count_nonzero(group.weights == code * scale)) if scale else 0
        if not scale and not group.weights.any():
            counts[0] += group.weights.size
    total = sum(out * in_ for out, in_ in parameters.matrix_shapes.values())
    n_ternary = sum(counts.values())
    shares = ", ".join(f"{100 * counts[code] / total:.0f} % {code:+d}" for code in (-1, 1))
    found = (
        f"{n_ternary} of {total} in {len(parameters.matrix_shapes)} layers; "
        f"{100 * counts[0] / total:.0f} % 0, {shares}"
    )
    return Check(name, found, n_ternary == total)


def check_scales(model: TernaryTransformer) -> Check:
    """Has each group one scale, the float16 mean of its own absolute latents, and codes by it?"""
    name, parameters = "one scale a group", model.parameters
    if parameters.projection.name != "group":
        return Check(name, f"the projection {parameters.projection.name} has other scales", None)
    n_groups, wrong = 0, []
    for group in groups(parameters):
        n_groups += 1
        mean = np.abs(group.latents).mean()
        with np.errstate(divide="ignore", invalid="ignore"):
            codes = round_clip(group.latents / mean) if group.scale else np.zeros(1)
        own = np.isclose(mean, float(group.scale), rtol=2**-10, atol=2**-24)
        # a weight on the threshold may fall either way when the mean is divided by, not compared
        on_the_line = np.isclose(np.abs(group.latents), mean / 2, rtol=1e-6, atol=0)
        same = group.weights == codes * np.float32(group.scale)
        if not (own and (same | on_the_line).all()):
            wrong.append(f"{group.layer} group {group.number}")
    found = f"{n_groups - len(wrong)} of {n_groups} are the mean of their own absolute latents"
    if wrong:
        found += f"; not so: {', '.join(wrong[:3])}{', ...' if len(wrong) > 3 else ''}"
    return Check(name, found, not wrong)


def check_accuracy(evaluation: Evaluation) -> Check:
    """Are more than 80 % of the held-out targets predicted?"""
    found = f"{100 * evaluation.accuracy:.1f} % of {evaluation.n_targets}, expected above 80 %"
    return Check("held-out accuracy", found, evaluation.accuracy > MIN_ACCURACY)


def check_bits(evaluation: Evaluation, task: Text) -> Check:
    """Does the model predict held-out bytes better than their frequencies in training do?"""
    counts = np.bincount(task.training, minlength=256) + 1.0
    bits = -np.log2(counts / counts.sum())[task.validation].mean()
    found = f"{evaluation.bits:.3f}, expected below the {bits:.3f} of byte frequencies"
    return Check("held-out bits per byte", found, bool(evaluation.bits < bits))


def check_run(trainer: Trainer) -> list[Check]:
    """All checks that apply to a training run, held-out sequences included."""
    evaluation = trainer.evaluate()
    ternary = [check_codes(trainer.model), check_scales(trainer.model)]
    if isinstance(trainer.task, Text):
        return [*ternary, check_bits(evaluation, trainer.task)]
    return [check_loss(trainer.train_loss), *ternary, check_accuracy(evaluation)]
