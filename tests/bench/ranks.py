"""Time training steps on one, two and four ranks of MPI, in turns, and say where the time goes.

One rank with one thread, without MPI, is what all others are compared with, round by round. A step
has three parts: the passes through a part of the batch, which ranks share; the all-reduce, waiting
for the others included; and clipping, optimizer and projection, which every rank does for itself.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from machine import Watch, describe
from turns import THREAD_VARIABLES

from ternary.experiments.step_scaling import scaled_config
from ternary.job import Job
from ternary.ranks import Ranks, open_job
from ternary.training import Trainer

GOAL = 1.7  # times as fast on two ranks as on one, where there are two cores
PARTS = ("step", "passes", "all-reduce", "rest")
MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"


def main() -> int:
    options = _options()
    if options.child:
        _child(options.child, options.steps)
        return 0
    print(describe())
    for size in options.size:
        _compare(size, options)
    return 0


def _compare(size: str, options: argparse.Namespace) -> None:
    """Rounds of all numbers of ranks at one size, and their table."""
    rounds: dict[int, list[dict[str, float]]] = {n: [] for n in options.ranks}
    watch, ours = Watch(), 0.0
    for i in range(options.rounds):
        for n in options.ranks if i % 2 else reversed(options.ranks):
            times = _turn(n, size, options.steps)
            ours += times.pop("cpu_seconds")
            rounds[n].append(times)
    first = rounds[1][0]
    print(f"\nd_model {size}: {first['parameters']:,.0f} parameters; {options.rounds} rounds of")
    print(f"{options.steps} steps each; meanwhile: {watch.describe(ours)}")
    print("       ms/step, of which              times as fast as one rank")
    print("ranks     step  passes  all-reduce    rest   lowest  median of rounds")
    for n, turns in rounds.items():
        best = min(turns, key=lambda each: each["step"])
        parts = "{:8.1f} {:7.1f} {:11.1f} {:7.1f}".format(*(best[part] for part in PARTS))
        ratios = [a["step"] / b["step"] for a, b in zip(rounds[1], turns, strict=True)]
        lowest = min(each["step"] for each in rounds[1]) / best["step"]
        print(f"{n:5} {parts} {lowest:8.2f} {statistics.median(ratios):17.2f}")
    if 2 in rounds:
        ratio = min(t["step"] for t in rounds[1]) / min(t["step"] for t in rounds[2])
        print(f"two ranks: {ratio:.2f} times, goal {GOAL}: {'reached' if ratio >= GOAL else 'not'}")
    _print_rates(size, rounds)


def _print_rates(size: str, rounds: dict[int, list[dict[str, float]]]) -> None:
    """What docs/scaling.md computes with, from the quickest turns."""
    alone = min(rounds[1], key=lambda each: each["step"])
    tokens, P = int(alone["tokens"]), alone["parameters"]
    print(f"  {6 * P * tokens / alone['passes'] / 1e6:.0f} thousand million operations a second")
    print(f"  {1e6 * alone['rest'] / P:.2f} ns of the rest for a parameter")
    for n in (n for n in rounds if n > 1):
        quickest = min(each["all-reduce"] for each in rounds[n])
        print(
            f"  {n} ranks: {4 * P / quickest / 1e6:.2f} GB/s, bytes of the gradient over its time"
        )


def _turn(n: int, size: str, steps: int) -> dict[str, float]:
    """Milliseconds of the parts of a step, from ranks that are started for it."""
    launcher = [MPIEXEC, "-n", str(n)] if n > 1 else []
    command = [*launcher, sys.executable, __file__, "--child", size, "--steps", str(steps)]
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, "1")
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def _child(size: str, steps: int) -> None:
    """Take steps and, on the first rank, print their times."""
    width, batch = size.split(":")
    sequences, length = map(int, batch.split("x"))
    config = replace(scaled_config(int(width), sequences, length, 1), steps=100_000)
    with open_job() as job:
        trainer = job.start(lambda: Trainer(config), resumed=False)
        spent = dict.fromkeys(PARTS, 0.0)
        _time(trainer, "take_step", spent, "step")
        _time(trainer.parallel, "loss_and_gradient", spent, "passes")
        if isinstance(job, Ranks):
            _time(job, "add", spent, "all-reduce")
        for _ in range(2):
            trainer.take_step()
        spent.update(dict.fromkeys(PARTS, 0.0))
        for _ in range(steps):
            trainer.take_step()
        cpu_seconds = _sum(job, time.process_time())
    spent["rest"] = spent["step"] - spent["passes"]
    spent["passes"] -= spent["all-reduce"]
    if job.rank == 0:
        per_step = {part: 1000 * seconds / steps for part, seconds in spent.items()}
        sizes = {"parameters": trainer.model.parameters.count, "tokens": sequences * length}
        print(json.dumps(per_step | sizes | {"cpu_seconds": cpu_seconds}))


def _time(owner: object, name: str, spent: dict[str, float], part: str) -> None:
    """Let a method add the seconds that it takes to a part."""
    method = getattr(owner, name)

    def timed(*arguments: object) -> object:
        began = time.perf_counter()
        try:
            return method(*arguments)
        finally:
            spent[part] += time.perf_counter() - began

    setattr(owner, name, timed)


def _sum(job: Job, seconds: float) -> float:
    return job._comm.allreduce(seconds) if isinstance(job, Ranks) else seconds


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--size",
        nargs="+",
        default=["128:32x16", "256:32x64", "512:64x64"],
        help="d_model:sequences x tokens (%(default)s)",
    )
    add("--ranks", nargs="+", type=int, default=[1, 2, 4], help="1 among them (%(default)s)")
    add("--rounds", type=int, default=3, help="of all numbers of ranks (%(default)s)")
    add("--steps", type=int, default=5, help="of a turn (%(default)s)")
    add("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if 1 not in options.ranks or min(*options.ranks, options.rounds, options.steps) < 1:
        parser.error("--ranks are 1 and others, --rounds and --steps 1 or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
