"""Runs of the toy experiment in this process: executors for tests, and runs that end too soon."""

from concurrent.futures import Executor, Future

import pytest
import toy

from ternary.experiments import run_experiment


class Serial(Executor):
    """The least that an executor can be: it runs a call when it gets it."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class Dying(Executor):
    """An executor that goes away after some trials, as if the machine had been switched off."""

    def __init__(self, trials):
        self.left = trials

    def submit(self, function, /, *args, **kwargs):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return Serial().submit(function, *args, **kwargs)


def values(record):
    """All that a record says about its values, in its order."""
    return [(trial["settings"], trial["seed"], trial["values"]) for trial in record.trials]


def interrupted(folder, trials, experiment=toy.EXPERIMENT, **options):
    """A run that ends in the middle."""
    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment, Dying(trials), folder=folder, **options)


def tried(log):
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []
