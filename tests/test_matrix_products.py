"""What the products of a step are timed by is what a step multiplies."""

import numpy as np
import pytest

from ternary import Trainer, TrainingConfig
from ternary.experiments.matrix_products import products_of_step


def multiplications(a, b):
    """Of the product of two matrices, or of two stacks of them; none of one with a vector."""
    vector = min(a.ndim, b.ndim) < 2 or 1 in (*a.shape[-2:], *b.shape[-2:])
    return 0 if vector else a.size * b.shape[-1]


@pytest.mark.parametrize("sizes", [{}, {"d_model": 64, "n_layers": 3, "length": 48}], ids=str)
def test_the_products_are_those_of_a_step(monkeypatch, sizes):
    trainer = Trainer(TrainingConfig(threads=1, **sizes))
    config = trainer.config
    listed = products_of_step(trainer.model.config, config.batch_size, config.length)
    taken, matmul = [], np.matmul

    def counted(a, b, *args, **kwargs):
        taken.append(multiplications(a, b))
        return matmul(a, b, *args, **kwargs)

    trainer.take_step()
    monkeypatch.setattr(np, "matmul", counted)
    trainer.take_step()
    assert sorted(filter(None, taken)) == sorted(multiplications(a, b) for a, b, _ in listed)


def test_every_product_has_a_place_of_its_own_that_it_fits():
    products = products_of_step(TrainingConfig().model_config(), 4, 8)
    results = [out for _, _, out in products]
    assert all(not np.shares_memory(a, b) for n, a in enumerate(results) for b in results[n + 1 :])
    for a, b, out in products:
        assert np.matmul(a, b).shape == out.shape
