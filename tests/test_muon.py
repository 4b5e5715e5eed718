"""The laws of Muon: what its iteration does to a matrix, and whom its steps move, and how."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ternary import (
    AdamW,
    Muon,
    Parameters,
    TernaryError,
    Trainer,
    TrainingConfig,
    load_model,
    orthogonalize,
)
from ternary.cli import main
from ternary.config import OPTIMIZERS
from ternary.data import TASKS
from ternary.team import Team, one_blas_thread

A, B, C = 3.4445, -4.7750, 2.0315  # of Jordan et al.
RMS = 0.2  # of Liu et al.
SHAPES = [(128, 128), (512, 128), (128, 512), (4, 300), (300, 4), (1, 130), (3, 1), (1, 1)]
LAYERS = {"embedding": (20, 130), "layers.0.q": (7, 130), "layers.0.up": (9, 40), "head": (20, 130)}
SMALL = {"steps": 10, "d_model": 32, "d_ff": 64, "n_heads": 2, "length": 8, "batch_size": 4}


def gaussian(shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def five_turns(x):
    """What the iteration does to a singular value."""
    for _ in range(5):
        x = A * x + B * x**3 + C * x**5
    return x


def by_decomposition(G):
    """The same as `orthogonalize`, by a singular value decomposition in float64."""
    U, sigma, V = np.linalg.svd(G.astype(np.float64), full_matrices=False)
    return (U * five_turns(sigma / np.linalg.norm(sigma))) @ V


# --- The iteration ----------------------------------------------------------------------------


def test_five_turns_bring_singular_values_into_their_band():
    """From 0.002 of the norm on, between 0.68 and 1.21; below, they grow by up to 485 times."""
    x = np.geomspace(0.002, 1, 100_001)
    assert five_turns(x).min() > 0.68 and five_turns(x).max() < 1.21
    x = np.geomspace(1e-9, 0.002, 100_001)
    assert (five_turns(x) <= A**5 * x * (1 + 1e-12)).all() and (five_turns(x) > 330 * x).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 3e-6)])
def test_singular_values_are_changed_and_singular_vectors_are_not(shape, dtype, tolerance):
    G = gaussian(shape, dtype=dtype)
    np.testing.assert_allclose(orthogonalize(G), by_decomposition(G), rtol=0, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_result_is_near_the_closest_orthogonal_matrix(shape):
    """Its cosine with U V^T is above 0.95, and its norm within a quarter of that."""
    G = gaussian(shape, 1)
    U, _, V = np.linalg.svd(G, full_matrices=False)
    result, Q = orthogonalize(G), U @ V
    length = np.linalg.norm(result) / np.linalg.norm(Q)
    assert float((result * Q).sum()) / np.linalg.norm(Q) ** 2 / length > 0.95
    assert 0.69 < length < 1.15


@pytest.mark.parametrize("shape", SHAPES)
def test_a_transposed_matrix_gives_the_transposed_result(shape):
    G = gaussian(shape)
    np.testing.assert_allclose(
        orthogonalize(np.ascontiguousarray(G.T)), orthogonalize(G).T, rtol=0, atol=1e-12
    )


@given(c=st.floats(1e-12, 1e12))
def test_the_result_does_not_depend_on_the_size(c):
    G = gaussian((5, 12), dtype=np.float32)
    with np.errstate(under="ignore"):
        scaled = orthogonalize(np.float32(c) * G)
    np.testing.assert_allclose(scaled, orthogonalize(G), rtol=0, atol=3e-6)


@pytest.mark.parametrize("power", [-30, -5, 5, 30])
def test_a_power_of_two_changes_no_bit(power):
    G = gaussian((40, 12), dtype=np.float32)
    np.testing.assert_array_equal(orthogonalize(np.float32(2.0**power) * G), orthogonalize(G))


@pytest.mark.parametrize("size", [0.0, 1e-44, 1e-25, 1e25])
@pytest.mark.parametrize("shape", [(4, 130), (130, 4)])
def test_zeros_and_sizes_beyond_its_range_give_small_finite_numbers(shape, size):
    """The square of the norm under- or overflows in float32: no update, and no NaN either."""
    G = np.full(shape, size, np.float32)
    with np.errstate(over="ignore"):
        result = orthogonalize(G)
    assert result.shape == shape and np.abs(result).max() <= min(size, 1e-6)


def test_the_argument_is_left_as_it_was():
    for shape in SHAPES:
        G = gaussian(shape)
        before = G.copy()
        orthogonalize(G)
        np.testing.assert_array_equal(G, before)


# --- A step -----------------------------------------------------------------------------------


def filled(dtype=np.float32):
    """Parameters with random values and gradients, padding zero."""
    parameters = Parameters(LAYERS, {"gain": 4}, dtype=dtype)
    rng = np.random.default_rng(3)
    for name in parameters.names:
        parameters.view(parameters.values, name)[...] += rng.standard_normal(
            parameters.view(parameters.values, name).shape
        )
    return parameters


def new_gradients(parameters, seed):
    rng = np.random.default_rng(seed)
    for name in parameters.names:
        view = parameters.view(parameters.gradients, name)
        view[...] = rng.standard_normal(view.shape) * 10.0 ** rng.integers(-3, 3)


def is_muons(name):
    return name.startswith("layers.")


def test_muon_is_the_formula_line_by_line():
    """In float64, with singular value decompositions; decay acts on matrices at their own rate."""
    parameters = filled(np.float64)
    momentum, ratio, lr, decay = 0.9, 5.0, 0.01, 0.1
    muon = Muon(parameters, momentum, ratio)
    names = [name for name in LAYERS if is_muons(name)]
    expected = {name: parameters.view(parameters.values, name).copy() for name in names}
    averages = {name: np.zeros(LAYERS[name]) for name in names}
    for step in range(8):
        new_gradients(parameters, step)
        for name in names:
            g = parameters.view(parameters.gradients, name)
            averages[name] = momentum * averages[name] + g
            update = by_decomposition(g + momentum * averages[name])
            update *= RMS * math.sqrt(max(LAYERS[name]))
            expected[name] = expected[name] - ratio * lr * (update + decay * expected[name])
        muon.step(lr, decay)
        for name in names:
            view = parameters.view(parameters.values, name)
            np.testing.assert_allclose(view, expected[name], rtol=1e-9, atol=1e-12)


def test_embedding_head_and_gains_move_exactly_as_with_adamw_alone():
    runs = {}
    for make in (Muon, AdamW):
        parameters = filled()
        optimizer = make(parameters)
        for step in range(5):
            new_gradients(parameters, step)
            optimizer.step(0.01, 0.1)
        runs[make] = parameters
    for name in runs[Muon].names:
        ours, adams = (each.view(each.values, name) for each in (runs[Muon], runs[AdamW]))
        assert np.array_equal(ours, adams) is not is_muons(name), name


def test_padding_stays_zero_and_so_do_its_averages():
    parameters = filled()
    is_padding = np.ones(parameters.values.shape, bool)
    for name in parameters.names:
        parameters.view(is_padding, name)[...] = False
    muon = Muon(parameters)
    for step in range(3):
        new_gradients(parameters, step)
        muon.step(0.01, 0.1)
    assert is_padding.any()
    for buffer in (parameters.values, muon.m, muon.v):
        assert not buffer[is_padding].any()


@pytest.mark.parametrize("shape", [(128, 128), (512, 128), (128, 512), (64, 256)])
def test_an_update_has_about_the_length_of_one_of_adamw(shape):
    """Root mean square 0.2 for singular values of 1; ours scatter, and give 0.17 to 0.18."""
    parameters = Parameters({"layers.0.up": shape})
    parameters.gradients[:] = gaussian(parameters.gradients.shape)
    Muon(parameters, ratio=1.0).step(lr=1.0)
    assert 0.165 < float(np.sqrt(np.mean(parameters.latents**2))) < 0.185


def test_the_first_step_looks_ahead_and_depends_on_the_gradient_s_direction_only():
    moved = []
    for size in (1.0, 2.0**20):
        parameters = Parameters({"layers.0.up": (4, 128)})
        parameters.gradients[:] = size * gaussian(512, 1, np.float32)
        Muon(parameters).step(lr=0.1)
        moved.append(parameters.values.copy())
    np.testing.assert_array_equal(*moved)


def test_a_matrix_without_gradients_stays_but_for_decay():
    parameters = filled()
    parameters.gradients[:] = 0
    before = parameters.values.copy()
    Muon(parameters, ratio=4.0).step(lr=0.01, weight_decay=0.5)
    for name, factor in (("layers.0.q", 1 - 4 * 0.01 * 0.5), ("head", 1 - 0.01 * 0.5), ("gain", 1)):
        after, old = (parameters.view(buffer, name) for buffer in (parameters.values, before))
        np.testing.assert_allclose(after, old * factor, rtol=1e-6)


@pytest.mark.parametrize(("shard", "size"), [(1 << 18, 2), (1000, 1), (1000, 2), (300, 3)])
def test_threads_and_shards_change_no_bit(monkeypatch, shard, size):
    results = []
    for of_shard, of_team in ((1 << 18, 1), (shard, size)):
        monkeypatch.setattr("ternary.parameters.SHARD", of_shard)
        parameters = filled()
        parameters.team = Team(of_team)
        muon = Muon(parameters)
        for step in range(3):
            new_gradients(parameters, step)
            muon.step(0.01, 0.1)
        results.append([parameters.values, muon.m, muon.v])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_threads_of_blas_change_no_bit_at_the_sizes_of_the_book():
    for shape in ((128, 128), (512, 128), (128, 512)):
        G = gaussian(shape, dtype=np.float32)
        result = orthogonalize(G)
        with one_blas_thread():
            np.testing.assert_array_equal(orthogonalize(G), result)


# --- What is refused --------------------------------------------------------------------------


def test_without_momentum_each_step_has_the_direction_of_its_own_gradient():
    parameters = Parameters({"layers.0.q": (4, 128)}, dtype=np.float64)
    muon = Muon(parameters, momentum=0.0, ratio=1.0)
    for seed in range(2):
        before = parameters.values.copy()
        parameters.gradients[:] = gaussian(512, seed)
        muon.step(lr=1.0)
        G = parameters.view(parameters.gradients, "layers.0.q")
        moved = parameters.view(before - parameters.values, "layers.0.q")
        np.testing.assert_allclose(moved, RMS * math.sqrt(128) * by_decomposition(G), atol=1e-12)


def test_muon_s_own_settings_are_those_of_a_run_and_adamw_s_reach_adamw():
    settings, muon = TrainingConfig(), Muon(filled())
    assert (muon.momentum, muon.ratio) == (settings.momentum, settings.muon_ratio) == (0.8, 10)
    assert (muon.betas, muon.eps) == (AdamW(filled()).betas, AdamW(filled()).eps)
    muon = Muon(filled(), betas=(0.5, 0.6), eps=1e-3)
    assert (muon.betas, muon.eps) == ((0.5, 0.6), 1e-3)


@pytest.mark.parametrize("momentum", [-0.1, 1.0, math.nan, math.inf])
def test_a_momentum_out_of_range_is_refused(momentum):
    for make in (lambda m: Muon(filled(), m), lambda m: TrainingConfig(momentum=m)):
        with pytest.raises(TernaryError, match=f"momentum is {momentum}; expected a number from 0"):
            make(momentum)


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan, math.inf])
def test_a_ratio_out_of_range_is_refused(ratio):
    for make in (lambda r: Muon(filled(), ratio=r), lambda r: TrainingConfig(muon_ratio=r)):
        with pytest.raises(TernaryError, match=f"muon_ratio is {ratio}; expected a positive"):
            make(ratio)


def test_a_model_without_layers_and_an_unknown_optimizer_are_refused():
    with pytest.raises(TernaryError, match=r"matrices are W; Muon expects.*AdamW"):
        Muon(Parameters({"W": (2, 3)}))
    with pytest.raises(TernaryError, match=r"no optimizer 'sgd'; expected one of adamw, muon"):
        TrainingConfig(optimizer="sgd")


# --- Whole runs -------------------------------------------------------------------------------


def test_the_text_is_trained_by_muon_and_every_other_task_by_adamw():
    chosen = {name: TrainingConfig(task=name).resolved().optimizer for name in TASKS}
    assert chosen.pop("text") == "muon"
    assert set(chosen.values()) == {"adamw"}
    for name in OPTIMIZERS:
        trainer = Trainer(TrainingConfig(optimizer=name, **SMALL))
        assert type(trainer.optimizer) is {"adamw": AdamW, "muon": Muon}[name]


def test_muon_learns_to_copy():
    trainer = Trainer(TrainingConfig(optimizer="muon", **{**SMALL, "steps": 200, "batch_size": 16}))
    trainer.run()
    assert trainer.losses[-1] < trainer.losses[0] / 2


@pytest.mark.parametrize("settings", [{}, {"group_size": 24}, {"projection_warmup": 0.8}], ids=str)
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, settings):
    config = TrainingConfig(optimizer="muon", momentum=0.9, muon_ratio=3.0, **SMALL, **settings)
    whole, first = Trainer(config), Trainer(config)
    whole.run()
    first.run(lambda trainer: trainer.step == 4)
    first.save(tmp_path / "model.npz")
    resumed = Trainer.resume(tmp_path / "model.npz")
    assert type(resumed.optimizer) is Muon
    assert (resumed.optimizer.momentum, resumed.optimizer.ratio) == (0.9, 3.0)
    assert resumed.config == first.config
    resumed.run()
    assert resumed.losses == whole.losses
    for kind in ("m", "v"):
        ours, theirs = (getattr(each.optimizer, kind) for each in (resumed, whole))
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(resumed.model.parameters.values, whole.model.parameters.values)


def test_the_command_line_chooses_the_optimizer_and_a_checkpoint_keeps_it(tmp_path, capsys):
    path = str(tmp_path / "model.npz")
    sizes = ["--d-model", "32", "--d-ff", "64", "--n-heads", "2", "--steps", "4", "--quiet"]
    muon = ["--optimizer", "muon", "--momentum", "0.7", "--muon-ratio", "2.5"]
    assert main([*sizes, *muon, "--save", path]) == 1  # too short to pass the checks
    config = load_model(path)[1]
    assert (config.optimizer, config.momentum, config.muon_ratio) == ("muon", 0.7, 2.5)
    for option, value in (("--optimizer", "adamw"), ("--momentum", "0.9"), ("--muon-ratio", "3.0")):
        assert main(["--resume", path, option, value]) == 2
        assert f"{option} {value} was given" in capsys.readouterr().err
    assert main(["--resume", path, *muon, "--quiet"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--optimizer", "sgd"],
        *(["--momentum", value] for value in ("-0.1", "1", "nan", "much")),
        *(["--muon-ratio", value] for value in ("0", "-1", "nan", "inf", "much")),
    ],
    ids=" ".join,
)
def test_wrong_settings_end_with_two_and_one_clear_message(capsys, arguments):
    try:
        status = main([*arguments, "--steps", "1"])
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    message = err.splitlines()[-1]
    assert (status, out) == (2, "")
    assert message.startswith("ternary") and arguments[1] in message


def test_the_settings_are_plain_values():
    """A checkpoint's header is JSON."""
    config = TrainingConfig(optimizer="muon").resolved()
    assert json.loads(json.dumps([config.optimizer, config.momentum, config.muon_ratio])) == [
        "muon",
        config.momentum,
        config.muon_ratio,
    ]
