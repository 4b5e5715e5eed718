"""The Python package gguf reads our files, and writes the very same ones."""

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter

from ternary.codecs import CODECS
from ternary.export.gguf import gguf_metadata, gguf_name, gguf_tensors
from ternary.export.gguf_file import F16, TYPES, write_gguf
from ternary.export.gguf_reader import read_gguf_header


def test_the_package_reads_every_tensor_of_the_f16_file(exported):
    tensors = {t.name: t for t in GGUFReader(exported.folder / "f16.gguf").tensors}
    for name in exported.weights.codes:
        W = exported.weights.matrix(name)
        tensor = tensors[gguf_name(name)]
        assert tuple(tensor.shape) == W.shape[::-1]
        assert (tensor.data == W).all()
    for name, gain in exported.weights.gains.items():
        assert (tensors[gguf_name(name)].data == gain).all()


def test_the_package_reads_all_metadata(exported):
    fields = GGUFReader(exported.folder / "f16.gguf").fields
    for key, value in gguf_metadata(exported.weights, "F16").items():
        if value != []:  # its reader fails on the contents of an empty list
            read = fields[key].contents()
            assert read == (np.float32(value) if isinstance(value, float) else value), key
    assert "tokenizer.ggml.merges" in fields


def test_the_package_does_not_know_type_42_yet(exported):
    """When this fails, chapter 14 and `inspect` have to say so."""
    with pytest.raises(ValueError, match=r"42\)? is not a valid GGMLQuantizationType"):
        GGUFReader(exported.folder / "q2_0.gguf")


@pytest.mark.parametrize("kind", ["F16", "Q2_0"])
def test_the_package_writes_the_same_bytes(exported, tmp_path, kind):
    """All but the empty list of merges, which its writer leaves out."""
    metadata = gguf_metadata(exported.weights, kind)
    del metadata["tokenizer.ggml.merges"]
    tensors = gguf_tensors(exported.weights, kind)
    with open(tmp_path / "ours.gguf", "wb") as file:
        write_gguf(file, metadata, tensors)

    writer = GGUFWriter(tmp_path / "theirs.gguf", metadata.pop("general.architecture"))
    for key, value in metadata.items():
        add = {str: writer.add_string, bool: writer.add_bool, int: writer.add_uint32}
        add |= {float: writer.add_float32, list: writer.add_array}
        add[type(value)](key, value)
    for name, (shape, number, data) in tensors.items():
        # As int8, for which the writer takes the shape as it is given; uint8 it would look up.
        raw = np.ascontiguousarray(data).view(np.int8)
        writer.add_tensor(name, raw, raw_shape=shape, raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert (tmp_path / "theirs.gguf").read_bytes() == (tmp_path / "ours.gguf").read_bytes()


def test_our_reader_reads_a_file_of_the_package(tmp_path):
    """Every type of value, another alignment, tensors of one to four dimensions."""
    writer = GGUFWriter(tmp_path / "theirs.gguf", "arcee")
    values = {"uint8": 200, "int8": -7, "uint16": 60000, "int16": -7, "uint32": 1 << 31}
    values |= {"int32": -7, "uint64": 1 << 60, "int64": -7, "float32": 0.5, "float64": 0.1}
    values |= {"bool": True, "string": "ä"}
    for kind, value in values.items():
        getattr(writer, f"add_{kind}")(kind, value)
    writer.add_array("floats", [0.5, 1.5])
    writer.add_custom_alignment(64)
    arrays = {f"t{n}": np.ones((2,) * n, np.float16) for n in range(1, 5)}
    for name, array in arrays.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = read_gguf_header(tmp_path / "theirs.gguf")
    assert header.alignment == 64
    assert {key: header.metadata[key] for key in values} == values
    assert header.metadata["floats"] == [0.5, 1.5]
    assert {t.name: (t.shape, t.type) for t in header.tensors} == {
        name: (array.shape, F16) for name, array in arrays.items()
    }


def test_types_have_the_sizes_that_the_package_gives_them():
    known = {kind.value: sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
    names = {kind.value: kind.name for kind in GGMLQuantizationType}
    shared = TYPES.keys() & known.keys()
    assert {34, 35} <= shared
    for number in shared:
        assert tuple(TYPES[number][1:]) == known[number]
        assert TYPES[number].name == names[number]


@pytest.mark.parametrize("name", ["TQ1_0", "TQ2_0"])
def test_the_package_decodes_what_our_codecs_encode(name):
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 2, (4, 512)).astype(np.int8)
    scales = rng.random((4, 2)).astype(np.float16)
    data = CODECS[name].encode(codes, scales, 256)
    weights = gguf.dequantize(data, GGMLQuantizationType[name])
    assert (weights == codes * np.repeat(scales.astype(np.float32), 256, axis=1)).all()
