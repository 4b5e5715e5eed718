"""Which arrangement of the cores gets a sweep of small runs done first.

Twelve short runs on text, as an experiment has them. One after another: with one thread, with all
threads for the products (BLAS), with all threads for the parts of a batch. Side by side: a process
a core with one thread each; threads of one process with one BLAS thread each. All take turns round
by round, since a machine drifts. Each is started anew, and what it takes to start is counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from machine import load

from ternary import Trainer, TrainingConfig
from ternary.experiments.executors import make_workers
from ternary.experiments.probes import text_task
from ternary.experiments.workers import Workers

RUNS = 12
CORES = os.cpu_count() or 1
ARRANGEMENTS = {  # and the threads of a batch, and of BLAS
    "one": ("one after another, one thread", 1, 1),
    "blas": (f"one after another, {CORES} BLAS threads", 1, CORES),
    "in turn": (f"one after another, {CORES} threads each", CORES, CORES),
    "process": (f"{CORES} processes, one thread each", 1, 1),
    "threads": (f"{CORES} threads of one process, one BLAS thread each", 1, CORES),
}


def run(number: int, steps: int, threads: int, d_model: int) -> float:
    """One run of the sweep: its last loss."""
    config = TrainingConfig(
        task="text",
        seed=number,
        steps=steps,
        threads=threads,
        lr=1e-3 * (1 + number),
        d_model=d_model,
        d_ff=4 * d_model,
    )
    trainer = Trainer(config, text_task())
    trainer.run()
    return trainer.losses[-1]


def sweep(arrangement: str, steps: int, d_model: int) -> list[float]:
    """The losses of all runs."""
    threads = ARRANGEMENTS[arrangement][1]
    side_by_side = arrangement in ("process", "threads")
    workers = make_workers(arrangement, CORES) if side_by_side else Workers(ThreadPoolExecutor(1))
    with workers:
        futures = [workers.submit(run, n, steps, threads, d_model) for n in range(RUNS)]
        return [future.result() for future in futures]


def main() -> int:
    options = _options()
    if options.child:
        print(*sweep(options.child, options.steps, options.d_model))
        return 0
    print(f"{platform.platform()}, {CORES} CPUs")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"{RUNS} runs of {options.steps} steps of the text task, d_model {options.d_model}")
    seconds: dict[str, list[float]] = {name: [] for name in ARRANGEMENTS}
    losses: dict[str, str] = {}
    loads = []
    for _ in range(options.rounds):
        for name, times in seconds.items():
            loads.append(load())
            began = time.perf_counter()
            losses[name] = _in_child(name, options)
            times.append(time.perf_counter() - began)
    print(f"load of the machine before a turn: {min(loads):.1f} to {max(loads):.1f}")
    same = losses["process"] == losses["threads"]
    print(f"processes and threads end with the same losses: {same}")
    width = max(len(text) for text, *_ in ARRANGEMENTS.values())
    print(f"\n{'':{width}}  median s  lowest s  times as fast as with all threads (median, lowest)")
    first = seconds["in turn"]
    for name, times in seconds.items():
        ratios = statistics.median(first) / statistics.median(times), min(first) / min(times)
        print(
            f"{ARRANGEMENTS[name][0]:{width}}  {statistics.median(times):8.2f}  {min(times):8.2f}"
            f"  {ratios[0]:.2f}, {ratios[1]:.2f}"
        )
    return 0


def _in_child(name: str, options: argparse.Namespace) -> str:
    steps, size = str(options.steps), str(options.d_model)
    command = [sys.executable, __file__, "--child", name, "--steps", steps, "--d-model", size]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(ARRANGEMENTS[name][2])}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return done.stdout


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (%(default)s)")
    parser.add_argument("--steps", type=int, default=60, help="of every run (%(default)s)")
    parser.add_argument("--d-model", type=int, default=128, help="size of the models (%(default)s)")
    parser.add_argument("--child", choices=list(ARRANGEMENTS), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
