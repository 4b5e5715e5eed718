"""One batch on several threads: a part of it for each, and the gradients added up.

Replicas of a model on the same weights take a part of the batch each. The parts are independent
until their gradients meet in one sum over the flat buffer, and that sum is all they exchange; over
machines, it is an all-reduce.
"""

from __future__ import annotations

import numpy as np

from ternary.arrays import Ints
from ternary.loss import IGNORE
from ternary.team import Team
from ternary.transformer import TernaryTransformer


class DataParallel:
    """Loss and gradient of a batch, computed by several threads.

    Parameters
    ----------
    model
        Its ``parameters.gradients`` receive the gradient of the whole batch, and its
        ``parameters.team`` becomes the threads.
    threads
        Parts of a batch. The result depends on their number by float32 rounding, so it is part of
        a training configuration; the cores of the machine are not.

    Examples
    --------
    >>> from ternary.transformer import TransformerConfig
    >>> model = TernaryTransformer(TransformerConfig(d_model=32, d_ff=64))
    >>> tokens = np.arange(40).reshape(4, 10)
    >>> alone, together = DataParallel(model, 1), DataParallel(model, 2)
    >>> losses = alone.loss_and_gradient(tokens, tokens), together.loss_and_gradient(tokens, tokens)
    >>> abs(losses[0] - losses[1]) < 1e-5
    True
    """

    def __init__(self, model: TernaryTransformer, threads: int) -> None:
        model.parameters.team = Team(threads)
        self.models = [model, *(model.replica() for _ in range(threads - 1))]

    def loss_and_gradient(self, tokens: Ints, targets: Ints) -> float:
        """Mean loss of `targets` `(B, T)`; the gradient is written into the model's buffer."""
        n_counted = int(np.count_nonzero(targets != IGNORE))
        n_parts = len(self.models)
        if n_parts == 1 or len(tokens) < n_parts or not n_counted:
            return _part(self.models[0], tokens, targets, None)
        tokens_of, targets_of = np.array_split(tokens, n_parts), np.array_split(targets, n_parts)
        parameters = self.models[0].parameters
        losses = parameters.team.run(
            lambda i: _part(self.models[i], tokens_of[i], targets_of[i], n_counted)
        )
        parameters.team.each(self._add_gradients, parameters.shards)
        self._add_gradients(slice(parameters.n_latents, parameters.values.size))
        return sum(losses)  # in the same order at every step

    def _add_gradients(self, shard: slice) -> None:
        total = self.models[0].parameters.gradients[shard]
        for other in self.models[1:]:
            total += other.parameters.gradients[shard]


def _part(model: TernaryTransformer, tokens: Ints, targets: Ints, n_counted: int | None) -> float:
    """A part's share of the loss; its share of the gradient is in the buffer of its model."""
    if n_counted is not None and (targets == IGNORE).all():  # nothing to predict in it
        model.parameters.gradients.fill(0)
        return 0.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # found by the trainer
        loss = model.loss(tokens, targets, n_counted)
        model.backward()
    return loss
