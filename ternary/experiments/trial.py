"""One trial, wherever it is carried out: its values, and what they came from."""

from __future__ import annotations

import json
import os
import platform
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ternary.errors import TernaryError
from ternary.experiments.experiment import Job, Measure
from ternary.experiments.fingerprint import fingerprint
from ternary.experiments.record import Settings, Trial
from ternary.team import one_blas_thread


def run_trial(
    measure: Measure, settings: Settings, seed: int, quick: bool, code: str, executor: str
) -> Trial:
    """Carry out a trial with one BLAS thread, and say when, where, and with which code.

    A trial that raises an error has its message as ``error``, and no ``values``. It does so too
    where this process would run other code than that with the fingerprint `code`.
    """
    began = time.perf_counter()
    outcome: dict[str, Any]
    try:
        if _code_here(measure) != code:
            raise TernaryError(
                "the code here is not the code that was asked for; install the same version of "
                f"the package on {platform.node()}, and start its workers again"
            )
        with one_blas_thread():
            outcome = {"values": json.loads(json.dumps(measure(settings, seed, quick)))}
    except Exception as error:
        outcome = {"error": f"{type(error).__name__}: {error}"}
    return _trial((settings, seed), outcome, time.perf_counter() - began, code, executor)


def failed_trial(job: Job, error: BaseException, code: str, executor: str) -> Trial:
    """A trial that did not come back from where it was sent."""
    return _trial(job, {"error": f"{type(error).__name__}: {error}"}, 0.0, code, executor)


def _trial(job: Job, outcome: dict[str, Any], seconds: float, code: str, executor: str) -> Trial:
    return {
        "settings": job[0],
        "seed": job[1],
        **outcome,
        "seconds": round(seconds, 2),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "fingerprint": code,
        "versions": versions(),
        "where": {
            "host": platform.node(),
            "pid": os.getpid(),
            "processor": processor(),
            "executor": executor,
        },
    }


@cache  # of the code as it was at the first trial; a module that is loaded does not change
def _code_here(measure: Measure) -> str:
    return fingerprint(measure)


def versions() -> dict[str, str]:
    """Of everything that a value may depend on."""
    from ternary import __version__

    return {
        "ternary": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


@cache
def processor() -> str:
    """Kind of the processor, its name, and the number of its cores."""
    return f"{platform.machine()}, {_model_name()}, {os.cpu_count()} cores"


def _model_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "unknown")
