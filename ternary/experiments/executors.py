"""The executors of the command: processes, threads, MPI, and Dask. None of them is ours.

Processes are the default: a core each, one BLAS thread each. Of the arrangements that
``tests/bench/sweep.py`` compares it gets a sweep of small runs done first.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection, wait
from typing import Any

from ternary.errors import TernaryError
from ternary.experiments.workers import Workers
from ternary.team import one_blas_thread

EXPECTED = "expected process, threads, mpi, or dask=ADDRESS as in dask=tcp://localhost:8786"
MPI_COMMAND = "mpiexec -n 3 python -m mpi4py.futures -m ternary experiment NAME --executor mpi"


def make_workers(executor: str = "process", jobs: int | None = None) -> Workers:
    """The workers that ``--executor`` names; `jobs` at a time, by default one for every core.

    Raises
    ------
    TernaryError
        If there is no such executor, or it cannot be reached.
    """
    jobs = jobs or os.cpu_count() or 1
    kind, _, address = executor.partition("=")
    if executor == "process":
        return ProcessWorkers(jobs)
    if executor == "threads":
        return ThreadWorkers(jobs)
    if executor == "mpi":
        return MPIWorkers()
    if kind == "dask" and address:
        return DaskWorkers(address)
    raise TernaryError(f"there is no executor {executor!r}; {EXPECTED}")


class ProcessWorkers(Workers):
    """Processes of this machine. They end when this process ends, even if it is killed."""

    def __init__(self, jobs: int) -> None:
        # Trials side by side use the cores better than one trial whose products are split.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._start(jobs)
        self.name = "process"

    def _start(self, jobs: int) -> None:
        context = multiprocessing.get_context("spawn")
        theirs, self._ours = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(jobs, context, end_with, (theirs,))
        super().__init__(pool, jobs)

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        with without_interrupts():  # for the process that may be started here
            return super().submit(call, *arguments)

    def restart(self) -> None:
        self.abandon()
        self._start(self.slots)
        self.name = "process"

    def close(self) -> None:
        self.executor.shutdown()
        self._ours.close()

    def abandon(self) -> None:
        self._ours.close()  # all of them end at once
        self.executor.shutdown(cancel_futures=True)


def end_with(*ends: Connection) -> None:
    """Let this process end when its parent does, or when the other end of a pipe is closed.

    A pool's processes wait for work, and would wait forever for that of a parent that was killed.
    """
    parent = multiprocessing.parent_process()
    handles: list[Connection | int] = [*ends, *([parent.sentinel] if parent else [])]

    def watch() -> None:
        wait(handles)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Processes started here never see Ctrl-C, which a terminal sends to all at once."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ThreadWorkers(Workers):
    """Threads of this process: for trials that cannot be sent elsewhere."""

    def __init__(self, jobs: int) -> None:
        super().__init__(ThreadPoolExecutor(jobs), jobs)
        self.name = "threads"
        self._stack = ExitStack()
        # BLAS has one number of threads for the whole process, so it is set before the first trial
        # and given back after the last, not by each trial for itself.
        self._stack.enter_context(one_blas_thread())

    def close(self) -> None:
        self.executor.shutdown()
        self._stack.close()

    def abandon(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)

    def exit(self, status: int) -> int:
        sys.stdout.flush()
        os._exit(status)  # a thread cannot be stopped, and Python would wait for it


class MPIWorkers(Workers):
    """The processes that mpiexec started, on any number of machines, but for this one."""

    def __init__(self) -> None:
        if find_spec("mpi4py") is None:
            raise TernaryError('mpi4py is not installed; install it with pip install "mpi4py>=4"')
        if "mpi4py.futures" not in sys.orig_argv:
            raise TernaryError(f"for MPI, the command has to be started so: {MPI_COMMAND}")
        world = import_module("mpi4py.MPI").COMM_WORLD
        if world.Get_size() < 2:
            raise TernaryError(f"there is one process and so no worker; start with {MPI_COMMAND}")
        pool = import_module("mpi4py.futures").MPIPoolExecutor()
        super().__init__(pool, world.Get_size() - 1)
        self.name = "mpi"
        self._abort = world.Abort

    def close(self) -> None:
        self.executor.shutdown()

    def abandon(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)

    def exit(self, status: int) -> int:
        sys.stdout.flush()
        self._abort(status)
        return status


class DaskWorkers(Workers):
    """The workers of a Dask scheduler. It gives the trial of a worker that died to another."""

    max_deaths = 2  # after each of which Dask has tried several workers

    def __init__(self, address: str) -> None:
        try:
            distributed = import_module("distributed")
        except ImportError:
            raise TernaryError(
                'Dask is not installed; install it with pip install "dask[distributed]"'
            ) from None
        # What goes wrong is said by us, once.
        for logger in ("distributed", "distributed.client"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        try:
            self._client = distributed.Client(address, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            raise TernaryError(
                f"there is no Dask scheduler at {address} ({error}); start one with dask "
                "scheduler, and workers with dask worker ADDRESS --nthreads 1"
            ) from None
        super().__init__(self._client.get_executor(), max(1, sum(self._client.nthreads().values())))
        self.name = f"dask {address}"
        self._killed = distributed.KilledWorker

    def died(self, error: BaseException) -> bool:
        return isinstance(error, self._killed)

    def close(self) -> None:
        self._client.close()

    def abandon(self) -> None:
        self.executor.shutdown(wait=False)
        self._client.close()
