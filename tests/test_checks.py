"""The four checks of a trained model: they pass on it, and each fails when its law is broken."""

import numpy as np
import pytest

from ternary import TernaryTransformer, Trainer, TrainingConfig, check_run
from ternary.checks import check_accuracy, check_bits, check_codes, check_loss, check_scales, groups
from ternary.data import Evaluation

MATRICES = [
    "embedding",
    *(f"layers.{i}.{name}" for i in (0, 1) for name in ("q", "k", "v", "o", "up", "down")),
    "head",
]


@pytest.fixture
def model(trained):
    """A model with the latents of the trained one, to be broken."""
    model = TernaryTransformer(trained.model.config)
    model.parameters.values[:] = trained.model.parameters.values
    model.project()
    return model


def matrix(model, name):
    return model.parameters.view(model.parameters.weights, name)


def test_the_trained_model_passes_every_check(trained):
    checks = check_run(trained)
    assert [check.name for check in checks] == [
        "train loss",
        "weights in {-1, 0, +1}",
        "one scale a group",
        "held-out accuracy",
    ]
    assert all(check.passed for check in checks)
    assert all(str(check).startswith("PASS") for check in checks)


def test_the_copy_task_is_learnt_without_a_mistake(trained):
    assert trained.train_loss < 0.01
    assert trained.evaluate().accuracy == 1.0


def test_every_weight_of_every_layer_is_looked_at(model):
    total = sum(out_dim * in_dim for out_dim, in_dim in model.parameters.matrix_shapes.values())
    assert sum(group.weights.size for group in groups(model.parameters)) == total
    assert f"{total} of {total} in 14 layers" in check_codes(model).found
    assert list(model.parameters.matrix_shapes) == MATRICES


def test_weights_at_half_their_scale_fail_both_ternary_checks_in_every_layer(model):
    for name in MATRICES:
        matrix(model, name)[-1, -1] = model.parameters.scales(name)[-1, -1] / 2
    codes, scales = check_codes(model), check_scales(model)
    n_weights, n_groups = model.parameters.latents.size, model.parameters.all_scales.size
    assert (codes.passed, scales.passed) == (False, False)
    assert codes.found.startswith(f"{n_weights - 14} of {n_weights} in 14 layers")
    assert scales.found.startswith(f"{n_groups - 14} of {n_groups}")
    assert "not so: embedding group 255, layers.0.q group 127, " in scales.found


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_weight_that_is_no_number_fails_both_ternary_checks(model, bad):
    matrix(model, "head")[3, 5] = bad
    assert check_codes(model).passed is False
    assert check_scales(model).passed is False


def test_one_flipped_code_fails_the_check_of_scales_only(model):
    weights = matrix(model, "head")
    row, column = np.argwhere(weights > 0)[0]
    weights[row, column] *= -1
    assert check_codes(model).passed is True
    assert check_scales(model).passed is False


def test_two_swapped_scales_fail_the_check_of_scales_only(model):
    weights, scales = matrix(model, "head"), model.parameters.scales("head")
    quiet, loud = scales[:, 0].argmin(), scales[:, 0].argmax()
    ratio = np.float32(scales[loud, 0]) / np.float32(scales[quiet, 0])
    scales[[quiet, loud]] = scales[[loud, quiet]]
    for row in (quiet, loud):
        weights[row] = np.sign(weights[row]) * np.float32(scales[row, 0])
    assert ratio > 1.01
    assert check_codes(model).passed is True
    assert f"head group {min(quiet, loud)}" in check_scales(model).found
    assert check_scales(model).passed is False


def test_one_scale_for_a_whole_matrix_fails_the_check_of_scales_only(model):
    weights, scales = matrix(model, "layers.0.up"), model.parameters.scales("layers.0.up")
    scales[:] = np.float16(scales.astype(np.float32).mean())
    weights[:] = np.sign(weights) * scales.astype(np.float32)
    assert check_codes(model).passed is True
    assert check_scales(model).passed is False


def test_a_scale_that_its_weights_do_not_use_fails_both_ternary_checks(model):
    model.parameters.scales("head")[0, 0] *= np.float16(2)
    assert check_codes(model).passed is False
    assert check_scales(model).passed is False


def test_latents_that_moved_on_without_a_projection_fail_the_check_of_scales(model):
    model.parameters.view(model.parameters.values, "layers.1.down")[:] *= 1.5
    assert check_codes(model).passed is True
    assert check_scales(model).passed is False
    model.project()
    assert check_scales(model).passed is True


def test_a_group_whose_scale_underflowed_passes(model):
    model.parameters.view(model.parameters.values, "head")[7] = 1e-9
    model.project()
    assert check_codes(model).passed is True
    assert check_scales(model).passed is True
    matrix(model, "head")[7, 0] = 1e-9
    assert check_codes(model).passed is False
    assert check_scales(model).passed is False


def test_an_untrained_model_fails_loss_and_accuracy_only(small):
    trainer = Trainer(TrainingConfig(steps=1, **small))
    trainer.run()
    loss, codes, scales, accuracy = check_run(trainer)
    assert (loss.passed, accuracy.passed) == (False, False)
    assert (codes.passed, scales.passed) == (True, True)
    assert str(loss).startswith("FAIL")


@pytest.mark.parametrize(("loss", "passed"), [(0.29, True), (0.3, False), (float("nan"), False)])
def test_the_loss_must_be_below_its_limit(loss, passed):
    assert check_loss(loss).passed is passed


@pytest.mark.parametrize(
    ("accuracy", "passed"), [(0.81, True), (0.8, False), (float("nan"), False)]
)
def test_the_accuracy_must_be_above_its_limit(accuracy, passed):
    assert check_accuracy(Evaluation(0.0, accuracy, 100)).passed is passed


@pytest.mark.parametrize("projection", ["per-row", "per-tensor", "whole-model", "twn", "binary"])
def test_other_projections_are_ternary_but_have_other_scales(small, projection):
    model = Trainer(TrainingConfig(projection=projection, **small)).model
    assert check_codes(model).passed is True
    assert check_scales(model).passed is None
    assert str(check_scales(model)).startswith("n/a")


def test_full_precision_has_neither_codes_nor_scales(small):
    model = Trainer(TrainingConfig(projection="full-precision", **small)).model
    assert check_codes(model).passed is None
    assert check_scales(model).passed is None


@pytest.mark.parametrize("group_size", [24, 32, 200])
def test_padded_and_other_group_sizes_pass(small, group_size):
    model = Trainer(TrainingConfig(group_size=group_size, **small)).model
    assert check_codes(model).passed is True
    assert check_scales(model).passed is True


def test_text_is_judged_by_the_entropy_of_its_byte_frequencies(tmp_path, small):
    path = tmp_path / "text"
    path.write_bytes(b"ab" * 5000)
    task = Trainer(TrainingConfig(task="text", text=str(path), length=8, **small)).task
    bit = np.log(2)  # two bytes, equally frequent: just above one bit, for 254 others never seen
    assert check_bits(Evaluation(0.99 * bit, 0.5, 100), task).passed is True
    assert check_bits(Evaluation(1.1 * bit, 0.5, 100), task).passed is False
