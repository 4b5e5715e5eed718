"""Chapter 9: what is said to help ternary training, one change at a time against one baseline."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ternary.arrays import Floats
from ternary.config import TrainingConfig
from ternary.data import evaluate
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import perturb, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.experiments.repeats import PartOfText
from ternary.layers import RMSNorm, TernaryLinear
from ternary.parallel import DataParallel
from ternary.parameters import Parameters
from ternary.projection import GroupAbsMean
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer, TransformerConfig, make_norm

STEPS = 800
SIZE = {"d_model": 64, "d_ff": 256, "lr": 5e-3}
POINTS = 40  # entries of a curve of the loss, the same number for every length of a run
PROMPT, SAMPLE_BYTES, TEMPERATURE = b"The following ", 300, 0.8

RECIPES = ["baseline", "perturbed", "two-stage", "decay-off", "more-decay", "warm-up"]
RECIPES += ["long-warm-up", "continual", "sub-norm", "twin", "twin-two-stage"]
UNROUNDED = ("twin", "warm-up", "continual")  # at the first step


def trials(quick: bool) -> list[Settings]:
    """The baseline, the same perturbed, seven changes to it, and the twin under two schedules."""
    names = ["baseline", "warm-up", "continual", "sub-norm", "twin"] if quick else RECIPES
    return [{"recipe": name} for name in names]


class RecipeTrainer(Trainer):
    """A run by one of the recipes."""

    def __init__(self, recipe: str, seed: int, quick: bool) -> None:
        self.recipe = recipe
        config = text_config(quick, seed, **_settings(recipe, quick))
        super().__init__(config, text_task())
        if recipe == "sub-norm":
            self.model = sub_norm_model(self.config)
            self.parallel = DataParallel(self.model, 1)
            self.optimizer = self.config.make_optimizer(self.model.parameters)

    def projected_share(self, step: int) -> float:
        if self.recipe == "continual":
            return float(2 * step >= self.steps)
        return super().projected_share(step)


def _settings(recipe: str, quick: bool) -> dict[str, object]:
    settings: dict[str, object] = {"optimizer": "muon", **({} if quick else SIZE)}
    two_stages: dict[str, object] = {"decay": "two-stage", "weight_decay_until": 0.5}
    changes: dict[str, dict[str, object]] = {
        "two-stage": two_stages,
        "decay-off": {"weight_decay_until": 0.5},
        "more-decay": {"weight_decay": 0.3},
        "warm-up": {"projection_warmup": 0.2},
        "long-warm-up": {"projection_warmup": 0.75},
        "twin": {"projection": "full-precision"},
        "twin-two-stage": {"projection": "full-precision", **two_stages},
    }
    return settings | changes.get(recipe, {}) | ({} if quick else {"steps": STEPS})


@dataclass(frozen=True)
class SubNormConfig(TransformerConfig):
    """Two more normalisations a block: before ``o``, and before ``down``."""

    def gains(self) -> dict[str, int]:
        more: dict[str, int] = {}
        for i in range(self.n_layers):
            more |= {f"layers.{i}.before_o": self.d_model, f"layers.{i}.before_down": self.d_ff}
        return super().gains() | more


class NormedLinear(TernaryLinear):
    """A ternary linear layer that normalises its input."""

    def __init__(self, parameters: Parameters, name: str, norm: RMSNorm) -> None:
        super().__init__(parameters, name)
        self.norm = norm

    def forward(self, x: Floats) -> Floats:
        return super().forward(self.norm.forward(x))

    def backward(self, dy: Floats) -> Floats:
        return self.norm.backward(super().backward(dy))


def sub_norm_model(training: TrainingConfig, dtype: type = np.float32) -> TernaryTransformer:
    """The model of a run with the extra normalisations, and with the same initial latents."""
    config = SubNormConfig(**asdict(training.model_config()))
    init_seed, _ = np.random.SeedSequence(training.seed).spawn(2)
    model = TernaryTransformer(config, GroupAbsMean(), init_seed, dtype)
    parameters = model.parameters
    for i, block in enumerate(model.blocks):
        for name in ("o", "down"):
            norm = make_norm(config, parameters, f"layers.{i}.before_{name}")
            setattr(block, name, NormedLinear(parameters, f"layers.{i}.{name}", norm))
    return model


def part_bits(trainer: Trainer, repeated: bool = False) -> float:
    """Bits per byte of the held-out windows that repeat some of the training text, or nothing."""
    return round(evaluate(trainer.model, PartOfText(repeated), 16).bits, 4)


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the held-out and the training text, and a sample of what it writes."""
    trainer = RecipeTrainer(**settings, seed=seed, quick=quick)
    if settings["recipe"] == "perturbed":
        perturb(trainer, seed)
    trainer.run()
    bits = np.array(trainer.losses) / np.log(2)
    prompt, rng = np.frombuffer(PROMPT, np.uint8), np.random.default_rng(seed)
    sample = trainer.model.generate(prompt, SAMPLE_BYTES, TEMPERATURE, rng)
    train = [round(float(block.mean()), 4) for block in np.array_split(bits, POINTS)]
    return {
        "bpb": round(trainer.evaluate().bits, 4),
        "report": half_bits(trainer, "report"),
        "bpb_new": part_bits(trainer),
        "bpb_repeated": part_bits(trainer, repeated=True),
        "first_bits": round(float(bits[0]), 4),
        "train": train,
        "last_fifth": round(train[-POINTS // 5 - 1] - train[-1], 4),
        "sample": list(sample),
    }


def switch_costs(r: Record) -> bool:
    """Whether rounding at half-time raises the loss of a continual run at once, in every seed."""
    runs = r.values("train", recipe="continual")
    return all(run[POINTS // 2] > run[POINTS // 2 - 1] for run in runs)


def against_baseline(text: str, recipe: str, verdict: str) -> Claim:
    """A claim about a recipe and the baseline."""
    return Claim.by_comparison(text, "report", {"recipe": recipe}, {"recipe": "baseline"}, verdict)


EVERYWHERE = [
    Claim(
        "runs whose first weights are the latents begin with the same loss",
        lambda r: len({tuple(r.values("first_bits", recipe=name)) for name in UNROUNDED}) == 1,
    ),
]

EXPERIMENT = Experiment(
    name="recipes",
    question="Which of the recipes that are said to help ternary training help at this size?",
    prediction=(
        "The first edition's record had been seen (AdamW, width 128, 800 steps, three seeds): a "
        "warm-up over three quarters 0.05 to 0.07 ahead of the baseline, over a fifth 0.02 to "
        "0.05, decay 1.0 off at half 0.02 to 0.04, two stages, ternary from half-time and extra "
        "norms on either side, the twin 0.10 to 0.13 ahead. With Muon, at half the width: the "
        "long warm-up is 0.02 to 0.08 ahead, the short one 0.00 to 0.04; two stages 0.00 to 0.04 "
        "behind; decay off at half within 0.01, for decay does little in so short a run; three "
        "times the decay within 0.02; full precision until half-time 0.00 to 0.06 behind; extra "
        "norms within 0.03; the twin 0.12 to 0.25 ahead, and within 0.03 of that under two stages. "
        "The training loss of the ternary model falls more than the twin's over the last fifth, "
        "by 0.01 to 0.06 under a cosine and under two stages. Held-out windows that repeat a "
        "passage of the training text are easier by 0.8 to 1.2 for both."
    ),
    protocol=(
        "Python's documentation, 800 steps of 16 x 64 bytes, width 64, Muon, rate 0.005 with a "
        "cosine, decay 0.1 (times ten for the matrices of the layers). One change each: two stages "
        "of the rate, and decay off at half; decay off at half; decay 0.3; weights (1 - share) "
        "latents + share projected, with the share rising from 0 to 1 over a fifth or three "
        "quarters of the steps; latents until half-time, projected from then on; RMSNorm before o "
        "and down. The twin has the baseline's settings, also with two stages. No arm has a rate "
        "of its own, and nothing was chosen by these runs; the second half of the held-out windows "
        "is reported. The noise arm is the baseline perturbed."
    ),
    trials=trials,
    measure=measure,
    claims=[
        *EVERYWHERE,
        Claim("rounding at half-time raises the training loss, in every seed", switch_costs),
        against_baseline("the twin is ahead", "twin", "lower"),
    ],
    quick_claims=EVERYWHERE,
    seeds=(1, 2, 3, 4, 5),
    noise=({"recipe": "baseline"}, {"recipe": "perturbed"}),
)
