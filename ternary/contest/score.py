"""The score: mean bits per byte of a text, the same on every machine.

The file's numbers are taken as they are, and computed with in float64: processors add in different
orders and differ in the last digits, which are twelve places behind those that are shown.
"""

from __future__ import annotations

import math

import numpy as np

from ternary.errors import TernaryError
from ternary.loss import IGNORE
from ternary.transformer import TernaryTransformer

TOKENS = 2048  # computed at a time


def bits_per_byte(model: TernaryTransformer, text: bytes) -> float:
    """Mean of ``-log2 p`` over all bytes of `text` but the first, each asked for once.

    The text is cut into windows of the model's own context, side by side. Within a window a byte is
    predicted from those before it, and the first one from a single byte.

    Raises
    ------
    TernaryError
        If the text has fewer than two bytes, or the model's numbers run over.

    Examples
    --------
    >>> from ternary import TransformerConfig
    >>> sizes = TransformerConfig(d_model=8, n_heads=1, d_ff=8)
    >>> model = TernaryTransformer(sizes, dtype=np.float64)
    >>> model.parameters.weights[:] = 0  # it knows nothing: every byte is as likely
    >>> round(bits_per_byte(model, bytes(range(200))), 9)
    8.0
    """
    if len(text) < 2:
        raise TernaryError(f"the text has {len(text)} bytes; expected 2 or more")
    data = np.frombuffer(text, np.uint8).astype(np.int64)
    context = model.config.context
    n_windows = -(-(len(data) - 1) // context)
    tokens = np.zeros((n_windows, context), np.int64)
    targets = np.full((n_windows, context), IGNORE, np.int64)
    tokens.flat[: len(data) - 1], targets.flat[: len(data) - 1] = data[:-1], data[1:]
    at_a_time, nats = max(1, TOKENS // context), 0.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # found below
        for first in range(0, n_windows, at_a_time):
            some = slice(first, first + at_a_time)
            logits = model.forward(tokens[some])
            flat = targets[some].reshape(-1)
            loss = model.cross_entropy.forward(logits.reshape(len(flat), -1), flat)
            nats += loss * int(np.count_nonzero(flat != IGNORE))
    if not math.isfinite(nats):
        raise TernaryError("the model's logits are not finite: a scale or a gain is too large")
    return nats / math.log(2) / (len(data) - 1)
