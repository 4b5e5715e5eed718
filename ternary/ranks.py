"""One training run in several processes: a part of every batch for each, and one all-reduce.

Every rank of MPI has the whole model and draws the same batch. It goes forward and backward through
its own part; the flat gradients are then added up over all ranks, and from the same sum all of them
take the same step. Gradients travel, and never a latent: that the codes stay the same everywhere is
not assumed, but checked by their hashes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, Self, TypeVar

import numpy as np

from ternary.arrays import Floats, Ints
from ternary.data import Text
from ternary.errors import TernaryError
from ternary.job import ElsewhereError, Job, save
from ternary.last_words import LastWords
from ternary.loss import IGNORE
from ternary.parallel import DataParallel, _part
from ternary.team import one_blas_thread
from ternary.training import Trainer

Result = TypeVar("Result")

PATIENCE = 5.0  # seconds in which all ranks meet the same error, if it is the same
# What launchers tell their processes: MPICH and Intel MPI, Open MPI, Slurm with PMIx.
RANK_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


class Ranks(Job):
    """The processes that mpiexec started, each of which calls everything here in the same order.

    Parameters
    ----------
    mpi
        The module ``mpi4py.MPI``.

    Raises
    ------
    TernaryError
        If the ranks differ in their settings, text, latents or codes. An error of one rank alone
        ends all processes, since the others would wait for it forever.
    """

    def __init__(self, mpi: Any) -> None:
        super().__init__()
        self._in_place = mpi.IN_PLACE
        self._comm = mpi.COMM_WORLD
        self._for_errors = self._comm.Dup()  # what goes wrong does not mix with what goes on
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self._library = " ".join(mpi.Get_library_version().replace(",", " ").split()[:3])
        self._loss_and_stop = np.zeros(2)
        self._blas = one_blas_thread()  # a rank has as many threads as it is told, and no more
        self._last_words = None if self.rank else LastWords()
        self._tell("no checkpoint was written: --save FILE writes one every 100 steps")

    @property
    def is_stopping(self) -> bool:
        return bool(self._loss_and_stop[1])

    def on_first(self, call: Callable[[], object]) -> None:
        self._together(call if self.rank == 0 else lambda: None)

    def start(self, make: Callable[[], Trainer], resumed: bool) -> Trainer:
        trainer = self._resume(make) if resumed else self._together(make)
        trainer.parallel = RankParallel(trainer.parallel, self)
        self.check(trainer)
        return trainer

    def check(self, trainer: Trainer) -> None:
        parameters = trainer.model.parameters
        mine = {
            "settings": repr(trainer.config),
            "bytes of the text": trainer.task.sha256 if isinstance(trainer.task, Text) else "",
            "codes": _hash(parameters.all_codes),
            "latents": _hash(parameters.values),
        }
        everybody = self._comm.allgather(mine)
        for what, ours in everybody[0].items():
            odd = next((rank for rank, theirs in enumerate(everybody) if theirs[what] != ours), 0)
            if odd:
                raise TernaryError(
                    f"after {trainer.step} steps, the {what} of rank {odd} differ from those of "
                    "rank 0; expected the same on all. Give every machine the same text, the same "
                    "Python and NumPy, and, where processors differ, OPENBLAS_CORETYPE=Haswell"
                )

    def save(self, trainer: Trainer, path: str) -> None:
        self.check(trainer)
        self.on_first(lambda: save(trainer, path))
        self._tell(
            f"the last checkpoint is {path}, after {trainer.step} of {trainer.steps} steps; go on "
            f"with any number of processes: mpiexec -n {self.size} python -m ternary --resume "
            f"{path}"
        )

    def add(self, gradients: Floats, loss: float) -> float:
        """Add up the gradients of all ranks in place; the sum of their losses."""
        self._loss_and_stop[:] = loss, bool(self.stopped)
        few = self._comm.Iallreduce(self._in_place, self._loss_and_stop)
        self._comm.Allreduce(self._in_place, gradients)
        few.Wait()
        return float(self._loss_and_stop[0])

    def describe(self) -> str:
        return f"{self.size} processes, {self._library}"

    def __enter__(self) -> Self:
        self._blas.__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._blas.__exit__(None, None, None)
        if error is not None and not self._is_shared():
            known = isinstance(error, (TernaryError, OSError))
            what = str(error) if known else "".join(traceback.format_exception(error)).strip()
            print(f"ternary: error on rank {self.rank}: {what}\n{self._words}", file=sys.stderr)
            sys.stderr.flush()
            self._comm.Abort(2)  # and with it all ranks, at once
        if self._last_words:
            self._last_words.close()
        if error is not None and self.rank:
            raise ElsewhereError(str(error)) from None

    def _resume(self, make: Callable[[], Trainer]) -> Trainer:
        """Rank 0 reads the file, which need not lie on any other machine."""
        state: list[Any] = [None]

        def read() -> None:
            trainer = make()
            state[:] = trainer, trainer.config, trainer.losses, trainer.rng.bit_generator.state

        self.on_first(read)
        config, losses, rng = self._comm.bcast(state[1:])
        trainer: Trainer = self._together(lambda: state[0] or Trainer(config))
        for buffer in trainer._buffers().values():
            self._comm.Bcast(buffer)
        trainer.losses, trainer.rng.bit_generator.state = losses, rng
        trainer.optimizer.t = trainer.step
        trainer.model.project(trainer.projected_share(trainer.step))
        return trainer

    def _together(self, call: Callable[[], Result]) -> Result:
        """Carry out a call on every rank; if it fails on one, all raise its error."""
        result, error = None, ""
        try:
            result = call()
        except (TernaryError, OSError) as failure:
            error = str(failure)
        errors = self._comm.allgather(error)
        first = next((rank for rank, each in enumerate(errors) if each), None)
        if first is not None:
            raise TernaryError(f"rank {first}: {errors[first]}" if first else errors[0])
        return result  # type: ignore[return-value]

    def _is_shared(self) -> bool:
        """Whether all ranks come here with an error, within a few seconds."""
        everybody, deadline = self._for_errors.Ibarrier(), time.monotonic() + PATIENCE
        while not everybody.Test():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def _tell(self, words: str) -> None:
        self._words = f"ternary: the job ended early, because one of its processes did; {words}"
        if self._last_words:
            self._last_words.become(self._words)


class RankParallel(DataParallel):
    """Loss and gradient of a batch: a part for every thread of every rank, in their order."""

    def __init__(self, parallel: DataParallel, ranks: Ranks) -> None:
        self.models = parallel.models
        self.ranks = ranks

    def loss_and_gradient(self, tokens: Ints, targets: Ints) -> float:
        n_counted = int(np.count_nonzero(targets != IGNORE))
        if not n_counted:  # the error that one process gets
            return _part(self.models[0], tokens, targets, None)
        n_parts, ranks = len(self.models), self.ranks
        mine = slice(n_parts * ranks.rank, n_parts * (ranks.rank + 1))
        tokens_of = np.array_split(tokens, n_parts * ranks.size)[mine]
        targets_of = np.array_split(targets, n_parts * ranks.size)[mine]
        parameters = self.models[0].parameters
        losses = parameters.team.run(
            lambda i: _part(self.models[i], tokens_of[i], targets_of[i], n_counted)
        )
        parameters.team.each(self._add_gradients, parameters.shards)
        self._add_gradients(slice(parameters.n_latents, parameters.values.size))
        return ranks.add(parameters.gradients, sum(losses))


def open_job() -> Job:
    """The job that this process belongs to: that of mpiexec, or one of its own.

    Raises
    ------
    TernaryError
        If mpiexec started this process, but mpi4py is missing, or belongs to another MPI.
    """
    announced = next((int(os.environ[name]) for name in SIZE_VARIABLES if name in os.environ), 0)
    if announced == 1 or not any(name in os.environ for name in RANK_VARIABLES):
        return Job()
    try:
        mpi = import_module("mpi4py.MPI")
    except ImportError as error:
        raise TernaryError(
            f"this process is one of several that mpiexec started, but mpi4py is not to be had "
            f'({error}); install the extra: pip install "ternary-book[mpi]"'
        ) from None
    size = mpi.COMM_WORLD.Get_size()
    if announced and size != announced:
        raise TernaryError(
            f"{announced} processes were started, but mpi4py sees {size}: the mpiexec of another "
            f"MPI started them. Use the one beside {sys.executable}"
        )
    return Ranks(mpi)


def _hash(array: Any) -> str:
    return hashlib.sha256(array).hexdigest()
