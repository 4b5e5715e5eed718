"""The command line: train, check, generate. Results go to standard output, progress to stderr."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ternary.account import account
from ternary.checks import check_codes, check_run
from ternary.config import TrainingConfig
from ternary.data import Text
from ternary.errors import TernaryError, in_words
from ternary.export.commands import export, inspect
from ternary.export.files import require_target
from ternary.job import CHECK_EVERY, ElsewhereError, Job, resume
from ternary.options import make_parser
from ternary.packed import is_packed, load_any, load_packed, save_packed
from ternary.progress import Progress, stop_on_signal
from ternary.ranks import open_job
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer

EXIT_FAILED_CHECK, EXIT_WRONG_INPUT, EXIT_INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 (failed check), 2 (wrong input) or 130 (stopped)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in (*COMMANDS, "-h", "--help", "--version"):
        arguments.insert(0, "train")
    options = make_parser().parse_args(arguments)
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a sample may hold what it cannot show
        status = COMMANDS[options.command](options)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        unsaved = ", without saving" if options.command == "train" else ""
        print(f"ternary: stopped at once{unsaved}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except MemoryError:
        print("ternary: error: too little memory for these sizes; lower them", file=sys.stderr)
        return EXIT_WRONG_INPUT
    except BrokenPipeError:  # whoever read our lines has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ElsewhereError:
        return EXIT_WRONG_INPUT
    except TernaryError as error:
        print(f"ternary: error: {error}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    except OSError as error:
        print(f"ternary: error: {in_words(error)}", file=sys.stderr)
        return EXIT_WRONG_INPUT


def train(options: argparse.Namespace) -> int:
    """Train, or go on training, then check."""
    given = {k: v for k, v in vars(options).items() if k in TrainingConfig.__dataclass_fields__}
    with open_job() as job:
        job.on_first(lambda: _require_saving(options))
        if options.resume:
            trainer = job.start(lambda: _resume(options.resume, given), resumed=True)
        else:
            trainer = job.start(lambda: _start(given), resumed=False)
        path = _train(trainer, job, options)
    if job.rank:  # the first process tells the rest
        return 0
    if not trainer.done:
        print(f"stopped after step {trainer.step - 1} of {trainer.steps}, saved to {path}")
        print(f"go on with: python -m ternary --resume {path}")
        return EXIT_INTERRUPTED
    if path:
        print(f"saved to {path}")
    status = _report(trainer)
    if isinstance(trainer.task, Text) and not options.quiet:
        print("\nA sample:\n")
        prompt = trainer.task.validation[: trainer.config.length or 1].astype(np.uint8).tobytes()
        _write_continuation(trainer.model, prompt, 300, 0.8, seed=0)
    return status


def check(options: argparse.Namespace) -> int:
    """Check a saved model; of a packed one, which has no task, its weights."""
    if is_packed(options.model):
        weights = check_codes(load_packed(options.model))
        print(weights)
        return 0 if weights.passed else EXIT_FAILED_CHECK
    return _report(resume(options.model))


def generate(options: argparse.Namespace) -> int:
    """Continue a prompt with a saved model."""
    model = load_any(options.model)
    prompt = os.fsencode(options.prompt)
    if not prompt:
        raise TernaryError("the prompt is empty; give at least one character")
    if options.length < 1:
        raise TernaryError(f"length is {options.length}; expected 1 byte or more")
    if options.seed < 0:
        raise TernaryError(f"seed is {options.seed}; expected 0 or more")
    _write_continuation(model, prompt, options.length, options.temperature, options.seed)
    return 0


def pack(options: argparse.Namespace) -> int:
    """Write a model without its latents, five codes a byte, and account for every byte."""
    source = Path(options.model)
    target = Path(options.output or source.with_name(f"{source.stem}.packed.npz"))
    model = load_any(source)
    if target.exists() and target.samefile(source):
        raise TernaryError(f"{target} is the model itself; give another name with -o")
    require_target(target, options.force)
    save_packed(target, model)
    counted, before = account(target), source.stat().st_size
    for line in counted.lines():
        print(line)
    print(f"{source} takes {before:,} bytes, {before / counted.total:.1f} times as many")
    print(f"packed to {target}")
    return 0


def experiment(options: argparse.Namespace) -> int:
    """Run experiments of the book, or say what there is of them."""
    from ternary.experiments import command  # what they need, no other command has to wait for

    return command.experiment(options)


def course(options: argparse.Namespace) -> int:
    """The graded steps of the book."""
    from ternary.course import command

    return command.course(options)


def contest(options: argparse.Namespace) -> int:
    """Score, check or train an entry of the 100 kB contest."""
    from ternary.contest import command

    return command.contest(options)


COMMANDS = {
    "train": train,
    "check": check,
    "generate": generate,
    "pack": pack,
    "export": export,
    "inspect": inspect,
    "experiment": experiment,
    "course": course,
    "contest": contest,
}


def _train(trainer: Trainer, job: Job, options: argparse.Namespace) -> str | None:
    """Take the steps that are left, and save; where to, if anywhere."""
    quiet = options.quiet or job.rank > 0
    path: str | None = options.save or options.resume
    if not quiet:
        print(trainer.task.describe())
        n = trainer.model.parameters.count
        print(f"{n} parameters, projection {trainer.config.projection}, seed {trainer.config.seed}")
        if job.size > 1:
            print(f"{job.describe()}, threads of each: {trainer.config.threads}")
        if trainer.step:
            print(f"resumed after step {trainer.step - 1}")
    progress = Progress(trainer, quiet)
    with stop_on_signal() as job.stopped:

        def after_step(trainer: Trainer) -> bool:
            progress.show()
            if path and options.save_every and trainer.step % options.save_every == 0:
                job.save(trainer, path)
            elif trainer.step % CHECK_EVERY == 0:
                job.check(trainer)
            return job.is_stopping

        trainer.run(after_step)
    progress.close()
    if not trainer.done:
        path = path or _free_name(f"{trainer.config.task}-interrupted.npz")
    if path:
        job.save(trainer, path)
    else:
        job.check(trainer)
    return path


def _start(given: dict[str, Any]) -> Trainer:
    if "text" in given:
        given.setdefault("task", "text")
    return Trainer(TrainingConfig(**given))


def _resume(path: str, given: dict[str, Any]) -> Trainer:
    trainer = resume(path)
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


def _require_saving(options: argparse.Namespace) -> None:
    if options.save is not None:
        _require_target(options.save, may_exist=options.force or options.save == options.resume)
    if options.save_every < 0:
        raise TernaryError(
            f"--save-every is {options.save_every}; expected steps, or 0 for the end"
        )


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
