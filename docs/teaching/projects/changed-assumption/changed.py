"""Project 1: a comparison of the book, as it was made and under one changed assumption.

    python changed.py --quick     # does it run? a few seconds; the numbers mean nothing
    python changed.py             # some minutes on two cores; stop it, and it goes on where it was

Edit what stands between the two lines of equal signs.
"""

import argparse
import json
import sys

from ternary import TernaryError, Text, Trainer, TrainingConfig
from ternary.experiments import Experiment, run_experiment
from ternary.experiments.comparison import compare, noise_floor
from ternary.experiments.executors import make_workers
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import perturb

# ==================================================================================================
QUESTION = "Is one scale for a whole matrix as good as one for 128 weights, under Muon too?"

# Write it before the first run: for both assumptions the verdict (lower, higher, none) on a against
# b, and a size in bits per byte; and what you had seen when you wrote it.
PREDICTION = ""

ARMS = {"a": {"projection": "per-tensor"}, "b": {"projection": "group"}}  # b is the baseline
AS_IN_THE_BOOK = {"optimizer": "adamw", "lr": 5e-3}
CHANGED = {"optimizer": "muon", "lr": 5e-3}

SIZE = {"d_model": 64, "n_layers": 1, "d_ff": 128, "steps": 400, "batch_size": 8, "length": 64}
SEEDS = (1, 2, 3, 4, 5)
# ==================================================================================================

ASSUMPTIONS = {"as in the book": AS_IN_THE_BOOK, "changed": CHANGED}


def trials(quick):
    """Both arms under both assumptions, and the baseline with a disturbance of rounding size."""
    arms = [(arm, False) for arm in ARMS] + [("b", True)]
    return [
        {"assumption": assumption, "arm": arm, "perturbed": perturbed}
        for assumption in ASSUMPTIONS
        for arm, perturbed in arms
    ]


def measure(settings, seed, quick):
    """Bits per byte on the half of the held-out text that reports."""
    chosen = SIZE | ASSUMPTIONS[settings["assumption"]] | ARMS[settings["arm"]]
    if quick:
        chosen |= {"steps": 10, "d_model": 32, "d_ff": 32}
    config = TrainingConfig(task="text", seed=seed, threads=1, **chosen)
    trainer = Trainer(config, Text(config.length))
    if settings["perturbed"]:
        perturb(trainer, seed)
    trainer.run()
    return {"report": half_bits(trainer, "report")}


EXPERIMENT = Experiment(
    name="changed",
    question=QUESTION,
    prediction=PREDICTION,
    protocol=json.dumps({"size": SIZE, "arms": ARMS, "assumptions": ASSUMPTIONS}),
    trials=trials,
    measure=measure,
    seeds=SEEDS,
)


def report(record):
    """A line for each assumption, `a` minus `b`, and one for what the change did to it."""
    gaps = {}
    for assumption in ASSUMPTIONS:

        def values(arm, perturbed=False, assumption=assumption):
            return record.by_seed(
                "report", {"assumption": assumption, "arm": arm, "perturbed": perturbed}
            )

        a, b = values("a"), values("b")
        yield f"{assumption}: {compare(a, b, noise_floor(b, values('b', perturbed=True)))}"
        gaps[assumption] = {seed: a[seed] - b[seed] for seed in a}
    yield f"changed less as in the book: {compare(gaps['changed'], gaps['as in the book'])}"


def main():
    """Run what is missing and print the comparison."""
    parser = argparse.ArgumentParser(description=QUESTION)
    parser.add_argument("--quick", action="store_true", help="a few seconds, nothing is kept")
    options = parser.parse_args()
    import changed  # by its name, so that other processes find it

    try:
        if not changed.PREDICTION.strip():
            raise TernaryError("there is no prediction yet; write one into PREDICTION, then run")
        with make_workers() as workers:
            folder = None if options.quick else "."
            record = run_experiment(changed.EXPERIMENT, workers, options.quick, folder=folder)
    except TernaryError as error:
        sys.exit(f"changed.py: {error}")
    print(f"prediction: {record.about['prediction']}")
    print("\n".join(report(record)))


if __name__ == "__main__":
    main()
