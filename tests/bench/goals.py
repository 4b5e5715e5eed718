"""Reproduce what the model is meant to learn: one row a run, checks included."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ternary import Text, Trainer, TrainingConfig, check_run

# Goal: projections to train, and seeds by default. Every task takes its own number of steps.
GOALS = {
    "copy": (("group",), 20),
    "delayed-copy": (("group",), 3),
    "induction": (("group",), 3),
    "text": (("group", "full-precision"), 3),
}


@dataclass(frozen=True)
class Outcome:
    """What one run came to; ``score`` is bits per byte of text, else accuracy in percent."""

    config: TrainingConfig
    train_loss: float
    held_out_loss: float
    accuracy: float
    score: float
    verdicts: tuple[tuple[str, bool | None], ...]
    seconds: float

    @property
    def failed(self) -> list[str]:
        return [name for name, passed in self.verdicts if passed is False]

    @property
    def checks(self) -> str:
        passed = [p for _, p in self.verdicts if p is not None]
        failures = f"  FAILED {', '.join(self.failed)}" if self.failed else ""
        return f"{sum(passed)}/{len(passed)}{failures}"


def main() -> int:
    options = _options()
    configs = [
        TrainingConfig(task=goal, projection=projection, seed=seed)
        for goal in options.goals or GOALS
        for projection in GOALS[goal][0]
        for seed in range(options.seeds or GOALS[goal][1])
    ]
    # NumPy reads this when a child imports it: trials side by side would fight over the cores.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    print(
        "task          projection      steps  seed  train loss  held-out loss  accuracy"
        "    bpb  seconds  checks"
    )
    outcomes: dict[tuple[str, str], list[Outcome]] = {}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=spawn) as pool:
        for outcome in pool.map(run, configs):
            print(_row(outcome), flush=True)
            key = outcome.config.task, outcome.config.projection
            outcomes.setdefault(key, []).append(outcome)
    print()
    for (task, projection), runs in outcomes.items():
        print(f"{task}, {projection}: {_summary(task, runs)}")
    return any(outcome.failed for runs in outcomes.values() for outcome in runs)


def run(config: TrainingConfig) -> Outcome:
    """Train, evaluate and check."""
    began = time.perf_counter()
    trainer = Trainer(config)
    trainer.run()
    seconds = time.perf_counter() - began
    evaluation = trainer.evaluate()
    score = evaluation.bits if isinstance(trainer.task, Text) else 100 * evaluation.accuracy
    verdicts = tuple((check.name, check.passed) for check in check_run(trainer))
    return Outcome(
        trainer.config,
        trainer.train_loss,
        evaluation.loss,
        100 * evaluation.accuracy,
        score,
        verdicts,
        seconds,
    )


def _row(outcome: Outcome) -> str:
    config = outcome.config
    bpb = f"{outcome.score:.3f}" if config.task == Text.name else "-"
    return (
        f"{config.task:12}  {config.projection:14}  {config.steps:5}  {config.seed:4}"
        f"  {outcome.train_loss:10.4f}  {outcome.held_out_loss:13.4f}  {outcome.accuracy:6.2f} %"
        f"  {bpb:>5}  {outcome.seconds:7.1f}  {outcome.checks}"
    )


def _summary(task: str, runs: list[Outcome]) -> str:
    passed = sum(not each.failed for each in runs)
    scores = [each.score for each in runs]
    spread = f", standard deviation {statistics.stdev(scores):.4f}" if len(runs) > 1 else ""
    unit = "bits per byte" if task == Text.name else "% accuracy"
    return (
        f"{passed} of {len(runs)} runs pass; held out {statistics.mean(scores):.3f} {unit} "
        f"({min(scores):.3f} to {max(scores):.3f}{spread})"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "goals", nargs="*", metavar="GOAL", help=f"of {', '.join(GOALS)} (all of them)"
    )
    parser.add_argument("--seeds", type=int, help="runs of each, seeds from 0 (20 of copy, else 3)")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time (%(default)s)"
    )
    options = parser.parse_args()
    for goal in options.goals:
        if goal not in GOALS:
            parser.error(f"there is no goal {goal!r}; expected some of {', '.join(GOALS)}")
    if options.jobs < 1 or (options.seeds is not None and options.seeds < 1):
        parser.error("--jobs and --seeds are 1 or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
