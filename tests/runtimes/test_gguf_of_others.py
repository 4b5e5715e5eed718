"""GGUF files that the package gguf and MLX write: what llama.cpp loads, our reader accepts.

Where our reader refuses one that a program reads, it does so by design, and names the reason.
"""

import gguf
import numpy as np
import pytest
from architectures import ARCHITECTURES, CONTEXT, metadata_of, shapes_of, write_file_of
from conftest import tokens_in_llama_cpp
from gguf import GGMLQuantizationType, GGUFEndian, GGUFReader, GGUFValueType, GGUFWriter, quantize

from ternary import TernaryError
from ternary.export import inspect_model, read_gguf_header, read_tensor
from ternary.export.gguf_reader import misplaced

QUANTISED = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "BF16", "F16", "MXFP4", "TQ1_0", "TQ2_0")
WIDE = {"TQ1_0", "TQ2_0"}  # blocks of 256: wider than the rows of these models


def write(path, architecture, kind=None, alignment=None, more=None, **options):
    """A model of an architecture, written by the package gguf."""
    writer, rng = GGUFWriter(path, architecture, **options), np.random.default_rng(0)
    metadata = metadata_of(architecture)
    del metadata["general.architecture"]
    for key, value in metadata.items():
        add = {str: writer.add_string, int: writer.add_uint32, float: writer.add_float32}
        if value != []:
            (add | {list: writer.add_array})[type(value)](key, value)
    writer.add_array("tokenizer.ggml.merges", ["x y"])
    if alignment:
        writer.add_custom_alignment(alignment)
    for add in more or []:
        add(writer)
    for name, shape in shapes_of(architecture).items():
        data = rng.standard_normal(shape, np.float32) / 8
        if kind and len(shape) > 1:
            raw = GGMLQuantizationType[kind]
            writer.add_tensor(name, quantize(data, raw), raw_dtype=raw)
        else:
            writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def load(path):
    assert tokens_in_llama_cpp(path, CONTEXT, "ab") == list(b"ab")


def require_accepted(path):
    """Our reader has the keys, the tensors and the bytes that the package's reader has."""
    assert inspect_model(path).lines()
    header, theirs = read_gguf_header(path), GGUFReader(path)
    assert header.metadata.keys() == {k for k in theirs.fields if not k.startswith("GGUF.")}
    assert {t.name for t in header.tensors} == {t.name for t in theirs.tensors}
    for tensor in theirs.tensors:
        ours = {t.name: t for t in header.tensors}[tensor.name]
        assert ours.shape == tuple(tensor.shape.tolist())[::-1]
        if tensor.tensor_type.name in ("F32", "F16", "Q8_0", "Q4_0", "BF16", "TQ1_0", "TQ2_0"):
            data = read_tensor(path, header, tensor.name)
            assert data.tobytes() == tensor.data.tobytes()
    return header


@pytest.mark.parametrize("kind", [None, *(k for k in QUANTISED if k not in WIDE)])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_llama_cpp_loads_it_and_our_reader_accepts_it(tmp_path, architecture, kind):
    path = write(tmp_path / "model.gguf", architecture, kind)
    load(path)
    require_accepted(path)


@pytest.mark.parametrize("alignment", [8, 16, 64, 4096])
def test_any_alignment_is_accepted(tmp_path, alignment):
    path = write(tmp_path / "model.gguf", "llama", "Q8_0", alignment)
    if alignment >= 32:  # less than that ends the process: llama.cpp asserts that it is enough
        load(path)
    assert require_accepted(path).alignment == alignment


KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
MORE = [
    *(lambda w, k=kind: getattr(w, f"add_{k}")(f"x.{k}", 7) for kind in KINDS),
    lambda w: w.add_float64("x.float64", 0.1),
    lambda w: w.add_bool("x.bool", True),
    lambda w: w.add_string("x.empty", ""),
    lambda w: w.add_string("x.text", "naïve — 日本\n\0\x1b[2J" * 50),
    lambda w: w.add_string("a key of its own: with a colon", "x"),
    lambda w: w.add_array("x.bools", [True, False]),
    lambda w: w.add_array("x.texts", ["", "ä", "\n"] * 500),
    lambda w: w.add_array("x.floats", [0.5, float("inf"), float("nan")]),
    lambda w: w.add_array("x.bytes", b"\0\xff\x80" * 100),
    *(
        lambda w, k=kind: w.add_key_value(
            f"x.list.{k}", [1, 2], GGUFValueType.ARRAY, GGUFValueType[k.upper()]
        )
        for kind in (*KINDS, "float32", "float64")
    ),
]


def test_every_kind_of_metadata_is_accepted(tmp_path):
    path = write(tmp_path / "model.gguf", "llama", "F16", more=MORE)
    load(path)
    header = require_accepted(path)
    assert header.metadata["x.uint64"] == 7 and len(header.metadata["x.texts"]) == 1500
    assert header.metadata["x.list.int8"] == [1, 2]
    assert not any("\x1b" in line for line in inspect_model(path).lines())


@pytest.mark.parametrize("kind", [*QUANTISED, "F32"])
def test_every_type_of_tensor_that_the_package_quantises_is_accepted(tmp_path, kind):
    writer, raw = GGUFWriter(tmp_path / "model.gguf", "other"), GGMLQuantizationType[kind]
    data = np.random.default_rng(0).standard_normal((3, 512)).astype(np.float32)
    writer.add_tensor("a", quantize(data, raw), raw_dtype=raw)
    writer.add_tensor("b", data)
    close(writer)
    require_accepted(tmp_path / "model.gguf")


@pytest.mark.parametrize("number", sorted(k.value for k in gguf.GGML_QUANT_SIZES))
def test_every_type_that_there_is_is_accepted(tmp_path, number):
    """Those that the package cannot quantise, and those that we know by their number alone."""
    kind = GGMLQuantizationType(number)
    size, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    writer = GGUFWriter(tmp_path / "model.gguf", "other")
    shape = (2, 4 * size)
    raw = np.zeros((2, 4 * n_bytes), np.uint8)
    writer.add_tensor("a", raw.view(np.int8), raw_shape=shape, raw_dtype=kind)
    close(writer)
    assert GGUFReader(tmp_path / "model.gguf").tensors[0].name == "a"
    assert inspect_model(tmp_path / "model.gguf").lines()
    assert read_gguf_header(tmp_path / "model.gguf").tensors[0].shape == shape


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_split_model_is_accepted_file_by_file(tmp_path):
    write(tmp_path / "model.gguf", "llama", "F16", split_max_tensors=4)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 2
    load(files[0])
    for path in files:
        assert any("files" in verdict.why for verdict in inspect_model(path).verdicts)
        assert misplaced(read_gguf_header(path), {0: (0,) * 3}) is not None


def test_a_file_without_tensors_is_accepted(tmp_path):
    writer = GGUFWriter(tmp_path / "vocabulary.gguf", "llama")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    close(writer)
    require_accepted(tmp_path / "vocabulary.gguf")


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (2, 3, 4, 5)])
def test_numbers_and_empty_tensors_are_accepted(tmp_path, shape):
    writer = GGUFWriter(tmp_path / "model.gguf", "other")
    writer.add_tensor("a", np.ones(shape, np.float32))
    writer.add_tensor("b", np.ones(5, np.float32))
    close(writer)
    assert inspect_model(tmp_path / "model.gguf").lines()
    header = read_gguf_header(tmp_path / "model.gguf")
    assert read_tensor(tmp_path / "model.gguf", header, "a").size == 4 * np.ones(shape).size
    assert (read_tensor(tmp_path / "model.gguf", header, "b").view("<f4") == 1).all()


def test_big_endian_is_refused_here_and_in_llama_cpp(tmp_path):
    path = write(tmp_path / "model.gguf", "llama", endianess=GGUFEndian.BIG)
    assert GGUFReader(path).tensors  # the package turns the bytes; no program that computes does
    with pytest.raises(TernaryError, match="does not load"):
        load(path)
    with pytest.raises(TernaryError, match="is big-endian; expected little-endian"):
        inspect_model(path)


def test_nested_lists_are_refused_here_and_in_llama_cpp(tmp_path):
    path = write(tmp_path / "model.gguf", "llama", more=[lambda w: w.add_array("x", [[1], [2]])])
    with pytest.raises(TernaryError, match="does not load"):
        load(path)
    with pytest.raises(TernaryError, match="gives x the unknown type 9"):
        inspect_model(path)


def test_a_path_for_a_name_is_refused_by_design(tmp_path):
    writer = GGUFWriter(tmp_path / "model.gguf", "other")
    writer.add_tensor("../../etc/passwd", np.ones(4, np.float32))
    close(writer)
    with pytest.raises(TernaryError, match="expected a name, not a path"):
        inspect_model(tmp_path / "model.gguf")


def test_files_of_mlx_are_accepted(tmp_path):
    mx = pytest.importorskip("mlx.core")
    arrays = {"a": mx.ones((4, 64)), "b": mx.ones((3,), mx.float16), "c": mx.ones((2, 2), mx.int32)}
    mx.save_gguf(str(tmp_path / "model.gguf"), arrays, {"x.name": "a model", "x.list": ["a", "b"]})
    header = require_accepted(tmp_path / "model.gguf")
    assert header.metadata["x.list"] == ["a", "b"]


def test_the_corpus_is_loaded_there_because_it_is_whole(tmp_path):
    """A file of our own writer cut short is refused on both sides: the tests above can fail."""
    path = write_file_of(tmp_path / "model.gguf", "llama")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TernaryError, match="does not load"):
        load(path)
    with pytest.raises(TernaryError, match="beyond the end"):
        inspect_model(path)
