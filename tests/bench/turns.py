"""Contestants in turns: each a process of its own, which works only when it is its turn.

The thread pools of OpenBLAS, PyTorch and llama.cpp disturb each other in one process, and a machine
drifts, so that only times of one round may be compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ternary.config import TrainingConfig

SCRIPT = str(Path(__file__).with_name("contestants.py"))
THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def in_child(script: str, threads: int, *arguments: str) -> tuple[dict, str]:
    """What a script prints as a child, as JSON, or the last line of its complaint."""
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    done = subprocess.run(
        [sys.executable, script, *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        return {}, (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return json.loads(done.stdout.splitlines()[-1]), ""


@dataclass
class Contestant:
    """A process that takes steps when it is told to and sleeps in between.

    ``milliseconds`` has the time of a step for every round; ``remark`` is what the contestant has
    to say about itself, and ``error`` why it takes no turns.
    """

    name: str
    config: TrainingConfig
    remark: str = ""
    error: str = ""
    milliseconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    awake: int = 0  # turns after which a thread went on spinning

    def start(self) -> None:
        """Start the process and wait until it has warmed up."""
        threads = dict.fromkeys(THREAD_VARIABLES, str(self.config.threads))
        # A pipe that nobody reads would stop the process once it is full.
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(
            [sys.executable, SCRIPT, self.name, json.dumps(asdict(self.config))],
            env=os.environ | threads,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self.remark = self._answer().get("remark", "")

    def take_turn(self, steps: int) -> float:
        """Let it take so many steps; milliseconds of each."""
        with contextlib.suppress(BrokenPipeError):  # it has died: `_answer` tells
            self._process.stdin.write(f"{steps}\n")
            self._process.stdin.flush()
        return self._answer().get("milliseconds", float("nan"))

    def stop(self) -> None:
        """End the process, which waits for its next turn."""
        self._process.communicate()
        self._complaints.close()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if line:
            answer = json.loads(line)
            self.cpu_seconds = answer["cpu_seconds"]
            self.awake += not answer["asleep"]
            return answer
        status = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().strip().splitlines()
        self.error = lines[-1] if lines else f"exit status {status}"
        return {}
