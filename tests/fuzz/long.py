"""Give every reader of files as many damaged files as asked for.

`python tests/fuzz/long.py --inputs 100000 gguf record` does it for two readers, without names for
all. Input 17 of a reader is the same at every run and on every machine: `--first 17 --inputs 1`
repeats it. What breaks the law is kept in the folder that --keep names, one file for each kind of
error; put it into `tests/fuzz/corpus`, and mend the reader.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzzed_readers import READERS
from law import BrokenLawError, Reader, counted_memory

try:
    import resource
except ImportError:  # Windows
    resource = None

BLOCK, COUNTED = 200, 20  # of so many files, one is read with every allocation counted


def main() -> int:
    options = _options()
    faulthandler.enable()
    broken = 0
    print(f"{'reader':15}{'inputs':>9}{'valid':>9}{'refused':>9}{'broken':>9}{'seconds':>9}")
    for name in options.readers or READERS:
        began = time.process_time()
        found = survive(
            READERS[name], range(options.first, options.first + options.inputs), options
        )
        numbers = "".join(f"{found[each]:9}" for each in ("valid", "refused", "broken"))
        seconds = time.process_time() - began
        print(f"{name:15}{options.inputs:9}{numbers}{seconds:9.0f}", flush=True)
        broken += found["broken"]
    return int(broken > 0)


def survive(reader: Reader, numbers: range, options: argparse.Namespace) -> Counter[str]:
    """Read the inputs of these numbers; how many were valid, refused, and broke the law.

    A block of inputs in which the process grew more than the largest of them allows is read once
    more, with every allocation counted.
    """
    found, kinds = Counter[str](), set[str]()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for first in range(numbers.start, numbers.stop, BLOCK):
            block, before = range(first, min(first + BLOCK, numbers.stop)), peak()
            problems, most = {}, 0
            for number in block:
                content = reader.content(number)
                most = max(most, reader.allowed(content))
                with nullcontext() if number % COUNTED else counted_memory():
                    found[_outcome(reader, Path(folder), content, number, problems)] += 1
            if peak() - before > most:
                with counted_memory():
                    for number in block:
                        _outcome(reader, Path(folder), reader.content(number), number, problems)
            for number, problem in problems.items():
                kind = "".join(c for c in problem if not c.isdigit())[:60]
                if kind not in kinds:
                    kinds.add(kind)
                    print(f"  {reader.name} {number}: {problem}", flush=True)
                    kept = Path(options.keep, reader.name)
                    kept.mkdir(parents=True, exist_ok=True)
                    (kept / str(number)).write_bytes(reader.content(number))
            found["broken"] += len(problems)
    return found


def _outcome(
    reader: Reader, folder: Path, content: bytes, number: int, problems: dict[int, str]
) -> str:
    try:
        return "valid" if reader.keeps_the_law(folder, content) else "refused"
    except BrokenLawError as error:
        problems[number] = str(error)
        return "stopped"


def peak() -> int:
    """The most memory that this process has had so far, in bytes; 0 where it cannot be told."""
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--inputs", type=int, default=100_000, metavar="N", help="(%(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first one")
    parser.add_argument("--folder", metavar="DIR", help="for the files; best in memory: /dev/shm")
    parser.add_argument("--keep", default="broken", metavar="DIR", help="(%(default)s)")
    options = parser.parse_args()
    if unknown := {*options.readers} - {*READERS}:
        parser.error(f"there is no reader {min(unknown)}; expected {', '.join(READERS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
