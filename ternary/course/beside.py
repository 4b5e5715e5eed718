"""References of the steps that lie beside the program. Read as text, as the program's own are."""

import numpy as np
from ternary_train import linear, linear_backward, ternarize


def dead_groups(latents):
    """The numbers of the groups whose stored scale is 0, for each matrix that has some."""
    scales = {name: ternarize(name, W)[1] for name, W in latents.items() if W.ndim == 2}
    return {name: np.flatnonzero(s == 0) for name, s in scales.items() if (s == 0).any()}


def decay_schedule(step, steps, peak, until=0.5):
    """Weight decay: constant for a share of the steps, then down to 0 in a straight line."""
    start = until * steps
    return float(peak * np.clip((steps - step) / max(steps - start, 1), 0, 1))


def fit_layer(x, y, steps, lr=0.3):
    """Losses of a ternary layer that is fitted to outputs, and its weights at the end."""
    latents = np.random.default_rng(0).standard_normal((y.shape[1], x.shape[1]))
    losses = []
    for _ in range(steps):
        W = ternarize("W", latents)[2]
        error = linear(x, W) - y
        losses.append(float((error**2).mean()))
        _, dW = linear_backward(x, W, 2 * error / len(x))
        latents = latents - lr * dW
    return losses, ternarize("W", latents)[2]


def read_q2_0(blocks):
    """Weights of blocks of bytes: two bits and a scale back to a float."""
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    digits = (blocks[:, 2:, None] >> np.array([0, 2, 4, 6], np.uint8)) & 3
    return scales * (digits.reshape(len(blocks), -1).astype(np.float32) - 1)


diagnosis = {"A": "c", "B": "e", "C": "a"}
