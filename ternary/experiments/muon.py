"""Muon beside AdamW: equal steps, equal seconds, ternary and twin, each at its own settings."""

from __future__ import annotations

import math

from ternary.errors import TernaryError
from ternary.experiments import muon_sweep
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import winner
from ternary.experiments.halves import half_bits
from ternary.experiments.muon_sweep import SIDES, OptimizerTrainer
from ternary.experiments.probes import CodeProbe, perturb, run_or_diverge
from ternary.experiments.record import Record, Settings, Values, load_record

STEPS, LONGER = 800, 1500
SAME_TIME = 1120  # steps of AdamW in the time of 800 of Muon: the experiment muon-cost
RATIO_ONE: Settings = {"muon_ratio": 1.0}
DEFAULT: Settings = {"momentum": 0.8, "muon_ratio": 10.0}  # of the task of the package


def arm(name: str) -> Settings:
    """The setting that tells one arm from the others."""
    return {"arm": name}


def chosen(side: str) -> Settings:
    """What a side of the sweep chose; its first settings as long as there is no sweep."""
    try:
        return winner(load_record("muon-sweep"), muon_sweep.EXPERIMENT, side)
    except TernaryError:
        return next(
            each for each in muon_sweep.trials(False) if SIDES[side].items() <= each.items()
        )


def trials(quick: bool) -> list[Settings]:
    """The winners of the sweep, with 800 steps or the same time, and more arms of Muon."""
    plans: list[tuple[str, str, int, Settings]] = [
        ("ternary, muon", "ternary, muon", STEPS, {}),
        ("ternary, muon, perturbed", "ternary, muon", STEPS, {}),
        ("ternary, adamw", "ternary, adamw", STEPS, {}),
    ]
    if not quick:
        plans += [
            ("ternary, adamw, same time", "ternary, adamw", SAME_TIME, {}),
            ("ternary, muon, ratio 1", "ternary, muon", STEPS, RATIO_ONE),
            ("ternary, muon, default", "ternary, muon", STEPS, DEFAULT),
            ("ternary, muon, longer", "ternary, muon", LONGER, {}),
            ("twin, muon", "twin, muon", STEPS, {}),
            ("twin, adamw, same time", "twin, adamw", SAME_TIME, {}),
        ]
    return [
        {**arm(name), "steps": steps, **chosen(side), **changes}
        for name, side, steps, changes in plans
    ]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the half of the held-out text that reports, of all of it; flips and more."""
    trainer = OptimizerTrainer(settings, seed, quick, settings["steps"])
    if settings["arm"].endswith("perturbed"):
        perturb(trainer, seed)
    bpb = run_or_diverge(trainer, probe := CodeProbe())
    curves = probe.curves()
    return {
        "report": half_bits(trainer, "report") if trainer.done else math.inf,
        "bpb": bpb,
        **{name: curves[name] for name in ("steps", "flips", "scale", "zeros", "dead")},
    }


def order(text: str, a: str, b: str, verdict: str) -> Claim:
    """A claim about two arms, by the half of the held-out text that reports."""
    return Claim.by_comparison(text, "report", arm(a), arm(b), verdict)


def early_flips(r: Record, name: str) -> float:
    """Share of codes that flip in a step, the mean of the first quarter of the run."""
    flips = r.curve("flips", **arm(name))
    quarter = max(len(flips) // 4, 1)
    return sum(flips[:quarter]) / quarter


def muon_flips_more(r: Record) -> bool:
    """Whether Muon flips more codes a step, in the first quarter, than AdamW."""
    return early_flips(r, "ternary, muon") > early_flips(r, "ternary, adamw")


EVERYWHERE = [Claim("early on Muon flips more codes a step than AdamW", muon_flips_more)]

EXPERIMENT = Experiment(
    name="muon",
    question="Is Muon ahead of AdamW, each at its own settings, in equal steps and equal seconds?",
    prediction=(
        "Written before the sweep, after runs of one or two seeds at 800 steps: AdamW with beta "
        "0.9 ended at 2.115 and with 0.8 at 2.071, Muon with momentum 0.8 and ratio 10 at 1.943, "
        "and the twins at 2.001 (AdamW, 0.9) and 1.876 (Muon, momentum 0.95, ratio 3), all on "
        "the whole held-out text. We expect there: the ternary model with Muon at 1.92 to 1.96 "
        "for every seed; AdamW behind it by 0.08 to 0.16 in equal steps and by 0.03 to 0.11 in "
        "equal time, the verdict of the rule 'lower' for Muon in both; the twin with Muon at "
        "1.84 to 1.90, and lower than its AdamW in equal time by 0.03 to 0.11; Muon at ratio 1, "
        "in units of the same rate, behind AdamW by 0.1 or more; 1,500 steps of Muon at 1.83 to "
        "1.89. In the first quarter of a run Muon flips 1.5 to 4 times as many codes a step as "
        "AdamW, and it ends with a mean scale 1.3 to 4 times as large; zeros stay between 0.28 "
        "and 0.34. The noise floor is 0.003 to 0.015."
    ),
    protocol=(
        "Python's documentation, d_model 128, 16 x 64 bytes a step, warm-up of a twenty-fifth, "
        "cosine, clipping at norm 1; the settings that each optimizer chose for each model in "
        "muon-sweep, 800 steps, 1,120 where AdamW is given the time of 800 steps of Muon, 1,500 "
        "for one arm; five fresh seeds, reported on the second half of the held-out windows."
    ),
    trials=trials,
    measure=measure,
    claims=[
        *EVERYWHERE,
        order("Muon is below AdamW in equal steps", "ternary, muon", "ternary, adamw", "lower"),
        order("and in equal time", "ternary, muon", "ternary, adamw, same time", "lower"),
        order("so it is for the twin", "twin, muon", "twin, adamw, same time", "lower"),
        order("at ratio 1 it is above", "ternary, muon, ratio 1", "ternary, adamw", "higher"),
    ],
    quick_claims=EVERYWHERE,
    seeds=(1, 2, 3, 4, 5),
    noise=(arm("ternary, muon"), arm("ternary, muon, perturbed")),
)
