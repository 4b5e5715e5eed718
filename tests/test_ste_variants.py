"""The estimators of chapter 2: each does to the gradient, or to the latents, what its name says."""

import numpy as np
import pytest

from ternary import TrainingConfig
from ternary.experiments.ste_variants import (
    CLIP_AT,
    ESTIMATORS,
    GAIN_RATE,
    NOISE,
    EstimatorTrainer,
    in_scales,
)

SMALL = TrainingConfig(steps=6, warmup=0, d_model=32, n_layers=1, d_ff=64, threads=1, clip=1e9)


def trainer_of(estimator, **changes):
    config = TrainingConfig(**{**vars(SMALL), **changes})
    return EstimatorTrainer(config, config.make_task(), estimator)


def gradients_of(estimator):
    """Gradient of the latents in the first step, the same for all but for what estimators do."""
    trainer = trainer_of(estimator)
    trainer.take_step()
    parameters = trainer.model.parameters
    return parameters.gradients[: parameters.n_latents].copy()


def group_facts():
    """Latents, codes and scales of the first step, one row a group."""
    trainer = trainer_of("identity")
    parameters = trainer.model.parameters
    shape = -1, parameters.projection.group_size
    scales = parameters.all_scales[:, None].astype(np.float32)
    return parameters.latents.reshape(shape), parameters.all_codes.reshape(shape), scales


@pytest.mark.parametrize("estimator", [*ESTIMATORS, NOISE])
def test_every_estimator_takes_steps(estimator):
    trainer = trainer_of(estimator, lr=0.01)
    trainer.run()
    assert np.isfinite(trainer.losses).all()
    assert len(trainer.norms) == 6


def test_the_scale_that_is_not_detached_adds_its_term_to_the_gradient_times_the_scale():
    g, through = gradients_of("identity"), gradients_of("through the scale")
    term = through - g
    assert np.abs(term).max() > 0
    np.testing.assert_allclose(
        gradients_of("not detached"), gradients_of("times the scale") + term, rtol=1e-3, atol=1e-7
    )


def test_the_term_through_the_scale_is_one_number_of_a_group_times_the_signs():
    term = (gradients_of("through the scale") - gradients_of("identity")).reshape(-1, 128)
    latents, codes, _ = group_facts()
    g = gradients_of("identity").reshape(-1, 128)
    expected = (g * codes).sum(axis=1, keepdims=True) * np.sign(latents)
    expected /= np.count_nonzero(latents, axis=1, keepdims=True)
    np.testing.assert_allclose(term, expected, rtol=1e-3, atol=1e-6)


def test_clipped_hands_nothing_to_latents_beyond_the_clip():
    latents, _, scales = group_facts()
    beyond = (np.abs(latents) > CLIP_AT * scales).reshape(-1)
    g, clipped = gradients_of("identity"), gradients_of("clipped")
    assert beyond.any()
    assert not clipped[beyond].any()
    np.testing.assert_array_equal(clipped[~beyond], g[~beyond])


def test_held_latents_stay_within_the_clip_of_the_weights_last_used():
    trainer = trainer_of("identity, held", lr=0.05)
    for _ in range(6):
        before = trainer.model.parameters.all_scales.astype(np.float32)
        trainer.take_step()
        latents = trainer.model.parameters.latents.reshape(len(before), -1)
        assert (np.abs(latents) <= CLIP_AT * before[:, None]).all()
    free = trainer_of("identity", lr=0.05)
    free.run()
    assert in_scales(free).max() > in_scales(trainer).max()


def test_careless_changes_all_gradients_but_that_of_the_last_layer():
    right, wrong = trainer_of("identity"), trainer_of("careless")
    for trainer in (right, wrong):
        trainer.take_step()
    for name in right.model.parameters.matrix_shapes:
        g, careless = (
            each.model.parameters.view(each.model.parameters.gradients, name)
            for each in (right, wrong)
        )
        assert np.array_equal(g, careless) == (name == "head")


@pytest.mark.parametrize("estimator", ["codes", "codes, reset", "codes, no average"])
def test_codes_have_no_latents_and_gains_have_a_rate_of_their_own(estimator):
    trainer = trainer_of(estimator, lr=0.2, decay="constant")
    parameters = trainer.model.parameters
    start, gains = parameters.all_codes.copy(), parameters.values[parameters.n_latents :].copy()
    scales = parameters.all_scales.copy()
    trainer.take_step()
    flipped = parameters.all_codes != start
    assert flipped.any()
    np.testing.assert_array_equal(parameters.latents, parameters.weights)
    np.testing.assert_array_equal(parameters.all_scales, scales)
    moved = np.abs(parameters.values[parameters.n_latents :] - gains).max()
    assert 0 < moved <= 1.01 * GAIN_RATE
    average = trainer.optimizer.m[: parameters.n_latents]
    assert (not average[flipped].any()) == (estimator == "codes, reset")
    assert average[~flipped].any()


def test_the_noise_arm_is_the_identity_before_it_is_perturbed():
    np.testing.assert_array_equal(gradients_of(NOISE), gradients_of("identity"))
