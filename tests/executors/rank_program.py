"""The command line on the ranks of MPI, where one of them does what it should not.

`mpiexec -n 2 python rank_program.py FAULT ...`: the arguments of the command follow. A fault
happens on rank FAULT_RANK when FAULT_STEP steps are behind it. FAULT may also be `none`, or
`gradient`, which compares gradients of all ranks with those of one, and prints the differences.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from ternary import IGNORE, TernaryTransformer, Trainer, TransformerConfig, cli
from ternary import data as ternary_data
from ternary import training as ternary_training
from ternary.parallel import DataParallel
from ternary.ranks import RankParallel, open_job

RANK = int(os.environ.get("PMI_RANK", "0"))
SUFFERS = int(os.environ.get("FAULT_RANK", "1")) == RANK
STEP = int(os.environ.get("FAULT_STEP", "3"))


def kill(trainer):
    os.kill(os.getpid(), signal.SIGKILL)


def fail(trainer):
    raise ZeroDivisionError("a rank of its own mind")


def flip_a_code(trainer):
    trainer.model.parameters.all_codes[0] *= -1
    trainer.model.parameters.all_codes[1] += 1


def move_a_latent(trainer):
    latents = trainer.model.parameters.latents
    latents[0] = np.nextafter(latents[0], np.float32(9))


def interrupt(trainer):
    os.kill(os.getpid(), signal.SIGINT)


AT_A_STEP = {f.__name__: f for f in (kill, fail, flip_a_code, move_a_latent, interrupt)}


def read_another_text():
    ternary_data._python_documentation = lambda: b"another Python's documentation " * 100


def live_elsewhere():
    """In a folder where there is nothing to read, and nothing may be written."""
    Path("elsewhere").mkdir()
    os.chdir("elsewhere")


AT_THE_START = {f.__name__: f for f in (read_another_text, live_elsewhere)}


def with_fault(fault):
    take_step = Trainer.take_step

    def faulty_step(trainer):
        loss = take_step(trainer)
        if trainer.step == STEP:
            AT_A_STEP[fault](trainer)
        return loss

    Trainer.take_step = faulty_step


def log_writers():
    write = ternary_training.write_checkpoint

    def logged(path, *rest):
        with open("writers", "a") as file:
            print(RANK, file=file)
        write(path, *rest)

    ternary_training.write_checkpoint = logged


def batch(n_sequences, ignored):
    rng = np.random.default_rng(0)
    tokens, targets = rng.integers(0, 20, (2, n_sequences, 9))
    targets[rng.random(targets.shape) < ignored] = IGNORE
    return tokens, targets


def differences(ranks, n_sequences, n_threads, ignored):
    """Relative, of gradient and loss from one thread's; in float64, where noise is small."""
    tokens, targets = batch(n_sequences, ignored)
    sizes = TransformerConfig(vocab_size=20, d_model=32, d_ff=64, n_heads=2)
    model = TernaryTransformer(sizes, dtype=np.float64)
    loss = model.loss(tokens, targets)
    model.backward()
    expected = model.parameters.gradients.copy()
    parallel = RankParallel(DataParallel(model, n_threads), ranks)
    for _ in range(2):  # nothing of the first is left in the second
        together = parallel.loss_and_gradient(tokens, targets)
    difference = np.linalg.norm(model.parameters.gradients - expected) / np.linalg.norm(expected)
    return [float(difference), abs(together / loss - 1)]


def compare_gradients(batches):
    with open_job() as ranks:
        found = [differences(ranks, *each) for each in batches]
        everywhere = ranks._comm.gather([ranks.rank, found])
    if ranks.rank == 0:
        print(json.dumps(everywhere))


if __name__ == "__main__":
    fault, *arguments = sys.argv[1:]
    if fault == "gradient":
        compare_gradients(json.loads(arguments[0]))
        sys.exit()
    log_writers()
    if SUFFERS and fault in AT_A_STEP:
        with_fault(fault)
    if SUFFERS and fault in AT_THE_START:
        AT_THE_START[fault]()
    sys.exit(cli.main(arguments))
