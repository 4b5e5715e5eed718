"""Kill a run at random moments, go on, and compare its record with one that nothing happened to.

Every time a record is complete it is compared value by value, and the next one is begun with
``--redo``, until the run has been killed as often as asked for. Kill and end race on purpose.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ternary.experiments import load_record

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    options = _options()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as quiet, tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        _start(options.name, quiet).wait()
        seconds, expected = time.monotonic() - began, _values(options.name, quiet)
        print(f"{options.name}, quick: {len(expected)} trials, {seconds:.1f} s undisturbed")
        kills = records = equal = torn = 0
        redo: list[str] = []
        partial = Path(folder, f"{options.name}.quick.partial.jsonl")
        while True:
            process = _start(options.name, folder, *redo)
            moment = draw.uniform(0, seconds) if kills < options.kills else None
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                lines = partial.read_bytes() if partial.exists() else b"\n"
                torn += not lines.endswith(b"\n")
                redo = [] if partial.exists() else redo  # it had not begun yet
                continue
            if process.returncode:
                print(f"the run ended with {process.returncode}")
                return 1
            records += 1
            equal += _values(options.name, folder) == expected
            redo = ["--redo"]
            if kills >= options.kills:
                break
    print(f"killed {kills} times, {torn} times within a line; {records} records were completed")
    print(f"{equal} of {records} equal the undisturbed one, value by value")
    return int(equal != records)


def _start(name: str, folder: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ternary", "experiment", name, "--quick", "--folder", folder]
    return subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.DEVNULL)


def _values(name: str, folder: str) -> list[tuple[object, ...]]:
    record = load_record(name, folder, quick=True)
    return [(trial["settings"], trial["seed"], trial["values"]) for trial in record.trials]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, metavar="N", help="(%(default)s)")
    parser.add_argument("--name", default="row-loudness", help="of the experiment (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
