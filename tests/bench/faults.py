"""Kill programs while they write, on a good, a full and a slow disk, and see what is left.

Four kinds: a training run that saves after every step, an experiment that keeps every trial, a
program that packs two models in turn to one file, and one that exports them in turn. After every
kill what they wrote is read. A run and an experiment go on until they are complete, and must then
be what they are when nothing happens; a file or a folder must be the old one or the new one.

The full disk is a small tmpfs, which has room at first and is filled at a random moment (mounting
needs root; --full-disk names a small file system that is there). The slow disk is in
`tests/slow_disk.py`. Processes are forked from this one, where NumPy is loaded already: what is
killed is what they do.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import slow_disk
from fault_kinds import KINDS

DISKS = ("good", "full", "slow")
SIZE = 4 << 20  # bytes of the disk that becomes full
COLUMNS = ("kills", "while writing", "refused", "completed", "identical", "problems")


def main() -> int:
    options = _options()
    print(f"{'kind':12} {'disk':5}" + "".join(f"{name:>15}" for name in COLUMNS))
    bad = 0
    with tempfile.TemporaryDirectory() as good, ExitStack() as stack:
        for name in options.kinds:
            for disk in options.disks:
                place = Path(good, disk) if disk != "full" else stack.enter_context(_small(options))
                place.mkdir(exist_ok=True)
                counts, problems = run(name, disk, place, options.kills, options.seed)
                numbers = "".join(f"{counts[column]:15}" for column in COLUMNS[:-1])
                print(f"{name:12} {disk:5}{numbers}{len(problems):15}", flush=True)
                for problem in problems[:5]:
                    print(f"  {problem}", flush=True)
                bad += len(problems)
                stack.close()
                shutil.rmtree(place, ignore_errors=True)
    return int(bad > 0)


def run(name: str, disk: str, place: Path, kills: int, seed: int) -> tuple[Counter, list[str]]:
    """Kill one kind of program on one disk so many times; what happened, and what broke."""
    draw, counts, problems = random.Random(f"{seed} {name} {disk}"), Counter(), []
    kind = KINDS[name](place)
    seconds = kind.seconds  # the largest moment of a kill; it follows the load of the machine
    ballast = place / "ballast"
    while counts["kills"] < kills and len(problems) < 20:
        with tempfile.TemporaryFile() as told:

            def listen(told=told) -> None:
                os.dup2(told.fileno(), 2)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

            mark, before = kind.mark(), kind.unfinished()
            process = kind.start(listen, *([slow_disk.install] if disk == "slow" else []))
            status = None
            if disk == "full":
                status = _wait(process, draw.uniform(0, seconds))
                _fill(ballast)
            if status is None:
                status = _wait(process, draw.uniform(0, seconds))
            if killed := status is None:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
            told.seek(0)
            words = told.read().decode(errors="replace")
        ballast.unlink(missing_ok=True)
        seconds *= 1.1 if killed and kind.mark() == mark else 0.9 if not killed else 0.98
        counts["kills"] += killed
        counts["while writing"] += killed and bool(kind.unfinished() - before)
        refused = "No space left" in words
        counts["refused"] += refused
        if "Traceback" in words:
            problems.append(words[-1500:])
        elif not killed and not refused and status not in (0, 1):
            problems.append(f"it ended with {status}: {words[-300:]}")
        if problem := kind.problem():
            problems.append(problem)
        if not killed and not refused:
            counts["completed"] += 1
            counts["identical"] += (same := kind.is_as_expected())
            problems += [] if same else ["what was completed is not what it is undisturbed"]
            kind.begin_anew()
    return counts, problems


def _wait(process: int, seconds: float) -> int | None:
    """The exit status of a process, if it ends within a time."""
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        left = end - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(left, 0.01))


def _fill(ballast: Path) -> None:
    """Take what room there is, down to the last page."""
    with open(ballast, "wb", buffering=0) as file:
        piece = bytes(1 << 16)
        while piece:
            try:
                if file.write(piece) < len(piece):
                    piece = piece[: len(piece) // 2]
            except OSError:
                piece = piece[: len(piece) // 2]


@contextmanager
def _small(options: argparse.Namespace):
    """A disk of a few megabytes."""
    if options.full_disk:
        folder = Path(options.full_disk, "faults")
        yield folder
        return
    with tempfile.TemporaryDirectory() as place:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place]
        subprocess.run(mount, check=True)
        try:
            yield Path(place, "disk")
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="of each (%(default)s)")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--disks", nargs="+", default=list(DISKS), choices=DISKS)
    parser.add_argument("--full-disk", metavar="DIR", help="a small file system that is mounted")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
