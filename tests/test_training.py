"""The laws of a training run: optimizer, data, reproducibility, checkpoints, and divergence."""

import io
import itertools
import json
import math
import pickle
import random
import subprocess
import sys
import time
import tracemalloc
import warnings
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ternary import (
    IGNORE,
    AdamW,
    CheckpointError,
    Copy,
    DelayedCopy,
    DivergedError,
    FullPrecision,
    GroupAbsMean,
    Induction,
    Parameters,
    ProjectionError,
    TernaryError,
    Text,
    Trainer,
    TrainingConfig,
    clip_gradients,
    evaluate,
    learning_rate,
    load_model,
    make_projection,
)
from ternary.checkpoint import read_checkpoint, write_checkpoint
from ternary.optim import DECAYS
from ternary.projection import PROJECTIONS
from ternary.team import Team


def run(steps=10, **settings):
    trainer = Trainer(TrainingConfig(steps=steps, **settings))
    trainer.run()
    return trainer


def state(trainer):
    """Everything that later steps depend on, as arrays."""
    return {
        "latents and gains": trainer.model.parameters.values,
        "m": trainer.optimizer.m,
        "v": trainer.optimizer.v,
        "losses": np.array(trainer.losses),
    }


def assert_same_state(one, other):
    for kind, array in state(one).items():
        np.testing.assert_array_equal(array, state(other)[kind], err_msg=kind)
    assert one.optimizer.t == other.optimizer.t
    assert one.rng.bit_generator.state == other.rng.bit_generator.state


# --- AdamW, clipping, schedules ---------------------------------------------------------------


def test_adamw_is_that_of_the_paper():
    """Loshchilov and Hutter, algorithm 2, line by line in float64."""
    rng = np.random.default_rng(0)
    parameters = Parameters({"W": (3, 128)}, {"gain": 4}, dtype=np.float64)
    parameters.values[:] = rng.standard_normal(parameters.values.shape)
    lr, decay, (beta1, beta2), eps = 0.01, 0.1, (0.9, 0.95), 1e-8
    theta = parameters.values.copy()
    decays = np.where(np.arange(theta.size) < parameters.n_latents, decay, 0)  # no gain decays
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    optimizer = AdamW(parameters, (beta1, beta2), eps)
    for t in range(1, 51):
        g = rng.standard_normal(theta.shape) * 10.0 ** rng.integers(-3, 3)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta = theta - lr * (m_hat / (np.sqrt(v_hat) + eps) + decays * theta)
        parameters.gradients[:] = g
        optimizer.step(lr, decay)
        np.testing.assert_allclose(parameters.values, theta, rtol=1e-11)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_shards_are_the_latents_in_whole_groups_one_after_another(monkeypatch, size):
    """Nothing is left out or done twice, and no member of a team waits for shards of another."""
    monkeypatch.setattr("ternary.parameters.SHARD", 1000)
    parameters = Parameters({"V": (3, 130), "W": (5, 128 * 20)}, {"gain": 4})
    parameters.team = Team(size)
    shards = parameters.shards
    covered = np.concatenate([np.arange(s.start, s.stop) for s in shards])
    np.testing.assert_array_equal(covered, np.arange(parameters.n_latents))
    assert all(shard.start % 128 == 0 for shard in shards)
    assert len(shards) % size == 0
    assert max(s.stop - s.start for s in shards) - min(s.stop - s.start for s in shards) <= 128


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_the_cut_into_shards_changes_no_bit_of_step_and_projection(monkeypatch, projection):
    results = []
    for shard, size in ((1 << 18, 1), (1000, 1), (1000, 2), (300, 3)):
        monkeypatch.setattr("ternary.parameters.SHARD", shard)
        parameters = Parameters({"V": (7, 130), "W": (30, 512)}, {}, make_projection(projection))
        parameters.team = Team(size)
        rng = np.random.default_rng(0)
        parameters.latents[:] = rng.standard_normal(parameters.n_latents)
        optimizer = AdamW(parameters)
        for _ in range(3):
            parameters.gradients[:] = rng.standard_normal(parameters.gradients.size)
            optimizer.step(0.01, 0.1)
        parameters.project(0.75)
        made = parameters.values, parameters.weights, parameters.all_codes, parameters.all_scales
        results.append([array.tobytes() for array in made])
    assert all(result == results[0] for result in results)


def test_a_projection_of_ones_own_gets_all_groups_at_once(monkeypatch):
    """Also if it derives from one that may be handed a shard at a time: it may look further."""
    monkeypatch.setattr("ternary.parameters.SHARD", 1000)
    seen = []

    class Loudest(GroupAbsMean):
        def measure(self, latents, groups):
            seen.append(len(latents))
            return super().measure(latents, groups)

    class Near(GroupAbsMean):
        is_local = True

    assert (Loudest.is_local, Near.is_local) == (False, True)
    parameters = Parameters({"W": (30, 512)}, {}, Loudest())
    parameters.project()
    assert seen == [120]


def test_decay_leaves_the_gains_alone():
    parameters = Parameters({"W": (1, 128)}, {"gain": 4})
    parameters.latents[:] = 1
    AdamW(parameters).step(0.5, 0.5)
    assert parameters.latents.tolist() == [0.75] * 128
    assert parameters.view(parameters.values, "gain").tolist() == [1] * 4


def test_two_thousand_steps_of_pure_decay_change_no_code():
    """Nothing but rounding: 2000 roundings move a weight by at most 2000 * 2**-24 of itself."""
    parameters = Parameters({"W": (64, 256)})
    parameters.latents[:] = np.random.default_rng(0).standard_normal(parameters.n_latents)
    parameters.project()
    codes, scales = parameters.codes("W").copy(), parameters.scales("W").copy()
    magnitudes = np.abs(parameters.latents.reshape(-1, 128))
    threshold = magnitudes.mean(axis=1, keepdims=True) / 2
    near = np.isclose(magnitudes, threshold, rtol=2 * 2000 * 2**-24).reshape(codes.shape)
    optimizer = AdamW(parameters)
    for _ in range(2000):
        optimizer.step(lr=0.01, weight_decay=0.1)
    parameters.project()
    assert near.mean() < 1e-3
    assert (near | (parameters.codes("W") == codes)).all()
    np.testing.assert_allclose(parameters.scales("W"), scales * (1 - 0.001) ** 2000, rtol=2e-3)


@pytest.mark.parametrize("betas", [(1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, float("nan"))])
def test_betas_out_of_range_are_refused(betas):
    with pytest.raises(TernaryError, match="betas"):
        AdamW(Parameters({"W": (1, 1)}), betas)


def test_without_averages_a_step_is_the_sign_of_the_gradient():
    """Betas of 0 are allowed: the first average is the gradient, the second its square."""
    parameters = Parameters({"W": (1, 3)}, dtype=np.float64)
    parameters.gradients[:3] = [0.5, -20, 0]
    optimizer = AdamW(parameters, betas=(0.0, 0.0))
    for _ in range(2):
        optimizer.step(lr=0.25)
    np.testing.assert_allclose(parameters.values[:3], [-0.5, 0.5, 0], rtol=1e-6)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.floats(0.01, 100))
def test_clipping_keeps_the_direction_and_bounds_the_norm(numbers, max_norm):
    gradients = np.array(numbers)
    before = gradients.copy()
    norm = clip_gradients(gradients, max_norm)
    assert norm == pytest.approx(np.linalg.norm(before), rel=1e-12)
    np.testing.assert_allclose(gradients, before * min(1, max_norm / norm) if norm else before)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_norm_of_bad_gradients_is_not_finite(bad):
    assert not math.isfinite(clip_gradients(np.array([1.0, bad]), 1.0))


def test_gradients_whose_norm_is_not_finite_are_left_for_the_diagnosis():
    gradients = np.array([1e200, -1e200, 3.0])  # finite, but not the sum of their squares
    with np.errstate(over="ignore"):
        assert clip_gradients(gradients, 1.0) == math.inf
    assert gradients.tolist() == [1e200, -1e200, 3.0]


@given(st.sampled_from(list(DECAYS)), st.integers(0, 50), st.integers(1, 200))
def test_learning_rate_rises_in_a_line_to_its_peak_and_then_falls_but_not_to_zero(
    decay, warmup, steps
):
    rates = [learning_rate(t, steps, 0.5, warmup, decay) for t in range(steps)]
    rising, falling = rates[:warmup], rates[warmup:]
    np.testing.assert_allclose(rising, 0.5 * np.arange(1, len(rising) + 1) / max(warmup, 1))
    assert falling[:1] in ([], [0.5])
    assert falling == sorted(falling, reverse=True)
    assert min(rates) > 0


@pytest.mark.parametrize(
    ("decay", "quarter", "half"),
    [
        ("constant", 1, 1),
        ("linear", 3 / 4, 1 / 2),
        ("cosine", (1 + math.sqrt(1 / 2)) / 2, 1 / 2),
        ("two-stage", 3 / 4, 1 / 2 * 2 / 3),
    ],
)
def test_decays_at_a_quarter_and_half_of_the_way(decay, quarter, half):
    assert learning_rate(25, 100, 1.0, 0, decay) == pytest.approx(quarter)
    assert learning_rate(50, 100, 1.0, 0, decay) == pytest.approx(half)


# --- Tasks ------------------------------------------------------------------------------------


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(bytes(range(256)) * 20)
    return str(path)


def test_copy_asks_for_every_token_at_its_place():
    tokens, targets = Copy(16).batch(np.random.default_rng(0), 8)
    assert tokens.shape == (8, 16)
    np.testing.assert_array_equal(targets, tokens)
    assert 0 <= tokens.min() <= tokens.max() < 256


def test_delayed_copy_asks_for_the_second_half_only():
    task = DelayedCopy(5)
    tokens, targets = task.batch(np.random.default_rng(0), 8)
    assert tokens.shape == targets.shape == (8, task.context)
    assert (targets[:, :4] == IGNORE).all()
    np.testing.assert_array_equal(targets[:, 4:], tokens[:, :5])
    np.testing.assert_array_equal(tokens[:, 5:], tokens[:, :4])


@given(st.integers(2, 85), st.integers(0, 2**32 - 1))
def test_induction_asks_for_what_the_tokens_so_far_determine(length, seed):
    """A target is due where a token is seen a second time: it followed that token before."""
    task = Induction(length)
    tokens, targets = task.batch(np.random.default_rng(seed), 3)
    assert tokens.shape == targets.shape == (3, task.context)
    for row, wanted in zip(tokens.tolist(), targets.tolist(), strict=True):
        asked = [t for t, target in enumerate(wanted) if target != IGNORE]
        assert len(asked) == length - 1
        second = asked[0]
        assert asked == list(range(second, second + length - 1))
        assert len(set(row[:second])) == second  # all different before the second prefix
        for t in asked:
            assert wanted[t] == row[row.index(row[t]) + 1]
            assert row.index(row[t]) == t - second


def test_induction_has_every_distance():
    _, targets = Induction(4).batch(np.random.default_rng(0), 500)
    assert set((targets != IGNORE).argmax(axis=1).tolist()) == set(range(4, 9))


def test_induction_needs_enough_different_tokens():
    with pytest.raises(TernaryError, match="at most 85"):
        Induction(86)


def test_text_asks_for_the_next_byte_and_never_trains_on_the_held_out_tenth(text_file, tmp_path):
    corpus = np.random.default_rng(0).integers(0, 256, 1000).astype(np.uint8)
    path = tmp_path / "numbers"
    path.write_bytes(corpus.tobytes())
    task = Text(20, str(path))
    np.testing.assert_array_equal(np.concatenate([task.training, task.validation]), corpus)
    assert len(task.validation) == 100
    tokens, targets = task.batch(np.random.default_rng(1), 20_000)
    np.testing.assert_array_equal(tokens[:, 1:], targets[:, :-1])
    training = corpus[:900].tobytes()
    windows = {bytes(row) for row in tokens.astype(np.uint8)}
    assert windows == {training[first : first + 20] for first in range(880)}  # all of them


def test_every_held_out_byte_but_the_first_is_asked_for_once(text_file):
    task = Text(16, text_file)
    asked = np.concatenate([targets.reshape(-1) for _, targets in task.held_out(7)])
    np.testing.assert_array_equal(asked, task.validation[1 : 1 + len(asked)])
    assert len(task.validation) - 1 - len(asked) < 16


def test_held_out_sequences_are_the_same_every_time_and_at_every_batch_size(text_file):
    for task in (Copy(), DelayedCopy(), Induction(), Text(16, text_file)):
        first = [np.concatenate(parts) for parts in zip(*task.held_out(32), strict=True)]
        again = [np.concatenate(parts) for parts in zip(*task.held_out(32), strict=True)]
        for one, other in zip(first, again, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size", [0, 9, 160, 169])
def test_a_text_shorter_than_its_windows_is_refused(tmp_path, size):
    path = tmp_path / "short"
    path.write_bytes(b"x" * size)
    with pytest.raises(TernaryError, match=f"{size} bytes"):
        Text(16, str(path))


@pytest.mark.parametrize("task", [Copy, DelayedCopy, Induction, Text])
@pytest.mark.parametrize("length", [-1, 0, 1])
def test_a_task_is_about_two_tokens_at_least(task, length):
    with pytest.raises(TernaryError, match="length"):
        task(length)


def test_evaluation_counts_what_is_asked_for_and_nothing_else(small):
    trainer = Trainer(TrainingConfig(task="delayed-copy", length=5, **small))
    evaluation = trainer.evaluate()
    assert evaluation.n_targets == 1024 * 5
    assert evaluation.bits == pytest.approx(evaluation.loss / math.log(2))
    other = evaluate(trainer.model, trainer.task, batch_size=100)
    assert other.accuracy == evaluation.accuracy
    assert other.loss == pytest.approx(evaluation.loss, rel=1e-5)


# --- Reproducibility --------------------------------------------------------------------------


def test_equal_seeds_give_equal_runs_and_other_seeds_others(small):
    assert_same_state(run(seed=3, **small), run(seed=3, **small))
    assert run(seed=3, **small).losses != run(seed=4, **small).losses


def test_evaluation_does_not_change_the_run(small):
    plain, curious = run(**small), Trainer(TrainingConfig(steps=10, **small))
    curious.run(lambda trainer: trainer.step % 4 == 0 and trainer.evaluate() is None)
    assert_same_state(plain, curious)


def test_the_twin_sees_the_same_batches_in_the_same_order(small):
    seen = {}

    class Recorded(Copy):
        def batch(self, rng, size):
            tokens, targets = super().batch(rng, size)
            seen.setdefault(current, []).append(tokens)
            return tokens, targets

    for current in ("group", "full-precision"):
        config = TrainingConfig(steps=5, projection=current, **small)
        Trainer(config, task=Recorded()).run()
    np.testing.assert_array_equal(seen["group"], seen["full-precision"])
    assert len({batch.tobytes() for batch in seen["group"]}) == 5


def test_padded_latents_stay_zero(small):
    """Rows of 32 in groups of 24 end with a group of which 16 are padding."""
    parameters = run(group_size=24, **small).model.parameters
    is_padding = np.ones(parameters.values.shape, bool)
    for name in parameters.names:
        parameters.view(is_padding, name)[...] = False
    assert is_padding.sum() == parameters.values.size - parameters.count > 0
    assert not parameters.values[is_padding].any()


@pytest.mark.parametrize("settings", [{}, {"task": "text"}], ids=str)
def test_a_training_step_needs_no_large_temporary(settings):
    """All results go to workspaces: what lives at once in one thread, NumPy's buffers and a few
    numbers for each group (14 kB an array), stays below 72 kB together."""
    trainer = Trainer(TrainingConfig(steps=5, threads=1, **settings))
    for _ in range(3):
        trainer.take_step()
    tracemalloc.start()
    try:
        trainer.take_step()  # so that what tracing itself keeps is there already
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        trainer.take_step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before <= 72 * 1024


# --- Divergence -------------------------------------------------------------------------------


def test_a_diverged_step_is_reported_and_not_taken(small):
    trainer = run(3, **small)
    trainer.config = TrainingConfig(steps=5, **small).resolved()
    weights = trainer.model.parameters.view(trainer.model.parameters.weights, "layers.1.up")
    weights[0, 0] = np.nan
    before = {kind: array.copy() for kind, array in state(trainer).items()}
    with pytest.raises(DivergedError, match=r"diverged at step 3.*head"), np.errstate(all="ignore"):
        trainer.take_step()
    for kind, array in state(trainer).items():
        np.testing.assert_array_equal(array, before[kind], err_msg=kind)
    assert trainer.optimizer.t == 3


def test_a_run_that_diverges_warns_about_nothing(small):
    """The error says it all; by itself, NumPy would tell of every overflow before it."""
    for take, expected in (("take_step", RuntimeWarning), ("run", ProjectionError)):
        trainer = Trainer(TrainingConfig(steps=5, warmup=0, lr=1e38, threads=1, **small))
        with pytest.raises(expected), warnings.catch_warnings():
            warnings.simplefilter("error")
            getattr(trainer, take)()


def test_infinite_gradients_of_two_parts_are_added_up_in_silence(small, monkeypatch):
    trainer = Trainer(TrainingConfig(steps=5, threads=2, **small))
    for model, size in zip(trainer.parallel.models, (np.inf, -np.inf), strict=True):
        monkeypatch.setattr(model.norm, "backward", spoiled(model.norm, size))
    with pytest.raises(DivergedError), warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.run()


def spoiled(norm, size):
    def backward(dy):
        dx = type(norm).backward(norm, dy)
        norm.dgain[:] = size
        return dx

    return backward


def test_the_first_bad_gradient_on_the_way_back_is_named(small, monkeypatch):
    trainer = Trainer(TrainingConfig(steps=5, **small))
    block = trainer.model.blocks[1]
    backward = block.down.backward
    monkeypatch.setattr(block.down, "backward", lambda dy: backward(dy) * np.inf)
    named = pytest.raises(DivergedError, match=r"gradient of layers\.1\.up")
    with named, np.errstate(all="ignore"):
        trainer.take_step()


def test_gradients_too_large_together_name_the_largest(small, monkeypatch):
    """Each is finite, and the sum of their squares is not."""
    trainer = run(2, **small)
    trainer.config = TrainingConfig(steps=5, **small).resolved()
    norm = trainer.model.norm
    monkeypatch.setattr(norm, "backward", lambda dy: type(norm).backward(norm, dy) * 1e22)
    expected = r"at step 2: .*gradient of layers\.\d\.\w+ was.*as step 1 left them"
    with pytest.raises(DivergedError, match=expected) as caught, np.errstate(all="ignore"):
        trainer.take_step()
    parameters = trainer.model.parameters
    assert np.isfinite(parameters.gradients).all()
    sizes = {n: abs(parameters.view(parameters.gradients, n)).max() for n in parameters.names}
    assert f"gradient of {max(sizes, key=sizes.get)} was" in str(caught.value)


def test_a_nan_in_a_latent_names_its_layer(small):
    trainer = Trainer(TrainingConfig(steps=5, **small))
    parameters = trainer.model.parameters
    parameters.view(parameters.values, "layers.0.down")[7, 40] = np.nan
    with pytest.raises(ProjectionError, match=r"layers\.0\.down, row 7"):
        trainer.take_step()


@pytest.mark.parametrize("projection", ["group", "full-precision"])
def test_an_absurd_learning_rate_ends_in_an_error_not_in_nan(small, projection):
    trainer = Trainer(TrainingConfig(steps=50, lr=1e9, projection=projection, **small))
    expected = pytest.raises(
        (ProjectionError, DivergedError), match=r"embedding, row|diverged at step"
    )
    with expected, warnings.catch_warnings():
        warnings.simplefilter("error")  # the error says it all
        trainer.run()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("steps", "batch_size", "length") for value in (0, -1)),
        *((name, value) for name in ("lr", "clip") for value in (0, -1, math.nan, math.inf)),
        *((name, value) for name in ("weight_decay", "warmup", "seed") for value in (-1, math.nan)),
        *(
            (name, value)
            for name in ("weight_decay_until", "projection_warmup")
            for value in (-0.1, 1.1, math.nan)
        ),
        *((name, "unknown") for name in ("task", "decay", "projection")),
        ("group_size", 0),
        ("text", "some.txt"),
        *((name, 0) for name in ("d_model", "n_layers", "n_heads", "d_ff")),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(TernaryError, match=name.replace("_", "[_ ]")):
        Trainer(TrainingConfig(**{name: value}))


@pytest.mark.parametrize(("until", "expected"), [(1.0, 4), (0.5, 2), (0.0, 0)])
def test_weight_decay_acts_until_its_share_of_the_steps(small, until, expected):
    trainer = Trainer(TrainingConfig(steps=4, weight_decay=0.3, weight_decay_until=until, **small))
    decays = [trainer.weight_decay()]
    trainer.run(lambda trainer: decays.append(trainer.weight_decay()))
    assert decays[:4] == [0.3] * expected + [0.0] * (4 - expected)


def test_the_share_of_the_projection_rises_to_one_and_stays(small):
    trainer = Trainer(TrainingConfig(steps=8, projection_warmup=0.5, **small))
    shares = [trainer.projected_share(step) for step in range(9)]
    assert shares == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    assert Trainer(TrainingConfig(steps=8, **small)).projected_share(0) == 1


@pytest.mark.parametrize("decay", DECAYS)
def test_a_run_follows_the_schedule_that_it_names(small, monkeypatch, decay):
    settings = {"steps": 6, "warmup": 2, "decay": decay, "weight_decay": 0.3, **small}
    trainer, steps = Trainer(TrainingConfig(**settings)), []
    monkeypatch.setattr(trainer.optimizer, "step", lambda *arguments: steps.append(arguments))
    trainer.run()
    rates = [learning_rate(t, 6, trainer.config.lr, 2, decay) for t in range(6)]
    assert steps == [(rate, 0.3) for rate in rates]


def test_learning_rates_fall_with_the_cosine_where_nobody_says_otherwise():
    assert TrainingConfig().decay == "cosine"
    assert learning_rate(3, 6, 1.0, 2) == learning_rate(3, 6, 1.0, 2, "cosine")


def test_a_model_has_the_context_of_the_task_that_it_is_given(small):
    trainer = Trainer(TrainingConfig(length=8, **small), task=DelayedCopy(3))
    assert trainer.model.config.context == trainer.task.context != DelayedCopy(8).context


def test_a_projection_warmup_goes_from_the_latents_to_their_projection(small):
    trainer = Trainer(TrainingConfig(steps=8, projection_warmup=0.5, **small))
    parameters, distances = trainer.model.parameters, []

    def watch(trainer):
        used = parameters.weights.copy()
        parameters.project()
        rounded = parameters.weights.copy()
        share = min(trainer.step / 4, 1)
        expected = parameters.latents + np.float32(share) * (rounded - parameters.latents)
        assert np.allclose(used, expected, atol=1e-7)
        distances.append(float(abs(used - rounded).max()))
        parameters.project(share)

    watch(trainer)
    trainer.run(watch)
    assert min(distances[:4]) > 0
    assert distances[4:] == [0] * 5


def test_the_first_loss_of_a_projection_warmup_is_that_of_the_twin(small):
    start = {"steps": 4, **small}
    warm = Trainer(TrainingConfig(projection_warmup=1.0, **start))
    twin = Trainer(TrainingConfig(projection="full-precision", **start))
    assert warm.take_step() == twin.take_step()


# --- Checkpoints ------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path, small):
    """A run stopped after 4 of its 10 steps, and where it was saved."""
    trainer = Trainer(TrainingConfig(steps=10, **small))
    trainer.run(lambda trainer: trainer.step == 4)
    path = tmp_path / "model.npz"
    trainer.save(path)
    return trainer, path


@pytest.mark.parametrize(
    "settings",
    [{}, {"task": "delayed-copy", "group_size": 24}, {"projection_warmup": 0.8}],
    ids=str,
)
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, small, settings):
    whole = run(10, **small, **settings)
    first = Trainer(TrainingConfig(steps=10, **small, **settings))
    first.run(lambda trainer: trainer.step == 4)
    first.save(tmp_path / "model.npz")
    resumed = Trainer.resume(tmp_path / "model.npz")
    assert resumed.step == 4
    assert_same_state(resumed, first)
    resumed.run()
    assert_same_state(resumed, whole)


def test_a_loaded_model_has_the_same_logits(saved):
    trainer, path = saved
    model, config = load_model(path)
    tokens = np.arange(32).reshape(2, 16)
    np.testing.assert_array_equal(model.forward(tokens), trainer.model.forward(tokens))
    assert config == trainer.config


@pytest.mark.parametrize("settings", [{"projection": "twn"}, {"group_size": 24}], ids=str)
def test_a_loaded_model_has_the_projection_it_was_trained_with(tmp_path, small, settings):
    trainer = run(2, **small, **settings)
    trainer.save(tmp_path / "model.npz")
    parameters = load_model(tmp_path / "model.npz")[0].parameters
    assert repr(parameters.projection) == repr(trainer.model.parameters.projection)
    np.testing.assert_array_equal(parameters.weights, trainer.model.parameters.weights)


@pytest.mark.parametrize(
    "own", [{"task": DelayedCopy(4)}, {"projection": FullPrecision()}], ids=["task", "projection"]
)
def test_a_task_or_projection_of_one_s_own_is_not_forgotten_by_a_checkpoint(tmp_path, small, own):
    """Either it comes back, or saving says that it cannot; never another one in its place."""
    trainer = Trainer(TrainingConfig(steps=2, **small), **own)
    trainer.run()
    try:
        trainer.save(tmp_path / "model.npz")
    except TernaryError:
        return
    again = Trainer.resume(tmp_path / "model.npz")
    assert type(again.task) is type(trainer.task)
    assert again.task.length == trainer.task.length
    assert repr(again.model.parameters.projection) == repr(trainer.model.parameters.projection)


@pytest.mark.parametrize("culprit", ["os.fsync", "numpy.savez"])
def test_a_save_that_fails_midway_leaves_the_earlier_file_whole(saved, monkeypatch, culprit):
    trainer, path = saved
    before = path.read_bytes()

    def fail(*arguments, **options):
        raise OSError("the disk is full")

    trainer.take_step()
    monkeypatch.setattr(culprit, fail)
    with pytest.raises(OSError, match="full"):
        trainer.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_save_puts_a_new_file_in_the_place_of_the_earlier_one(saved):
    """Whoever has the earlier file open reads it to its end, undisturbed."""
    trainer, path = saved
    before = path.read_bytes()
    with open(path, "rb") as reader:
        trainer.take_step()
        trainer.save(path)
        assert reader.read() == before
    assert Trainer.resume(path).step == trainer.step


def test_a_process_killed_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "model.npz"
    command = [sys.executable, "-m", "ternary", "--quiet", "--save-every", "1"]
    sizes = ["--d-model", "32", "--d-ff", "64", "--n-heads", "2", "--steps", "100000"]
    moments = random.Random(0)
    start, reached = [*sizes, "--save", str(path)], 0
    for _ in range(4):
        process = subprocess.Popen([*command, *start])
        try:
            written = path.stat().st_mtime_ns if path.exists() else None
            while not path.exists() or path.stat().st_mtime_ns == written:
                assert process.poll() is None
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 0.05))
        finally:
            process.kill()
            process.wait()
        step = Trainer.resume(path).step
        assert step > reached
        start, reached = ["--resume", str(path)], step


def test_a_checkpoint_cut_short_is_refused(saved, tmp_path):
    _, path = saved
    raw, cut = path.read_bytes(), tmp_path / "cut.npz"
    for length in np.linspace(0, len(raw) - 1, 20).astype(int):
        cut.write_bytes(raw[:length])
        with pytest.raises(CheckpointError, match="cut"):
            load_model(cut)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        random.Random(0).randbytes(10_000),
        pickle.dumps({"header": 1}),
        npz(weights=np.ones(3)),
        npz(header=np.frombuffer(b"not JSON", np.uint8)),
        npz(header=np.frombuffer(b"[" * 100_000, np.uint8)),
        npz(header=np.frombuffer(b'{"format": "ternary checkpoint 1"}', np.uint8)),
        npz(header=np.frombuffer(b'{"format": "another"}', np.uint8)),
        npz(header=np.array([{"a": "pickled object"}], dtype=object)),
        npz(header=np.array(1.0)),
        zipped(header=b""),
        zipped(header=b"\x93NUMPY\x01\x00\xff\xff"),
        zipped(header=b"\x93NUMPY\x09\x00"),
    ],
    ids=range(14),
)
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "foreign.npz"
    path.write_bytes(content)
    for read in (load_model, Trainer.resume):
        with pytest.raises(CheckpointError, match=r"foreign\.npz"):
            read(path)


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nothing.npz", tmp_path / "no" / "folder.npz"):
        with pytest.raises(CheckpointError, match=path.name):
            load_model(path)


@contextmanager
def changed_byte(path, position, byte):
    """Another byte at a position of a file, and then the old one again."""
    with open(path, "r+b", buffering=0) as file:
        file.seek(position)
        before = file.read(1)
        file.seek(position)
        file.write(bytes([byte]))
        try:
            yield
        finally:
            file.seek(position)
            file.write(before)


def test_a_changed_byte_is_noticed_or_changes_nothing(saved):
    trainer, path = saved
    raw = path.read_bytes()
    for position in random.Random(0).sample(range(len(raw)), 50):
        with changed_byte(path, position, raw[position] ^ 0xFF):
            try:
                model, config = load_model(path)
            except CheckpointError:
                continue
        np.testing.assert_array_equal(model.parameters.values, trainer.model.parameters.values)
        assert config == trainer.config


def test_every_changed_bit_of_a_small_checkpoint_is_noticed_or_changes_nothing(tmp_path):
    """Here the container's own records, where few bytes of a large file lie, are all tried."""
    path, a = tmp_path / "small.npz", np.arange(3, dtype=np.float32)
    write_checkpoint(path, {"n": 3}, {"a": a})
    raw, noticed, harmless = path.read_bytes(), 0, 0
    for position, bit in itertools.product(range(len(raw)), range(8)):
        with changed_byte(path, position, raw[position] ^ 1 << bit):
            try:
                header, arrays = read_checkpoint(
                    path, lambda header, n_arrays: {"a": ((3,), np.float32)}
                )
            except CheckpointError:
                noticed += 1
                continue
        harmless += 1
        assert header["n"] == 3
        np.testing.assert_array_equal(arrays["a"], a)
    assert noticed > 0 < harmless  # some bits of a container, such as its dates, mean nothing


def rewritten(path, change):
    """A checkpoint whose header another program has changed, signed anew."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays.pop("header").tobytes())
    del arrays["sha256"], header["format"]
    change(header)
    write_checkpoint(path, header, arrays)


HOSTILE = {
    "d_model": lambda header: header["config"].update(d_model=2**40),
    "n_layers": lambda header: header["config"].update(n_layers=10**4),
    "group_size": lambda header: header["config"].update(group_size=2**40),
    "length": lambda header: header["config"].update(length="long"),
    "lr": lambda header: header["config"].update(lr="fast"),
    "unknown setting": lambda header: header["config"].update(colour="red"),
    "config": lambda header: header.update(config=None),
    "context": lambda header: header["config"].update(length=10**12),
    "step": lambda header: header.update(step=10**12),
    "negative step": lambda header: header.update(step=-1),
    "no generator": lambda header: header.pop("rng"),
    "other generator": lambda header: header["rng"].update(bit_generator="MT19937"),
    "no corpus": lambda header: header.pop("corpus"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_header_that_claims_nonsense_is_refused_and_allocates_little(saved, what):
    _, path = saved
    rewritten(path, HOSTILE[what])
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            Trainer.resume(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * path.stat().st_size


def test_an_array_that_claims_a_huge_size_is_refused_and_allocates_little(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (2**40,)}
    )
    path = tmp_path / "huge.npz"
    path.write_bytes(zipped(header=header.getvalue()))
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            load_model(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_text_that_has_changed_since_is_refused(text_file, tmp_path, small):
    trainer = run(2, task="text", text=text_file, length=16, **small)
    path = tmp_path / "model.npz"
    trainer.save(path)
    assert_same_state(Trainer.resume(path), trainer)
    with open(text_file, "ab") as file:
        file.write(b"one more line")
    with pytest.raises(CheckpointError, match="SHA-256"):
        Trainer.resume(path)
    load_model(path)  # to generate, the text is not needed


# --- Importing --------------------------------------------------------------------------------


def test_importing_the_package_loads_neither_the_corpus_nor_the_command_line():
    program = (
        "import sys, numpy; before = set(sys.modules); import ternary; "
        "print(*set(sys.modules) - before)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "ternary.training" in loaded
    assert not {"pydoc_data.topics", "argparse", "multiprocessing", "asyncio"} & set(loaded)
