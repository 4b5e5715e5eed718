"""Eight-bit activations: a learning rate for every arm of the experiment activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ternary.activations import LAYERS, RoundedLinear, rounded, with_linears
from ternary.arrays import Floats
from ternary.data import evaluate
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.halves import half_bits, half_of_text
from ternary.experiments.probes import run_or_diverge, text_config, text_task
from ternary.experiments.recipes import NormedLinear, sub_norm_model
from ternary.experiments.record import Settings, Values
from ternary.layers import TernaryLinear
from ternary.parallel import DataParallel
from ternary.parameters import Parameters
from ternary.rotation import hadamard
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer, make_norm

RATES = (2.5e-3, 5e-3, 1e-2)
ARMS = [
    *("float", "8 bits", "6 bits", "4 bits", "3 bits", "norms", "norms, 8 bits", "norms, 4 bits"),
    *("rotated, 4 bits", "twin"),
]
STEPS = 400


class RotatedLinear(TernaryLinear):
    """A ternary linear layer that rotates its inputs, and then rounds them if `bits` says so."""

    bits: int | None = None

    def __init__(self, parameters: Parameters, name: str, last: str | None = None) -> None:
        super().__init__(parameters, name, last)
        # As a matrix: at this width one product is faster than the rounds of the fast transform.
        self.rotation = hadamard(np.eye(self.W_ternary.shape[1], dtype=parameters.dtype))

    def forward(self, x: Floats) -> Floats:
        x = x @ self.rotation
        return super().forward(x if self.bits is None else rounded(x, self.bits))

    def backward(self, dy: Floats) -> Floats:
        return super().backward(dy) @ self.rotation


class RoundedNormed(NormedLinear, RoundedLinear):
    """A ternary linear layer that normalises its inputs and then rounds them."""


class RoundedTrainer(Trainer):
    """A run of an arm: its name is the bits of its inputs, after ``norms`` or ``rotated``."""

    def __init__(self, settings: Settings, seed: int, quick: bool, steps: int) -> None:
        self.arm = settings["arm"]
        size = {} if quick else {"d_model": 64, "d_ff": 256, "steps": steps}
        kind = "full-precision" if self.arm == "twin" else "group"
        config = text_config(
            quick, seed, optimizer="muon", lr=settings["lr"], projection=kind, **size
        )
        super().__init__(config, text_task())
        if "norms" in self.arm:
            self.model = sub_norm_model(self.config)
        number = self.arm.removesuffix(" bits").split()[-1]
        self.model = self.rounded_to(int(number) if number.isdigit() else None)
        self.parallel = DataParallel(self.model, 1)
        self.optimizer = self.config.make_optimizer(self.model.parameters)

    def rounded_to(
        self, bits: int | None, layers: tuple[str, ...] = LAYERS, rotate: bool | None = None
    ) -> TernaryTransformer:
        """A model on the same weights with inputs of so many bits; None: not rounded."""
        kind: type[Any] = TernaryLinear if bits is None else RoundedLinear
        if rotate or (rotate is None and "rotated" in self.arm):
            kind = RotatedLinear
        settings = {} if bits is None else {"bits": bits}
        model = with_linears(self.model, kind, layers, **settings)
        if "norms" in self.arm:
            put_norms(model, NormedLinear if bits is None else RoundedNormed, **settings)
        return model

    def bits_of(self, model: TernaryTransformer) -> float:
        """Bits per byte of a model on the half of the held-out text that reports."""
        return round(evaluate(model, half_of_text("report"), 16).bits, 4)


def put_norms(model: TernaryTransformer, kind: type[NormedLinear], **settings: object) -> None:
    """Put a normalisation before ``o`` and ``down``, whose gains the parameters have."""
    parameters = model.parameters
    for i, block in enumerate(model.blocks):
        for name in ("o", "down"):
            norm = make_norm(model.config, parameters, f"layers.{i}.before_{name}")
            layer = kind(parameters, f"layers.{i}.{name}", norm)
            vars(layer).update(settings)
            setattr(block, name, layer)


def trials(quick: bool) -> list[Settings]:
    """Three rates for every arm; quick, for three arms."""
    return [{"arm": arm, "lr": lr} for arm in (ARMS[::4] if quick else ARMS) for lr in RATES]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the half of the held-out text that selects."""
    trainer = RoundedTrainer(settings, seed, quick, STEPS)
    run_or_diverge(trainer)
    return {"select": half_bits(trainer, "select") if trainer.done else math.inf}


EVERYWHERE = [Claim("no run diverged", lambda r: all(map(math.isfinite, r.values("select"))))]

EXPERIMENT = Experiment(
    name="activations-sweep",
    question="Which learning rate suits each arm of the experiment activations?",
    prediction=(
        "Of the rates 0.0025, 0.005 and 0.01 the middle one wins for float, 8 and 6 bits, with and "
        "without norms, as it did for ternary models of this size before; the smallest for the "
        "twin, and for 4 and 3 bits the same as for float, rotated or not. No run diverges."
    ),
    protocol=(
        "The runs of the experiment activations with another seed, three rates for each arm; the "
        "lowest bits per byte of the first half of the held-out windows wins."
    ),
    trials=trials,
    measure=measure,
    claims=EVERYWHERE,
    quick_claims=EVERYWHERE,
    seeds=(100,),
    repeated_by="activations",
    sides={arm: {"arm": arm} for arm in ARMS},
    selected_by="select",
)
