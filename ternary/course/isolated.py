"""Grades an answer in a process of its own, which may loop, crash or grow without harm.

On Linux and macOS the process has limits of memory, of processor time and of what it may write
(macOS does not enforce the one of memory), and a longer one of the clock, for an answer that waits;
on Windows it is stopped when its time by the clock is over.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ternary.course.grader import ended, grade
from ternary.course.limits import MEMORY_MB, OUTPUT_MB, PATIENCE, SECONDS
from ternary.course.verdict import Verdict

POSIX = os.name == "posix"


def grade_apart(step_id: str, source: str, seconds: float = SECONDS) -> Verdict:
    """The verdict of `grade`, or of `ended` if the process had to be stopped or ended itself."""
    with tempfile.TemporaryDirectory() as folder:
        how, status, told = run_apart(
            "isolated", {"step": step_id, "source": source}, folder, seconds
        )
    if how == "time":
        return ended(step_id, "time", f"{seconds:g}")
    if told:
        return Verdict.from_json(told[-1])
    if how == "output":
        return ended(step_id, "output", OUTPUT_MB)
    return ended(step_id, "crash", status)


def grade_all(answers: Iterable[tuple[str, str]], seconds: float = SECONDS) -> list[Verdict]:
    """The verdicts on pairs of a step and a text, each in its own process, a few at a time."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda pair: grade_apart(pair[0], pair[1], seconds), answers))


def run_apart(
    module: str, job: dict[str, Any], folder: str, seconds: float
) -> tuple[str, str, list[Any]]:
    """Run a module of this package in a process with limits, in an empty folder.

    Returns how it ended ("done", "time", "output" or "crash"), its exit status or signal in words,
    and what it told, of which only lines with a secret word count that the answer never sees.
    """
    word, told = secrets.token_hex(16), Path(folder, secrets.token_hex(8))
    job = {**job, "word": word, "told": str(told), "seconds": seconds}
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", f"ternary.course.{module}"]
    with open(Path(folder, "printed"), "wb") as printed:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=POSIX,
        )
        how = "done"
        try:
            clock = seconds * PATIENCE if POSIX else seconds
            process.communicate(json.dumps(job).encode(), timeout=clock)
        except subprocess.TimeoutExpired:
            how = "time"
        finally:
            _end(process)
    status = _in_words(process.returncode)
    if status == "SIGXCPU":
        how = "time"
    elif how == "done" and Path(folder, "printed").stat().st_size >= OUTPUT_MB << 20:
        how = "output"
    elif how == "done" and process.returncode:
        how = "crash"
    # An answer may write to any file that is open: what it wrote there is read, and not believed.
    text = told.read_text(encoding="utf-8", errors="replace") if told.is_file() else ""
    lines = text.splitlines()
    return how, status, [json.loads(line[32:]) for line in lines if line.startswith(word)]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and, where that can be told, all that it has started."""
    if POSIX:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()


def _in_words(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


class Told:
    """In the process itself: what it was given, and how it answers."""

    def __init__(self) -> None:
        self.job: dict[str, Any] = json.loads(sys.stdin.buffer.read())
        self._file = open(self.job.pop("told"), "a", encoding="utf-8")  # noqa: SIM115
        self._word = self.job.pop("word")
        _set_limits(self.job["seconds"])

    def tell(self, what: Any) -> None:
        """Write one line of JSON, at once."""
        self._file.write(f"{self._word}{json.dumps(what)}\n")
        self._file.flush()


def _set_limits(seconds: float) -> None:
    if not POSIX:
        return
    import resource

    cpu = int(seconds) + 1
    for name, limit in (
        (resource.RLIMIT_AS, MEMORY_MB << 20),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, OUTPUT_MB << 20),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            hard = resource.getrlimit(name)[1]
            lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            # A second between the two: the first ends it by SIGXCPU, which tells why.
            last = lower + 1 if name == resource.RLIMIT_CPU and lower != hard else lower
            resource.setrlimit(name, (lower, last))


def main() -> None:
    """Grade the answer that standard input has; then end, whatever the answer has left running."""
    told = Told()
    told.tell(grade(told.job["step"], told.job["source"]).to_json())
    os._exit(0)


if __name__ == "__main__":
    main()
