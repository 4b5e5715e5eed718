"""A matrix-vector product from packed codes, from float32, and by unpacking: time and bytes.

The experiment ``packed-product`` records the same; this prints it with what moves in memory.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from ternary.experiments.packed_product import WAYS, measure

# What a product reads and writes for a weight, in bytes, from the code of `packed_matvec`: for each
# fifth of a weight an index of eight bytes and a sum of four, written and read again.
TEMPORARY = {"dense": 0.0, "look-up": 2 * (8 + 4) / 5, "unpack": 2 * (1 + 4) + 4}


def main() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, NumPy {np.__version__}, one thread\n")
    print("size   way       ns a weight   bits a weight in memory   bytes of temporaries a weight")
    for size in (128, 512, 2048, 4096):
        for way in WAYS:
            values = measure({"way": way, "size": size}, 0, quick=True)
            print(
                f"{size:5}  {way:8} {values['ns']:11.3f} {values['bits']:18.2f} "
                f"{TEMPORARY[way]:28.1f}"
            )


if __name__ == "__main__":
    main()
