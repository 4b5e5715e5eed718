"""Time training steps beside their matrix products alone and PyTorch, in short turns.

Every contestant is a process of its own, since the thread pools of OpenBLAS and PyTorch disturb
each other. All stay alive and take turns of a few steps, since a machine drifts: a ratio compares
two turns of the same round, and the table has the median of the rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import re
import statistics
import sys
import time
from dataclasses import replace

from contestants import CONTESTANTS, FLOORS, INSTALL_TORCH, needs_torch
from machine import Watch, describe
from turns import Contestant

from ternary.config import TrainingConfig
from ternary.experiments.step_scaling import BATCHES, HEAD_DIM, WIDTHS, scaled_config

SIZES = [f"{width}:{sequences}x{length}" for width in WIDTHS for sequences, length in BATCHES]
ALIASES = {"copy": SIZES[:1], "all": SIZES}  # the copy run is the first size
MANY_STEPS = 100_000  # of a run, so that none ends before the rounds do
MIN_ROUNDS, STEPS_OF_A_TURN = 5, (2, 50)


def main() -> int:
    options = _options()
    watch = Watch()
    time.sleep(1)
    print(f"{describe()}\n{options.threads} threads each; before: {watch.describe()}")
    failed = [_compare(size, options) for size in options.size]
    return any(failed)


def _compare(size: str, options: argparse.Namespace) -> bool:
    """Time all contestants at one size and print their table; whether one of them failed."""
    everyone = [Contestant(name, _config(size, options.threads)) for name in CONTESTANTS]
    for each in everyone:
        if needs_torch(each.name) and importlib.util.find_spec("torch") is None:
            each.error = INSTALL_TORCH
        else:
            each.start()  # one after another, for only one works at a time
    print(f"\nd_model {size.replace(':', ', batch ').replace('x', ' x ')} tokens", flush=True)
    if not all(each.error for each in everyone):
        _take_turns([each for each in everyone if not each.error], options)
    for each in everyone:
        if each.remark:
            print(f"{each.name}: {each.remark}")
        if each.awake:
            print(f"{each.name}: its threads went on spinning after {each.awake} turns")
    _print_table(everyone)
    return any(each.error not in ("", INSTALL_TORCH) for each in everyone)


def _take_turns(running: list[Contestant], options: argparse.Namespace) -> None:
    """Rounds for a while, and what the machine did meanwhile."""
    quickest = min(each.take_turn(2) for each in running)
    steps = min(max(round(1000 * options.turn / quickest), STEPS_OF_A_TURN[0]), STEPS_OF_A_TURN[1])
    ours = sum(each.cpu_seconds for each in running)
    began, watch, rounds = time.perf_counter(), Watch(), 0
    while rounds < MIN_ROUNDS or time.perf_counter() - began < options.seconds:
        for each in running if rounds % 2 else reversed(running):
            if not each.error:
                each.milliseconds.append(each.take_turn(steps))
        rounds += 1
    ours = sum(each.cpu_seconds for each in running) - ours
    print(f"{rounds} rounds of {steps} steps each; meanwhile: {watch.describe(ours)}")
    for each in running:
        each.stop()


def _print_table(everyone: list[Contestant]) -> None:
    """Milliseconds of a step, and its ratio to the products and to ours in the same rounds."""
    timed = {each.name: each.milliseconds for each in everyone if not each.error}
    floor = min(FLOORS, key=lambda name: min(timed.get(name, [math.inf])))
    width = max(map(len, CONTESTANTS))
    head = "lowest  median  quartiles"
    print(f"{'':{width}}        ms/step             time / products             time / ternary")
    print(f"{'':{width}}  lowest  median  {head}  {head}")
    for each in everyone:
        if each.error:
            print(f"{each.name:{width}}  {each.error}")
            continue
        times = each.milliseconds
        row = f"{each.name:{width}}  {min(times):6.2f}  {statistics.median(times):6.2f}"
        for other in (floor, "ternary"):
            row += f"  {_ratio(times, timed[other])}" if other in timed else f"  {'n/a':>25}"
        print(row)
    print(f"The products are those of {floor!r}.")


def _ratio(times: list[float], others: list[float]) -> str:
    """That of the lowest times; median and quartiles of the ratios round by round."""
    ratios = [a / b for a, b in zip(times, others, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4)
    return f"{min(times) / min(others):6.2f}  {median:6.2f}  {f'{low:.2f}-{high:.2f}':>9}"


def _config(size: str, threads: int) -> TrainingConfig:
    width, sequences, length = map(int, re.split("[:x]", size))
    return replace(scaled_config(width, sequences, length, threads), steps=MANY_STEPS)


def _sizes(text: str) -> list[str]:
    """The sizes that a word of the command line stands for."""
    if text in ALIASES:
        return ALIASES[text]
    match = re.fullmatch(r"([1-9]\d*):[1-9]\d*x[1-9]\d*", text)
    if not match or int(match[1]) % HEAD_DIM:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size; expected {', '.join(ALIASES)}, or d_model:sequences x tokens "
            f"as in {SIZES[1]}, with d_model a multiple of {HEAD_DIM}"
        )
    return [text]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--size",
        nargs="+",
        type=_sizes,
        default=[ALIASES["copy"]],
        help=f"copy, all, or any of the form {SIZES[1]}: d_model, sequences, tokens (copy)",
    )
    parser.add_argument(
        "--seconds", type=float, default=45, help="of the rounds of a size (%(default)s)"
    )
    parser.add_argument(
        "--turn", type=float, default=0.1, help="seconds of the quickest's turn (%(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="of each (%(default)s)"
    )
    options = parser.parse_args()
    options.size = list(dict.fromkeys(size for sizes in options.size for size in sizes))
    if not (options.seconds > 0 and options.turn > 0 and options.threads >= 1):
        parser.error("--seconds and --turn are positive, --threads is 1 or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
