"""The laws of rounded activations: what rounding keeps, what training sees, and what is exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ternary import GroupAbsMean, ShapeError, TernaryError, TernaryTransformer, TransformerConfig
from ternary.activations import (
    LAYERS,
    IntegerLinear,
    RoundedLinear,
    integer_product,
    integer_sums,
    linears,
    quantize,
    rounded,
    with_linears,
)
from ternary.experiments.activations_sweep import RotatedLinear, RoundedNormed, RoundedTrainer
from ternary.rotation import RoundedAttention, hadamard

BITS = (2, 3, 4, 6, 8)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def small_model(seed=0, **sizes):
    sizes = {"d_model": 32, "d_ff": 160, "n_heads": 2, "context": 16, **sizes}
    return TernaryTransformer(TransformerConfig(**sizes), GroupAbsMean(128), seed)


# --- Rounding ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", BITS)
def test_the_largest_magnitude_becomes_the_largest_code(bits):
    codes, scales = quantize(normal(50, 40), bits)
    assert (np.abs(codes).max(axis=1) == 2 ** (bits - 1) - 1).all()
    assert codes.dtype == np.int8 and scales.shape == (50, 1)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("block", [None, 8])
def test_no_number_moves_by_more_than_half_a_step(bits, block):
    x = normal(50, 40)
    result = quantize(x, bits, block)
    steps = np.repeat(result.scales, result.block, axis=1)
    assert (np.abs(result.values() - x) <= steps / 2 * (1 + 1e-5)).all()


@given(st.integers(-30, 30), st.sampled_from(BITS), st.integers(0, 99))
def test_codes_do_not_depend_on_the_length_of_a_token(power, bits, seed):
    x = normal(3, 24, seed=seed)
    assert (quantize(x * np.float32(2.0**power), bits).codes == quantize(x, bits).codes).all()


def test_a_token_of_zeros_and_one_that_underflows_have_scale_0():
    x = np.array([[0, 0, 0], [1e-45, 0, -1e-45], [1, 0, 0]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        codes, scales = quantize(x)
    assert codes.tolist() == [[0, 0, 0], [0, 0, 0], [127, 0, 0]]
    assert scales[:2].tolist() == [[0], [0]]


@given(st.integers(1, 2000))
def test_a_subnormal_token_keeps_its_codes_within_bounds(n):
    x = np.array([[n, -n, 1]], np.float32) * np.float32(1e-45)
    assert np.abs(quantize(x).codes.astype(int)).max() <= 127


def test_the_unrounded_scale_decides_and_the_stored_one_multiplies():
    x = normal(40, 32)
    exact, stored = quantize(x), quantize(x, scale_type=np.float16)
    assert (exact.codes == stored.codes).all()
    assert (stored.scales == exact.scales.astype(np.float16)).all()


def test_tokens_do_not_see_each_other():
    x = normal(4, 5, 16)
    louder = x.copy()
    louder[:, 1:] *= 100
    assert (quantize(louder).codes[:, 0] == quantize(x).codes[:, 0]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_named(value):
    x = normal(2, 3, 4)
    x[1, 2, 0] = value
    with pytest.raises(TernaryError, match=r"token \(1, 2\) is not finite"):
        quantize(x)


def test_wrong_bits_and_blocks_are_refused():
    with pytest.raises(TernaryError, match="bits is 9"):
        quantize(normal(2, 4), 9)
    with pytest.raises(ShapeError, match="multiple of 3"):
        quantize(normal(2, 4), block=3)


# --- Training ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RoundedLinear, RotatedLinear])
def test_the_gradient_of_the_weights_is_exact_at_the_rounded_inputs(kind):
    rng = np.random.default_rng(0)
    layer = kind.from_latent(rng.standard_normal((6, 64)))
    layer.bits = 3
    x, dy, step = (rng.standard_normal(shape) for shape in ((5, 64), (5, 6), (6, 64)))
    layer.forward(x)
    layer.backward(dy)
    W, g = layer.W_ternary.copy(), layer.dW_latent.copy()
    values = []
    for h in (1e-3, -1e-3):
        layer.W_ternary[:] = W + h * step
        values.append((layer.forward(x) * dy).sum())
    assert (values[0] - values[1]) / 2e-3 == pytest.approx((g * step).sum(), rel=1e-7)


def test_the_gradient_of_the_inputs_goes_straight_through():
    layer = RoundedLinear.from_latent(normal(6, 32).astype(float))
    x, dy = normal(5, 32).astype(float), normal(5, 6).astype(float)
    layer.forward(x)
    assert layer.backward(dy) == pytest.approx(dy @ layer.W_ternary)


def test_a_rotated_layer_hands_back_the_rotated_gradient():
    layer = RotatedLinear.from_latent(normal(6, 32).astype(float))
    x, dy = normal(5, 32).astype(float), normal(5, 6).astype(float)
    assert layer.forward(x) == pytest.approx(hadamard(x) @ layer.W_ternary.T)
    assert layer.backward(dy) == pytest.approx(hadamard(dy @ layer.W_ternary))


@pytest.mark.parametrize("arm", ["8 bits", "norms, 4 bits", "rotated, 4 bits", "norms"])
def test_an_arm_has_the_layers_of_its_name(arm):
    trainer = RoundedTrainer({"arm": arm, "lr": 5e-3}, 0, True, 2)
    block = trainer.model.blocks[1]
    assert isinstance(block.down, RoundedNormed) == (arm == "norms, 4 bits")
    assert isinstance(block.up, RotatedLinear) == ("rotated" in arm)
    if arm[0] != "n" or "bits" in arm:
        assert block.up.bits == int(arm.removesuffix(" bits")[-1])
    trainer.take_step()
    assert np.isfinite(trainer.losses).all()


# --- Integers ---------------------------------------------------------------------------------


@given(st.integers(1, 300), st.integers(0, 99))
def test_sums_are_those_of_whole_numbers_in_any_order(D, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-127, 128, (3, D)).astype(np.int8)
    t = rng.integers(-1, 2, (4, D)).astype(np.int8)
    exact = [[sum(int(a) * int(b) for a, b in zip(v, w, strict=True)) for w in t] for v in x]
    order = rng.permutation(D)
    assert integer_sums(x, t).tolist() == exact
    assert integer_sums(x[:, order], t[:, order]).tolist() == exact
    assert (x.astype(np.float32) @ t.T.astype(np.float32)).tolist() == exact


def test_the_largest_sums_fit():
    x, t = np.full((1, 70_000), -127, np.int8), np.ones((1, 70_000), np.int8)
    assert integer_sums(x, t).tolist() == [[-127 * 70_000]]
    with pytest.raises(ShapeError, match="below 2"):
        integer_sums(
            np.broadcast_to(np.int8(1), (1, 2**24)), np.broadcast_to(np.int8(1), (1, 2**24))
        )


@pytest.mark.parametrize("block", [None, 32, 64])
@pytest.mark.parametrize("in_dim", [64, 128, 192, 320])
def test_a_product_of_integers_is_that_of_the_rounded_floats(in_dim, block):
    layer = IntegerLinear.from_latent(normal(7, in_dim))
    layer.block = block
    x = normal(5, in_dim, seed=1)
    expected = rounded(x, 8, block).astype(float) @ layer.W_ternary.T.astype(float)
    assert layer.forward(x) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_a_product_of_integers_has_the_same_bits_for_shuffled_features():
    layer = IntegerLinear.from_latent(normal(7, 256))
    x = normal(50, 256, seed=1)
    order = np.concatenate([np.random.default_rng(2).permutation(128) + 128 * i for i in (0, 1)])
    codes, scales = layer.parameters.codes("W"), layer.parameters.scales("W")
    again = integer_product(quantize(x[:, order]), codes[:, order], scales, 128)
    assert (layer.forward(x) == again).all()


def test_integers_cannot_be_trained():
    layer = IntegerLinear.from_latent(normal(4, 32))
    with pytest.raises(TernaryError, match="RoundedLinear"):
        layer.backward(normal(2, 4))


@pytest.mark.parametrize("bits", [4, 8])
def test_a_model_in_integers_is_the_rounded_model(bits):
    model = small_model()
    tokens = np.random.default_rng(0).integers(0, 256, (3, 16))
    floats = with_linears(model, RoundedLinear, bits=bits).forward(tokens)
    whole = with_linears(model, IntegerLinear, bits=bits).forward(tokens)
    rounding = np.abs(floats - model.forward(tokens)).max()
    assert np.abs(whole - floats).max() < 0.5 * rounding  # a code or two may fall to the other side


def test_only_the_layers_that_are_named_are_exchanged():
    other = with_linears(small_model(), RoundedLinear, ("down", "head"), bits=3)
    kinds = {
        name: type(getattr(owner, attribute))
        for name, (owner, attribute, _, _) in linears(other).items()
    }
    assert {name for name, kind in kinds.items() if kind is RoundedLinear} == {
        *("layers.0.down", "layers.1.down", "head")
    }
    assert {name.split(".")[-1] for name in kinds} == set(LAYERS)


# --- Rotation and cache -----------------------------------------------------------------------


@pytest.mark.parametrize("D", [1, 2, 8, 128])
def test_the_rotation_is_its_own_inverse_and_keeps_lengths(D):
    x = normal(5, D).astype(float)
    assert hadamard(hadamard(x)) == pytest.approx(x)
    assert np.linalg.norm(hadamard(x), axis=1) == pytest.approx(np.linalg.norm(x, axis=1))
    assert hadamard(np.eye(D)) == pytest.approx(hadamard(np.eye(D)).T)


def test_one_loud_feature_is_spread_evenly():
    assert np.abs(hadamard(5 * np.eye(64))) == pytest.approx(np.full((64, 64), 5 / 8))


def test_only_powers_of_two_are_rotated():
    with pytest.raises(ShapeError, match="12 features"):
        hadamard(normal(2, 12))


def cached(model, bits, rotate):
    other = with_linears(model, type(model.head))
    for block in other.blocks:
        block.attention = RoundedAttention(2, 32)
        block.attention.bits, block.attention.rotate = bits, rotate
    return other


@pytest.mark.parametrize("rotate", [False, True])
def test_a_cache_costs_less_the_more_bits_it_has(rotate):
    model, tokens = small_model(), np.random.default_rng(0).integers(0, 256, (3, 16))
    logits = model.forward(tokens).copy()
    costs = [np.abs(cached(model, bits, rotate).forward(tokens) - logits).max() for bits in BITS]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.02 * np.abs(logits).max()


@pytest.mark.parametrize("rotate", [False, True])
def test_a_rounded_cache_is_the_same_token_by_token(rotate):
    model, tokens = cached(small_model(), 3, rotate), np.arange(12)
    together = model.forward(tokens[None])[0].copy()
    caches = model.caches(12)
    apart = np.concatenate([model.extend(tokens[[i]], caches).copy() for i in range(12)])
    assert apart == pytest.approx(together, abs=1e-4)


def test_a_rounded_cache_cannot_be_trained():
    with pytest.raises(TernaryError, match="CausalAttention"):
        RoundedAttention(2, 32).backward(normal(1, 4, 32))
