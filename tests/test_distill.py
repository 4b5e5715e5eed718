"""Learning from a trained model: the laws of the soft loss, and what a step leaves alone."""

import numpy as np
import pytest

from ternary import (
    IGNORE,
    CrossEntropy,
    FullPrecision,
    ShapeError,
    TernaryError,
    TernaryTransformer,
    Trainer,
    TrainingConfig,
    TransformerConfig,
    directional_error,
)
from ternary.distill import Distillation, SoftCrossEntropy, begin_from

SMALL = {"steps": 4, "d_model": 16, "d_ff": 32, "batch_size": 4, "threads": 1}
each_mix = pytest.mark.parametrize(("weight", "temperature"), [(0, 1), (0.3, 1), (1, 1), (0.5, 3)])


def logits_and_targets(N=6, V=9):
    rng = np.random.default_rng(0)
    targets = rng.integers(0, V, N)
    targets[2] = IGNORE
    return 2 * rng.standard_normal((N, V)), targets, 3 * rng.standard_normal((N, V))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@each_mix
def test_gradient_is_that_of_finite_differences(weight, temperature):
    loss = SoftCrossEntropy(weight, temperature, np.float64)
    logits, targets, teacher = logits_and_targets()
    loss.forward(logits, targets, teacher)
    gradient = loss.backward().copy()
    error = directional_error(lambda: loss.forward(logits, targets, teacher), logits, gradient)
    assert error < 1e-7


@each_mix
def test_loss_is_its_definition(weight, temperature):
    loss = SoftCrossEntropy(weight, temperature, np.float64)
    logits, targets, teacher = logits_and_targets()
    value = loss.forward(logits, targets, teacher)
    counted = targets != IGNORE
    hard = -np.log(softmax(logits))[np.arange(len(targets)), targets][counted].mean()
    q, log_p = softmax(teacher / temperature), np.log(softmax(logits / temperature))
    soft = -(q * log_p).sum(axis=1)[counted].mean()
    assert value == pytest.approx((1 - weight) * hard + weight * temperature**2 * soft)
    assert (loss.hard, loss.soft) == pytest.approx((hard, soft))


def test_without_a_teacher_it_is_the_cross_entropy():
    logits, targets, teacher = logits_and_targets()
    soft, hard = SoftCrossEntropy(0, 1, np.float64), CrossEntropy(np.float64)
    assert soft.forward(logits, targets, teacher) == hard.forward(logits, targets)
    np.testing.assert_array_equal(soft.backward(), hard.backward())


def test_a_student_equal_to_its_teacher_has_no_gradient_and_the_loss_of_its_entropy():
    logits, targets, _ = logits_and_targets()
    loss = SoftCrossEntropy(1, 2, np.float64)
    value, p = loss.forward(logits, targets, logits.copy()), softmax(logits / 2)
    entropy = -(p * np.log(p)).sum(axis=1)[targets != IGNORE].mean()
    assert value == pytest.approx(4 * entropy)
    assert np.abs(loss.backward()).max() < 1e-12


def test_every_position_that_counts_sums_to_zero_and_the_others_are_zero():
    logits, targets, teacher = logits_and_targets()
    loss = SoftCrossEntropy(0.5, 2, np.float64)
    loss.forward(logits, targets, teacher)
    dlogits = loss.backward()
    assert np.abs(dlogits.sum(axis=1)).max() < 1e-12
    assert not dlogits[targets == IGNORE].any()


def test_size_of_the_gradient_hardly_depends_on_a_high_temperature():
    logits, targets, teacher = logits_and_targets()
    norms = []
    for temperature in (20, 40):
        loss = SoftCrossEntropy(1, temperature, np.float64)
        loss.forward(logits, targets, teacher)
        norms.append(np.linalg.norm(loss.backward()))
    assert norms[0] == pytest.approx(norms[1], rel=0.05)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"weight": 1.5}, "weight is 1.5"), ({"temperature": 0.0}, "temperature is 0.0")],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(TernaryError, match=words):
        SoftCrossEntropy(**settings)


def test_another_shape_of_the_teachers_logits_is_refused():
    logits, targets, teacher = logits_and_targets()
    with pytest.raises(ShapeError, match=r"\(6, 8\); expected \(6, 9\)"):
        SoftCrossEntropy(dtype=np.float64).forward(logits, targets, teacher[:, :8])


# --- A student and its teacher ------------------------------------------------------------------


def pair():
    student = Trainer(TrainingConfig(**SMALL, seed=1))
    teacher = TernaryTransformer(student.model.config, FullPrecision(), seed=2)
    return student, teacher


def test_begin_from_copies_latents_and_gains_and_projects():
    student, teacher = pair()
    teacher.parameters.values[-1] = 3.0
    begin_from(student.model, teacher)
    np.testing.assert_array_equal(student.model.parameters.values, teacher.parameters.values)
    codes = student.model.parameters.all_codes.copy()
    student.model.project()
    np.testing.assert_array_equal(codes, student.model.parameters.all_codes)
    assert not np.may_share_memory(student.model.parameters.values, teacher.parameters.values)


def test_begin_from_another_size_is_refused():
    student, _ = pair()
    with pytest.raises(ShapeError, match="embedding is"):
        begin_from(student.model, TernaryTransformer(TransformerConfig(d_model=24, d_ff=32)))


def test_gradient_of_a_student_is_that_of_finite_differences():
    config = TransformerConfig(vocab_size=11, d_model=8, n_heads=2, d_ff=16)
    student = TernaryTransformer(config, FullPrecision(), seed=1, dtype=np.float64)
    teacher = TernaryTransformer(config, seed=2, dtype=np.float64)
    distillation = Distillation(student, teacher, 0.7, 2.0)
    tokens = np.random.default_rng(0).integers(0, 11, (2, 5))
    distillation.loss_and_gradient(tokens, tokens)
    parameters = student.parameters
    error = directional_error(
        lambda: distillation.loss_and_gradient(tokens, tokens),
        parameters.weights,
        parameters.gradients[: parameters.n_latents],
    )
    assert error < 1e-6


def test_the_teacher_is_left_alone_and_so_is_the_students_own_loss():
    student, teacher = pair()
    before, own = teacher.parameters.values.copy(), student.model.cross_entropy
    student.parallel = Distillation(student.model, teacher)
    student.run()
    np.testing.assert_array_equal(teacher.parameters.values, before)
    assert student.model.cross_entropy is own
    assert len(student.parallel.hard_losses) == 4
    assert student.evaluate().n_targets > 0


def test_with_weight_zero_a_run_is_the_run_without_a_teacher():
    student, teacher = pair()
    alone, _ = pair()
    student.parallel = Distillation(student.model, teacher, weight=0)
    student.run(), alone.run()
    assert student.losses == alone.losses


def test_a_teacher_that_shares_the_students_weights_is_refused():
    student, _ = pair()
    with pytest.raises(TernaryError, match="share their weights"):
        Distillation(student.model, student.model.replica())


def test_a_teacher_of_another_width_teaches():
    student, _ = pair()
    wide = TernaryTransformer(
        TransformerConfig(d_model=24, d_ff=48, context=student.model.config.context)
    )
    student.parallel = Distillation(student.model, wide, weight=1)
    student.run()
    assert np.isfinite(student.losses).all()
