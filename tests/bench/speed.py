"""Time 500 steps of the default copy run beside its matrix products alone and PyTorch.

Every contestant runs in a process of its own, since the thread pools of OpenBLAS and PyTorch
disturb each other, and all take turns round by round, since a machine drifts.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time

import numpy as np
from contestants import (
    CONTESTANTS,
    INSTALL_TORCH,
    Trainer,
    TrainingConfig,
    compiled_step,
    needs_torch,
)

RUN_STEPS = 500
WARMUP_STEPS = 10
MAX_LOSS_DIFFERENCE, MAX_GRADIENT_DIFFERENCE = 1e-5, 1e-4
THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def main() -> int:
    options = _options()
    if options.parity:
        print(json.dumps(_parity(options.child)))
    elif options.child:
        print(json.dumps(_time(options.child, options.steps)))
    else:
        return _compare(options.rounds, options.steps, options.threads)
    return 0


def _compare(rounds: int, steps: int, threads: int) -> int:
    has_torch = importlib.util.find_spec("torch") is not None
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, {threads} threads each")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}")
    reasons: dict[str, str] = {}
    for name in filter(needs_torch, CONTESTANTS):
        if not has_torch:
            reasons[name] = INSTALL_TORCH
            continue
        parity, error = _in_child(name, steps, threads, "--parity")
        if error:  # no C++ compiler, say; the others can run
            reasons[name] = error
            continue
        print(
            f"{name} {parity['version']}, same latents and batch: relative difference of the loss "
            f"{parity['loss']:.1e}, of the gradients {parity['gradient']:.1e}"
        )
        if not (
            parity["loss"] <= MAX_LOSS_DIFFERENCE and parity["gradient"] <= MAX_GRADIENT_DIFFERENCE
        ):
            print(
                f"expected at most {MAX_LOSS_DIFFERENCE:g} and {MAX_GRADIENT_DIFFERENCE:g}: "
                "this is another model, so nothing was timed"
            )
            return 1
    milliseconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    loads = []
    for _ in range(rounds):
        for name in CONTESTANTS:
            if name in reasons:
                continue
            loads.append(_load())
            timed, error = _in_child(name, steps, threads)
            if error:
                reasons[name] = error
            else:
                milliseconds[name].append(timed["milliseconds"])
    print(f"median of {rounds} rounds of {steps} steps, in turns, after {WARMUP_STEPS} to warm up")
    print(f"load of the machine before a turn: {min(loads):.1f} to {max(loads):.1f}\n")
    _print_table(milliseconds, reasons)
    return any(reason != INSTALL_TORCH for reason in reasons.values())


def _print_table(milliseconds: dict[str, list[float]], reasons: dict[str, str]) -> None:
    width = max(map(len, CONTESTANTS))
    print(f"{'':{width}}  ms/step  lowest  highest  s/{RUN_STEPS} steps  time / ternary")
    ours = milliseconds["ternary"]
    for name, times in milliseconds.items():
        if name in reasons:
            print(f"{name:{width}}  {reasons[name]}")
            continue
        median = statistics.median(times)
        ratio = f"{median / statistics.median(ours):.2f}" if ours else "n/a"
        print(
            f"{name:{width}}  {median:7.2f}  {min(times):6.2f}  {max(times):7.2f}"
            f"  {median * RUN_STEPS / 1000:11.2f}  {ratio:>14}"
        )


def _in_child(name: str, steps: int, threads: int, *options: str) -> tuple[dict, str]:
    """What this script prints as a child, or the last line of its complaint."""
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    command = [sys.executable, __file__, "--child", name, "--steps", str(steps), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        return {}, (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return json.loads(done.stdout.splitlines()[-1]), ""


def _time(name: str, steps: int) -> dict[str, float]:
    take_step = CONTESTANTS[name]()
    for _ in range(WARMUP_STEPS):  # workspaces, thread pools, and the compiler
        take_step()
    began = time.perf_counter()
    for _ in range(steps):
        take_step()
    return {"milliseconds": (time.perf_counter() - began) * 1000 / steps}


def _parity(name: str) -> dict[str, float | str]:
    import torch
    from torch_model import largest_differences

    compiled = CONTESTANTS[name] is compiled_step
    loss, gradient = largest_differences(Trainer(TrainingConfig()), compiled)
    return {"loss": loss, "gradient": gradient, "version": torch.__version__}


def _load() -> float:
    """Processes that wanted to run during the last minute; NaN where nobody counts them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (%(default)s)")
    parser.add_argument("--steps", type=int, default=100, help="steps of a turn (%(default)s)")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="of each (%(default)s)"
    )
    parser.add_argument("--child", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--parity", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.rounds, options.steps, options.threads) < 1:
        parser.error("--rounds, --steps and --threads are 1 or more")
    if not options.child and options.steps + WARMUP_STEPS > RUN_STEPS:
        parser.error(f"--steps is at most {RUN_STEPS - WARMUP_STEPS}: the run has {RUN_STEPS}")
    return options


if __name__ == "__main__":
    sys.exit(main())
