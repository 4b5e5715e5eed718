"""Chapter 3: six rules for threshold and scale of a group, in error, entropy and trained loss."""

from __future__ import annotations

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import CodeProbe, run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
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
    """Every rule; quick, the default and the two that should be worst."""
    rules = ["absmean", "absmax", "binary"] if quick else list(RULES)
    return [{"rule": rule} for rule in rules]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """On Gaussian groups and after training: error, entropy, zeros; and held-out bits per byte."""
    trainer = Trainer(text_config(quick, seed), text_task(), RULES[settings["rule"]]())
    probe = CodeProbe()
    bpb = run_or_diverge(trainer, probe)
    parameters = trainer.model.parameters
    error, bits, zeros = gaussian(settings["rule"], seed)
    real = [parameters.codes(name).ravel() for name in parameters.matrix_shapes]  # no padding
    return {
        "bpb": bpb,
        "error": round(error, 4),
        "entropy": round(bits, 4),
        "zeros": round(zeros, 4),
        "trained_error": round(relative_error(parameters.latents, parameters.weights), 4),
        "trained_entropy": round(entropy(np.concatenate(real)), 4),
        "trained_zeros": round(probe.zeros[-1], 4),
        "flips": probe.curves()["flips"],
        "steps": probe.steps,
    }


def _losses(record: Record, *rules: str) -> list[float]:
    return [record.mean("bpb", rule=rule) for rule in rules]


GOOD = ("absmean", "absmedian", "least-squares", "twn")

EXPERIMENT = Experiment(
    name="scale-rules",
    question="Does a rule that represents Gaussian weights better also train better?",
    prediction=(
        "The error on Gaussian groups can be computed beforehand: it falls from absmax (0.59) over "
        "binary, absmedian, absmean and least squares to TWN (0.19). The trained loss will not "
        "follow it: absmean, absmedian, least squares and TWN end within 0.02 bpb of each other, "
        "binary 0.05 to 0.1 behind them, and absmax, whose codes are mostly 0, last of all."
    ),
    protocol=(
        "Error, entropy and zeros on 1,024 groups of 128 Gaussian weights; then Python's "
        "documentation, 800 steps of 16 x 64 bytes, default recipe, groups of 128; held-out bits "
        "per byte, and the same three numbers for the trained latents."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim(
            "on Gaussian groups, TWN has the smallest error and absmax the largest",
            lambda r: (
                min(RULES, key=lambda rule: r.mean("error", rule=rule)) == "twn"
                and max(RULES, key=lambda rule: r.mean("error", rule=rule)) == "absmax"
            ),
        ),
        Claim(
            "the trained losses of absmean, absmedian, least squares and TWN lie within 0.03 bpb",
            lambda r: max(_losses(r, *GOOD)) - min(_losses(r, *GOOD)) < 0.03,
        ),
        Claim(
            "binary trains worse than each of them by more than 0.03 bpb, and absmax than binary",
            lambda r: (
                max(_losses(r, *GOOD)) + 0.03
                < r.mean("bpb", rule="binary")
                < r.mean("bpb", rule="absmax") - 0.03
            ),
        ),
    ],
    quick_claims=[
        Claim(
            "on Gaussian groups, absmean has a smaller error than binary, and binary than absmax",
            lambda r: (
                r.mean("error", rule="absmean")
                < r.mean("error", rule="binary")
                < r.mean("error", rule="absmax")
            ),
        ),
    ],
)
