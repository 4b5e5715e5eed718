"""Where trials run: an executor, how many trials it takes at a time, and how it is given up."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from types import TracebackType
from typing import Any, Self

from ternary.errors import TernaryError


class Workers:
    """Any `concurrent.futures.Executor`; the ones that have options of their own derive from it.

    Parameters
    ----------
    executor
        Whatever carries out a call somewhere. It is not shut down at the end: who made it does.
    slots
        Trials at a time; by default as many as there are.

    Attributes
    ----------
    name
        What a record says about where its trials ran.
    max_deaths
        How often the process of a trial may die before the trial counts as failed.
    """

    max_deaths = 3

    def __init__(self, executor: Executor, slots: int = sys.maxsize) -> None:
        self.executor = executor
        self.slots = slots
        self.name = type(executor).__name__

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a call carried out."""
        return self.executor.submit(call, *arguments)

    def died(self, error: BaseException) -> bool:
        """Whether an error says that a process died, and not what a trial did wrong."""
        return isinstance(error, BrokenExecutor)

    def restart(self) -> None:
        """Start anew after a worker died and took the others with it."""
        raise TernaryError(f"the executor {self.name} broke, and cannot be started again from here")

    def close(self) -> None:
        """End the workers, which have nothing left to do."""

    def abandon(self) -> None:
        """End the workers in the middle of what they do, if that can be done from here."""

    def exit(self, status: int) -> int:
        """The exit status of a run that was stopped; ends the process if nothing less stops it."""
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close() if kind is None else self.abandon()
