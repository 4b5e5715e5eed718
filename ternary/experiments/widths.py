"""Scale: bits per byte against parameters and against data, ternary and twin, and exponents."""

from __future__ import annotations

import math

import numpy as np

from ternary.experiments import widths_sweep
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import trials_of, winner
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import perturb, run_or_diverge
from ternary.experiments.record import RECORDS, Record, Settings, Values, load_record, record_path
from ternary.experiments.widths_sweep import KINDS, RATES, make_trainer

WIDTHS = (32, 48, 64, 96, 128, 256)
MIDDLE, STEPS, DEEP = 64, 400, 4
LENGTHS = (200, 400, 800)  # steps at the middle width


def size(
    model: str, d_model: int, steps: int = STEPS, n_layers: int = 2, perturbed: bool = False
) -> Settings:
    """Settings that tell one run from the others."""
    return {
        "model": model,
        "d_model": d_model,
        "n_layers": n_layers,
        "steps": steps,
        "perturbed": perturbed,
    }


def trials(quick: bool) -> list[Settings]:
    """Six widths, one deeper model, and three lengths at the middle width; the noise arm."""
    if quick:
        small = [size(kind, width, 60) for kind in KINDS for width in (32, 48)]
        return [{**each, "lr": 0.005} for each in [*small, size("ternary", 48, 60, perturbed=True)]]
    planned = [size(kind, width) for kind in KINDS for width in WIDTHS]
    planned += [size(kind, MIDDLE, n_layers=DEEP) for kind in KINDS]
    planned += [size(kind, MIDDLE, steps) for kind in KINDS for steps in LENGTHS if steps != STEPS]
    planned += [size("ternary", MIDDLE, perturbed=True)]
    return [{**each, "lr": rate(each["model"], each["d_model"])} for each in planned]


def rate(model: str, d_model: int) -> float:
    """The winners of the sweep at its widths, and between them by powers of the width."""
    best = [best_rate(model, width) for width in RATES]
    found = np.exp(np.interp(np.log(d_model), np.log(list(RATES)), np.log(best)))
    return float(f"{found:.3g}")


def best_rate(model: str, width: int) -> float:
    """The winner of the sweep at one of its widths; before it has run there, the middle rate."""
    if record_path("widths-sweep", RECORDS).is_file():
        record, side = load_record("widths-sweep"), f"{model}, {width}"
        if trials_of(record.settings, widths_sweep.SIDES[side]):
            return float(winner(record, widths_sweep.EXPERIMENT, side)["lr"])
    return RATES[width][len(RATES[width]) // 2]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the half that reports, and the number of parameters, twice."""
    trainer = make_trainer(settings, seed, quick)
    if settings["perturbed"]:
        perturb(trainer, seed)
    bpb = run_or_diverge(trainer)
    parameters = trainer.model.parameters
    tables = sum(math.prod(parameters.matrix_shapes[name]) for name in ("embedding", "head"))
    return {
        "report": half_bits(trainer, "report") if trainer.done else math.inf,
        "bpb": bpb,
        "parameters": parameters.count,
        "of_layers": parameters.count - tables,
    }


def exponents(
    record: Record, arms: list[Settings], x: str, value: str = "report"
) -> dict[int, float]:
    """For every seed, by how much a loss falls as something grows: minus the slope of logarithms.

    Parameters
    ----------
    record
        Of this experiment.
    arms
        Settings of two or more runs of a seed, see `size`.
    x
        What grows: a value, such as ``parameters``, or a setting, such as ``steps``.
    value
        The loss.

    Returns
    -------
    The least-squares exponent ``a`` of ``loss = constant / x**a``, for every seed.
    """
    losses = [record.by_seed(value, arm) for arm in arms]
    amounts = [arm[x] if x in arm else record.values(x, **arm)[0] for arm in arms]
    return {
        seed: float(-np.polyfit(np.log(amounts), np.log([loss[seed] for loss in losses]), 1)[0])
        for seed in losses[0]
    }


def wider_is_lower(record: Record) -> bool:
    """Whether the mean loss of either kind falls with the width."""
    shown = [s for s in record.settings if s["n_layers"] == 2 and not s["perturbed"]]
    steps = min(s["steps"] for s in shown if s["model"] == "twin" and s["d_model"] == WIDTHS[0])
    return all(
        bool(np.all(np.diff([record.mean("report", **s) for s in shown if of(s, kind, steps)]) < 0))
        for kind in KINDS
    )


def of(settings: Settings, model: str, steps: int) -> bool:
    """Whether a run is of this kind and length."""
    return bool(settings["model"] == model and settings["steps"] == steps)


def ordered(text: str, a: Settings, b: Settings, verdict: str) -> Claim:
    """A claim about two runs."""
    return Claim.by_comparison(text, "report", a, b, verdict)


EXPERIMENT = Experiment(
    name="widths",
    question="How does the loss fall with parameters and with data, ternary and in full precision?",
    prediction=(
        "Known beforehand: bytes-sweep (twins of width 48 to 128, an exponent of about 0.04 in all "
        "parameters), recipes (800 steps at width 64: 2.065, the twin 1.823), and runs of Muon at "
        "width 128 (400 and 800 steps: 2.13 and 1.94, the twin about 1.95 and 1.88). We expect: "
        "the twin lower at every width, by 0.15 to 0.35, and by less at 128 than at 32; the "
        "ternary model of width 128 between the twins of width 48 and 96; exponents in all "
        "parameters of 0.04 to 0.09 for the ternary models and 0.03 to 0.07 for the twins, that of "
        "the ternary ones larger; exponents in steps of 0.10 to 0.20 and 0.08 to 0.16, larger than "
        "those in parameters for both; four layers at width 64 lower than two by 0.00 to 0.05, and "
        "above what its parameters promise by the line of the widths; the line through the widths "
        "32 to 96 meets the loss of 128 within 0.04. All this was registered before. Added before "
        "the width 256 was run, with the rest of the record known. The line through 32 to 128 "
        "says 1.750 for the ternary model of width 256, and 1.653 for its twin. We expect both "
        "above it, the ternary model by 0.10 to 0.18, the twin by 0.11 to 0.18, since the curves "
        "bend; from 128 to 256 exponents in all parameters of 0.04 to 0.07 and 0.015 to 0.04; the "
        "twin still lower, by 0.05 to 0.14, and so by less than at 128; the ternary model of 256 "
        "between the twins of 64 and 128; exponents through all six widths of 0.085 to 0.100 and "
        "0.055 to 0.070; the two lines through all six meet at fewer parameters than the 14 "
        "million at which those through five do."
    ),
    protocol=(
        "Python's documentation, 400 steps of 16 x 64 bytes, Muon, a cosine, decay 0.1, widths 32 "
        "to 128 and, later, 256 with two layers, hidden features four times the width; width 64 "
        "also with four layers, and with 200 and 800 steps, at the same rate. Rates: the winners "
        "of widths-sweep at 32, 128 and 256, and between them by powers of the width. Ternary, and "
        "the twin. Exponents are slopes of log bits per byte, seed by seed. Fresh seeds, the "
        "second half of the held-out windows; the noise arm is the ternary model of width 64, "
        "perturbed."
    ),
    trials=trials,
    measure=measure,
    claims=[
        ordered("the twin is lower at 32", size("twin", 32), size("ternary", 32), "lower"),
        ordered("and at 128", size("twin", 128), size("ternary", 128), "lower"),
        ordered("and at 256", size("twin", 256), size("ternary", 256), "lower"),
        Claim("the loss falls with the width", wider_is_lower),
    ],
    quick_claims=[Claim("the loss falls with the width", wider_is_lower)],
    seeds=(1, 2, 3, 4, 5),
    noise=(size("ternary", MIDDLE), size("ternary", MIDDLE, perturbed=True)),
)
