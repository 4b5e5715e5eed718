"""PyTorch computes what the package computes: the programs of docs/leaving-numpy.md."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ternary import GroupAbsMean, TernaryLinear, TernaryTransformer, Trainer, TrainingConfig
from ternary.parallel import DataParallel

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "torch"))

import ternary_torch
from ternary_torch import TorchTrainer, in_torch_order

PROGRAMS = Path(ternary_torch.__file__).parent
STEPS = 20
SHAPES = (24, 256), (10, 256), (10, 24)  # of latents, inputs, and gradients of the outputs
TORCHRUN = str(Path(sys.executable).with_name("torchrun"))


@pytest.fixture
def double(monkeypatch):
    """PyTorch in float64 for one test, and rounding from there to float16 at once, as NumPy does.

    PyTorch goes by way of float32, and rounding twice is another rounding close to a tie.
    """
    monkeypatch.setattr(torch.Tensor, "half", lambda x: torch.from_numpy(x.numpy().astype("f2")))
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def in_float64():
    """A trainer of the package whose model and optimizer are in float64."""
    trainer = Trainer(TrainingConfig(steps=STEPS, threads=1))
    sizes = trainer.model.config
    trainer.model = TernaryTransformer(sizes, GroupAbsMean(), seed=0, dtype=np.float64)
    trainer.parallel = DataParallel(trainer.model, 1)
    trainer.optimizer = trainer.config.make_optimizer(trainer.model.parameters)
    return trainer


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


def test_twenty_steps_are_ours(double):
    """In float64: Adam makes whole steps of gradients that are nothing but rounding."""
    ours, theirs = in_float64(), TorchTrainer(in_float64())
    ours.run()
    losses = [theirs.take_step() for _ in range(STEPS)]
    np.testing.assert_allclose(losses, ours.losses, rtol=1e-9)
    parameters, n_heads = ours.model.parameters, ours.model.config.n_heads
    codes = in_torch_order(parameters, parameters.all_codes, n_heads)
    scales = []
    for name, module in theirs.model.named_modules():
        if isinstance(module, ternary_torch.TernaryMatrix):
            W_ternary = module.W_ternary().detach().numpy()
            np.testing.assert_array_equal(np.sign(W_ternary), codes[f"{name}.W_latent"])
            scales.append(abs(W_ternary).sum())
    assert len(scales) == 2 + 4 * ours.model.config.n_layers
    np.testing.assert_allclose(sum(scales), abs(parameters.weights).sum(), rtol=1e-12)


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
