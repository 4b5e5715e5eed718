"""Model and recipe of the package in PyTorch, and a proof that they are the same."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import nn

from ternary.optim import learning_rate
from ternary.parameters import Parameters
from ternary.training import Trainer
from ternary.transformer import TransformerConfig


class StraightThrough(torch.autograd.Function):
    """Group absmean projection; the gradient passes as if it were the identity."""

    @staticmethod
    def forward(ctx, W_latent, group_size):
        groups = W_latent.view(-1, group_size)
        mean = groups.abs().mean(dim=1, keepdim=True)
        codes = (groups > mean / 2).float() - (groups < -mean / 2).float()
        return (codes * mean.half().float()).view_as(W_latent)

    @staticmethod
    def backward(ctx, dW):
        return dW, None


class Matrix(nn.Module):
    """Latents of one matrix and their projection."""

    def __init__(self, out_dim: int, in_dim: int, group_size: int) -> None:
        super().__init__()
        self.W_latent = nn.Parameter(torch.empty(out_dim, in_dim))
        self.group_size = group_size

    def forward(self) -> torch.Tensor:
        return StraightThrough.apply(self.W_latent, self.group_size)


class Block(nn.Module):
    def __init__(self, config: TransformerConfig, group_size: int) -> None:
        super().__init__()
        d, d_ff = config.d_model, config.d_ff
        self.n_heads = config.n_heads
        self.norm1 = nn.RMSNorm(d, config.norm_eps)
        self.qkv = Matrix(3 * d, d, group_size)
        self.o = Matrix(d, d, group_size)
        self.norm2 = nn.RMSNorm(d, config.norm_eps)
        self.up = Matrix(d_ff, d, group_size)
        self.down = Matrix(d, d_ff, group_size)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        B, T, D = x.shape
        qkv = F.linear(self.norm1(x), self.qkv())
        q, k, v = qkv.view(B, T, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        q, k = turn(q, cos, sin), turn(k, cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + F.linear(y.transpose(1, 2).reshape(B, T, D), self.o())
        h = F.linear(self.norm2(x), self.up())
        return x + F.linear(F.relu(h).square(), self.down())


class TorchTransformer(nn.Module):
    def __init__(self, config: TransformerConfig, group_size: int) -> None:
        super().__init__()
        self.embedding = Matrix(config.vocab_size, config.d_model, group_size)
        self.layers = nn.ModuleList([Block(config, group_size) for _ in range(config.n_layers)])
        self.norm = nn.RMSNorm(config.d_model, config.norm_eps)
        self.head = Matrix(config.vocab_size, config.d_model, group_size)
        head_dim = config.d_model // config.n_heads
        frequencies = config.rope_base ** (-np.arange(0, head_dim, 2) / head_dim)
        angles = np.tile(np.arange(config.context)[:, None] * frequencies, 2)
        self.register_buffer("cos", torch.from_numpy(np.cos(angles).astype(np.float32)))
        self.register_buffer("sin", torch.from_numpy(np.sin(angles).astype(np.float32)))

    def forward(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        x = F.embedding(tokens, self.embedding())
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        logits = F.linear(self.norm(x), self.head())
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class TorchTrainer:
    """The run that a trainer of the package has before it, taken by PyTorch instead.

    It begins with the trainer's latents and draws the same batches.
    """

    def __init__(self, trainer: Trainer, compiled: bool = False) -> None:
        self.trainer = trainer
        self.step = 0
        sizes = trainer.model.config
        self.model = TorchTransformer(sizes, trainer.config.group_size)
        parameters = trainer.model.parameters
        latents = in_torch_order(parameters, parameters.values, sizes.n_heads)
        with torch.no_grad():
            for name, tensor in self.model.named_parameters():
                tensor.copy_(torch.from_numpy(latents[name]))
        # Left to itself the compiler drops the rounding of the scales to float16 and back.
        exact = {"emulate_precision_casts": True}
        self.loss = torch.compile(self.model, options=exact) if compiled else self.model
        every = list(self.model.parameters())
        matrices = {"params": [p for p in every if p.ndim == 2]}
        gains = {"params": [p for p in every if p.ndim == 1], "weight_decay": 0.0}
        self.optimizer = torch.optim.AdamW(
            [matrices, gains],
            betas=(0.9, 0.95),
            weight_decay=trainer.config.weight_decay,
            fused=True,
        )

    def largest_differences(self) -> tuple[float, float]:
        """Relative difference of the loss from that of the package on one batch, and the largest
        of any tensor's gradient. To be asked before the first step.
        """
        package = self.trainer.model
        batch = self.trainer.task.batch(self.trainer.rng, self.trainer.config.batch_size)
        package_loss = package.loss(*batch)
        package.backward()
        loss = self.loss(*map(torch.from_numpy, batch))
        loss.backward()
        parameters = package.parameters
        gradients = in_torch_order(parameters, parameters.gradients, package.config.n_heads)
        differences = [
            np.linalg.norm(tensor.grad.numpy() - gradients[name]) / np.linalg.norm(gradients[name])
            for name, tensor in self.model.named_parameters()
        ]
        return abs(loss.item() / package_loss - 1), float(max(differences))

    def take_step(self) -> float:
        config = self.trainer.config
        batch = self.trainer.task.batch(self.trainer.rng, config.batch_size)
        loss = self.loss(*map(torch.from_numpy, batch))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        lr = learning_rate(self.step, config.steps, config.lr, config.warmup, config.decay)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.step += 1
        return loss.item()


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
