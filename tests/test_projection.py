"""The laws of the projection: from latent weights to codes, scales, and ternary weights."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ternary import (
    TWN,
    Binary,
    FullPrecision,
    GroupAbsMean,
    ModelAbsMean,
    Parameters,
    ProjectionError,
    RowAbsMean,
    ShapeError,
    TensorAbsMean,
    TernaryError,
    TernaryLinear,
    make_projection,
    project,
    round_clip,
)
from ternary.projection import FLOAT16_MAX, MAX_GROUP_SIZE, PROJECTIONS, Groups

TERNARY = [name for name, kind in PROJECTIONS.items() if kind(1).is_ternary]

shapes = st.tuples(st.integers(1, 3), st.integers(1, 300))
group_sizes = st.sampled_from([1, 3, 32, 64, 128])

# Whole numbers up to 8: float32 adds them up without rounding, so laws hold to the last bit, and
# ties, zeros, and empty groups are frequent.
whole_latents = shapes.flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(-8, 8), fill=st.integers(-8, 8))
).map(lambda W: W.astype(np.float32))


def gaussian(shape, seed, std=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * std).astype(np.float32)


gaussian_latents = st.builds(
    gaussian, shapes, st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 0.1, 1.0, 30.0])
)
latents = whole_latents | gaussian_latents


def pieces(W, group_size):
    """The groups of a matrix side by side, the last as short as it is: one array a column."""
    return [W[:, first : first + group_size] for first in range(0, W.shape[1], group_size)]


def spread(scales, group_size, in_dim):
    """Give every weight the scale of its group, in float32."""
    return np.repeat(scales.astype(np.float32), group_size, axis=1)[:, :in_dim]


# --- Rounding ---------------------------------------------------------------------------------


def test_round_clip_rounds_to_the_nearest_of_three_and_a_tie_to_zero():
    below, above = np.nextafter(0.5, 0), np.nextafter(0.5, 1)
    x = np.array([-np.inf, -1.5, -above, -0.5, -below, 0, below, 0.5, above, 1.5, np.inf])
    codes = round_clip(x)
    assert codes.tolist() == [-1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1]
    assert codes.dtype == np.int8


def test_round_clip_refuses_nan():
    with pytest.raises(ProjectionError, match="NaN"):
        round_clip(np.array([0.0, np.nan]))


# --- Codes, scales, and weights of a group ----------------------------------------------------


@given(whole_latents, group_sizes)
def test_projection_agrees_with_its_definition_written_as_loops(W_latent, group_size):
    codes, scales, W_ternary = project(W_latent, GroupAbsMean(group_size))
    for row in range(W_latent.shape[0]):
        for number, first in enumerate(range(0, W_latent.shape[1], group_size)):
            group = W_latent[row, first : first + group_size]
            m = np.float32(sum(abs(w) for w in group.tolist())) / np.float32(len(group))
            s = np.float16(m)
            assert scales[row, number] == s
            for column, w in enumerate(group, first):
                code = 1 if w > m / 2 else -1 if w < -m / 2 else 0
                assert codes[row, column] == code
                assert W_ternary[row, column] == np.float32(s) * code


@given(latents, group_sizes, st.sampled_from(TERNARY))
def test_every_weight_is_its_scale_times_minus_one_zero_or_one(W_latent, group_size, name):
    codes, scales, W_ternary = project(W_latent, make_projection(name, group_size))
    assert codes.dtype == np.int8
    assert np.isin(codes, [-1, 0, 1]).all()
    assert W_ternary.dtype == W_latent.dtype
    np.testing.assert_array_equal(W_ternary, spread(scales, group_size, W_latent.shape[1]) * codes)


@given(whole_latents, group_sizes)
def test_scale_is_the_float16_of_the_mean_one_for_each_group(W_latent, group_size):
    scales = project(W_latent, GroupAbsMean(group_size)).scales
    means = [np.abs(piece).mean(axis=1) for piece in pieces(W_latent, group_size)]
    assert scales.dtype == np.float16
    np.testing.assert_array_equal(scales, np.stack(means, axis=1).astype(np.float16))


@given(whole_latents)
def test_codes_are_the_rounded_quotient_of_weight_and_mean(W_latent):
    W_latent = W_latent[:, :128]
    means = np.abs(W_latent).mean(axis=1, keepdims=True)
    quotients = np.divide(W_latent, means, out=np.zeros_like(W_latent), where=means > 0)
    np.testing.assert_array_equal(project(W_latent).codes, round_clip(quotients))


def test_a_weight_is_zero_up_to_half_the_mean_and_one_beyond():
    # The absolute values add up to 8, so the mean is 2 and the threshold 1.
    beyond = np.nextafter(np.float32(1), np.float32(2))
    W_latent = np.array([[1, -1, 6, 0], [beyond, -beyond, 6, 0]], np.float32)
    assert project(W_latent, GroupAbsMean(4)).codes.tolist() == [[0, 0, 1, 0], [1, -1, 1, 0]]


@given(latents, st.sampled_from(TERNARY))
def test_negative_latents_have_negative_codes(W_latent, name):
    positive = project(W_latent, make_projection(name))
    negative = project(-W_latent, make_projection(name))
    np.testing.assert_array_equal(negative.codes, -positive.codes)
    np.testing.assert_array_equal(negative.scales, positive.scales)


@given(latents, st.integers(-6, 6), st.sampled_from(TERNARY))
def test_codes_do_not_depend_on_the_unit_of_the_weights(W_latent, exponent, name):
    """Exactly so for powers of two, which change no digit of a weight or a mean."""
    projection = make_projection(name)
    np.testing.assert_array_equal(
        project(W_latent * np.float32(2.0**exponent), projection).codes,
        project(W_latent, projection).codes,
    )


@given(gaussian_latents, st.floats(0.01, 100))
def test_any_factor_changes_codes_only_on_the_threshold(W_latent, factor):
    before = project(W_latent)
    after = project(W_latent * np.float32(factor))
    means = np.concatenate(
        [np.abs(g).mean(axis=1, keepdims=True) + 0 * g for g in pieces(W_latent, 128)], axis=1
    )
    on_threshold = np.isclose(np.abs(W_latent), means / 2, rtol=1e-6, atol=0)
    assert ((before.codes == after.codes) | on_threshold).all()


def test_gaussian_weights_have_31_percent_zeros_and_almost_all_the_entropy():
    codes = project(gaussian((1000, 1024), 0)).codes
    zeros = math.erf(math.sqrt(2 / math.pi) / 2 / math.sqrt(2))  # P(|z| < E|z| / 2) = 0.31
    assert np.mean(codes == 0) == pytest.approx(zeros, abs=0.003)
    p = np.bincount((codes + 1).reshape(-1)) / codes.size
    assert -(p * np.log2(p)).sum() == pytest.approx(math.log2(3), abs=0.003)


@given(whole_latents, group_sizes)
def test_projecting_again_keeps_the_codes_and_shrinks_the_scale(W_latent, group_size):
    """It multiplies the scale by the share of nonzero codes, so it is not idempotent."""
    projection = GroupAbsMean(group_size)
    once = project(W_latent, projection)
    twice = project(once.weights, projection)
    np.testing.assert_array_equal(twice.codes, once.codes)
    for number, codes in enumerate(pieces(once.codes, group_size)):
        nonzeros = np.count_nonzero(codes, axis=1).astype(np.float32)
        total = once.scales[:, number].astype(np.float32) * nonzeros
        shrunk = (total / np.float32(codes.shape[1])).astype(np.float16)
        np.testing.assert_array_equal(twice.scales[:, number], shrunk)


def test_groups_of_one_weight_keep_every_sign_and_magnitude():
    W_latent = gaussian((3, 50), 0)
    codes, scales, _ = project(W_latent, GroupAbsMean(1))
    np.testing.assert_array_equal(codes, np.sign(W_latent))
    np.testing.assert_array_equal(scales, np.abs(W_latent).astype(np.float16))


def test_float64_latents_give_float64_weights_and_the_same_codes():
    W_latent = gaussian((4, 300), 0)
    single, double = project(W_latent), project(W_latent.astype(np.float64))
    assert double.weights.dtype == np.float64
    np.testing.assert_array_equal(double.codes, single.codes)
    np.testing.assert_array_equal(double.scales, single.scales)


# --- Groups do not see each other, and padding is not seen at all -----------------------------


@given(gaussian_latents, group_sizes, st.sampled_from(["group", "twn", "binary"]))
def test_a_row_is_projected_as_its_groups_are_apart(W_latent, group_size, name):
    """The last group of a row is shorter than the others: padding counts in no mean."""
    projection = make_projection(name, group_size)
    apart = [project(piece, projection) for piece in pieces(W_latent, group_size)]
    for whole, parts in zip(project(W_latent, projection), zip(*apart, strict=True), strict=True):
        np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))


def test_the_mean_of_a_padded_group_is_over_its_own_weights():
    W_latent = np.ones((1, 130), np.float32)
    W_latent[0, 128:] = [3, 5]
    assert project(W_latent).scales.tolist() == [[1.0, 4.0]]


@given(st.integers(0, 2**32 - 1))
def test_changing_a_group_changes_no_other(seed):
    W_latent = gaussian((3, 384), seed)
    before = project(W_latent)
    W_latent[:, 128:256] *= 100
    after = project(W_latent)
    np.testing.assert_array_equal(after.scales[:, [0, 2]], before.scales[:, [0, 2]])
    for untouched in (slice(128), slice(256, None)):
        np.testing.assert_array_equal(after.codes[:, untouched], before.codes[:, untouched])
    assert (after.scales[:, 1] != before.scales[:, 1]).all()


@pytest.mark.parametrize("n_rows", [511, 512, 513, 1025])
def test_blocks_of_groups_leave_no_seam(n_rows):
    """Groups are worked on 512 at a time, which no result may show."""
    W_latent = gaussian((n_rows, 4), 0)
    whole = project(W_latent, GroupAbsMean(4))
    for row in (0, 510, n_rows - 1):
        alone = project(W_latent[row : row + 1], GroupAbsMean(4))
        assert whole.codes[row].tolist() == alone.codes[0].tolist()
        assert whole.scales[row].tolist() == alone.scales[0].tolist()


# --- Groups near zero -------------------------------------------------------------------------


@pytest.mark.parametrize("name", TERNARY)
@pytest.mark.parametrize("size", [0.0, 1e-8, 1e-45])
def test_a_scale_that_float16_rounds_to_zero_gives_zeros(name, size):
    codes, scales, W_ternary = project(np.array([[size, -size]], np.float32), make_projection(name))
    assert not scales.any()
    assert not codes.any()
    assert not W_ternary.any()


def test_the_smallest_scale_of_float16_still_has_codes():
    smallest = float(np.finfo(np.float16).smallest_subnormal)
    codes, scales, _ = project(np.array([[smallest, -smallest]], np.float32))
    assert codes.tolist() == [[1, -1]]
    assert scales.tolist() == [[smallest]]


def test_an_underflowed_group_receives_gradient_and_comes_back():
    layer = TernaryLinear.from_latent(np.full((2, 128), 1e-9, np.float32))
    x, dy = gaussian((5, 128), 0), gaussian((5, 2), 1)
    assert not layer.forward(x).any()
    layer.backward(dy)
    np.testing.assert_allclose(layer.dW_latent, dy.T @ x, rtol=1e-5, atol=1e-6)
    layer.W_latent -= 0.01 * layer.dW_latent
    layer.project()
    assert layer.parameters.scales("W").all()
    assert layer.forward(x).any()


# --- Bad numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TERNARY)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_a_bad_latent_raises_and_never_becomes_a_code(name, bad):
    W_latent = np.ones((2, 200), np.float32)
    W_latent[1, 150] = bad
    with pytest.raises(ProjectionError, match="scale"), np.errstate(invalid="ignore"):
        project(W_latent, make_projection(name))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_the_error_names_layer_row_and_group(bad):
    parameters = Parameters({"first": (2, 130), "second": (3, 300), "third": (1, 5)})
    parameters.view(parameters.values, "second")[2, 150] = bad
    with pytest.raises(ProjectionError, match="second, row 2, group 1 of the row") as caught:
        parameters.project()
    assert caught.value.group == 2 * 2 + 2 * 3 + 1


def test_the_largest_scale_is_the_largest_float16():
    assert project(np.array([[FLOAT16_MAX]], np.float32)).scales.tolist() == [[FLOAT16_MAX]]
    with pytest.raises(ProjectionError, match="65504"):
        project(np.array([[np.nextafter(np.float32(FLOAT16_MAX), np.float32(np.inf))]]))


# --- The other projections --------------------------------------------------------------------


def parameters_of_whole_numbers(projection):
    parameters = Parameters({"a": (2, 200), "b": (3, 128)}, {}, projection)
    rng = np.random.default_rng(0)
    for loudness, name in enumerate("ab", 1):
        W_latent = parameters.view(parameters.values, name)
        W_latent[:] = rng.integers(-8, 9, W_latent.shape) * loudness**3
    parameters.project()
    return parameters


def magnitudes(parameters, name):
    return np.abs(parameters.view(parameters.values, name))


def test_row_absmean_has_one_scale_a_row():
    parameters = parameters_of_whole_numbers(RowAbsMean())
    for name in "ab":
        means = magnitudes(parameters, name).mean(axis=1, keepdims=True)
        expected = np.broadcast_to(means.astype(np.float16), parameters.scales(name).shape)
        np.testing.assert_array_equal(parameters.scales(name), expected)


def test_tensor_absmean_has_one_scale_a_matrix():
    parameters = parameters_of_whole_numbers(TensorAbsMean())
    for name in "ab":
        assert (parameters.scales(name) == np.float16(magnitudes(parameters, name).mean())).all()


def test_model_absmean_has_one_scale_in_all():
    parameters = parameters_of_whole_numbers(ModelAbsMean())
    everything = np.concatenate([magnitudes(parameters, name).reshape(-1) for name in "ab"])
    for name in "ab":
        assert (parameters.scales(name) == np.float16(everything.mean())).all()


@given(gaussian_latents)
def test_twn_keeps_weights_above_seven_tenths_of_the_mean(W_latent):
    W_latent = W_latent[:, :128]
    codes = project(W_latent, TWN()).codes
    threshold = 0.7 * np.abs(W_latent).mean(axis=1, keepdims=True)
    on_threshold = np.isclose(np.abs(W_latent), threshold, rtol=1e-6, atol=0)
    expected = np.where(np.abs(W_latent) > threshold, np.sign(W_latent), 0)
    assert ((codes == expected) | on_threshold).all()


@given(gaussian_latents)
def test_twn_scale_has_the_least_squared_error_for_its_codes(W_latent):
    W_latent = W_latent[:, :128]
    codes, scales, _ = project(W_latent, TWN())
    least_squares = (W_latent * codes).sum(axis=1) / np.maximum((codes**2).sum(axis=1), 1)
    # as exactly as float16 can say it: within half of its spacing, and float32 rounding
    assert (np.abs(scales[:, 0] - least_squares) <= 0.501 * np.spacing(scales[:, 0])).all()


@given(whole_latents)
def test_binary_keeps_every_sign(W_latent):
    codes, scales, _ = project(W_latent, Binary())
    np.testing.assert_array_equal(codes, np.sign(W_latent))
    np.testing.assert_array_equal(scales, project(W_latent, GroupAbsMean()).scales)


@given(latents, group_sizes)
def test_full_precision_changes_nothing(W_latent, group_size):
    np.testing.assert_array_equal(project(W_latent, FullPrecision(group_size)).weights, W_latent)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_projection_can_be_built_again_from_its_settings(name):
    projection = make_projection(name, 64)
    again = make_projection(**projection.settings())
    assert type(again) is type(projection)
    assert again.group_size == 64


@pytest.mark.parametrize("name", PROJECTIONS)
@pytest.mark.parametrize("group_size", [0, -1])
def test_a_group_has_at_least_one_weight(name, group_size):
    with pytest.raises(TernaryError, match="group size"):
        make_projection(name, group_size)


def test_a_group_has_at_most_the_largest_size():
    """Every row is padded to whole groups, so a size beyond all reason would eat the memory."""
    assert make_projection("group", MAX_GROUP_SIZE).group_size == MAX_GROUP_SIZE
    with pytest.raises(TernaryError, match="expected 1 to 65536"):
        make_projection("group", MAX_GROUP_SIZE + 1)


@pytest.mark.parametrize("name", TERNARY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threshold_and_scale_are_computed_in_the_type_of_the_latents(name, dtype):
    W_latent = gaussian((3, 64), 0).astype(dtype)
    threshold, scale = make_projection(name, 64).measure(W_latent, Groups.of([(3, 64)], 64))
    assert threshold.dtype == scale.dtype == dtype


def test_an_unknown_projection_is_refused_with_the_list_of_those_there_are():
    with pytest.raises(TernaryError, match="per-tensor"):
        make_projection("octal")


@pytest.mark.parametrize("shape", [(4,), (0, 4), (4, 0), (1, 2, 3)])
def test_only_a_matrix_is_projected(shape):
    with pytest.raises(ShapeError, match="out_dim, in_dim"):
        project(np.ones(shape, np.float32))
