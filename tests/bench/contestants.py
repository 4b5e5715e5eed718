"""What speed.py compares: every contestant is a function that takes one training step."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from ternary.config import TrainingConfig
from ternary.training import Trainer

Step = Callable[[], object]
Products = list[Callable[[], object]]

INSTALL_TORCH = 'not installed: pip install ".[bench]"'


def ternary_step() -> Step:
    """The default run of the package."""
    return Trainer(TrainingConfig()).take_step


def eager_step() -> Step:
    """The same run in PyTorch, as it is usually written."""
    from torch_model import TorchTrainer

    return TorchTrainer(Trainer(TrainingConfig())).take_step


def compiled_step() -> Step:
    """The same, with model and loss compiled."""
    from torch_model import TorchTrainer

    return TorchTrainer(Trainer(TrainingConfig()), compiled=True).take_step


def unfused_products_step() -> Step:
    """Products of a step written matrix by matrix, the embedding a product with one-hot rows."""
    return _in_order(fused=False)


def fused_products_step() -> Step:
    """Products of a step as the package takes them: q, k and v at once, the embedding looked up."""
    return _in_order(fused=True)


CONTESTANTS: dict[str, Callable[[], Step]] = {
    "ternary": ternary_step,
    "matrix products alone, unfused": unfused_products_step,
    "matrix products alone, fused": fused_products_step,
    "PyTorch eager, fused AdamW": eager_step,
    "PyTorch torch.compile, fused AdamW": compiled_step,
}


def needs_torch(name: str) -> bool:
    """Whether a contestant can run only where PyTorch is installed."""
    return "PyTorch" in name


def _in_order(fused: bool) -> Step:
    """All matrix products of one step of the default run: forward, then backward."""
    trainer = Trainer(TrainingConfig())
    config, sizes = trainer.config, trainer.model.config
    assert config.batch_size is not None and config.length is not None
    batch, length, d, d_ff = config.batch_size, config.length, sizes.d_model, sizes.d_ff
    rng = np.random.default_rng(0)

    def random(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    # Every product has arrays of its own, as in a model: reused ones would never leave the cache.
    def linear(in_dim: int, out_dim: int) -> tuple[Products, Products]:
        n = batch * length
        x, W, y = random(n, in_dim), random(out_dim, in_dim), random(n, out_dim)
        dx, dW, dy = random(n, in_dim), random(out_dim, in_dim), random(n, out_dim)
        return (
            [lambda: np.matmul(x, W.T, out=y)],
            [lambda: np.matmul(dy.T, x, out=dW), lambda: np.matmul(dy, W, out=dx)],
        )

    def attention() -> tuple[Products, Products]:
        shape = batch, length, sizes.n_heads, d // sizes.n_heads
        q, k, v, y, dq, dk, dv, dy = (random(*shape).swapaxes(1, 2) for _ in range(8))
        P, dP = (random(batch, sizes.n_heads, length, length) for _ in range(2))
        return (
            [
                lambda: np.matmul(q, k.swapaxes(-1, -2), out=P),
                lambda: np.matmul(P, v, out=y),
            ],
            [
                lambda: np.matmul(P.swapaxes(-1, -2), dy, out=dv),
                lambda: np.matmul(dy, v.swapaxes(-1, -2), out=dP),
                lambda: np.matmul(dP, k, out=dq),
                lambda: np.matmul(dP.swapaxes(-1, -2), q, out=dk),
            ],
        )

    embedding = linear(sizes.vocab_size, d)
    embedding[1].pop()  # the tokens take no gradient
    if fused:
        embedding[0].clear()
    layers = [embedding]
    for _ in range(sizes.n_layers):
        layers += [linear(d, 3 * d)] if fused else [linear(d, d) for _ in range(3)]
        layers += [attention(), linear(d, d), linear(d, d_ff), linear(d_ff, d)]
    layers.append(linear(d, sizes.vocab_size))
    forward = [product for layer in layers for product in layer[0]]
    backward = [product for layer in reversed(layers) for product in layer[1]]
    products = forward + backward

    def step() -> None:
        for product in products:
            product()

    return step
