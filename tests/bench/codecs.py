"""Codes a second that every codec encodes and decodes, beside a copy of the same codes."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from ternary.codecs import CODECS, pack_trits, unpack_trits
from ternary.experiments.matvec_bandwidth import fastest

SHAPE = 2048, 4096  # 8 MB of codes


def main() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, NumPy {np.__version__}, one thread")
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 2, SHAPE, np.int8)
    # one scale for two groups, so that blocks of 256 hold them as well
    scales = np.repeat(rng.uniform(0.01, 0.02, (SHAPE[0], 16)).astype(np.float16), 2, axis=1)
    target = np.empty_like(codes)
    copying = fastest(lambda: np.copyto(target, codes), quick=False) / codes.size
    print(f"{codes.size / 1e6:.1f} million codes; a copy takes {copying:.3f} ns a code\n")
    print("format       encode                     decode")
    for name, codec in CODECS.items():
        data = codec.encode(codes, scales)
        row(name, lambda c=codec: c.encode(codes, scales), copying)
        row("", lambda c=codec, d=data: c.decode(d, SHAPE[1]), copying, end="\n")
    packed = pack_trits(codes)
    row("five a byte", lambda: pack_trits(codes), copying)
    row("", lambda: unpack_trits(packed, codes.size), copying, end="\n")


def row(name: str, work: object, copying: float, end: str = "") -> None:
    ns = fastest(work, quick=False) / (SHAPE[0] * SHAPE[1])  # type: ignore[arg-type]
    print(
        f"{name:{12 if name else 0}} {ns:.2f} ns, {ns / copying:4.1f} copies", end=end or "      "
    )


if __name__ == "__main__":
    main()
