"""Damaged files for one reader, steered by the code that they reach: `guided.py READER`.

It needs atheris, a fuzzer for Python (`pip install atheris`; wheels for Linux). Its options follow
the name: `-runs=100000`, `-max_total_time=600`, a folder of files to begin with. Half of the inputs
are made as in `long.py`, the rest are changed by atheris, which keeps those that reach new lines.
"""

import os
import sys
import tempfile
from pathlib import Path
from random import Random

os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

MAX_BYTES = 1 << 16


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["ternary"]):
        from fuzzed_readers import READERS
    if len(sys.argv) < 2 or sys.argv[1] not in READERS:
        sys.exit(f"{__doc__}\nexpected one of {', '.join(READERS)}")
    reader = READERS[sys.argv.pop(1)]

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        draw = Random(seed)
        made = reader.make(draw) if not data or draw.random() < 0.5 else data
        return made[:max_size] if draw.random() < 0.5 else atheris.Mutate(made, max_size)

    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:

        def read(data: bytes) -> None:
            reader.keeps_the_law(Path(folder), data)

        words = [sys.argv[0], f"-max_len={MAX_BYTES}", *sys.argv[1:]]
        atheris.Setup(words, read, custom_mutator=mutated)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
