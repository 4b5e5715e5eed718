"""Files and folders of safetensors by NumPy, PyTorch, Transformers and MLX: none is refused."""

import json

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
import transformers
from safetensors import safe_open

from ternary import TernaryError
from ternary.export import inspect_model
from ternary.export.safetensors_file import read_array, read_safetensors_header

TORCH_TYPES = [
    "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
    "uint16", "uint32", "uint64", "bool", "complex64", "float8_e4m3fn", "float8_e5m2",
    "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz", "float4_e2m1fn_x2",
]  # fmt: skip


def require_accepted(path):
    """Our header has the tensors, types and shapes that `safe_open` has."""
    assert inspect_model(path).lines()
    header = read_safetensors_header(path)
    with safe_open(path, "pt") as theirs:
        assert header.tensors.keys() == set(theirs.keys())
        assert header.metadata == (theirs.metadata() or {})
        for name, tensor in header.tensors.items():
            piece = theirs.get_slice(name)
            assert (tensor.dtype, list(tensor.shape)) == (piece.get_dtype(), piece.get_shape())
    return header


@pytest.mark.parametrize("name", TORCH_TYPES)
def test_every_type_of_pytorch_is_accepted(tmp_path, name):
    kind = getattr(torch, name)
    tensor = torch.zeros(2, 16, dtype=torch.uint8).view(kind)
    safetensors.torch.save_file({"a": tensor, "b": torch.ones(3)}, tmp_path / "a.safetensors")
    require_accepted(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["float16", "float32", "uint8", "uint32", "int64", "bool"])
def test_every_type_of_numpy_is_accepted(tmp_path, name):
    array = np.arange(12).astype(name).reshape(3, 4)
    safetensors.numpy.save_file({"a": array}, tmp_path / "a.safetensors", {"format": "np"})
    header = require_accepted(tmp_path / "a.safetensors")
    if name in ("float16", "float32", "uint8", "uint32"):
        np.testing.assert_array_equal(read_array(tmp_path / "a.safetensors", header, "a"), array)


SHAPES = {
    "a number": {"a": ()},
    "nothing": {},
    "an empty one": {"a": (0,), "b": (4,)},
    "an empty one behind": {"a": (4,), "b": (0, 3), "c": (4,)},
    "eight dimensions": {"a": (1, 2) * 4},
    "names of TensorFlow": {"model/dense/kernel:0": (2, 2), "model/dense/bias:0": (2,)},
    "names with spaces and letters": {"ein Gewicht ä": (2,), "日本": (2,), "~tilde": (2,)},
    "ten thousand": {f"layer.{i}.weight": (1,) for i in range(10_000)},
}


@pytest.mark.parametrize("what", SHAPES)
def test_every_shape_and_name_is_accepted(tmp_path, what):
    arrays = {name: np.ones(shape, np.float32) for name, shape in SHAPES[what].items()}
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors")
    require_accepted(tmp_path / "a.safetensors")


@pytest.mark.parametrize("place", [[4, 4], [0, 0]])
def test_an_empty_tensor_may_lie_where_another_ends_or_begins(tmp_path, place):
    table = {"z": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    table["a"] = {"dtype": "F32", "shape": [0], "data_offsets": place}
    head = json.dumps(table).encode()
    (tmp_path / "a.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + bytes(4))
    require_accepted(tmp_path / "a.safetensors")


@pytest.mark.parametrize("kind", ["F4", "F6_E2M3", "F6_E3M2"])
def test_types_of_less_than_a_byte_are_accepted(tmp_path, kind):
    bits = {"F4": 4}.get(kind, 6)
    head = json.dumps(
        {"a": {"dtype": kind, "shape": [2, 8], "data_offsets": [0, 2 * bits]}}
    ).encode()
    data = len(head).to_bytes(8, "little") + head + bytes(2 * bits)
    (tmp_path / "a.safetensors").write_bytes(data)
    require_accepted(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["../../a", "/etc/passwd", "a\nb", ""])
def test_names_that_are_paths_or_cannot_be_printed_are_refused_by_design(tmp_path, name):
    safetensors.numpy.save_file({name: np.ones(2, np.float32)}, tmp_path / "a.safetensors")
    with pytest.raises(TernaryError, match="expected a name, not a path"):
        inspect_model(tmp_path / "a.safetensors")


SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "vocab_size": 64}
SIZES |= {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 32}
MODELS = {
    "LlamaConfig": SIZES,
    "Qwen3Config": SIZES | {"head_dim": 16},
    "GemmaConfig": SIZES | {"head_dim": 16},
    "MixtralConfig": SIZES | {"num_local_experts": 2},
    "ArceeConfig": SIZES,
    "BertConfig": SIZES,
    "GPT2Config": {"n_embd": 32, "n_layer": 1, "n_head": 2, "vocab_size": 64, "n_positions": 32},
    "T5Config": {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 1, "vocab_size": 64},
    "MambaConfig": {"hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 64},
}


@pytest.mark.parametrize("shard", ["1GB", "20kB"])
@pytest.mark.parametrize("name", MODELS)
def test_every_folder_of_transformers_is_accepted(tmp_path, name, shard):
    config = getattr(transformers, name)(**MODELS[name])
    model = transformers.AutoModel.from_config(config)
    model.save_pretrained(tmp_path / "model", max_shard_size=shard)
    description = inspect_model(tmp_path / "model")
    stored = sum(
        tensor.nbytes
        for file in (tmp_path / "model").glob("*.safetensors")
        for tensor in safetensors.torch.load_file(file).values()
    )
    assert sum(part.n_bytes for part in description.parts) == stored
    assert description.architecture == config.model_type
    assert transformers.AutoModel.from_pretrained(tmp_path / "model") is not None


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_quantised_folders_of_mlx_are_accepted(tmp_path, bits):
    mx, nn = pytest.importorskip("mlx.core"), pytest.importorskip("mlx.nn")
    layer = nn.Linear(128, 64, bias=False)
    parameters = nn.QuantizedLinear.from_linear(layer, 64, bits).parameters()
    names = {f"model.layers.0.{name}": value for name, value in parameters.items()}
    settings = {"model_type": "llama", "quantization": {"group_size": 64, "bits": bits}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    half = list(names)[:1]
    parts = {"1": {n: names[n] for n in half}, "2": {n: names[n] for n in names if n not in half}}
    for number, part in parts.items():  # as mlx-lm finds them, without an index
        path = tmp_path / f"model-0000{number}-of-00002.safetensors"
        mx.save_safetensors(str(path), part, {"format": "mlx"})
        require_accepted(path)
    description = inspect_model(tmp_path)
    assert sum(part.n_bytes for part in description.parts) == sum(x.nbytes for x in names.values())


def test_an_index_of_a_hundred_thousand_tensors_is_read(tmp_path):
    """As those of models with 256 experts a layer, which have nine megabytes."""
    safetensors.numpy.save_file({"a": np.ones(4, np.float32)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "deepseek_v3"}')
    name = "model.layers.{}.mlp.experts.{}.down_proj.weight_scale_inv"
    table = {name.format(i % 61, i): "model.safetensors" for i in range(100_000)}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": table}))
    assert index.stat().st_size > 8_000_000
    assert inspect_model(tmp_path).lines()
