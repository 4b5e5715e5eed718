"""A batch in parts gives the loss and the gradient of the whole."""

import sys
import threading
import time

import numpy as np
import pytest

from ternary import IGNORE, TernaryError, TernaryTransformer, TransformerConfig
from ternary.parallel import DataParallel, _part
from ternary.team import Team, _openblas, one_blas_thread

CONFIG = TransformerConfig(vocab_size=20, d_model=32, d_ff=64, n_heads=2)


def batch(n_sequences=6, ignored=0.0, seed=0):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 20, (n_sequences, 9))
    targets = rng.integers(0, 20, tokens.shape)
    targets[rng.random(tokens.shape) < ignored] = IGNORE
    return tokens, targets


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("ignored", [0.0, 0.7])
def test_parts_add_up_to_the_whole(threads, ignored):
    """Also where the parts have different sizes, and different numbers of targets that count."""
    tokens, targets = batch(ignored=ignored)
    model = TernaryTransformer(CONFIG, dtype=np.float64)
    loss = model.loss(tokens, targets)
    model.backward()
    expected = model.parameters.gradients.copy()
    assert DataParallel(model, threads).loss_and_gradient(tokens, targets) == pytest.approx(loss)
    np.testing.assert_allclose(model.parameters.gradients, expected, rtol=1e-10, atol=1e-14)


def test_the_same_number_of_parts_gives_the_same_bits():
    tokens, targets = batch()
    results = []
    for _ in range(2):
        model = TernaryTransformer(CONFIG)
        loss = DataParallel(model, 2).loss_and_gradient(tokens, targets)
        results.append((loss, model.parameters.gradients.tobytes()))
    assert results[0] == results[1]


def test_without_threads_the_same_parts_are_computed_in_turn(monkeypatch):
    tokens, targets = batch()
    results = []
    for platform in (sys.platform, "emscripten"):
        monkeypatch.setattr(sys, "platform", platform)
        model = TernaryTransformer(CONFIG)
        parallel = DataParallel(model, 3)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        if platform != "emscripten":
            with pytest.raises(RuntimeError, match="no thread"):
                parallel.loss_and_gradient(tokens, targets)
            monkeypatch.undo()
        loss = parallel.loss_and_gradient(tokens, targets)
        results.append((loss, model.parameters.gradients.tobytes()))
    assert results[0] == results[1]


def refuse(_thread):
    raise RuntimeError("no thread can be started")


@pytest.mark.parametrize("failure", ["no thread starts", "the first part fails"])
def test_after_a_failure_no_part_is_left_to_run_beside_the_next_step(monkeypatch, failure):
    """A part left over would compute in the memory of the same model at the same time."""
    tokens, targets = batch()
    parallel = DataParallel(TernaryTransformer(CONFIG), 3)
    running, finished = [], []

    def part(model, *rest):
        running.append(model)
        if failure == "the first part fails" and len(finished) == 0 and model is parallel.models[0]:
            raise ZeroDivisionError
        time.sleep(0.02)
        loss = _part(model, *rest)
        finished.append(model)
        return loss

    monkeypatch.setattr("ternary.parallel._part", part)
    with monkeypatch.context() as patch, pytest.raises((RuntimeError, ZeroDivisionError)):
        if failure == "no thread starts":
            patch.setattr(threading.Thread, "start", refuse)
        parallel.loss_and_gradient(tokens, targets)
    assert len(finished) in (len(running), len(running) - 1)  # all that began, but the one at fault
    before = len(finished)
    parallel.loss_and_gradient(tokens, targets)
    assert len(finished) - before == 3


def test_replicas_use_the_weights_of_the_model_and_keep_their_own_gradients():
    model = TernaryTransformer(CONFIG)
    replica = model.replica()
    model.parameters.values *= -1
    model.project()
    assert np.shares_memory(replica.head.W_ternary, model.head.W_ternary)
    assert not np.shares_memory(replica.head.dW_latent, model.head.dW_latent)
    tokens, _ = batch()
    np.testing.assert_array_equal(replica.forward(tokens), model.forward(tokens))


def test_a_batch_smaller_than_the_threads_is_not_split():
    tokens, targets = batch(n_sequences=1)
    model = TernaryTransformer(CONFIG)
    loss = model.loss(tokens, targets)
    assert DataParallel(model, 4).loss_and_gradient(tokens, targets) == loss


def test_an_error_in_any_part_is_raised():
    tokens, targets = batch()
    tokens[-1, -1] = 20
    with pytest.raises(TernaryError, match="expected 0 to 19"):
        DataParallel(TernaryTransformer(CONFIG), 2).loss_and_gradient(tokens, targets)


def test_a_part_without_targets_counts_for_nothing():
    tokens, targets = batch()
    targets[3:] = IGNORE
    model = TernaryTransformer(CONFIG, dtype=np.float64)
    loss = model.loss(tokens, targets)
    assert DataParallel(model, 2).loss_and_gradient(tokens, targets) == pytest.approx(loss)


def test_a_team_calls_every_member_at_once_and_keeps_their_order():
    meeting = threading.Barrier(3, timeout=10)  # reached by all three, or by none

    def work(member):
        meeting.wait()
        return 10 * member

    assert Team(3).run(work) == [0, 10, 20]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_team_does_every_item_once(size):
    done = []
    Team(size).each(done.append, range(10))
    assert sorted(done) == list(range(10))


def test_blas_gets_its_threads_back():
    blas = _openblas()
    if blas is None:  # another BLAS: nothing is changed, so nothing is to be given back
        return
    before = blas.scipy_openblas_get_num_threads64_()
    blas.scipy_openblas_set_num_threads64_(2)  # more than the one that the tests run with
    try:
        with one_blas_thread():
            assert blas.scipy_openblas_get_num_threads64_() == 1
        assert blas.scipy_openblas_get_num_threads64_() == 2
    finally:
        blas.scipy_openblas_set_num_threads64_(before)


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused(threads):
    with pytest.raises(TernaryError, match="expected 1 or more"):
        DataParallel(TernaryTransformer(CONFIG), threads)
