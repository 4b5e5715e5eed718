"""The matrix products of a training step and nothing else: what is left when all else is free.

The benchmarks time them too, so that both speak of the same products.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from ternary.arrays import Floats
from ternary.config import TrainingConfig
from ternary.team import one_blas_thread
from ternary.transformer import TransformerConfig

Product: TypeAlias = tuple[Floats, Floats, Floats]  # two factors, and where their product goes
Layer: TypeAlias = tuple[list[Product], list[Product]]  # of its forward and its backward pass


def products_of_step(sizes: TransformerConfig, sequences: int, length: int) -> list[Product]:
    """Factors and result of every product of a step, in the order of the step.

    A linear layer has one product forward and two backward: dL/dW_latent and dL/dx. Queries, keys
    and values are one such layer. Attention has two products forward and four backward in every
    head, over all pairs of positions, the masked ones included. The embedding has none forward,
    since it looks its rows up, and one backward: that of the one-hot tokens with the gradient,
    which is how the package adds up the rows. Projection, softmax and optimizer have none.

    All factors are random numbers in arrays of their own, as in a model: arrays that are used
    twice would not leave the cache.

    Parameters
    ----------
    sizes
        Of the model.
    sequences, length
        Of the batch, and of its sequences in tokens.

    Examples
    --------
    >>> products = products_of_step(TransformerConfig(d_model=8, d_ff=16, n_layers=1), 2, 4)
    >>> len(products), [out.shape for _, _, out in products[:2]]
    (22, [(8, 24), (2, 4, 4, 4)])
    """
    rng = np.random.default_rng(0)
    n, d, d_ff, vocab_size = sequences * length, sizes.d_model, sizes.d_ff, sizes.vocab_size

    def random(*shape: int) -> Floats:
        return rng.standard_normal(shape, np.float32)

    def linear(out_dim: int, in_dim: int) -> Layer:
        x, W, dy = random(n, in_dim), random(out_dim, in_dim), random(n, out_dim)
        forward = [(x, W.T, random(n, out_dim))]
        return forward, [(dy.T, x, random(out_dim, in_dim)), (dy, W, random(n, in_dim))]

    def attention() -> Layer:
        shape = sequences, length, sizes.n_heads, d // sizes.n_heads
        q, k, v, y, dq, dk, dv, dy = (random(*shape).swapaxes(1, 2) for _ in range(8))
        P, dP = (random(sequences, sizes.n_heads, length, length) for _ in range(2))
        kT, vT, PT, dPT = (a.swapaxes(-1, -2) for a in (k, v, P, dP))
        return [(q, kT, P), (P, v, y)], [(PT, dy, dv), (dy, vT, dP), (dP, k, dq), (dPT, q, dk)]

    layers: list[Layer] = [([], [(random(n, vocab_size).T, random(n, d), random(vocab_size, d))])]
    for _ in range(sizes.n_layers):
        layers += [linear(3 * d, d), attention(), linear(d, d), linear(d_ff, d), linear(d, d_ff)]
    layers.append(linear(vocab_size, d))
    forward = [product for layer in layers for product in layer[0]]
    return forward + [product for layer in reversed(layers) for product in layer[1]]


def multiply(products: list[Product]) -> None:
    """Compute all of them, in order."""
    for a, b, out in products:
        np.matmul(a, b, out)


def products_in_parts(config: TrainingConfig) -> Callable[[], None]:
    """The products of a step of a run as the package computes them: on every thread a part of the
    batch, with one thread of BLAS.
    """
    config = config.resolved()
    assert config.batch_size is not None and config.length is not None
    parts = np.array_split(np.arange(config.batch_size), config.threads)
    sizes, length = config.model_config(), config.length
    first, *others = (products_of_step(sizes, len(part), length) for part in parts if len(part))
    pool = ThreadPoolExecutor(config.threads)  # starts no thread before it has something to do

    def step() -> None:
        with one_blas_thread():
            jobs = [pool.submit(multiply, products) for products in others]
            multiply(first)
            for job in jobs:
                job.result()

    return step
