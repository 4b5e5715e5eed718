"""Running an experiment: its trials on any executor, each kept as soon as it is done."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import ExitStack
from pathlib import Path

from ternary.errors import TernaryError
from ternary.experiments.experiment import Experiment, Job, key_of
from ternary.experiments.kept import Kept
from ternary.experiments.record import Record, Trial
from ternary.experiments.trial import failed_trial, run_trial
from ternary.experiments.workers import Workers


class UnfinishedError(TernaryError):
    """A run that ended before its record was complete.

    Attributes
    ----------
    failed
        The trials that failed; none, if the time was up.
    """

    def __init__(self, message: str, failed: Sequence[Trial] = ()) -> None:
        super().__init__(message)
        self.failed = list(failed)


def run_experiment(
    experiment: Experiment,
    workers: Workers | Executor,
    quick: bool = False,
    *,
    folder: str | Path | None = None,
    redo: bool = False,
    until: float | None = None,
    after_trial: Callable[[int, int], None] | None = None,
) -> Record:
    """Run all trials for all seeds and return the record.

    Parameters
    ----------
    experiment
        What to run.
    workers
        Where the trials run: any `concurrent.futures.Executor`.
    quick
        The small size: says whether the claims point the right way, not how large an effect is.
    folder
        Where the record goes, and every trial until then. Trials that are there already are not
        run again. Without a folder nothing is kept.
    redo
        Run all trials anew. The old record stays until the new one is complete.
    until
        A reading of `time.monotonic`: no trial is started that is not expected to end by then.
    after_trial
        Told after every trial how many are done, and of how many.

    Raises
    ------
    UnfinishedError
        If trials failed, or the time is up. The other trials are kept.
    TernaryError
        If the folder holds something else, or another process runs this experiment into it.
    """
    if isinstance(workers, Executor):
        workers = Workers(workers)
    with ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
        kept = stack.enter_context(Kept.changing(experiment, Path(folder), quick, redo))

        def may_start(job: Job) -> bool:
            return until is None or time.monotonic() + (kept.seconds(job) or 0) <= until

        failed: list[Trial] = []
        for trial in run_trials(kept, workers, may_start):
            kept.add(trial)
            failed += [trial] if "error" in trial else []
            if after_trial:
                after_trial(len(kept.trials), len(kept.plan))
        if kept.missing:
            failed.sort(key=lambda trial: kept.plan.index((trial["settings"], trial["seed"])))
            raise UnfinishedError(_unfinished(kept, failed), failed)
        return kept.finish()


def run_trials(kept: Kept, workers: Workers, may_start: Callable[[Job], bool]) -> Iterator[Trial]:
    """Run what is missing, as many trials at a time as the workers take, and yield each at its end.

    When a process dies, other trials are lost with it: all that were running, in a pool of the
    standard library. Each is run again, alone, so that the one to blame is found, and no other.
    """
    experiment, waiting = kept.experiment, list(kept.missing)
    running: dict[Future[Trial], Job] = {}
    deaths: Counter[str] = Counter()
    slots = 1 if experiment.timed else workers.slots

    def start(job: Job) -> Future[Trial]:
        arguments = (experiment.measure, *job, kept.quick, kept.code, workers.name)
        try:
            future = workers.submit(run_trial, *arguments)
        except BrokenExecutor:  # a worker died that had nothing to do
            workers.restart()
            future = workers.submit(run_trial, *arguments)
        running[future] = job
        return future

    while True:
        while waiting and len(running) < slots:
            # Those whose process died stand at the end, and start when nothing else runs.
            ready = (j for j in waiting if not (running and deaths[key_of(*j)]) and may_start(j))
            job = next(ready, None)
            if job is None:
                break
            waiting.remove(job)
            if start(job).done():
                break  # it is kept before the next one starts
        if not running:
            return
        done = wait(running, return_when=FIRST_COMPLETED).done
        if broken := any(isinstance(_error_of(f, workers), BrokenExecutor) for f in done):
            done = wait(running).done  # all others end with it
        for future in done:
            job, error = running.pop(future), _error_of(future, workers)
            if error and workers.died(error):
                deaths[key_of(*job)] += 1
                if deaths[key_of(*job)] < workers.max_deaths:
                    waiting.append(job)
                    continue
                error = TernaryError(f"its process died, {workers.max_deaths} times: {error}")
            yield failed_trial(job, error, kept.code, workers.name) if error else future.result()
        if broken:
            workers.restart()


def _error_of(future: Future[Trial], workers: Workers) -> BaseException | None:
    """What a trial ended with that was not told by itself."""
    if future.cancelled():
        raise TernaryError(f"the executor {workers.name} has gone away; run again to go on")
    return future.exception()


def _unfinished(kept: Kept, failed: Sequence[Trial]) -> str:
    name, total, left = kept.experiment.name, len(kept.plan), len(kept.missing)
    head = f"{name}: {total - left} of {total} trials are kept, {left} are left"
    lines = [f"  {trial['settings']}, seed {trial['seed']}: {trial['error']}" for trial in failed]
    return "\n".join([f"{head}; {len(failed)} failed:" if failed else head, *lines])
