"""Chapter 9: bits per byte of text against bytes of weights, for the strongest rivals at hand."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ternary.experiments import bytes_sweep
from ternary.experiments.bytes_sweep import MODELS, SIDES, make_trainer
from ternary.experiments.comparison import Comparison, compare
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import winner
from ternary.experiments.halves import HALVES, half_bits
from ternary.experiments.probes import perturb, run_or_diverge
from ternary.experiments.record import (
    RECORDS,
    Record,
    Settings,
    Values,
    load_record,
    record_path,
)
from ternary.experiments.uniform import rounded
from ternary.projection import GROUP_SIZE
from ternary.training import Trainer
from ternary.transformer import TransformerConfig

STEPS = 1500
WIDTH_BITS = (3, 4, 5, 6, 8)  # of a twin that is rounded after training
SCALES = {"absmax": False, "fitted": True}
ROUNDINGS = [(scale, bits) for scale in SCALES for bits in WIDTH_BITS]
CODE_BITS = {"ternary": 8 / 5, "2 bits": 2, "3 bits": 3, "4 bits": 4}  # five codes in a byte
FILE_BITS = {"ternary": 2.25, "2 bits": 2.25}  # of a weight and its share of a scale for 64
BASELINE = {"model": "ternary", "d_model": 128, "perturbed": False}


def trials(quick: bool) -> list[Settings]:
    """The winner of the sweep for every model at every width, and the baseline perturbed."""
    if quick:
        small = {"d_model": 32, "d_ff": 128, "lr": 3e-3, "weight_decay": 0.1}
        planned = [{"model": m, **small, "perturbed": False} for m in MODELS]
        return [*planned, {**planned[0], "perturbed": True}]
    planned = [tuned(side) for side in SIDES]
    found = [{**settings, "perturbed": False} for settings in planned]
    return [*found, {**found[0], "perturbed": True}]


def tuned(side: str) -> Settings:
    """The winner of the sweep for a side; before the sweep has run, the middle of its cross."""
    if not record_path("bytes-sweep", RECORDS).is_file():
        lr, weight_decay = bytes_sweep.CROSS[1]
        return SIDES[side] | {"lr": lr, "weight_decay": weight_decay}
    return winner(load_record("bytes-sweep"), bytes_sweep.EXPERIMENT, side)


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the held-out text and its halves; of a twin, after every rounding too."""
    trainer = make_trainer(settings, seed, quick, 150 if quick else STEPS)
    if settings["perturbed"]:
        perturb(trainer, seed)
    values: Values = {"bpb": run_or_diverge(trainer)}
    values["train"] = round(float(np.mean(trainer.losses[-100:])) / math.log(2), 4)
    values |= {half: half_bits(trainer, half) for half in HALVES}
    for scale, bits in ROUNDINGS:
        if settings["model"] == "twin":
            use_rounded(trainer, bits, SCALES[scale])
            values[f"report {scale} {bits}"] = half_bits(trainer, "report")
        else:
            values[f"report {scale} {bits}"] = None
    return values


def use_rounded(trainer: Trainer, bits: int, fitted: bool) -> None:
    """Let a twin compute with its latents rounded to so many bits."""
    parameters = trainer.model.parameters
    for name in parameters.matrix_shapes:
        W = parameters.view(parameters.values, name)
        parameters.view(parameters.weights, name)[:] = rounded(W, bits, fitted)


# --- Bytes, and what a model would reach with so many of them -----------------------------------


def n_bytes(
    d_model: int, d_ff: int, bits: float, rows: int = 256, scale_bits: bool = True
) -> float:
    """Bytes of a model's weights with so many bits each, scales and gains.

    Parameters
    ----------
    d_model, d_ff
        Width and hidden features.
    bits
        Of a code; of a weight with its share of a scale, if `scale_bits` is false.
    rows
        Of embedding and head that are counted.
    scale_bits
        Whether to add two bytes for the scale of every group.
    """
    config = TransformerConfig(vocab_size=rows, d_model=d_model, d_ff=d_ff)
    shapes = config.matrices().values()
    codes = sum(out_dim * in_dim for out_dim, in_dim in shapes) * bits / 8
    scales = sum(2 * out_dim * -(-in_dim // GROUP_SIZE) for out_dim, in_dim in shapes)
    return codes + scale_bits * scales + 4 * sum(config.gains().values())


def widths(record: Record, model: str) -> list[Settings]:
    """The unperturbed runs of a kind of weights, from narrow to wide."""
    found = [s for s in record.settings if s["model"] == model and not s["perturbed"]]
    return sorted(found, key=lambda settings: int(settings["d_model"]))


def points(
    record: Record, kind: str, rows: int = 256, files: bool = False
) -> list[tuple[float, dict[int, float]]]:
    """Bytes, and the reported loss of every seed, at each width of a kind.

    Parameters
    ----------
    record
        Of this experiment.
    kind
        A model of the sweep; or ``absmax 4``, ``fitted 4``, ``free 4``: a twin rounded to four
        bits, with the scale of either rule, or as if rounding cost nothing.
    rows
        Of embedding and head that are counted.
    files
        Whether ternary and two-bit weights are counted as files of other programs hold them.
    """
    scale, _, number = kind.rpartition(" ")
    is_twin = kind not in CODE_BITS
    value = f"report {kind}" if is_twin and scale in SCALES else "report"
    found = []
    for settings in widths(record, "twin" if is_twin else kind):
        size = settings["d_model"], settings["d_ff"]
        bits = int(number) if is_twin else CODE_BITS[kind]
        if files and kind in FILE_BITS:
            amount = n_bytes(*size, FILE_BITS[kind], rows, scale_bits=False)
        else:
            amount = n_bytes(*size, bits, rows, scale_bits=bits < 16)
        found.append((amount, record.by_seed(value, settings)))
    return found


SAME = 0.005  # of the bytes: models that are compared without a line
SLACK = 0.08  # of the bytes: how far beyond its narrowest or widest model a line is drawn


def at_bytes(points: Iterable[tuple[float, dict[int, float]]], amount: float) -> dict[int, float]:
    """The loss of every seed at so many bytes, linear in their logarithm between two widths.

    Empty where no width is near on either side.
    """
    sizes, losses = zip(*points, strict=True)
    if len(sizes) == 1 and math.isclose(sizes[0], amount, rel_tol=SAME):
        return dict(losses[0])
    if not (1 - SLACK) * sizes[0] <= amount <= (1 + SLACK) * sizes[-1] or len(sizes) < 2:
        return {}
    i = min(max(int(np.searchsorted(sizes, amount)), 1), len(sizes) - 1)
    share = math.log(amount / sizes[i - 1]) / math.log(sizes[i] / sizes[i - 1])
    return {seed: (1 - share) * losses[i - 1][seed] + share * losses[i][seed] for seed in losses[0]}


def compare_at_bytes(
    record: Record, kind: str, d_model: int, rows: int = 256, files: bool = False
) -> Comparison | None:
    """A rival against the ternary model of a width, at that model's bytes; None out of its range.

    The noise floor is that of the ternary model of width 128.
    """
    at = [s["d_model"] for s in widths(record, "ternary")].index(d_model)
    amount, ternary = points(record, "ternary", rows, files)[at]
    rival = at_bytes(points(record, kind, rows, files), amount)
    return compare(rival, ternary, record.noise_floor("report")) if rival else None


def eight_bits_are_free(record: Record) -> bool:
    """Whether rounding a twin to eight bits changes its loss by less than 0.01, for every seed."""
    return all(
        abs(trial["values"]["report absmax 8"] - trial["values"]["report"]) < 0.01
        for trial in record.trials
        if trial["settings"]["model"] == "twin"
    )


def middle_bits_are_lower(record: Record) -> bool:
    """Whether twins in 5 and 6 bits, with either scale, are lower than the ternary model."""
    found = [compare_at_bytes(record, f"{scale} {n}", 128) for scale in SCALES for n in (5, 6)]
    return all(each is not None and each.verdict == "lower" for each in found)


def sized(model: str, d_model: int) -> Settings:
    """What tells an arm from the others."""
    return {"model": model, "d_model": d_model, "perturbed": False}


def ordered(text: str, a: tuple[str, int], b: tuple[str, int], verdict: str) -> Claim:
    """A claim about two arms of the same bytes, or of the same width."""
    return Claim.by_comparison(text, "report", sized(*a), sized(*b), verdict)


EXPERIMENT = Experiment(
    name="equal-bytes",
    question="Which kind of weights predicts text best, for a given number of bytes?",
    prediction=(
        "Known beforehand: the same experiment with 400 steps (trained 3 and 4 bits 0.04 and 0.05 "
        "lower than ternary, 2 bits 0.03 higher; roundings to 4, 5 and 6 bits with fitted scales "
        "0.05, 0.05, 0.03 lower, 8 bits none, 3 bits 0.14 higher; no model beat the table of "
        "counts), the sweep, and runs of 1,500 steps with its seed at decay 0.1: ternary 1.734 on "
        "the half that reports, two bits 1.743, four bits 1.723, the twins of width 64 and 48 "
        "1.734 and 1.777. We expect, at the bytes of the ternary model of width 128: trained two "
        "bits level with it within 0.02; three bits lower by 0.00 to 0.03, four bits by 0.00 to "
        "0.03. Of the roundings with fitted scales, four and five bits lower by 0.00 to 0.05, six "
        "by 0.00 to 0.03, eight higher by 0.00 to 0.04, three higher by more than 0.1; with absmax "
        "four bits higher by 0.00 to 0.08. Eight bits cost a twin less than 0.003. At equal "
        "width, 128, the twin is lower by 0.10 to 0.16. Every model beats the table of counts, "
        "1.90 of the whole held-out text, the twin of width 48 by less than 0.02."
    ),
    protocol=(
        "Python's documentation, 1,500 steps of 16 x 64 bytes, Muon with the task's default "
        "settings, a cosine; rate and decay of every model and width are those of the winner in "
        "the sweep bytes-sweep. Ternary models of width 128; models of two, three and four trained "
        "bits whose width and hidden features give them the same bytes; twins of four "
        "widths, rounded after training to 3, 4, 5, 6 and 8 bits with an absmax scale for each "
        "group of 128, and with one fitted by least squares. Bytes: five ternary codes a byte, or "
        "so many bits a code; a float16 scale a group; float32 gains. Between widths the loss is "
        "linear in the logarithm of the bytes, seed by seed. Fresh seeds, the second half of the "
        "held-out windows; the noise arm is the ternary model of width 128, perturbed."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim("eight bits after training are free", eight_bits_are_free),
        ordered("the twin of the same width is lower", ("twin", 128), ("ternary", 128), "lower"),
        ordered("trained two bits are level", ("2 bits", 112), ("ternary", 128), "none"),
        ordered("trained three bits are lower", ("3 bits", 96), ("ternary", 128), "lower"),
        ordered("trained four bits are lower", ("4 bits", 80), ("ternary", 128), "lower"),
        Claim("twins in five and six bits are lower at equal bytes", middle_bits_are_lower),
    ],
    quick_claims=[Claim("eight bits after training are free", eight_bits_are_free)],
    seeds=(1, 2, 3, 4, 5),
    noise=(BASELINE, {**BASELINE, "perturbed": True}),
)
