"""`ternary contest`: score, check, train, text, hidden."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ternary.checkpoint import write_file
from ternary.config import TrainingConfig
from ternary.contest.declaration import BUDGET
from ternary.contest.entry import MAX_BYTES, Entry, read_entry
from ternary.contest.hidden import draw_hidden, read_hidden
from ternary.contest.judging import Row, judge
from ternary.contest.text import fixed_texts
from ternary.contest.train import BASELINE, entry_trainer, train_entry
from ternary.errors import TernaryError
from ternary.export.files import require_target
from ternary.progress import Progress, stop_on_signal
from ternary.training import Trainer

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


def contest(options: argparse.Namespace) -> int:
    """Run an action; the exit status is that of the command line."""
    return ACTIONS[options.action](options)


def score(options: argparse.Namespace) -> int:
    """Print a table of the entries, the best first, and what is wrong with other files."""
    hidden = None if options.hidden is None else read_hidden(options.hidden)
    rows, refused = list[Row](), list[str]()
    for path in options.files:
        try:
            rows.append(judge(read_entry(path), hidden))
        except (TernaryError, OSError) as error:
            refused.append(str(error))
    rows.sort(key=lambda row: row.public)
    for line in table(rows, hidden is not None):
        print(line)
    problems = [problem for row in rows for problem in row.problems()]
    for problem in problems:
        print(f"FLAG  {problem}")
    for reason in refused:
        print(f"NONE  {reason}")
    return WRONG_INPUT if refused else FAILED if problems else DONE


def table(rows: list[Row], hidden: bool) -> Iterator[str]:
    """The lines of the table; without rows, none."""
    if not rows:
        return
    width = max(len(row.name) for row in rows)
    more = f"{'hidden':>8} {'excess':>7}" if hidden else ""
    head = f"{'file':{width}} {'bytes':>7} {'minutes':>8} {'bits per byte':>14} {'ahead':>7}"
    yield f"{head} {more}".rstrip()
    for row in rows:
        minutes = "-" if row.minutes is None else f"{row.minutes:.2f}"
        line = f"{row.name:{width}} {row.n_bytes:>7,} {minutes:>8} {row.public:>14.4f}"
        line += f" {row.ahead:>z7.3f}"
        yield line + (f" {row.hidden:>8.4f} {row.excess:>z7.3f}" if row.hidden is not None else "")


def check(options: argparse.Namespace) -> int:
    """Print a line for every rule; a file that is no entry is wrong input."""
    passed = True
    for path in options.files:
        entry = read_entry(path)
        for good, line in rules(entry):
            print(f"{'PASS' if good else 'FAIL'}  {path}: {line}")
            passed &= good
    return DONE if passed else FAILED


def rules(entry: Entry) -> Iterator[tuple[bool, str]]:
    """Whether each rule is kept, and in which way."""
    yield True, f"{entry.n_bytes:,} bytes, expected at most {MAX_BYTES:,}"
    n_weights = sum(rows * columns for rows, columns in entry.model.config.matrices().values())
    yield True, f"{n_weights:,} ternary weights, their scales and gains, and nothing else"
    declared = entry.declaration
    if declared is None:
        yield False, f"no CPU-minutes are declared; expected {entry.path.name}.json beside it"
    else:
        yield (
            declared.within_budget,
            f"{declared.cpu_minutes:g} CPU-minutes declared, expected at most {BUDGET:g}",
        )


def train(options: argparse.Namespace) -> int:
    """Train and pack an entry, and score it."""
    path = Path(options.file)
    require_target(path, options.force)
    given: dict[str, Any] = {
        k: v for k, v in vars(options).items() if k in TrainingConfig.__dataclass_fields__
    }
    how = shlex.join(f"--{k.replace('_', '-')}={v}" for k, v in given.items())
    trainer = entry_trainer(replace(BASELINE, **given))
    progress = Progress(trainer, options.quiet)
    with stop_on_signal() as stopped:

        def after_step(_: Trainer) -> bool:
            progress.show()
            return bool(stopped)

        declared = train_entry(path, trainer, f"ternary contest train {how}".strip(), after_step)
    progress.close()
    if declared is None:
        print("stopped; nothing was written, because an entry is a finished run")
        return INTERRUPTED
    print(f"packed to {path}; beside it, {declared.cpu_minutes:g} CPU-minutes of {BUDGET:g}")
    options.files, options.hidden = [path], None
    return score(options)


def text(options: argparse.Namespace) -> int:
    """Write both texts as files."""
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in zip(("training.txt", "held-out.txt"), fixed_texts(), strict=True):
        _write(folder / name, data)
    return DONE


def hidden(options: argparse.Namespace) -> int:
    """Write a hidden text."""
    if options.seed < 0:
        raise TernaryError(f"seed is {options.seed}; expected 0 or more")
    require_target(Path(options.file), options.force)
    _write(Path(options.file), draw_hidden(options.seed))
    return DONE


def _write(path: Path, data: bytes) -> None:
    write_file(path, lambda file: file.write(data))
    print(f"{path}, {len(data):,} bytes")


ACTIONS = {"score": score, "check": check, "train": train, "text": text, "hidden": hidden}
