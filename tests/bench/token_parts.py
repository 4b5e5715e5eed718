"""Where the time of one generated token goes, part by part, in a full context.

Every part of the decoder is timed on its way, by a clock around it; the clocks take time too, so
that the parts add up to somewhat more than a token takes without them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import describe, load

sys.path.insert(0, str(Path(__file__).parents[2]))

from ternary import TernaryTransformer, TransformerConfig
from ternary.generation import Decoder, sample

SIZES = [(128, 64), (128, 512), (512, 512)]  # d_model and context
BLOCK = ["norms", "products", "attention", "products", "norms", "products", "relu", "products"]
N_PROMPT, TEXTS = 16, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=TEXTS, help="of each size (%(default)s)")
    options = parser.parse_args()
    print(f"{describe()}, load {load():.1f}; microseconds a token, the fastest of {options.texts}")
    for d_model, context in SIZES:
        model = TernaryTransformer(
            TransformerConfig(d_model=d_model, d_ff=4 * d_model, context=context)
        )
        plain = min(_text(model, None) for _ in range(options.texts))
        clocks: list[Counter] = [Counter() for _ in range(options.texts)]
        timed = [_text(model, clock) for clock in clocks]
        best = clocks[int(np.argmin(timed))]
        n = context - N_PROMPT
        rest = min(timed) - best.total() / n / 1000
        parts = {name: ns / n / 1000 for name, ns in best.items()}
        print(f"\nd_model {d_model}, context {context}: {plain:.1f}, with clocks {min(timed):.1f}")
        for name, us in sorted(parts.items(), key=lambda part: -part[1]):
            print(f"  {name:10} {us:7.1f}")
        print(f"  {'the rest':10} {rest:7.1f}  (residual additions, the embedding, the clocks)")


def _text(model: TernaryTransformer, clock: Counter | None) -> float:
    """Microseconds a token of a greedy text up to the end of the context."""
    context = model.config.context
    decoder, choose = Decoder(model, context), sample
    if clock is not None:
        decoder._blocks = [
            tuple(_clocked(part, name, clock) for part, name in zip(block, BLOCK, strict=True))
            for block in decoder._blocks
        ]
        decoder._norm = _clocked(decoder._norm, "norms", clock)
        decoder._head = _clocked(decoder._head, "products", clock)
        choose = _clocked(sample, "argmax", clock)
    rng = np.random.default_rng(0)
    token = sample(decoder.read(rng.integers(0, 256, N_PROMPT)), 0, rng)
    began = time.perf_counter()
    for _ in range(context - N_PROMPT):
        token = choose(decoder.extend(token), 0, rng)
    return 1e6 * (time.perf_counter() - began) / (context - N_PROMPT)


def _clocked(part: Callable, name: str, clock: Counter) -> Callable:
    def clocked(*arguments):
        began = time.perf_counter_ns()
        result = part(*arguments)
        clock[name] += time.perf_counter_ns() - began
        return result

    return clocked


if __name__ == "__main__":
    main()
