"""The model and the training step of the package in PyTorch, begun from the package's latents.

Shown by docs/leaving-numpy.md, compared with the package by tests/runtimes, and timed by
tests/bench/speed.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import nn

from ternary.loss import IGNORE
from ternary.optim import learning_rate
from ternary.parameters import Parameters
from ternary.training import Trainer
from ternary.transformer import TransformerConfig


class StraightThrough(torch.autograd.Function):
    """Groups of latents become codes times a scale; the gradient passes as if they had not."""

    @staticmethod
    def forward(ctx, W_latent, group_size):
        groups = W_latent.view(-1, group_size)
        mean = groups.abs().mean(dim=1, keepdim=True)
        codes = (groups > mean / 2).to(groups.dtype) - (groups < -mean / 2).to(groups.dtype)
        return (codes * mean.half().to(groups.dtype)).view_as(W_latent)

    @staticmethod
    def backward(ctx, dW_ternary):
        return dW_ternary, None


class TernaryMatrix(nn.Module):
    """Latents `(out_dim, in_dim)`, the rows whole groups long, and their projection."""

    def __init__(self, out_dim: int, in_dim: int, group_size: int = 128) -> None:
        super().__init__()
        if in_dim % group_size:
            raise ValueError(f"in_dim is {in_dim}; expected a multiple of group_size={group_size}")
        self.W_latent = nn.Parameter(torch.randn(out_dim, in_dim) / in_dim**0.5)
        self.group_size = group_size

    def W_ternary(self) -> torch.Tensor:
        return StraightThrough.apply(self.W_latent, self.group_size)


class TernaryLinear(TernaryMatrix):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.W_ternary())


class TernaryEmbedding(TernaryMatrix):
    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return F.embedding(tokens, self.W_ternary())


class Block(nn.Module):
    def __init__(self, config: TransformerConfig, group_size: int) -> None:
        super().__init__()
        d, d_ff = config.d_model, config.d_ff
        self.n_heads = config.n_heads
        self.norm1 = nn.RMSNorm(d, config.norm_eps)
        self.qkv = TernaryLinear(3 * d, d, group_size)
        self.o = TernaryLinear(d, d, group_size)
        self.norm2 = nn.RMSNorm(d, config.norm_eps)
        self.up = TernaryLinear(d_ff, d, group_size)
        self.down = TernaryLinear(d, d_ff, group_size)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        B, T, D = x.shape
        qkv = self.qkv(self.norm1(x))
        q, k, v = qkv.view(B, T, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        q, k = turn(q, cos, sin), turn(k, cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(B, T, D))
        return x + self.down(F.relu(self.up(self.norm2(x))).square())


class TorchTransformer(nn.Module):
    def __init__(self, config: TransformerConfig, group_size: int) -> None:
        super().__init__()
        self.embedding = TernaryEmbedding(config.vocab_size, config.d_model, group_size)
        self.layers = nn.ModuleList([Block(config, group_size) for _ in range(config.n_layers)])
        self.norm = nn.RMSNorm(config.d_model, config.norm_eps)
        self.head = TernaryLinear(config.vocab_size, config.d_model, group_size)
        head_dim = config.d_model // config.n_heads
        frequencies = config.rope_base ** (-np.arange(0, head_dim, 2) / head_dim)
        angles = np.tile(np.arange(config.context)[:, None] * frequencies, 2)
        self.register_buffer("cos", torch.tensor(np.cos(angles), dtype=torch.get_default_dtype()))
        self.register_buffer("sin", torch.tensor(np.sin(angles), dtype=torch.get_default_dtype()))

    def forward(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE)


class TorchTrainer:
    """The run that a trainer of the package has before it, taken by PyTorch instead.

    It begins with the trainer's latents and draws the same batches. `wrap` makes of the model what
    computes the loss: `torch.compile`, or `DistributedDataParallel`. Of several processes, each
    takes its part of a batch.
    """

    def __init__(
        self,
        trainer: Trainer,
        wrap: Callable[[nn.Module], Callable[..., torch.Tensor]] = lambda model: model,
        rank: int = 0,
        n_ranks: int = 1,
    ) -> None:
        self.trainer, self.rank, self.n_ranks, self.step = trainer, rank, n_ranks, 0
        self.model = TorchTransformer(trainer.model.config, trainer.config.group_size)
        self.load(trainer.model.parameters.values)
        self.loss = wrap(self.model)
        every = list(self.model.parameters())
        matrices = {"params": [p for p in every if p.ndim == 2]}
        gains = {"params": [p for p in every if p.ndim == 1], "weight_decay": 0.0}
        self.optimizer = torch.optim.AdamW(
            [matrices, gains],
            betas=(0.9, 0.95),
            weight_decay=trainer.config.weight_decay,
            fused=True,
        )

    def load(self, values: np.ndarray) -> None:
        """Take latents and gains from a buffer of the package."""
        package = self.trainer.model
        arrays = in_torch_order(package.parameters, values, package.config.n_heads)
        with torch.no_grad():
            for name, tensor in self.model.named_parameters():
                tensor.copy_(torch.from_numpy(arrays[name]))

    def batch(self) -> list[torch.Tensor]:
        batch = self.trainer.task.batch(self.trainer.rng, self.trainer.config.batch_size)
        return [torch.from_numpy(np.array_split(x, self.n_ranks)[self.rank]) for x in batch]

    def take_step(self) -> float:
        config = self.trainer.config
        loss = self.loss(*self.batch())
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        lr = learning_rate(self.step, config.steps, config.lr, config.warmup, config.decay)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.step += 1
        return loss.item()

    def largest_differences(self) -> tuple[float, float]:
        """Relative difference of the loss from that of the package on one batch, and the largest
        of any tensor's gradient. To be asked before the first step.
        """
        package, batch = self.trainer.model, self.batch()
        package_loss = package.loss(*(x.numpy() for x in batch))
        package.backward()
        loss = self.loss(*batch)
        loss.backward()
        parameters = package.parameters
        gradients = in_torch_order(parameters, parameters.gradients, package.config.n_heads)
        differences = [
            np.linalg.norm(tensor.grad.numpy() - gradients[name]) / np.linalg.norm(gradients[name])
            for name, tensor in self.model.named_parameters()
        ]
        return abs(loss.item() / package_loss - 1), float(max(differences))


def turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions with the two halves of a head as real and imaginary parts."""
    real, imaginary = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-imaginary, real), dim=-1) * sin


def in_torch_order(
    parameters: Parameters, buffer: np.ndarray, n_heads: int
) -> dict[str, np.ndarray]:
    """Matrices and gains of a buffer by their PyTorch names.

    The package turns neighbouring features of a head as one complex number. Halves of a head are
    quicker in PyTorch, so the rows of q and k are sorted: even ones first. A group is part of one
    row, so no projection changes.
    """
    arrays = {}
    for name in parameters.matrix_shapes:
        stem, _, last = name.rpartition(".")
        if last in ("k", "v"):
            continue
        if last != "q":
            arrays[f"{name}.W_latent"] = parameters.view(buffer, name)
            continue
        qkv = parameters.view(buffer, name, f"{stem}.v").copy()
        d = len(qkv) // 3
        pairs = qkv[: 2 * d].reshape(2 * n_heads, -1, 2, d)
        qkv[: 2 * d] = pairs.swapaxes(1, 2).reshape(2 * d, d)
        arrays[f"{stem}.qkv.W_latent"] = qkv
    for name in parameters.gain_sizes:
        arrays[f"{name}.weight"] = parameters.view(buffer, name)
    return arrays
