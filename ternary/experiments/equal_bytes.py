"""Chapter 9: bits per byte of text against bytes of weights, ternary and full precision."""

from __future__ import annotations

import numpy as np

from ternary.arrays import Floats
from ternary.codecs import trits
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.experiments.text_sweep import part_bits
from ternary.parameters import Parameters
from ternary.projection import GROUP_SIZE
from ternary.training import Trainer

# Peak learning rate of every width. Narrow models want a larger one, as single runs had shown.
RATES = {
    "group": {32: 1.2e-2, 64: 6e-3, 128: 3e-3, 256: 2e-3},
    "full-precision": {8: 2.4e-2, 16: 1.2e-2, 32: 1.2e-2, 48: 6e-3, 64: 3e-3, 128: 3e-3},
}
STEPS = 1000
WARMUP = {"group": 0.75, "full-precision": 0.0}


def trials(quick: bool) -> list[Settings]:
    """Both models at every width; feed-forward blocks are four times as wide, heads four."""
    if quick:
        return [{"model": model, "d_model": d, "lr": 6e-3} for model in RATES for d in (16, 64)]
    return [
        {"model": model, "d_model": width, "lr": lr}
        for model, rates in RATES.items()
        for width, lr in rates.items()
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte, bytes of weights; for a twin also after rounding to 8 and 4 bits."""
    model, width = settings["model"], settings["d_model"]
    size = {"d_model": width, "d_ff": 4 * width, "steps": 150 if quick else STEPS}
    recipe = {"lr": settings["lr"], "weight_decay": 1.0, "weight_decay_until": 0.5}
    recipe |= {"projection": model, "projection_warmup": WARMUP[model]}
    config = text_config(quick, seed, **recipe, **size)
    trainer = Trainer(config, text_task())
    parameters = trainer.model.parameters
    values: Values = {"bpb": run_or_diverge(trainer), "bpb_new": part_bits(trainer)}
    if model == "group":
        rounding = dict.fromkeys((f"{v}_int{n}" for n in (8, 4) for v in ("bpb", "bytes")), None)
        return values | {"bytes": ternary_bytes(parameters)} | rounding
    values["bytes"] = n_weights(parameters) * 2 + gain_bytes(parameters)
    for bits in (8, 4):
        for name in parameters.matrix_shapes:
            parameters.view(parameters.weights, name)[:] = rounded(
                parameters.view(parameters.values, name), bits
            )
        values[f"bpb_int{bits}"] = round(trainer.evaluate().bits, 4)
        values[f"bytes_int{bits}"] = (
            n_weights(parameters) * bits // 8 + scale_bytes(parameters) + gain_bytes(parameters)
        )
    return values


def n_weights(parameters: Parameters) -> int:
    """Weights of all matrices, without padding."""
    return sum(out_dim * in_dim for out_dim, in_dim in parameters.matrix_shapes.values())


def scale_bytes(parameters: Parameters) -> int:
    """Two bytes for every group."""
    return 2 * len(parameters.all_scales)


def gain_bytes(parameters: Parameters) -> int:
    """Four bytes for every gain."""
    return 4 * sum(parameters.gain_sizes.values())


def ternary_bytes(parameters: Parameters) -> int:
    """Five codes in a byte; the scales; the gains."""
    return trits.bytes_for(n_weights(parameters)) + scale_bytes(parameters) + gain_bytes(parameters)


def rounded(W: Floats, bits: int) -> Floats:
    """Weights rounded to signed integers of so many bits, times one float16 scale a group.

    The scale of a group takes its largest magnitude to the largest integer.
    """
    peak = 2 ** (bits - 1) - 1
    result = np.empty_like(W)
    for first in range(0, W.shape[1], GROUP_SIZE):
        group = W[:, first : first + GROUP_SIZE]
        scale = (np.abs(group).max(axis=1, keepdims=True) / peak).astype(np.float16)
        scale = np.maximum(scale, np.float16(2**-24)).astype(np.float32)  # never zero
        result[:, first : first + GROUP_SIZE] = np.clip(np.rint(group / scale), -peak, peak) * scale
    return result


def points(record: Record, model: str, kind: str = "") -> list[tuple[float, float]]:
    """Mean bytes and bits per byte at every width.

    `kind` is ``_int8`` or ``_int4`` for the twin after rounding.
    """
    chosen = [settings for settings in record.settings if settings["model"] == model]
    return [(record.mean(f"bytes{kind}", **s), record.mean(f"bpb{kind}", **s)) for s in chosen]


def bits_at(record: Record, model: str, n_bytes: float, kind: str = "") -> float:
    """Bits per byte of text at so many bytes of weights, between the widths that were measured.

    Linear in the logarithm of the bytes; NaN outside.
    """
    x, y = zip(*points(record, model, kind), strict=True)
    return float(np.interp(np.log(n_bytes), np.log(x), y, np.nan, np.nan))


def bytes_for(record: Record, model: str, bpb: float, kind: str = "") -> float:
    """Bytes of weights at which a model reaches so many bits per byte; NaN where it does not."""
    x, y = zip(*points(record, model, kind), strict=True)
    return float(np.exp(np.interp(-bpb, -np.array(y), np.log(x), np.nan, np.nan)))


def ahead(record: Record, kind: str = "") -> list[float]:
    """How far the ternary model is ahead of a twin of the same bytes, at each of its widths."""
    return [
        bits_at(record, "full-precision", n_bytes, kind) - bpb
        for n_bytes, bpb in points(record, "group")
    ]


def share_of_bytes(record: Record) -> float:
    """Bytes of the ternary model as good as the widest twin, as a share of the twin's."""
    n_bytes, bpb = points(record, "full-precision")[-1]
    return bytes_for(record, "group", bpb) / n_bytes


def ternary_is_smaller(record: Record) -> bool:
    """Whether the widest ternary model takes less than a fifth of the bytes of its twin."""
    return points(record, "group")[-1][0] < 0.2 * points(record, "full-precision")[-1][0]


EXPERIMENT = Experiment(
    name="equal-bytes",
    question="How good is a ternary model, and how good a twin, for a given number of bytes?",
    prediction=(
        "Single runs with one seed were made beforehand at widths 32, 64 and 128. They showed that "
        "a narrow twin wants a larger learning rate than the usual one (2.07 instead of 2.18 at "
        "width 32), which makes it a stronger opponent than the prototype's. So we expect the "
        "ternary model ahead of the float16 twin at equal bytes by 0.15 to 0.3 bpb at every size, "
        "less than the 0.25 to 0.35 of the prototype; the ternary model as good as the twin of "
        "width 128 at 20 to 35 % of its bytes; rounding a trained twin to 8 bits to cost less than "
        "0.005 bpb and to 4 bits 0.02 to 0.1; and a 4-bit twin, at equal bytes, to be level with "
        "the ternary model within 0.05."
    ),
    protocol=(
        "Python's documentation, 1,000 steps of 16 x 64 bytes (the prediction was made for 1,500), "
        "decay 1 off at half, a cosine; ternary models with a projection warm-up over three "
        "quarters of the run. Bytes: five codes a byte and a float16 scale a group, or 2 bytes a "
        "weight; float32 gains. Twins are rounded after training, by the largest magnitude of each "
        "group of 128, to 8 and 4 bits."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim(
            "at equal bytes the ternary model is ahead of the float16 twin",
            lambda r: all(x > 0 for x in ahead(r) if not np.isnan(x)),
        ),
        Claim(
            "the widest twin is matched with less than 40 % of its bytes",
            lambda r: share_of_bytes(r) < 0.4,
        ),
    ],
    quick_claims=[Claim("ternary weights take a fifth of the bytes", ternary_is_smaller)],
)
