"""What a timing depends on besides the code: the processor, its BLAS, and who else is at work."""

from __future__ import annotations

import ctypes
import math
import os
import platform
import time
from pathlib import Path

import numpy as np

from ternary.experiments.trial import processor
from ternary.team import _openblas

QUIET_CORES, QUIET_LOAD = 0.1, 0.5  # busy with other work; processes, where cores are not told
WARNING = (
    "\nWARNING: this machine is not quiet: trust no milliseconds, nor a ratio beyond its spread"
)


def describe() -> str:
    """System, processor, and what NumPy multiplies with."""
    return (
        f"{processor()}, {os.cpu_count()} CPUs, {platform.platform()}\n"
        f"Python {platform.python_version()}, NumPy {np.__version__}, BLAS: {blas_kernel()}"
    )


def blas_kernel() -> str:
    """Name of the kernels that the OpenBLAS of NumPy's wheels has chosen, or of another BLAS."""
    blas = _openblas()
    if blas is None:
        return str(np.show_config("dicts")["Build Dependencies"]["blas"]["name"])
    blas.scipy_openblas_get_corename64_.restype = ctypes.c_char_p
    return f"OpenBLAS, kernels for {blas.scipy_openblas_get_corename64_().decode()}"


def load() -> float:
    """Processes that wanted to run during the last minute; NaN where nobody counts them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan


class Watch:
    """What other processes, and other machines on the same processor, do from here on."""

    def __init__(self) -> None:
        self._began, self._busy = time.perf_counter(), _busy_seconds()

    def describe(self, ours: float = 0.0) -> str:
        """What they did, and a warning if it was much; `ours` are processor seconds of our own."""
        cores = (_busy_seconds() - self._busy - ours) / (time.perf_counter() - self._began)
        unknown = math.isnan(cores) and not ours  # our own work is part of the load
        loud = cores > QUIET_CORES or (unknown and load() > QUIET_LOAD)
        text = f"load {load():.2f}, {cores:.2f} cores busy with other work"
        return text + WARNING if loud else text


def _busy_seconds() -> float:
    """Processor seconds that were used or stolen since the machine started; NaN but on Linux."""
    try:
        first = Path("/proc/stat").read_text().splitlines()[0]
    except OSError:
        return math.nan
    user, nice, system, _idle, _wait, interrupts, soft, stolen = map(int, first.split()[1:9])
    ticks = user + nice + system + interrupts + soft + stolen
    return ticks / os.sysconf("SC_CLK_TCK")
