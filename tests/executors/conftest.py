"""Experiments on real MPI and Dask; `pytest` alone does not collect them.

pip install ".[test,mpi,dask]" and
pytest tests/executors
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["PYTHONPATH"] = os.pathsep.join(map(str, Path(__file__).resolve().parents[1:3]))
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import toy
from toy_runs import values

from ternary.experiments import run_experiment


@pytest.fixture(scope="session")
def whole():
    """Settings, seed and values of every trial, from a run in this process."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as one:
        return values(run_experiment(toy.EXPERIMENT, one))


def experiment(folder, *options, launcher=()):
    """The command with the toy experiment, started as a user does."""
    command = [*launcher, "-m", "toy", "experiment", "toy", "--folder", str(folder), *options]
    return subprocess.run(
        [*(() if launcher else (sys.executable,)), *command],
        capture_output=True,
        text=True,
        timeout=120,
    )
