"""The command `experiment`: run experiments, go on with them, and say what is missing."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ternary import experiments
from ternary.errors import TernaryError
from ternary.experiments.executors import make_workers
from ternary.experiments.experiment import Experiment, failed_claims
from ternary.experiments.kept import Kept
from ternary.experiments.record import Record, default_folder, record_path
from ternary.experiments.runner import UnfinishedError, run_experiment
from ternary.experiments.status import most_needed, status_of, table

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


def experiment(options: argparse.Namespace) -> int:
    """Run experiments of the book and write their records, or say what there is of them."""
    if options.list or not (options.names or options.all or options.status or options.check):
        for name, each in experiments.all_experiments().items():
            print(f"{name:20} {each.question}")
        return 0
    _require_sensible(options)
    folder = Path(options.folder) if options.folder else default_folder()
    names = dict.fromkeys(options.names)
    chosen = [experiments.find_experiment(name) for name in names]
    if options.status or options.check:
        return _tell(chosen or list(experiments.all_experiments().values()), folder, options)
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    if not options.all:
        return max(_run(each, folder, options, until) for each in chosen)
    everything = list(experiments.all_experiments().values())
    needed = most_needed([status_of(each, folder) for each in everything], options.jobs)
    status = 0
    for next_one in (s.experiment for s in needed):
        if until is None or time.monotonic() < until:
            status = max(status, _run(next_one, folder, options, until))
    _tell(everything, folder, options)
    return status


def _require_sensible(options: argparse.Namespace) -> None:
    if options.jobs < 1:
        raise TernaryError(f"--jobs is {options.jobs}; expected 1 or more")
    if options.minutes is not None and not 0 < options.minutes < math.inf:
        raise TernaryError(f"--minutes is {options.minutes}; expected a positive number")
    if options.all and (options.names or options.quick or options.redo):
        raise TernaryError("--all takes no names, no --quick, no --redo; leave them out")
    if options.folder is not None and not Path(options.folder).is_dir():
        raise TernaryError(
            f"there is no folder {options.folder} for the record; make it, or name another one"
        )


def _tell(chosen: Sequence[Experiment], folder: Path, options: argparse.Namespace) -> int:
    """Print what there is of experiments; with ``--check``, of those that are not complete."""
    statuses = [status_of(each, folder) for each in chosen]
    incomplete = [status for status in statuses if status.state != "complete"]
    shown = incomplete if options.check and not options.status else statuses
    print(f"records in {folder}")
    for line in table(shown, options.jobs) if shown else ["all are complete"]:
        print(line)
    return EXIT_FAILED if options.check and incomplete else 0


def _run(chosen: Experiment, folder: Path, options: argparse.Namespace, until: float | None) -> int:
    """Run one experiment, print its means, and check its claims."""
    keeps = not options.quick or options.folder is not None
    print(f"question: {chosen.question}\nprediction: {chosen.prediction}", flush=True)
    if keeps and not options.redo:
        _tell_kept(Kept.look(chosen, folder, options.quick))
    workers = make_workers(options.executor, options.jobs)
    try:
        with interrupted_by(signal.SIGTERM), workers:
            record = run_experiment(
                chosen,
                workers,
                options.quick,
                folder=folder if keeps else None,
                redo=options.redo,
                until=until,
                after_trial=_show_progress,
            )
    except UnfinishedError as error:
        print(error, file=sys.stderr)
        print(f"go on with: {_command(chosen, options)}", file=sys.stderr)
        return EXIT_FAILED if error.failed else 0
    except KeyboardInterrupt:
        kept = Kept.look(chosen, folder, options.quick)
        there = (
            f"{len(kept.trials)} of {len(kept.plan)} trials are kept" if keeps else "a quick run"
        )
        print(f"\nstopped; {there}", file=sys.stderr)
        print(f"go on with: {_command(chosen, options)}", file=sys.stderr, flush=True)
        return workers.exit(EXIT_INTERRUPTED)
    _print_means(record)
    if keeps:
        print(f"the record is in {record_path(record.name, folder, options.quick)}")
    failed = list(failed_claims(chosen, record, options.quick))
    for claim in failed:
        print(f"FAIL  {claim}")
    return EXIT_FAILED if failed else 0


def _tell_kept(kept: Kept) -> None:
    """How much of an experiment is there already."""
    done, planned = len(kept.trials), len(kept.plan)
    if done == planned:
        print(f"all {planned} trials are kept, none is run; --redo runs them anew")
    elif done:
        print(f"{done} of {planned} trials are kept, {planned - done} are run")
    if done and kept.stated("prediction") != kept.experiment.prediction:
        print(
            "the prediction was changed after trials had been run: the record keeps the one that "
            "stood before; --redo runs them anew, with the new one"
        )
    sys.stdout.flush()


def _command(chosen: Experiment, options: argparse.Namespace) -> str:
    words = ["python -m ternary experiment", chosen.name]
    words += ["--quick"] if options.quick else []
    words += ["--folder", options.folder] if options.folder else []
    return " ".join(words)


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r\x1b[K{done} of {total} trials", end=end, file=sys.stderr, flush=True)


def _print_means(record: Record) -> None:
    for settings in record.settings:
        numbers = (k for k, v in record.select(**settings)[0]["values"].items() if np.isscalar(v))
        means = ", ".join(f"{name} {record.show(name, 4, **settings)}" for name in numbers)
        print(f"{settings}: {means}")


@contextmanager
def interrupted_by(number: int) -> Iterator[None]:
    """Let a signal do what Ctrl-C does: SIGTERM, by which a cluster ends a job."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)
