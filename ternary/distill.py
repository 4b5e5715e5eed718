"""Learning from a trained model: its latents as a beginning, its probabilities as targets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary.arrays import Floats, Ints, Workspace, require_forward
from ternary.errors import ShapeError, TernaryError
from ternary.loss import IGNORE, CrossEntropy
from ternary.transformer import TernaryTransformer


class SoftCrossEntropy:
    """Cross-entropy with the targets and with the probabilities of a teacher, mixed, in nats.

    ``(1 - weight) L_hard + weight temperature**2 L_soft``: `L_hard` is `CrossEntropy`, and `L_soft`
    the mean of ``-sum_v q_v log p_v`` over the same positions, with ``q`` the softmax of the
    teacher's logits and ``p`` that of the student's, both divided by `temperature` before.

    Parameters
    ----------
    weight
        Share of the teacher, from 0 to 1.
    temperature
        Divides the logits of both. Above 1, what the teacher finds unlikely counts for more. The
        gradient of `L_soft` shrinks as ``1 / temperature**2``; the factor makes up for it.
    dtype
        Type of the arrays.

    Attributes
    ----------
    hard, soft
        The two losses of the last `forward`.

    Raises
    ------
    TernaryError
        If `weight` or `temperature` is out of range.

    Notes
    -----
    Hinton, Vinyals and Dean (2015), arXiv:1503.02531, section 2.

    Examples
    --------
    >>> loss = SoftCrossEntropy(weight=1.0, dtype=np.float64)
    >>> teacher = np.log([[0.5, 0.25, 0.25]])
    >>> value = loss.forward(np.zeros((1, 3)), np.array([0]), teacher)
    >>> round(value, 4)  # log 3: the student knows nothing
    1.0986
    >>> loss.backward().round(4).tolist()  # p - q
    [[-0.1667, 0.0833, 0.0833]]
    """

    _q: Floats | None = None

    def __init__(
        self,
        weight: float = 0.5,
        temperature: float = 1.0,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        if not 0 <= weight <= 1:
            raise TernaryError(f"weight is {weight}; expected a share from 0 to 1")
        if not 0 < temperature < np.inf:
            raise TernaryError(f"temperature is {temperature}; expected a positive number")
        self.weight, self.temperature = weight, temperature
        self.hard = self.soft = 0.0
        self._cross_entropy = CrossEntropy(dtype)
        self._work = Workspace(dtype)

    def forward(self, logits: Floats, targets: Ints, teacher: Floats) -> float:
        """Loss of `logits` `(N, V)` for integer `targets` `(N,)` and a teacher's logits `(N, V)`.

        Positions whose target is `IGNORE` count in neither part.

        Raises
        ------
        ShapeError
            If the shapes do not fit.
        TernaryError
            As `CrossEntropy.forward`.
        """
        if teacher.shape != logits.shape:
            raise ShapeError(
                f"the teacher's logits have shape {teacher.shape}; expected {logits.shape}"
            )
        self.hard = self._cross_entropy.forward(logits, targets)
        self._weights = (targets != IGNORE) / np.count_nonzero(targets != IGNORE)
        p, log_p = self._softmax("p", logits)
        q, _ = self._softmax("q", teacher)
        self._p, self._q = p, q
        log_p *= q
        self.soft = -float(self._weights @ log_p.sum(axis=1))
        return (1 - self.weight) * self.hard + self.weight * self.temperature**2 * self.soft

    def backward(self) -> Floats:
        """dL/dlogits `(N, V)`: ``temperature (p - q)`` in place of softmax minus one-hot."""
        q = require_forward(self._q, "SoftCrossEntropy")
        dlogits = self._cross_entropy.backward()
        dlogits *= 1 - self.weight
        difference = self._p
        difference -= q
        difference *= (self.weight * self.temperature * self._weights).astype(q.dtype)[:, None]
        dlogits += difference
        return dlogits

    def _softmax(self, name: str, logits: Floats) -> tuple[Floats, Floats]:
        """Probabilities at the temperature, and their logarithms."""
        p, log_p = (self._work(f"{log}{name}", logits.shape) for log in ("", "log "))
        np.multiply(logits, 1 / self.temperature, out=log_p)
        log_p -= log_p.max(axis=1, keepdims=True)
        np.exp(log_p, out=p)
        total = p.sum(axis=1, keepdims=True)
        p /= total
        log_p -= np.log(total)
        return p, log_p


class Distillation:
    """Loss and gradient of a student that learns from targets and from a teacher.

    It takes the place of a trainer's ``parallel``; its whole batch is one part. The teacher reads
    every batch once, forward only, with the weights that it has then. The student's own
    cross-entropy is left as it is, so an evaluation measures what it always did.

    Parameters
    ----------
    student
        Its ``parameters.gradients`` receive the gradient.
    teacher
        A model with the same vocabulary, of any size.
    weight, temperature
        Of `SoftCrossEntropy`.

    Attributes
    ----------
    hard_losses
        Cross-entropy with the targets alone, in nats, at every call so far.

    Raises
    ------
    TernaryError
        If both models share their weights: the teacher would move with the student.

    Examples
    --------
    >>> from ternary.training import Trainer
    >>> from ternary.config import TrainingConfig
    >>> small = dict(steps=3, d_model=32, d_ff=64, threads=1)
    >>> teacher = Trainer(TrainingConfig(**small, projection="full-precision"))
    >>> teacher.run()
    >>> student = Trainer(TrainingConfig(**small))
    >>> begin_from(student.model, teacher.model)
    >>> student.parallel = Distillation(student.model, teacher.model)
    >>> student.run()
    >>> len(student.losses), len(student.parallel.hard_losses)
    (3, 3)
    """

    def __init__(
        self,
        student: TernaryTransformer,
        teacher: TernaryTransformer,
        weight: float = 0.5,
        temperature: float = 1.0,
    ) -> None:
        if np.may_share_memory(student.parameters.weights, teacher.parameters.weights):
            raise TernaryError(
                "student and teacher share their weights; make two models, and copy the latents "
                "of one into the other by begin_from"
            )
        self.student, self.teacher = student, teacher
        self.loss = SoftCrossEntropy(weight, temperature, student.parameters.dtype)
        self.hard_losses: list[float] = []

    def loss_and_gradient(self, tokens: Ints, targets: Ints) -> float:
        """Mixed loss of `targets` `(B, T)`; the gradient is in the student's buffer."""
        student, loss = self.student, _BesideTeacher(self.loss, self.teacher.forward(tokens))
        own, student.cross_entropy = student.cross_entropy, loss
        try:
            value = student.loss(tokens, targets)
            student.backward()
        finally:
            student.cross_entropy = own
        self.hard_losses.append(self.loss.hard)
        return value


class _BesideTeacher(CrossEntropy):
    """The soft loss with the teacher's logits of one batch, called as the model calls its own."""

    def __init__(self, loss: SoftCrossEntropy, teacher: Floats) -> None:
        self._loss, self._teacher = loss, teacher.reshape(-1, teacher.shape[-1])

    def forward(self, logits: Floats, targets: Ints, n_counted: int | None = None) -> float:
        return self._loss.forward(logits, targets, self._teacher)

    def backward(self) -> Floats:
        return self._loss.backward()


def begin_from(student: TernaryTransformer, teacher: TernaryTransformer) -> None:
    """Give a student the latents and gains of a trained model of the same sizes, and project.

    Raises
    ------
    ShapeError
        If a matrix or a gain is missing, or has another shape.

    Examples
    --------
    >>> from ternary.projection import FullPrecision
    >>> from ternary.transformer import TransformerConfig
    >>> config = TransformerConfig(d_model=8, d_ff=8)
    >>> teacher = TernaryTransformer(config, FullPrecision(), seed=1)
    >>> student = TernaryTransformer(config, seed=2)
    >>> begin_from(student, teacher)
    >>> bool((student.parameters.values == teacher.parameters.values).all())
    True
    >>> bool((student.parameters.weights == teacher.parameters.weights).all())
    False
    """
    to, source = student.parameters, teacher.parameters
    shapes = [dict(each.matrix_shapes) | dict(each.gain_sizes) for each in (to, source)]
    for name in shapes[0] | shapes[1]:
        wanted, found = (each.get(name) for each in shapes)
        if wanted != found:
            raise ShapeError(f"{name} is {found} in the teacher; the student expects {wanted}")
    for name in to.names:
        to.view(to.values, name)[...] = source.view(source.values, name)
    student.project()
