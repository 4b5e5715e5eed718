"""What speed.py compares. Run by it: one contestant, which takes steps when it is told how many."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TextIO

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(1, str(Path(__file__).parents[2] / "docs" / "torch"))

from ternary.config import TrainingConfig
from ternary.experiments.matrix_products import multiply, products_in_parts, products_of_step
from ternary.training import Trainer

Step = Callable[[], object]

INSTALL_TORCH = 'not installed: pip install ".[bench]"'
WARMUP_STEPS = 10  # workspaces, thread pools, and the compiler
MAX_LOSS_DIFFERENCE, MAX_GRADIENT_DIFFERENCE = 1e-5, 1e-4
IDLE_SECONDS, AWAKE_SHARE = 0.02, 0.05  # what counts as asleep: a twentieth of a core, or less


def ternary_step(config: TrainingConfig) -> tuple[Step, str]:
    """The package, and nothing to remark."""
    return Trainer(config).take_step, ""


def eager_step(config: TrainingConfig) -> tuple[Step, str]:
    """The same run in PyTorch, as it is usually written."""
    return _torch_step(config, compiled=False)


def compiled_step(config: TrainingConfig) -> tuple[Step, str]:
    """The same, with model and loss compiled."""
    return _torch_step(config, compiled=True)


def products_by_blas(config: TrainingConfig) -> tuple[Step, str]:
    """The products of a step one after another; BLAS spreads each over its own threads."""
    products = products_of_step(config.model_config(), config.batch_size, config.length)
    return lambda: multiply(products), ""


def products_by_parts(config: TrainingConfig) -> tuple[Step, str]:
    """The products of a part of the batch on every thread, as the package takes its steps."""
    return products_in_parts(config), ""


def products_by_torch(config: TrainingConfig) -> tuple[Step, str]:
    """The same products by the BLAS of PyTorch, which may be the faster or the slower one."""
    import torch

    products = products_of_step(config.model_config(), config.batch_size, config.length)
    tensors = [tuple(map(torch.from_numpy, product)) for product in products]

    def step() -> None:
        for a, b, out in tensors:
            torch.matmul(a, b, out=out)

    return step, ""


FLOORS = {
    "products, threads of BLAS": products_by_blas,
    "products, batch in parts": products_by_parts,
}
CONTESTANTS: dict[str, Callable[[TrainingConfig], tuple[Step, str]]] = {
    "ternary": ternary_step,
    **FLOORS,
    "products, by PyTorch": products_by_torch,
    "PyTorch eager, fused AdamW": eager_step,
    "torch.compile, fused AdamW": compiled_step,
}


def needs_torch(name: str) -> bool:
    """Whether a contestant can run only where PyTorch is installed."""
    return "torch" in name.lower()


def _torch_step(config: TrainingConfig, compiled: bool) -> tuple[Step, str]:
    """Steps of a model that was shown to be the same, and how nearly."""
    import torch
    from ternary_torch import TorchTrainer

    # Left to itself the compiler drops the rounding of the scales to float16 and back.
    exact = {"emulate_precision_casts": True}
    wrap = partial(torch.compile, options=exact) if compiled else (lambda model: model)
    trainer = TorchTrainer(Trainer(config), wrap)
    loss, gradient = trainer.largest_differences()
    remark = (
        f"PyTorch {torch.__version__}, same latents and batch: relative difference "
        f"of the loss {loss:.1e}, of the gradients {gradient:.1e}"
    )
    if not (loss <= MAX_LOSS_DIFFERENCE and gradient <= MAX_GRADIENT_DIFFERENCE):
        raise SystemExit(
            f"another model, so not timed: {remark}; "
            f"expected at most {MAX_LOSS_DIFFERENCE:g} and {MAX_GRADIENT_DIFFERENCE:g}"
        )
    return trainer.take_step, remark


def serve(name: str, config: TrainingConfig, answers: TextIO) -> None:
    """Warm up and say so; then read numbers of steps, take them, and say how long they took."""
    step, remark = CONTESTANTS[name](config.resolved())
    for _ in range(WARMUP_STEPS):
        step()
    print(json.dumps({"remark": remark} | _rest()), file=answers, flush=True)
    for line in sys.stdin:
        milliseconds = _time(step, int(line))
        print(json.dumps({"milliseconds": milliseconds} | _rest()), file=answers, flush=True)


def _time(step: Step, steps: int) -> float:
    step()  # brings the arrays back into the caches, and wakes the threads
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - began) * 1000 / steps


def _rest() -> dict[str, float | bool]:
    """Wait until no thread spins any more; whether they all sleep, and what they have used."""
    return {"asleep": _fall_asleep(), "cpu_seconds": time.process_time()}


def _fall_asleep() -> bool:
    """Wait until no thread of this process spins any more, for three seconds at most."""
    deadline = time.perf_counter() + 3
    while time.perf_counter() < deadline:
        began, used = time.perf_counter(), time.process_time()
        time.sleep(IDLE_SECONDS)
        if time.process_time() - used <= AWAKE_SHARE * (time.perf_counter() - began):
            return True
    return False


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # what a library prints is no answer
        serve(sys.argv[1], TrainingConfig(**json.loads(sys.argv[2])), sys.__stdout__)
