"""AdamW with decoupled weight decay, clipping by the global norm, and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ternary.arrays import Floats, ThreadWorkspace, lasting
from ternary.errors import TernaryError
from ternary.parameters import Parameters


class AdamW:
    """Adam with decoupled weight decay, over one flat buffer.

    ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g**2``, and with both divided by
    ``1 - beta**t``: ``w = w - lr (m / (sqrt(v) + eps) + weight_decay w)``.

    Parameters
    ----------
    parameters
        Whose values are moved by their gradients. Gains are not decayed.
    betas, eps
        Decay of the two averages; the constant that keeps the quotient finite.

    Notes
    -----
    Kingma and Ba (2014), arXiv:1412.6980; Loshchilov and Hutter (2017), arXiv:1711.05101. Decay
    alone changes no code: it shrinks a group and its scale together. What it does is to make each
    later step larger in proportion, and so the codes flip more often.

    Examples
    --------
    >>> parameters = Parameters({"W": (1, 2)})
    >>> parameters.values[:2], parameters.gradients[:2] = [1, 1], [0.01, -100]
    >>> AdamW(parameters).step(lr=0.25)
    >>> parameters.values[:2].round(4).tolist()  # a first step is lr, whatever the gradient's size
    [0.75, 1.25]
    """

    def __init__(
        self,
        parameters: Parameters,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        if not all(0 <= beta < 1 for beta in betas):
            raise TernaryError(f"betas are {betas}; expected two numbers from 0 to below 1")
        self.parameters = parameters
        self.betas = betas
        self.eps = eps
        self.t = 0
        self.m, self.v = (lasting(parameters.values.shape, parameters.dtype) for _ in range(2))
        self._work = ThreadWorkspace(parameters.dtype)

    def step(self, lr: float, weight_decay: float = 0.0) -> None:
        """Move all values by one step against their gradients."""
        self.t += 1
        parameters = self.parameters
        parameters.team.each(lambda shard: self._update(shard, lr, weight_decay), parameters.shards)
        self._update(slice(parameters.n_latents, parameters.values.size), lr, 0.0)  # the gains

    def _update(self, where: slice, lr: float, weight_decay: float) -> None:
        beta1, beta2 = self.betas
        w, g = self.parameters.values[where], self.parameters.gradients[where]
        m, v = self.m[where], self.v[where]
        step = self._work("step", w.shape)
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=step)
        np.multiply(g, g, out=step)
        step *= 1 - beta2
        v *= beta2
        v += step
        # lr * m_hat / (sqrt(v_hat) + eps), with both bias corrections drawn out of the quotient
        correction = math.sqrt(1 - beta2**self.t)
        np.sqrt(v, out=step)
        step += self.eps * correction
        np.divide(m, step, out=step)
        step *= lr * correction / (1 - beta1**self.t)
        if weight_decay:
            w *= 1 - lr * weight_decay
        w -= step


def clip_gradients(gradients: Floats, max_norm: float) -> float:
    """Scale `gradients` in place so that their Euclidean norm is at most `max_norm`.

    Returns the norm before clipping; NaN or infinity if a gradient is not finite. Source: Pascanu,
    Mikolov and Bengio (2013), arXiv:1211.5063.

    Examples
    --------
    >>> gradients = np.array([3.0, 4.0])
    >>> clip_gradients(gradients, 1.0), gradients.round(3).tolist()
    (5.0, [0.6, 0.8])
    """
    norm = math.sqrt(np.dot(gradients, gradients))
    if max_norm < norm < math.inf:
        gradients *= max_norm / norm
    return norm


def _two_stage(done: float) -> float:
    """Linear decay from 1 to 0, but from half-time on at two thirds of it (BitNet's two stages)."""
    return (1 - done) * (1 if done < 0.5 else 2 / 3)


DECAYS: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1 - done,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "two-stage": _two_stage,
}


def learning_rate(step: int, steps: int, peak: float, warmup: int, decay: str = "cosine") -> float:
    """Learning rate of a step: a linear warm-up to `peak`, then a decay that ends at zero.

    Parameters
    ----------
    step, steps
        Number of the step from 0, and steps in all.
    peak
        Largest learning rate.
    warmup
        Steps of the warm-up.
    decay
        One of `DECAYS`.

    Examples
    --------
    >>> [round(learning_rate(t, 6, 1.0, 2, "linear"), 2) for t in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * DECAYS[decay]((step - warmup) / max(steps - warmup, 1))
