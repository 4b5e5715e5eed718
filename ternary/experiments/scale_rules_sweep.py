"""Chapter 3: a learning rate for each of six rules for threshold and scale of a group."""

from __future__ import annotations

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.experiment import Experiment
from ternary.experiments.fairness import lowest_rate_loses, too_low_is_worse
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import perturb, run_or_diverge, text_task
from ternary.experiments.record import Settings, Values
from ternary.experiments.small import small_config
from ternary.projection import TWN, Binary, GroupAbsMean, Groups, Projected, TernaryProjection
from ternary.training import Trainer


class GroupAbsMedian(TernaryProjection):
    """Median of ``|w|`` instead of their mean, for the threshold (its half) and for the scale.

    The rule of BitNet b1.58 Reloaded (Nielsen and Schneider-Kamp, 2024, arXiv:2407.09527).
    """

    name = "absmedian"

    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        ranked = np.sort(np.abs(latents), axis=1)  # padding is zero and comes first
        counts = groups.counts.astype(int)
        padding, every = latents.shape[1] - counts, np.arange(len(latents))
        lower = ranked[every, padding + (counts - 1) // 2]
        median = (lower + ranked[every, padding + counts // 2]) / 2
        return median / 2, median


class GroupAbsMax(TernaryProjection):
    """The largest ``|w|`` of the group: the rule of most quantizers of 4 bits and more."""

    name = "absmax"

    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        largest = np.abs(latents).max(axis=1)
        return largest / 2, largest


class GroupLeastSquares(TernaryProjection):
    """The codes of absmean, times the scale with the least squared error for these codes.

    That is the mean of ``|w|`` over the weights whose code is not 0.
    """

    name = "least-squares"

    def measure(self, latents: Floats, groups: Groups) -> tuple[Floats, Floats]:
        threshold = self.mean_magnitude(latents, groups) / 2
        return threshold, self.mean_magnitude(latents, groups, above=threshold)


RULES: dict[str, type[TernaryProjection]] = {
    "absmean": GroupAbsMean,
    "absmedian": GroupAbsMedian,
    "absmax": GroupAbsMax,
    "twn": TWN,
    "least-squares": GroupLeastSquares,
    "binary": Binary,
}
RATES = (2e-3, 5e-3, 1.2e-2)


def relative_error(latents: Floats, projected: Floats) -> float:
    """Squared error of the projection as a share of the squared latents."""
    return float(np.sum((latents - projected) ** 2) / np.sum(latents**2))


def entropy(codes: np.ndarray) -> float:
    """Entropy in bits of codes drawn at random from an array."""
    shares = np.unique(codes, return_counts=True)[1] / codes.size
    return float(-np.sum(shares * np.log2(shares)))


def gaussian(rule: str, seed: int) -> tuple[float, float, float]:
    """Relative error, entropy, and share of zeros on a thousand groups of Gaussian weights."""
    rng = np.random.default_rng([seed, 4])
    latents = rng.standard_normal((1024, 128)).astype(np.float32)
    projection = RULES[rule]()
    groups = Groups.of([latents.shape], projection.group_size)
    out = Projected(
        np.zeros(latents.shape, np.int8),
        np.zeros(len(latents), np.float16),
        np.zeros_like(latents),
    )
    projection.project(latents, groups, out)
    return relative_error(latents, out.weights), entropy(out.codes), float(np.mean(out.codes == 0))


def trials(quick: bool) -> list[Settings]:
    """Every rule at three learning rates; quick, two rules at one far too low and a usual one."""
    rules = ("absmean", "binary") if quick else RULES
    return [{"rule": rule, "lr": lr} for rule in rules for lr in ((2e-4, 5e-3) if quick else RATES)]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """On Gaussian groups and after training: error, entropy, zeros; and held-out bits per byte."""
    config = small_config(quick, seed, lr=settings["lr"])
    trainer = Trainer(config, text_task(), RULES[settings["rule"]]())
    if settings.get("perturbed"):
        perturb(trainer, seed)
    bpb = run_or_diverge(trainer)
    halves = {half: half_bits(trainer, half) for half in ("select", "report")}
    parameters = trainer.model.parameters
    error, bits, zeros = gaussian(settings["rule"], seed)
    real = [parameters.codes(name).ravel() for name in parameters.matrix_shapes]  # no padding
    codes = np.concatenate(real)
    return {
        "bpb": bpb,
        **halves,
        "error": round(error, 4),
        "entropy": round(bits, 4),
        "zeros": round(zeros, 4),
        "trained_error": round(relative_error(parameters.latents, parameters.weights), 4),
        "trained_entropy": round(entropy(codes), 4),
        "trained_zeros": round(float(np.mean(codes == 0)), 4),
    }


SIDES = {rule: {"rule": rule} for rule in RULES}

EXPERIMENT = Experiment(
    name="scale-rules-sweep",
    question="At which learning rate is each rule for threshold and scale at its best?",
    prediction=(
        "Absmean, absmedian, least squares and TWN are best at the same one of the three rates, "
        "0.005. Absmax, with the largest weights, likes no higher rate than they do. None of the "
        "six is best at 0.002."
    ),
    protocol=(
        "Python's documentation, one layer of 128 features (d_ff 256), groups of 128, 400 steps of "
        "8 x 64 bytes, AdamW; chosen by the first half of the held-out windows; the experiment "
        "scale-rules repeats the winners with fresh seeds."
    ),
    trials=trials,
    measure=measure,
    claims=[lowest_rate_loses("no rule has its best rate at the lowest of the three", SIDES)],
    quick_claims=[too_low_is_worse(2e-4, 5e-3)],
    seeds=(100,),
    repeated_by="scale-rules",
    sides=SIDES,
    selected_by="select",
)
