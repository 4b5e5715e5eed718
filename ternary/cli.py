"""The command line: train, check, generate. Results go to standard output, progress to stderr."""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ternary import __version__
from ternary.checks import check_run
from ternary.data import TASKS, Text
from ternary.errors import TernaryError
from ternary.optim import DECAYS
from ternary.projection import PROJECTIONS
from ternary.training import Trainer, TrainingConfig, load_model
from ternary.transformer import TernaryTransformer

EXIT_FAILED_CHECK, EXIT_WRONG_INPUT, EXIT_INTERRUPTED = 1, 2, 130
LINE_EVERY = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 (failed check), 2 (wrong input) or 130 (stopped)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in (*COMMANDS, "-h", "--help", "--version"):
        arguments.insert(0, "train")
    options = _parser().parse_args(arguments)
    try:
        if isinstance(
            sys.stdout, io.TextIOWrapper
        ):  # a sample may hold what a terminal cannot show
            sys.stdout.reconfigure(errors="replace")
        status = COMMANDS[options.command](options)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("ternary: stopped at once, without saving", file=sys.stderr)
        return EXIT_INTERRUPTED
    except MemoryError:
        print(
            "ternary: error: not enough memory for these sizes; make them smaller", file=sys.stderr
        )
        return EXIT_WRONG_INPUT
    except BrokenPipeError:  # whoever read our lines has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TernaryError, OSError) as error:
        print(f"ternary: error: {error}", file=sys.stderr)
        return EXIT_WRONG_INPUT


def train(options: argparse.Namespace) -> int:
    """Train, or go on training, then check."""
    given = {k: v for k, v in vars(options).items() if k in TrainingConfig.__dataclass_fields__}
    if options.save is not None:
        _require_target(options.save, may_exist=options.force or options.save == options.resume)
    if options.save_every < 0:
        raise TernaryError(
            f"--save-every is {options.save_every}; expected steps, or 0 for the end"
        )
    trainer = _resume(options.resume, given) if options.resume else _start(given)
    save = options.save or options.resume
    if not options.quiet:
        print(trainer.task.describe())
        n = trainer.model.parameters.count
        print(f"{n} parameters, projection {trainer.config.projection}, seed {trainer.config.seed}")
        if trainer.step:
            print(f"resumed after step {trainer.step - 1}")
    progress = Progress(trainer, options.quiet)
    with _stop_on_signal() as stopped:

        def after_step(trainer: Trainer) -> bool:
            progress.show()
            if save and options.save_every and trainer.step % options.save_every == 0:
                trainer.save(save)
            return bool(stopped)

        trainer.run(after_step)
    progress.close()
    if not trainer.done:
        path = save or _free_name(f"{trainer.config.task}-interrupted.npz")
        trainer.save(path)
        print(f"stopped after step {trainer.step - 1} of {trainer.steps}, saved to {path}")
        print(f"go on with: python -m ternary --resume {path}")
        return EXIT_INTERRUPTED
    if save:
        trainer.save(save)
        print(f"saved to {save}")
    status = _report(trainer)
    if isinstance(trainer.task, Text) and not options.quiet:
        print("\nA sample:\n")
        prompt = trainer.task.validation[: trainer.config.length or 1].astype(np.uint8).tobytes()
        _write_continuation(trainer.model, prompt, 300, 0.8, seed=0)
    return status


def check(options: argparse.Namespace) -> int:
    """Check a saved model."""
    return _report(Trainer.resume(options.model))


def generate(options: argparse.Namespace) -> int:
    """Continue a prompt with a saved model."""
    model, _ = load_model(options.model)
    prompt = os.fsencode(options.prompt)
    if not prompt:
        raise TernaryError("the prompt is empty; give at least one character")
    if options.length < 1:
        raise TernaryError(f"length is {options.length}; expected 1 byte or more")
    if options.seed < 0:
        raise TernaryError(f"seed is {options.seed}; expected 0 or more")
    _write_continuation(model, prompt, options.length, options.temperature, options.seed)
    return 0


def experiment(options: argparse.Namespace) -> int:
    """Run an experiment of the book and write its record, or list them all."""
    from ternary.experiments import all_experiments, failed_claims, find_experiment, run_experiment

    if options.list or options.name is None:
        for name, each in all_experiments().items():
            print(f"{name:20} {each.question}")
        return 0
    chosen = find_experiment(options.name)
    folder = Path(options.folder)
    if not options.quick and not folder.is_dir():
        raise TernaryError(f"there is no folder {folder} for the record; name one with --folder")

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r\x1b[K{done} of {total} trials", end=end, file=sys.stderr, flush=True)

    print(f"question: {chosen.question}\nprediction: {chosen.prediction}", flush=True)
    # Trials side by side use the cores better than one trial whose matrix products are split.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context) as executor:
        record = run_experiment(chosen, executor, options.quick, show)
    for settings in record.settings:
        numbers = (k for k, v in record.select(**settings)[0]["values"].items() if np.isscalar(v))
        means = ", ".join(f"{name} {record.show(name, 4, **settings)}" for name in numbers)
        print(f"{settings}: {means}")
    if not options.quick:
        print(f"the record is in {record.write(folder)}")
    failed = list(failed_claims(chosen, record, options.quick))
    for claim in failed:
        print(f"FAIL  {claim}")
    return EXIT_FAILED_CHECK if failed else 0


COMMANDS = {"train": train, "check": check, "generate": generate, "experiment": experiment}


class Progress:
    """A line every 100 steps on standard output and, on a terminal, a live one in between."""

    def __init__(self, trainer: Trainer, quiet: bool) -> None:
        self.trainer = trainer
        self.quiet = quiet
        self.live = sys.stderr.isatty() and not quiet
        self.began, self.first = time.perf_counter(), trainer.step

    def show(self) -> None:
        """Report the step just taken, if it is time to."""
        trainer, number = self.trainer, self.trainer.step - 1
        if not self.quiet and (number % LINE_EVERY == 0 or trainer.done):
            self._erase()
            print(f"Step {number}: loss={trainer.losses[-1]:.3f}", flush=True)
        if self.live and number % 10 == 0:
            speed = self._speed()
            left = (trainer.steps - trainer.step) / speed
            line = f"step {number}/{trainer.steps}  {speed:.0f} steps/s  {left:.0f} s left"
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Remove the live line, and say how long it took."""
        self._erase()
        n, seconds = self.trainer.step - self.first, time.perf_counter() - self.began
        if n and not self.quiet:
            print(f"{n} steps in {seconds:.1f} s, {n / seconds:.0f} steps/s")

    def _speed(self) -> float:
        return (self.trainer.step - self.first) / (time.perf_counter() - self.began)

    def _erase(self) -> None:
        if self.live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _start(given: dict[str, Any]) -> Trainer:
    if "text" in given:
        given.setdefault("task", "text")
    return Trainer(TrainingConfig(**given))


def _resume(path: str, given: dict[str, Any]) -> Trainer:
    trainer = Trainer.resume(path)
    for name, value in given.items():
        before = getattr(trainer.config, name)
        if value != before:
            option = "--" + name.replace("_", "-")
            raise TernaryError(
                f"{path} is a run with {option} {before}, but {option} {value} was given; "
                "leave the option out to go on, or start a new run without --resume"
            )
    return trainer


def _report(trainer: Trainer) -> int:
    checks = check_run(trainer)
    for each in checks:
        print(each)
    return EXIT_FAILED_CHECK if any(each.passed is False for each in checks) else 0


def _write_continuation(
    model: TernaryTransformer, prompt: bytes, n_bytes: int, temperature: float, seed: int
) -> None:
    tokens = np.frombuffer(prompt, np.uint8).astype(np.int64)
    rng = np.random.default_rng(seed)
    text = prompt + bytes(model.generate(tokens, n_bytes, temperature, rng))
    print(text.decode(errors="replace"))


@contextmanager
def _stop_on_signal() -> Iterator[list[int]]:
    """Collect Ctrl-C and termination, to act on between two steps; a second one acts at once."""
    received: list[int] = []

    def handle(number: int, _frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _require_target(path: str, may_exist: bool) -> None:
    target = Path(path)
    if not path:
        raise TernaryError("--save has no file name; give one")
    if not target.parent.is_dir():
        raise TernaryError(
            f"cannot save to {path}: there is no folder {target.parent}; make it first"
        )
    if target.exists() and not target.is_file():
        raise TernaryError(f"cannot save to {path}: it is no ordinary file; give another name")
    if not os.access(target.parent, os.W_OK):
        raise TernaryError(f"cannot save to {path}: the folder {target.parent} is not writable")
    if target.exists() and not may_exist:
        raise TernaryError(
            f"{path} exists already; go on from it with --resume {path}, replace it with --force, "
            "or give another name"
        )


def _free_name(name: str) -> str:
    path, number = Path(name), 1
    while path.exists():
        number += 1
        path = Path(name).with_stem(f"{Path(name).stem}-{number}")
    return str(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ternary",
        description="Native ternary training in NumPy. Without a command: train.",
    )
    parser.add_argument("--version", action="version", version=f"ternary {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    _add_train(commands.add_parser("train", help="train a model and check it (the default)"))
    checking = commands.add_parser("check", help="run the checks on a saved model")
    checking.add_argument("model", help="a file written by --save")
    generating = commands.add_parser("generate", help="continue a prompt with a saved model")
    generating.add_argument("model", help="a file written by --save")
    generating.add_argument("--prompt", required=True, help="text to continue")
    generating.add_argument(
        "--length", type=int, default=200, help="bytes to generate (%(default)s)"
    )
    generating.add_argument(
        "--temperature", type=float, default=0.8, help="0 takes the likeliest byte (%(default)s)"
    )
    generating.add_argument("--seed", type=int, default=0, help="of the sampling (%(default)s)")
    _add_experiment(commands.add_parser("experiment", help="repeat an experiment of the book"))
    return parser


def _add_experiment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="which one; without a name, list them")
    parser.add_argument("--list", action="store_true", help="list all experiments")
    parser.add_argument("--quick", action="store_true", help="a small size that writes no record")
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count(),
        metavar="N",
        help="trials at a time (%(default)s)",
    )
    parser.add_argument(
        "--folder", default="book/results", metavar="DIR", help="where records go (%(default)s)"
    )


def _add_train(parser: argparse.ArgumentParser) -> None:
    # An option that is not given stays absent, so that --resume can tell what was asked for.
    parser.argument_default = argparse.SUPPRESS
    defaults = TrainingConfig()
    add = parser.add_argument
    add("--task", choices=list(TASKS), help=f"what to learn ({defaults.task})")
    add("--text", metavar="FILE", help="learn this text instead of Python's documentation")
    add(
        "--projection",
        choices=list(PROJECTIONS),
        help=f"how weights are made ({defaults.projection})",
    )
    add(
        "--group-size",
        type=int,
        metavar="N",
        help=f"weights with one scale ({defaults.group_size})",
    )
    add("--steps", type=int, metavar="N", help="optimizer steps (the task's own)")
    add("--batch-size", type=int, metavar="N", help="sequences a step (the task's own)")
    add("--length", type=int, metavar="N", help="tokens the task is about (the task's own)")
    add("--lr", type=float, metavar="X", help=f"peak learning rate ({defaults.lr})")
    add("--weight-decay", type=float, metavar="X", help=f"of the latents ({defaults.weight_decay})")
    add("--clip", type=float, metavar="X", help=f"largest norm of the gradient ({defaults.clip})")
    add("--warmup", type=int, metavar="N", help="steps of warm-up (one in 25)")
    add("--decay", choices=list(DECAYS), help=f"how the learning rate falls ({defaults.decay})")
    add("--seed", type=int, metavar="N", help=f"of latents and data ({defaults.seed})")
    for size in ("d_model", "n_layers", "n_heads", "d_ff"):
        option = "--" + size.replace("_", "-")
        add(option, type=int, metavar="N", help=f"size of the model ({getattr(defaults, size)})")
    add(
        "--save",
        metavar="FILE",
        default=None,
        help="write a checkpoint here, now and then and at the end",
    )
    add("--save-every", type=int, default=100, metavar="N", help="steps between two (%(default)s)")
    add("--resume", metavar="FILE", default=None, help="go on from a checkpoint, and save to it")
    add("--force", action="store_true", default=False, help="let --save replace a file")
    add("--quiet", action="store_true", default=False, help="print the checks only")
