"""The codecs beside the real implementations: `gguf` for TQ1_0 and TQ2_0, `mlx` for its own."""

import gguf
import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ternary import GroupAbsMean, project
from ternary.codecs import CODECS, decode, encode, to_mlx

pytestmark = pytest.mark.runtimes
GGUF = ["TQ1_0", "TQ2_0"]


@st.composite
def blocks(draw):
    """Codes in rows of whole blocks of 256, one scale a block, none of a block all zero."""
    shape = draw(st.integers(1, 3)), 256 * draw(st.integers(1, 3))
    codes = draw(hnp.arrays(np.int8, shape, elements=st.integers(-1, 1)))
    codes[:, ::256] = 1  # a reference quantiser sees the scale in the weights, and nowhere else
    largest = float(np.finfo(np.float16).max)
    # below the normal numbers of float16, 1 / scale overflows and no code survives in gguf
    scale = st.floats(float(np.float16(1e-4)), largest, width=16)
    return codes, draw(hnp.arrays(np.float16, (shape[0], shape[1] // 256), elements=scale))


def weights_of(codes, scales, group_size):
    return codes * np.repeat(scales.astype(np.float32), group_size, axis=1)


def gguf_type(name):
    return gguf.GGMLQuantizationType[name]


@pytest.mark.parametrize("name", GGUF)
@given(case=blocks())
def test_gguf_quantizes_the_weights_to_our_bytes(name, case):
    codes, scales = case
    weights = weights_of(codes, scales, 256)
    theirs = gguf.quants.quantize(weights, gguf_type(name))
    np.testing.assert_array_equal(encode(name, codes, scales, group_size=256), theirs)


@pytest.mark.parametrize("name", GGUF)
@given(case=blocks())
def test_gguf_reads_our_bytes_as_the_weights(name, case):
    codes, scales = case
    data = encode(name, codes, scales, group_size=256)
    theirs = gguf.quants.dequantize(data, gguf_type(name))
    np.testing.assert_array_equal(theirs, weights_of(codes, scales, 256))


@pytest.mark.parametrize("name", GGUF)
def test_block_sizes_are_those_of_gguf(name):
    codec = CODECS[name]
    assert codec.type_id == gguf_type(name).value
    assert gguf.GGML_QUANT_SIZES[gguf_type(name)] == (codec.block_size, codec.block_bytes)


@pytest.mark.parametrize("name", GGUF)
def test_gguf_makes_one_scale_of_two_groups_of_128(name):
    """Why groups of 128 are refused: the louder group's scale is taken for both."""
    weights = weights_of(np.ones((1, 256), np.int8), np.array([[1, 3]], np.float16), 128)
    theirs = gguf.quants.dequantize(gguf.quants.quantize(weights, gguf_type(name)), gguf_type(name))
    np.testing.assert_array_equal(theirs[0, :128], np.zeros(128))  # 1 of 3 rounds to 0
    np.testing.assert_array_equal(theirs[0, 128:], 3)


@pytest.mark.parametrize("name", GGUF)
def test_gguf_refuses_128_columns_as_we_do(name):
    with pytest.raises(gguf.quants.QuantError):
        gguf.quants.quantize(np.ones((4, 128), np.float32), gguf_type(name))


@pytest.fixture(params=[32, 64, 128])
def matrix(request):
    """Codes, scales and weights of a projected matrix, in groups of each size that MLX has."""
    latents = np.random.default_rng(0).standard_normal((48, 256)).astype(np.float32)
    return *project(latents, GroupAbsMean(request.param)), request.param


@pytest.mark.parametrize("dtype", [mx.float16, mx.float32])
def test_mlx_dequantizes_our_arrays_to_the_weights(matrix, dtype):
    codes, scales, weights, group_size = matrix
    w, s, b = (mx.array(each) for each in to_mlx(codes, scales, group_size))
    theirs = mx.dequantize(w, s.astype(dtype), b.astype(dtype), group_size=group_size, bits=2)
    np.testing.assert_array_equal(np.array(theirs, np.float32), weights)


def test_mlx_multiplies_with_our_arrays(matrix):
    codes, scales, weights, group_size = matrix
    x = np.random.default_rng(1).standard_normal((5, 256)).astype(np.float32)
    w, s, b = (mx.array(each) for each in to_mlx(codes, scales, group_size))
    s, b = s.astype(mx.float32), b.astype(mx.float32)
    y = mx.quantized_matmul(mx.array(x), w, s, b, transpose=True, group_size=group_size, bits=2)
    exact = x.astype(np.float64) @ weights.T
    assert np.abs(np.array(y) - exact).max() <= 1e-5 * np.abs(exact).max()


def test_mlx_packs_codes_in_our_order():
    """`mx.quantize` of 0, 1, 2, 3 has exact levels; so its words show where it puts a code."""
    digits = np.random.default_rng(2).integers(0, 4, (4, 128)).astype(np.float32)
    digits[:, :4] = [0, 1, 2, 3]
    weight, s, b = mx.quantize(mx.array(digits), group_size=128, bits=2)
    theirs = np.array(mx.dequantize(weight, s, b, group_size=128, bits=2))
    np.testing.assert_allclose(theirs, digits, atol=1e-6)
    rising = s[0, 0].item() > 0
    stored = digits if rising else 3 - digits
    ours = (stored.reshape(4, -1, 16).astype(np.uint32) << 2 * np.arange(16, dtype=np.uint32)).sum(
        axis=-1, dtype=np.uint32
    )
    np.testing.assert_array_equal(np.array(weight), ours)


def test_mlx_s_own_quantisation_cuts_every_negative_weight_in_half(matrix):
    """Why codes are packed by hand: it keeps 0 and s, and puts the two other levels elsewhere."""
    codes, scales, weights, group_size = matrix
    arrays = mx.quantize(mx.array(weights), group_size=group_size, bits=2)
    theirs = np.array(mx.dequantize(*arrays, group_size=group_size, bits=2))
    halved = weights_of(np.where(codes < 0, -0.5, codes), scales, group_size)
    np.testing.assert_allclose(theirs, halved, rtol=1e-6)


def test_bytes_that_gguf_wrote_decode_here():
    codes = np.ones((1, 256), np.int8)
    theirs = gguf.quants.quantize(codes.astype(np.float32), gguf_type("TQ1_0"))
    ours = decode("TQ1_0", theirs, 256)
    np.testing.assert_array_equal(ours[0], codes)
    assert ours[1].tolist() == [[1, 1]]
