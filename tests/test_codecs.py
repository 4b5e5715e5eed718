"""The laws of the codecs: what goes in comes out, and the bytes are those of the format."""

import codec_reference as reference
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ternary import TernaryError
from ternary.codecs import (
    CODECS,
    CodecError,
    decode,
    encode,
    find_codec,
    from_mlx,
    pack_trits,
    to_mlx,
    unpack_trits,
)

BLOCKS = [name for name in CODECS if name in reference.WRITE]


@st.composite
def inputs(draw, names=tuple(CODECS), group_sizes=(128,)):
    """A format, and codes and scales that it can hold: equal scales where a block has several."""
    name = draw(st.sampled_from(names))
    group_size = draw(st.sampled_from(group_sizes))
    block = CODECS[name].block_size if name not in ("base3", "MLX") else group_size
    rows = draw(st.integers(1, 3))
    cols = draw(st.integers(1, 4)) * block
    if name == "base3":
        cols = draw(st.integers(1, 3 * group_size))
    elements = st.integers(-1, 1)
    codes = draw(hnp.arrays(np.int8, (rows, cols), elements=elements))
    largest = float(np.finfo(np.float16).max)
    finite = st.floats(0, largest, width=16)
    n_groups = -(-cols // group_size)
    scales = draw(hnp.arrays(np.float16, (rows, n_groups), elements=finite))
    together = max(1, block // group_size)
    return name, codes, np.repeat(scales[:, ::together], together, axis=1)[:, :n_groups], group_size


# --- The law ----------------------------------------------------------------------------------


@given(inputs(group_sizes=(32, 64, 128)))
def test_decoding_gives_back_what_was_encoded(case):
    name, codes, scales, group_size = case
    data = encode(name, codes, scales, group_size)
    codes_back, scales_back = decode(name, data, codes.shape[1], group_size)
    assert codes_back.dtype == np.int8 and scales_back.dtype == np.float16
    np.testing.assert_array_equal(codes_back, codes)
    np.testing.assert_array_equal(scales_back.view(np.uint16), scales.view(np.uint16))


@given(inputs(group_sizes=(32, 64, 128)))
def test_a_row_takes_the_bits_that_the_format_says(case):
    name, codes, scales, group_size = case
    codec = CODECS[name].for_groups(group_size)
    data = encode(name, codes, scales, group_size)
    assert data.shape == (len(codes), codec.row_bytes(codes.shape[1]))
    if codes.shape[1] % codec.block_size == 0:
        assert 8 * data.size == codes.size * codec.bits_per_weight


@pytest.mark.parametrize("name", CODECS)
def test_more_codes_than_are_worked_on_at_a_time_are_the_same_codes(name):
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 2, (300, 512)).astype(np.int8)
    scales = np.repeat(rng.random((300, 1)), 4, axis=1).astype(np.float16)
    data = encode(name, codes, scales)
    rows = np.concatenate([encode(name, codes[i : i + 1], scales[i : i + 1]) for i in range(300)])
    np.testing.assert_array_equal(data, rows)
    np.testing.assert_array_equal(decode(name, data, 512)[0], codes)


def test_encoding_changes_neither_codes_nor_scales():
    codes, scales = np.eye(2, 128, dtype=np.int8), np.ones((2, 1), np.float16)
    for name in ("base3", "Q2_0", "PQ2_0", "PTQ1_0", "MLX"):
        data = encode(name, codes, scales)
        before = data.copy()
        decode(name, data, 128)
        np.testing.assert_array_equal(data, before)
    np.testing.assert_array_equal(codes, np.eye(2, 128))
    np.testing.assert_array_equal(scales, np.ones((2, 1)))


def test_any_memory_order_of_the_codes_will_do():
    rng = np.random.default_rng(1)
    codes = rng.integers(-1, 2, (128, 256)).astype(np.int8)
    for name in CODECS:
        scales = np.ones((256, 1), np.float16) if name[0] != "T" else np.ones((128, 2), np.float16)
        each = codes.T if name[0] != "T" else codes[::-1]
        data = encode(name, each, scales)
        np.testing.assert_array_equal(data, encode(name, each.copy(), scales))
        np.testing.assert_array_equal(decode(name, data[::-1], each.shape[1])[0], each[::-1])


# --- The formats --------------------------------------------------------------------------------


@given(inputs(names=BLOCKS))
def test_the_bytes_are_those_of_the_c_sources(case):
    name, codes, scales, group_size = case
    data = encode(name, codes, scales, group_size)
    expected = reference.encode(name, codes, scales, CODECS[name].block_size, group_size)
    assert data.tolist() == expected


@given(inputs(names=BLOCKS))
def test_the_c_sources_read_our_blocks(case):
    name, codes, scales, group_size = case
    codec = CODECS[name]
    data = encode(name, codes, scales, group_size)
    for row, code_row, scale_row in zip(data, codes, scales, strict=True):
        for i, block in enumerate(row.reshape(-1, codec.block_bytes)):
            start = i * codec.block_size
            codes_read, scale_read = reference.READ[name](block)
            assert codes_read == code_row[start : start + codec.block_size].tolist()
            assert scale_read == scale_row[start // group_size]


@given(hnp.arrays(np.int8, st.integers(0, 60), elements=st.integers(-1, 1)))
def test_five_codes_are_one_byte(codes):
    packed = pack_trits(codes)
    assert packed.tolist() == reference.base3_bytes(codes)
    np.testing.assert_array_equal(unpack_trits(packed, len(codes)), codes)


@given(inputs(names=["base3"], group_sizes=(1, 3, 5, 100, 128)))
def test_base_3_is_five_codes_a_byte_in_every_group(case):
    _, codes, scales, size = case
    for row, code_row, scale_row in zip(encode(*case), codes, scales, strict=True):
        groups = [code_row[i : i + size].tolist() for i in range(0, len(code_row), size)]
        groups[-1] += [0] * (size - len(groups[-1]))
        expected = []
        for group, scale in zip(groups, scale_row, strict=True):
            expected += reference.base3_bytes(group) + reference.half(scale)
        assert row.tolist() == expected


@given(inputs(names=["MLX"], group_sizes=(32, 64, 128)))
def test_the_arrays_of_mlx_hold_the_bytes_of_a_row(case):
    name, codes, scales, group_size = case
    weight, s, b = to_mlx(codes, scales, group_size)
    assert weight.tolist() == [reference.mlx_words(row) for row in codes]
    np.testing.assert_array_equal(s, scales)
    np.testing.assert_array_equal(b, -scales)
    parts = [weight.view(np.uint8), s.view(np.uint8), b.view(np.uint8)]
    np.testing.assert_array_equal(encode(name, codes, scales, group_size), np.hstack(parts))
    codes_back, scales_back = from_mlx(weight, s, b, group_size)
    np.testing.assert_array_equal(codes_back, codes)
    np.testing.assert_array_equal(scales_back, scales)


def test_known_blocks():
    """By hand: code 0 is digit 1, so that zeros are 0b01010101; 1.0 is 0x3c00, 0.5 is 0x3800."""
    zeros, ones = np.zeros((1, 256), np.int8), np.ones((1, 256), np.int8)
    one, halves = np.ones((1, 2), np.float16), np.full((1, 2), 0.5, np.float16)
    assert encode("Q2_0", zeros, one)[0, :18].tolist() == [0, 0x3C] + 16 * [0b01010101]
    assert encode("PQ2_0", ones, halves)[0, :34].tolist() == [0, 0x38] + 32 * [0b10101010]
    assert encode("TQ2_0", -ones, one)[0].tolist() == 64 * [0] + [0, 0x3C]
    last = 2 + 6 + 18 + 27 + 81  # the three codes that are left, then two of padding
    assert encode("base3", ones, one)[0, :28].tolist() == 25 * [242] + [last, 0, 0x3C]
    assert encode("PTQ1_0", -ones, one)[0, :28].tolist() == 26 * [0] + [0, 0x3C]
    # 242 of 243 in 256ths, rounded up: 255; 240 = 2+2+2+2+0 in base 3: 253
    assert encode("TQ1_0", ones, one)[0].tolist() == 48 * [255] + 4 * [253] + [0, 0x3C]


# --- What is refused ----------------------------------------------------------------------------

CODES, SCALES = np.zeros((2, 256), np.int8), np.ones((2, 2), np.float16)


@pytest.mark.parametrize("name", ["TQ1_0", "TQ2_0"])
def test_blocks_of_256_do_not_hold_groups_of_128(name):
    scales = np.array([[1, 1], [1, 2]], np.float16)
    with pytest.raises(CodecError, match=r"block 0 of row 1 would need the scales \[1.0, 2.0\]"):
        encode(name, CODES, scales)
    with pytest.raises(CodecError, match="128 columns are not a multiple of 256"):
        encode(name, CODES[:, :128], SCALES[:, :1])


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("bad", [2, -2, 127, -128])
def test_codes_beyond_one_are_refused(name, bad):
    codes = CODES.copy()
    codes[1, 200] = bad
    with pytest.raises(CodecError, match=f"a code is {bad}"):
        encode(name, codes, SCALES)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_scales_that_are_no_magnitudes_are_refused(name, bad):
    scales = SCALES.copy()
    scales[1] = bad  # both, so that it is not the two of a block that differ
    with pytest.raises(CodecError, match="scale 0 of row 1 is"):
        encode(name, CODES, scales)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize(
    ("codes", "scales"),
    [
        (CODES.astype(np.float32), SCALES),
        (CODES.astype(np.int64), SCALES),
        (CODES[0], SCALES),
        (CODES.tolist(), SCALES),
        (CODES, SCALES.astype(np.float32)),
        (CODES, SCALES[:, :1]),
        (CODES, SCALES[:1]),
        (CODES, [[1, 1], [1, 1]]),
        (CODES[:, :0], SCALES[:, :0]),
        (CODES[:0], SCALES[:0]),
    ],
)
def test_other_types_and_shapes_are_refused(name, codes, scales):
    with pytest.raises(CodecError, match=r"expected|multiple"):
        encode(name, codes, scales)


@pytest.mark.parametrize("name", CODECS)
def test_other_bytes_are_refused(name):
    data = encode(name, CODES, SCALES)
    for bad in (data[:0], data[0], data.view(np.int8), data.tolist(), data[:, :-1], data.tobytes()):
        with pytest.raises(CodecError, match=r"expected|rows of 256 weights take"):
            decode(name, bad, 256)
    with pytest.raises(CodecError, match=r"expected|multiple"):
        decode(name, data, 0)


@pytest.mark.parametrize("name", [name for name in CODECS if name != "base3"])
def test_rows_of_no_whole_blocks_are_refused(name):
    with pytest.raises(CodecError, match="100 columns are not a multiple"):
        encode(name, np.zeros((1, 100), np.int8), np.ones((1, 1), np.float16))


def test_groups_that_overlap_blocks_are_refused():
    with pytest.raises(CodecError, match="overlap"):
        encode("Q2_0", np.zeros((1, 192), np.int8), np.ones((1, 2), np.float16), 96)


@pytest.mark.parametrize("size", [0, -1, 16, 96, 256])
def test_mlx_has_three_group_sizes(size):
    with pytest.raises(CodecError, match="128"):
        encode("MLX", CODES, np.ones((2, 1), np.float16), size)


@pytest.mark.parametrize("name", CODECS)
def test_group_sizes_below_one_are_refused(name):
    with pytest.raises(CodecError, match=r"expected|MLX has groups"):
        encode(name, CODES, SCALES, 0)


def test_a_format_of_another_name_is_refused():
    with pytest.raises(CodecError, match="expected one of base3, Q2_0"):
        find_codec("Q4_0")


def test_digit_three_is_no_ternary_code():
    data = encode("Q2_0", CODES, SCALES)
    data[1, 5] |= 0b11
    with pytest.raises(CodecError, match=r"\+2"):
        decode("Q2_0", data, 256)


@pytest.mark.parametrize("name", ["base3", "PTQ1_0", "TQ1_0"])
def test_of_256_bytes_the_243_of_five_digits_are_read_and_no_other(name):
    codec, read = CODECS[name], 0
    data = codec.encode(np.zeros((1, 256), np.int8), np.ones((1, 2), np.float16))
    for byte in range(256):
        data[0, 0] = byte
        try:
            codes, scales = codec.decode(data, 256)
        except TernaryError:
            continue
        read += 1
        assert (codec.encode(codes, scales) == data).all()
    assert read == 243


def test_a_group_whose_halves_differ_in_scale_is_refused():
    data = encode("Q2_0", CODES, SCALES)
    data[1, 18:20] = np.float16(3).reshape(1).view(np.uint8)
    with pytest.raises(CodecError, match=r"block 1 of row 1 has the scale 3\.0"):
        decode("Q2_0", data, 256)
    _, scales = decode("Q2_0", data, 256, group_size=64)
    assert scales.tolist() == [[1, 1, 1, 1], [1, 3, 1, 1]]


def test_padding_that_is_not_zero_is_refused():
    with pytest.raises(CodecError, match="more codes were packed"):
        unpack_trits(pack_trits(np.array([1, 1], np.int8)), 1)
    data = encode("base3", CODES[:, :6], SCALES[:, :1], 6)
    data[0, 1] = 0
    with pytest.raises(CodecError, match="no ternary codes"):
        decode("base3", data, 6, 6)
    data = encode("base3", np.ones((1, 6), np.int8), SCALES[:1, :1], 6)
    with pytest.raises(CodecError, match="padding is not 0"):
        decode("base3", data, 4, 6)


def test_biases_of_another_affine_format_are_refused():
    weight, s, b = to_mlx(CODES, SCALES)
    with pytest.raises(CodecError, match="bias"):
        from_mlx(weight, s, b * np.float16(2))
    with pytest.raises(CodecError, match="uint32"):
        from_mlx(weight.astype(np.int64), s, b)
    with pytest.raises(CodecError, match="float16"):
        from_mlx(weight, s[:, :1], b)


@given(st.data())
def test_any_bytes_decode_to_what_encodes_to_them_or_are_refused(data):
    name = data.draw(st.sampled_from(list(CODECS)))
    codec = CODECS[name]
    cols = data.draw(st.integers(1, 4)) * 64
    n_bytes = data.draw(st.one_of(st.just(codec.row_bytes(cols)), st.integers(0, 200)))
    sample = data.draw(hnp.arrays(np.uint8, (1, n_bytes)))
    try:
        codes, scales = decode(name, sample, cols)
    except TernaryError:
        return
    np.testing.assert_array_equal(encode(name, codes, scales), sample)


@given(inputs(), st.data())
def test_a_changed_byte_is_another_row_or_is_refused(case, data):
    name, codes, scales, group_size = case
    encoded = encode(*case)
    row = data.draw(st.integers(0, len(encoded) - 1))
    column = data.draw(st.integers(0, encoded.shape[1] - 1))
    encoded[row, column] ^= data.draw(st.integers(1, 255))
    try:
        again = decode(name, encoded, codes.shape[1], group_size)
    except TernaryError:
        return
    same = [np.array_equal(a, b) for a, b in zip(again, (codes, scales), strict=True)]
    assert not all(same)
    np.testing.assert_array_equal(encode(name, *again, group_size), encoded)
