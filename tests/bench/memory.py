"""Peak memory of a training run beside NumPy alone, and what importing the package costs."""

from __future__ import annotations

# No NumPy here: on Linux the peak of a child is never below that of the process that started it.
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

IMPORTS = 11
TIME_IMPORT = """
import time, numpy
began = time.perf_counter()
import ternary
print(time.perf_counter() - began)
"""
ROOT = str(Path(__file__).parents[2])
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH"))))
}


def main() -> None:
    print(f"{platform.platform()}, Python {platform.python_version()}\n")
    if hasattr(os, "wait4"):
        numpy = _peak_mb("-c", "import numpy")
        training = _peak_mb("-m", "ternary", "--quiet")
        print("                           peak MB  beyond NumPy")
        print(f'python -c "import numpy"  {numpy:8.1f}')
        print(f"python -m ternary --quiet {training:8.1f}  {training - numpy:12.1f}")
    else:
        print("peak memory: this system does not report it")
    seconds = [_import_seconds() for _ in range(IMPORTS + 1)][1:]  # the first writes bytecode
    print(
        f"\nimport ternary after NumPy: {statistics.median(seconds) * 1000:.1f} ms, "
        f"median of {IMPORTS} ({min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f})"
    )


def _peak_mb(*arguments: str) -> float:
    """Peak resident memory of a Python process, in millions of bytes."""
    child = subprocess.Popen(
        [sys.executable, *arguments], env=ENVIRONMENT, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"python {' '.join(arguments)} ended with status {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, others kibibytes
    return usage.ru_maxrss * unit / 1e6


def _import_seconds() -> float:
    command = [sys.executable, "-c", TIME_IMPORT]
    return float(subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True).stdout)


if __name__ == "__main__":
    main()
