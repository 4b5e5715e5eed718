"""PyTorch computes what the package computes: the programs of docs/leaving-numpy.md."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ternary import TernaryLinear, Trainer, TrainingConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "torch"))

import ternary_torch
from ternary_torch import TorchTrainer, in_torch_order

PROGRAMS = Path(ternary_torch.__file__).parent
STEPS = 20
SHAPES = (24, 256), (10, 256), (10, 24)  # of latents, inputs, and gradients of the outputs
TORCHRUN = str(Path(sys.executable).with_name("torchrun"))


@pytest.fixture(scope="module")
def runs():
    """The same run by the package and by PyTorch, after its last step."""
    ours = Trainer(TrainingConfig(steps=STEPS, threads=1))
    theirs = TorchTrainer(Trainer(TrainingConfig(steps=STEPS, threads=1)))
    ours.run()
    return ours, theirs, [theirs.take_step() for _ in range(STEPS)]


def run(*command):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=PROGRAMS, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_layer_has_our_weights_bit_by_bit_and_our_gradients():
    rng = np.random.default_rng(0)
    W_latent, x, dy = (rng.standard_normal(shape, np.float32) for shape in SHAPES)
    ours = TernaryLinear.from_latent(W_latent)
    y, dx = ours.forward(x), ours.backward(dy)
    theirs = ternary_torch.TernaryLinear(24, 256)
    theirs.W_latent.data = torch.from_numpy(W_latent)
    x_there = torch.from_numpy(x).requires_grad_()
    y_there = theirs(x_there)
    y_there.backward(torch.from_numpy(dy))
    np.testing.assert_array_equal(theirs.W_ternary().detach(), ours.W_ternary)
    for found, expected in [
        (y_there.detach(), y),
        (x_there.grad, dx),
        (theirs.W_latent.grad, ours.dW_latent),
    ]:
        assert np.linalg.norm(found.numpy() - expected) < 1e-5 * np.linalg.norm(expected)


def test_a_row_that_is_no_whole_group_is_refused():
    with pytest.raises(ValueError, match="in_dim is 100; expected a multiple of group_size=128"):
        ternary_torch.TernaryLinear(8, 100)


@pytest.mark.parametrize("task", ["copy", "delayed-copy", "text"])
def test_every_gradient_of_the_model_is_ours_to_1e_5(task):
    config = TrainingConfig(task=task, optimizer="adamw", seed=1)
    loss, gradient = TorchTrainer(Trainer(config)).largest_differences()
    assert loss < 1e-5
    assert gradient < 1e-5


def test_twenty_steps_are_ours(runs):
    """But for codes that rounding decides, one in 10,000 at most."""
    ours, theirs, losses = runs
    np.testing.assert_allclose(losses, ours.losses, rtol=1e-4)
    parameters, n_heads = ours.model.parameters, ours.model.config.n_heads
    codes = in_torch_order(parameters, parameters.all_codes, n_heads)
    differ = total = 0
    for name, module in theirs.model.named_modules():
        if isinstance(module, ternary_torch.TernaryMatrix):
            there = module.W_ternary().detach().sign().numpy()
            differ += np.count_nonzero(there != codes[f"{name}.W_latent"])
            total += there.size
    assert total == sum(o * i for o, i in parameters.matrix_shapes.values())
    assert differ <= 1e-4 * total


def test_two_processes_of_torchrun_take_the_steps_of_one():
    one = run(sys.executable, "two_processes.py")
    two = run(TORCHRUN, "--standalone", "--nproc-per-node", "2", "two_processes.py")
    losses, together = (np.array(lines[0].split(), float) for lines in (one, two))
    assert len(losses) == STEPS
    assert losses[-1] < 0.8 * losses[0], "they learn"
    np.testing.assert_allclose(together, losses, rtol=1e-5)


def test_the_compiler_drops_the_rounding_of_the_scales_unless_it_is_told_not_to():
    lines = dict(line.split(": ") for line in run(sys.executable, "compiled.py"))
    every = "1024 of 1024 scales are numbers of float16, no weight differs"
    assert lines["eager"] == lines["compiled, casts kept"] == every
    kept, rest = lines["compiled"].split(" of 1024 scales are numbers of float16, ")
    assert int(kept) < 100
    assert rest.startswith("weights are off by up to ")
