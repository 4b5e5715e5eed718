"""The products that a step is compared with are those of a step."""

import numpy as np
import pytest

from ternary import Trainer, TrainingConfig
from ternary.experiments.matrix_products import products_in_parts, products_of_step

SIZES = {
    "copy run": TrainingConfig(threads=1),
    "three layers": TrainingConfig(d_model=64, n_layers=3, length=48, threads=1),
    "three threads": TrainingConfig(batch_size=32, threads=3),
}


@pytest.fixture
def multiplications(monkeypatch):
    """Of every product of two matrices, or two stacks of them, from here on; none with a vector."""
    counted, matmul = [], np.matmul

    def watched(a, b, *args, **kwargs):
        if min(a.ndim, b.ndim) >= 2 and 1 not in (*a.shape[-2:], b.shape[-1]):
            counted.append(a.size * b.shape[-1])
        return matmul(a, b, *args, **kwargs)

    monkeypatch.setattr(np, "matmul", watched)
    return counted


@pytest.mark.parametrize("config", SIZES.values(), ids=SIZES)
def test_the_products_are_those_of_a_step(multiplications, config):
    Trainer(config).take_step()
    of_the_step = sorted(multiplications)
    multiplications.clear()
    products_in_parts(config)()
    assert sorted(multiplications) == of_the_step


def test_parts_multiply_as_much_as_the_whole(multiplications):
    totals = set()
    for threads in (1, 2, 5, 40):  # 40 are more than there are sequences
        products_in_parts(TrainingConfig(threads=threads))()
        totals.add(sum(multiplications))
        multiplications.clear()
    assert len(totals) == 1


def test_every_product_has_a_place_of_its_own():
    results = [out for _, _, out in products_of_step(TrainingConfig().model_config(), 4, 8)]
    assert not any(np.shares_memory(a, b) for n, a in enumerate(results) for b in results[:n])
