"""The rivals of three values: trained bits, and rounding after training."""

import math

import numpy as np
import pytest

from ternary import TernaryError
from ternary.experiments import equal_bytes, load_record
from ternary.experiments.bytes_sweep import MODELS, SIDES
from ternary.experiments.uniform import STEPS, Uniform, rounded
from ternary.projection import project

each_width = pytest.mark.parametrize("bits", STEPS)


def gaussian(shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape, dtype)


@each_width
def test_codes_are_the_odd_integers_and_all_of_them_occur(bits):
    codes = project(gaussian((64, 128)), Uniform(bits)).codes
    assert set(np.unique(codes)) == set(range(1 - 2**bits, 2**bits, 2))


@each_width
def test_a_weight_goes_to_the_nearest_level(bits):
    W = gaussian((16, 128))
    codes, scales, weights = project(W, Uniform(bits))
    levels = np.arange(1 - 2**bits, 2**bits, 2)
    nearest = np.abs(W[..., None] - levels * scales.astype(np.float64)[..., None]).argmin(axis=-1)
    assert (levels[nearest] != codes).mean() < 0.002  # the stored scale is rounded
    np.testing.assert_array_equal(weights, codes * scales.astype(np.float32))


@each_width
def test_the_error_is_that_of_the_best_uniform_levels_for_a_gaussian(bits):
    W = gaussian((2000, 128))
    error = float(np.mean((project(W, Uniform(bits)).weights - W) ** 2))
    published = {2: 0.1188, 3: 0.03744, 4: 0.01154}[bits]  # Max (1960), table II
    assert error == pytest.approx(published, rel=0.03)


@each_width
@pytest.mark.parametrize("factor", [2.0**-10, 2.0**10])
def test_codes_are_free_of_the_unit(bits, factor):
    W = gaussian((8, 128))
    one, other = project(W, Uniform(bits)), project(W * np.float32(factor), Uniform(bits))
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_allclose(other.scales.astype(float), one.scales.astype(float) * factor, 1e-2)


@each_width
def test_padding_is_no_weight(bits):
    """A row of 130 is a group of 128 and one of 2: the others do not count, and stay zero."""
    W = np.ones((1, 130), np.float32)
    codes, scales, _ = project(W, Uniform(bits))
    assert scales[0, 0] == scales[0, 1]
    assert (codes == codes[0, 0]).all()
    alone = project(W[:, 128:], Uniform(bits))
    np.testing.assert_array_equal(alone.codes, codes[:, 128:])


@each_width
def test_padding_of_a_model_has_no_code_and_no_weight(bits):
    from ternary.parameters import Parameters

    parameters = Parameters({"W": (3, 130)}, projection=Uniform(bits))
    parameters.view(parameters.values, "W")[:] = gaussian((3, 130))
    parameters.project()
    outside = np.ones((3, 256), bool)
    outside[:, :130] = False
    assert not parameters.all_codes.reshape(3, 256)[outside].any()
    assert not parameters.weights.reshape(3, 256)[outside].any()
    assert parameters.codes("W").all()  # no level is 0


@each_width
def test_a_group_of_zeros_is_off_and_finite(bits):
    W = gaussian((2, 128))
    W[0] = 0
    codes, scales, weights = project(W, Uniform(bits))
    assert scales[0] == 0
    assert not codes[0].any()
    assert not weights[0].any()
    assert weights[1].all()


def test_other_widths_are_refused():
    with pytest.raises(TernaryError, match="bits is 5; expected one of 2, 3, 4"):
        Uniform(5)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_rounding_keeps_to_the_integers_of_its_width(bits):
    W = gaussian((8, 300))
    for fitted in (False, True):
        for first in (0, 128, 256):
            values = rounded(W, bits, fitted)[:, first : first + 128]
            assert all(len(np.unique(np.abs(row))) <= 2 ** (bits - 1) for row in values)


@pytest.mark.parametrize("bits", [3, 4, 5, 6])
def test_a_fitted_scale_leaves_less_error(bits):
    W = gaussian((64, 128))
    plain, fitted = (np.mean((rounded(W, bits, f) - W) ** 2) for f in (False, True))
    assert fitted < plain


def test_zeros_are_rounded_to_zeros():
    assert not rounded(np.zeros((2, 5), np.float32), 4, fitted=True).any()


def test_absmax_keeps_the_largest_weight():
    W = np.array([[0.5, -8.0, 1.0]], np.float32)
    assert rounded(W, 4)[0, 1] == pytest.approx(-8, rel=1e-3)


def test_trained_bits_have_the_bytes_of_the_ternary_model():
    ternary = equal_bytes.n_bytes(*MODELS["ternary"][0], 8 / 5)
    for kind, bits in {"2 bits": 2, "3 bits": 3, "4 bits": 4}.items():
        assert equal_bytes.n_bytes(*MODELS[kind][0], bits) == pytest.approx(ternary, rel=0.001)


def test_every_side_of_the_sweep_has_another_model():
    assert len(SIDES) == sum(map(len, MODELS.values()))


def test_bytes_count_codes_scales_and_gains():
    # 512 d + 24 d^2 weights in rows of 128 at d = 128, of which 256 have four groups
    assert equal_bytes.n_bytes(128, 512, 2) == 458752 / 4 + 2 * 3584 + 4 * 5 * 128
    assert equal_bytes.n_bytes(128, 512, 16, scale_bits=False) == 2 * 458752 + 2560


def test_between_two_widths_the_loss_is_linear_in_the_logarithm():
    points = [(100.0, {1: 2.0, 2: 2.1}), (400.0, {1: 1.8, 2: 1.7})]
    assert equal_bytes.at_bytes(points, 200.0) == pytest.approx({1: 1.9, 2: 1.9})
    assert equal_bytes.at_bytes(points, 100.0) == pytest.approx({1: 2.0, 2: 2.1})
    beyond = equal_bytes.at_bytes(points, 400 * 1.05)
    assert beyond[1] == pytest.approx(1.8 - 0.2 * math.log(1.05) / math.log(4))
    assert equal_bytes.at_bytes(points, 500.0) == {}
    assert equal_bytes.at_bytes(points, 80.0) == {}


def test_a_single_width_is_compared_at_its_own_bytes_only():
    single = [(100.0, {1: 2.0, 2: 2.1})]
    assert equal_bytes.at_bytes(single, 100.2) == {1: 2.0, 2: 2.1}
    assert equal_bytes.at_bytes(single, 102.0) == {}


def test_rivals_of_the_same_bytes_are_compared_directly():
    record = load_record("equal-bytes")
    sized = equal_bytes.sized
    direct = record.compare("report", sized("3 bits", 96), sized("ternary", 128))
    assert equal_bytes.compare_at_bytes(record, "3 bits", 128) == direct
