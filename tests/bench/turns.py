"""Contestants in turns: each a process of its own, and what the machine was doing meanwhile.

The thread pools of OpenBLAS, PyTorch and llama.cpp disturb each other in one process, and a machine
drifts, so that only times of one round may be compared.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import numpy as np

THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def machine() -> str:
    """One line: system, processors, and versions."""
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    return f"{platform.platform()}, {os.cpu_count()} CPUs, {versions}"


def in_child(script: str, threads: int, *arguments: str) -> tuple[dict, str]:
    """What a script prints as a child, as JSON, or the last line of its complaint."""
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    done = subprocess.run(
        [sys.executable, script, *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        return {}, (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return json.loads(done.stdout.splitlines()[-1]), ""


def load() -> float:
    """Processes that wanted to run during the last minute; NaN where nobody counts them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
