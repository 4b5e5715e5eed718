"""Exports and the inspection of model files: every weight, every byte, and every wrong input."""

import itertools
import json
import struct
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from architectures import ARCHITECTURES, write_file_of
from hypothesis import given
from hypothesis import strategies as st

from ternary import (
    FullPrecision,
    TernaryError,
    TernaryTransformer,
    Trainer,
    TrainingConfig,
    TransformerConfig,
    make_projection,
)
from ternary.attention import CausalAttention
from ternary.codecs import CODECS, decode, encode
from ternary.experiments.readers import wrong_in_folder, wrong_in_gguf
from ternary.export import (
    TernaryWeights,
    export_gguf,
    export_huggingface,
    export_mlx,
    export_model,
    files,
    inspect_model,
    load_weights,
)
from ternary.export.gguf import gguf_metadata, gguf_name, gguf_tensors
from ternary.export.gguf_file import F16, F32, Tensor, write_gguf
from ternary.export.gguf_reader import read_gguf_header, read_tensor
from ternary.export.huggingface import half_rotation
from ternary.export.safetensors_file import read_array, read_safetensors_header, write_safetensors
from ternary.export.tokenizer import byte_tokens
from ternary.packed import save_packed

CONFIG = TransformerConfig(n_layers=1, d_ff=256)
TARGETS = ("q2_0.gguf", "f16.gguf", "huggingface", "mlx")


def untrained(projection="group", group_size=128, **sizes):
    config = replace(CONFIG, **sizes)
    return TernaryTransformer(config, make_projection(projection, group_size), seed=3)


@pytest.fixture(scope="module")
def model():
    """A model whose gains are not 1 and with a group that is switched off."""
    model = untrained()
    parameters = model.parameters
    parameters.values[parameters.n_latents :] *= np.linspace(0.5, 1.5, 3 * 128, dtype=np.float32)
    model.head.W_latent[5] = 1e-9
    model.project()
    return model


@pytest.fixture(scope="module")
def weights(model):
    return TernaryWeights.of(model)


@pytest.fixture(scope="module")
def exports(weights, tmp_path_factory):
    """A folder with all four exports of the model."""
    folder = tmp_path_factory.mktemp("exports")
    write_all(weights, folder)
    return folder


def write_all(weights, folder, force=False):
    export_gguf(weights, folder / "q2_0.gguf", "Q2_0", force)
    export_gguf(weights, folder / "f16.gguf", "F16", force)
    export_huggingface(weights, folder / "huggingface", force)
    export_mlx(weights, folder / "mlx", force)


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# --- What is written --------------------------------------------------------------------------


def wrong_in(path, weights):
    return (wrong_in_folder if path.is_dir() else wrong_in_gguf)(path, weights)


@pytest.mark.parametrize("target", TARGETS)
def test_every_export_holds_the_very_weights_of_the_model(exports, weights, target):
    assert wrong_in(exports / target, weights) == 0


@pytest.mark.parametrize("target", TARGETS)
def test_a_wrong_weight_is_found(exports, weights, target):
    codes = {name: each.copy() for name, each in weights.codes.items()}
    codes["layers.0.k"][7, 9] = 1 - abs(codes["layers.0.k"][7, 9])
    assert wrong_in(exports / target, replace(weights, codes=codes)) == 1


@pytest.mark.parametrize("projection", ["per-row", "per-tensor", "whole-model", "twn", "binary"])
def test_other_ternary_projections_are_exported_without_loss(tmp_path, projection):
    weights = TernaryWeights.of(untrained(projection))
    write_all(weights, tmp_path)
    assert [wrong_in(tmp_path / target, weights) for target in TARGETS] == [0] * 4


@pytest.mark.parametrize("group_size", [32, 64])
def test_smaller_groups_fit_mlx(tmp_path, group_size):
    weights = TernaryWeights.of(untrained(group_size=group_size))
    export_mlx(weights, tmp_path / "mlx")
    assert wrong_in(tmp_path / "mlx", weights) == 0


def test_gains_are_exported_as_they_are(exports, weights):
    gain = weights.gains["layers.0.norm2"]
    path = exports / "q2_0.gguf"
    data = read_tensor(path, read_gguf_header(path), "blk.0.ffn_norm.weight")
    assert (data.view("<f4") == gain).all()
    for folder in ("huggingface", "mlx"):
        path = exports / folder / "model.safetensors"
        name = "model.layers.0.post_attention_layernorm.weight"
        assert (read_array(path, read_safetensors_header(path), name) == gain).all()


def test_latents_reach_no_export(model, weights, exports, tmp_path):
    """Latents that move without a projection, as between two steps, change no byte."""
    moved = TernaryTransformer(model.config, seed=0)
    for name, codes in weights.codes.items():
        moved.parameters.codes(name)[...] = codes
        moved.parameters.scales(name)[...] = weights.scales[name]
    n = moved.parameters.n_latents
    moved.parameters.values[n:] = model.parameters.values[n:]
    write_all(TernaryWeights.of(moved), tmp_path)
    before, after = contents(exports), contents(tmp_path)
    assert list(before.values()) == list(after.values())


def test_a_packed_model_exports_like_its_checkpoint(tmp_path, small):
    trainer = Trainer(TrainingConfig(steps=3, **{**small, "d_model": 128, "d_ff": 128}))
    trainer.run()
    trainer.save(tmp_path / "model.npz")
    save_packed(tmp_path / "packed.npz", trainer.model)
    for name in ("model", "packed"):
        (tmp_path / name).mkdir()
        write_all(load_weights(tmp_path / f"{name}.npz"), tmp_path / name)
    one, other = contents(tmp_path / "model"), contents(tmp_path / "packed")
    assert list(one.values()) == list(other.values())


def test_the_half_rotated_order_gives_the_same_attention(rng=None):
    """Turning halves against each other on permuted rows is turning neighbours on the others."""
    rng = np.random.default_rng(0)
    n_heads, d, T = 2, 16, 10
    W = rng.standard_normal((3, d, d))
    x = rng.standard_normal((T, d))
    attention = CausalAttention(n_heads, d, dtype=np.float64)
    ours = attention.forward((x @ np.concatenate(W).T)[None])[0]

    q, k = (half_rotation(each, n_heads) for each in W[:2])
    heads = [(x @ each.T).reshape(T, n_heads, -1).swapaxes(0, 1) for each in (q, k, W[2])]
    half = d // n_heads // 2
    angles = np.arange(T)[:, None] * 10000.0 ** (-np.arange(half) / half)
    cos, sin = np.cos(np.tile(angles, 2)), np.sin(np.tile(angles, 2))
    q, k = (
        each * cos + np.concatenate([-each[..., half:], each[..., :half]], -1) * sin
        for each in heads[:2]
    )
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(2 * half)
    scores[:, np.triu(np.ones((T, T), bool), 1)] = -np.inf
    p = np.exp(scores - scores.max(-1, keepdims=True))
    theirs = (p / p.sum(-1, keepdims=True) @ heads[2]).swapaxes(0, 1).reshape(T, d)
    np.testing.assert_allclose(theirs, ours, rtol=1e-12, atol=1e-12)


def test_byte_tokens_are_256_printable_characters_in_the_order_of_the_bytes():
    tokens = byte_tokens()
    assert len(set(tokens)) == 256
    assert all(len(token) == 1 and token.isprintable() for token in tokens)
    assert [ord(tokens[byte]) for byte in (0, 32, 65, 127, 173, 255)] == [
        256,
        288,
        65,
        289,
        323,
        255,
    ]


def test_gguf_metadata_are_those_that_llama_cpp_asks_for(exports):
    keys = read_gguf_header(exports / "q2_0.gguf").metadata
    assert keys["general.architecture"] == "arcee"
    assert keys["arcee.block_count"] == 1
    assert keys["arcee.rope.dimension_count"] == 32
    assert keys["arcee.attention.layer_norm_rms_epsilon"] == np.float32(1e-5)
    assert keys["tokenizer.ggml.tokens"] == byte_tokens()
    assert keys["tokenizer.ggml.merges"] == []
    assert keys["tokenizer.ggml.add_bos_token"] is False


def test_the_same_model_gives_the_same_bytes(weights, exports, tmp_path):
    write_all(weights, tmp_path)
    assert list(contents(tmp_path).values()) == list(contents(exports).values())


# --- What an inspection says ------------------------------------------------------------------


def verdicts(path):
    return {each.runtime: each.loads for each in inspect_model(path).verdicts}


def test_inspection_tells_the_runtimes_of_every_export(exports):
    assert verdicts(exports / "q2_0.gguf") == {
        "llama.cpp": True,
        "PrismML's llama.cpp": None,
        "gguf (Python)": False,
    }
    assert verdicts(exports / "f16.gguf")["gguf (Python)"] is True
    assert verdicts(exports / "huggingface") == {
        "Transformers": True,
        "mlx-lm": False,
        "llama.cpp": False,
    }
    assert verdicts(exports / "mlx") == {
        "mlx-lm": True,
        "Transformers": False,
        "llama.cpp": False,
    }


@pytest.mark.parametrize(("target", "bits"), list(zip(TARGETS, (2.25, 16, 16, 2.25), strict=True)))
def test_inspection_accounts_for_every_byte(exports, weights, target, bits):
    path = exports / target
    description = inspect_model(path)
    paths = path.iterdir() if path.is_dir() else [path]
    assert description.size == sum(each.stat().st_size for each in paths)
    assert description.n_weights == weights.n_weights
    assert description.bits_per_weight == bits
    lines = description.lines()
    rows = [int(line.split()[0]) for line in lines if line.startswith("    ")]
    assert sum(rows) == description.size
    assert min(rows) > 0


def test_inspection_describes_a_checkpoint_and_a_packed_model(tmp_path, small):
    trainer = Trainer(TrainingConfig(steps=2, **small))
    trainer.run()
    trainer.save(tmp_path / "model.npz")
    save_packed(tmp_path / "packed.npz", trainer.model)
    checkpoint, packed = (inspect_model(tmp_path / f"{n}.npz") for n in ("model", "packed"))
    assert checkpoint.n_weights == packed.n_weights == 32928 - 5 * 32
    assert checkpoint.bits_per_weight == 96
    assert packed.bits_per_weight < 2.2  # rows of 32 and 64 have a scale each
    for each in (checkpoint, packed):
        assert sum(part.n_bytes for part in each.parts) < each.size
        assert each.verdicts[0].loads


def old_q2_0(weights, path, kind=42):
    """The file as PrismML's fork wrote it before its type had a number of its own."""
    tensors = gguf_tensors(weights, "Q2_0")
    for name, codes in weights.codes.items():
        data = encode("PQ2_0", codes, weights.scales[name])
        tensors[gguf_name(name)] = Tensor(codes.shape, kind, data)
    with open(path, "wb") as file:
        write_gguf(file, gguf_metadata(weights, "Q2_0"), tensors)


def test_type_42_in_blocks_of_128_is_told_from_blocks_of_64(weights, tmp_path):
    old_q2_0(weights, tmp_path / "old.gguf")
    description = inspect_model(tmp_path / "old.gguf")
    assert "blocks of 128" in description.format
    assert description.bits_per_weight == 2.125
    main = description.verdicts[0]
    assert (main.runtime, main.loads) == ("llama.cpp", False)
    assert "lies at" in main.why


@pytest.mark.parametrize("rows", [16, 17, 100])
def test_one_tensor_of_type_42_is_told_by_the_length_of_the_file(tmp_path, rows):
    codes, scales = np.ones((rows, 128), np.int8), np.ones((rows, 1), np.float16)
    for name, blocks in (("Q2_0", 64), ("PQ2_0", 128)):
        tensor = Tensor(codes.shape, 42, encode(name, codes, scales))
        path = tmp_path / f"{blocks}.gguf"
        with open(path, "wb") as file:
            write_gguf(file, {"general.architecture": "arcee"}, {"output.weight": tensor})
        assert ("blocks of 128" in inspect_model(path).format) == (blocks == 128)


def test_a_file_too_small_to_tell_is_said_to_be(tmp_path):
    """A row of 36 bytes and one of 34 are both padded to 64."""
    data = encode("Q2_0", np.ones((1, 128), np.int8), np.ones((1, 1), np.float16))
    with open(tmp_path / "row.gguf", "wb") as file:
        write_gguf(file, {}, {"output.weight": Tensor((1, 128), 42, data)})
    assert "blocks of 128" in inspect_model(tmp_path / "row.gguf").notes[-1]


@pytest.mark.parametrize("kind", [142, 143])
def test_types_of_the_fork_run_in_the_fork_only(weights, tmp_path, kind):
    name = {142: "PQ2_0", 143: "PTQ1_0"}[kind]
    tensors = {
        gguf_name(each): Tensor(codes.shape, kind, encode(name, codes, weights.scales[each]))
        for each, codes in weights.codes.items()
    }
    with open(tmp_path / "fork.gguf", "wb") as file:
        write_gguf(file, gguf_metadata(weights, "Q2_0"), tensors)
    description = inspect_model(tmp_path / "fork.gguf")
    assert description.bits_per_weight == CODECS[name].bits_per_weight
    assert [each.loads for each in description.verdicts] == [False, None, False]


def test_what_llama_cpp_would_miss_is_said(weights, tmp_path):
    metadata = gguf_metadata(weights, "Q2_0")
    tensors = gguf_tensors(weights, "Q2_0")
    for key in ("tokenizer.ggml.merges", "tokenizer.ggml.model", "arcee.block_count"):
        path = tmp_path / f"{key}.gguf"
        with open(path, "wb") as file:
            write_gguf(file, {k: v for k, v in metadata.items() if k != key}, tensors)
        assert any(key in note for note in inspect_model(path).notes)
        assert verdicts(path)["llama.cpp"] is False
    with open(tmp_path / "no_up.gguf", "wb") as file:
        write_gguf(file, metadata, {k: v for k, v in tensors.items() if "ffn_up" not in k})
    assert "blk.0.ffn_up.weight" in inspect_model(tmp_path / "no_up.gguf").notes[0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_another_architecture_is_asked_for_no_key_of_arcee(tmp_path, architecture):
    """gpt2 has LayerNorm and biases, and no epsilon of RMSNorm: llama.cpp loads it all the same."""
    description = inspect_model(write_file_of(tmp_path / "other.gguf", architecture))
    main, fork, reader = description.verdicts
    assert (main.loads, fork.loads, reader.loads) == (None, None, True)
    assert repr(architecture) in main.why
    assert description.notes == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_is_asked_for_its_tokenizer(tmp_path, architecture):
    for key in ("tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"):
        path = write_file_of(tmp_path / "bad.gguf", architecture, without=key)
        assert inspect_model(path).verdicts[0][1:] == (
            False,
            f"the metadata lack {key}: llama.cpp refuses the file",
        )


@pytest.mark.parametrize(
    ("without", "tokenizer"),
    [("tokens", {"tokenizer.ggml.model": "none"}), ("merges", {"tokenizer.ggml.pre": "kimi-k2"})],
)
def test_a_tokenizer_is_asked_only_for_what_it_has(tmp_path, without, tokenizer):
    path = write_file_of(tmp_path / "a.gguf", "llama", f"tokenizer.ggml.{without}", tokenizer)
    assert verdicts(path)["llama.cpp"] is None


def with_keys(weights, path, without=(), **changes):
    """An export with other metadata; a dot in a key is written as two underscores."""
    metadata = gguf_metadata(weights, "F16")
    metadata |= {key.replace("__", "."): value for key, value in changes.items()}
    with open(path, "wb") as file:
        kept = {key: value for key, value in metadata.items() if key not in without}
        write_gguf(file, kept, gguf_tensors(weights, "F16"))
    return inspect_model(path)


def test_a_missing_pre_tokenizer_is_a_note_and_no_refusal(weights, tmp_path):
    """llama.cpp warns, and takes its default."""
    description = with_keys(weights, tmp_path / "a.gguf", without=["tokenizer.ggml.pre"])
    assert description.verdicts[0].loads is True
    assert "tokenizer.ggml.pre: llama.cpp warns" in description.notes[0]
    path = write_file_of(tmp_path / "b.gguf", "gpt2", without="tokenizer.ggml.pre")
    assert verdicts(path)["llama.cpp"] is None
    assert "tokenizer.ggml.pre: llama.cpp warns" in inspect_model(path).notes[0]


def test_a_missing_architecture_is_a_refusal(weights, tmp_path):
    description = with_keys(weights, tmp_path / "a.gguf", without=["general.architecture"])
    assert description.verdicts[0].loads is False
    assert "general.architecture" in description.verdicts[0].why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tokenizer__ggml__pre": "llama-bpe"}, "'llama-bpe'"),
        ({"tokenizer__ggml__model": "llama"}, "'llama'"),
        ({"general__type": "adapter"}, "'adapter'"),
        ({"split__count": 3}, "one of 3 files"),
    ],
    ids=["pre", "tokenizer", "adapter", "split"],
)
def test_what_was_not_tried_gets_no_verdict(weights, tmp_path, changes, why):
    main = with_keys(weights, tmp_path / "a.gguf", **changes).verdicts[0]
    assert main.loads is None
    assert why in main.why


def test_tensors_beside_ours_get_no_verdict(weights, tmp_path):
    """Biases and fused matrices of q, k, v are read by llama.cpp; others it refuses."""
    tensors = gguf_tensors(weights, "F16")
    del tensors["blk.0.attn_q.weight"]
    tensors["blk.0.attn_qkv.weight"] = tensors["blk.0.attn_k.weight"]
    with open(tmp_path / "a.gguf", "wb") as file:
        write_gguf(file, gguf_metadata(weights, "F16"), tensors)
    main = inspect_model(tmp_path / "a.gguf").verdicts[0]
    assert main.loads is None
    assert "blk.0.attn_qkv.weight" in main.why


@pytest.mark.parametrize("architecture", ["arcee", "qwen3"])
def test_rotated_weights_that_llama_cpp_loads_are_named(weights, tmp_path, architecture):
    """PrismML's fork writes these keys, and reads the weights as they are without the first."""
    rotation = {"prism.hadamard.version": 1, "prism.hadamard.block_size": 64}
    path = tmp_path / "rotated.gguf"
    if architecture == "arcee":
        with open(path, "wb") as file:
            metadata = gguf_metadata(weights, "Q2_0")
            write_gguf(file, {**metadata, **rotation}, gguf_tensors(weights, "Q2_0"))
    else:
        write_file_of(path, architecture, extra=rotation)
    description = inspect_model(path)
    main, fork, _ = description.verdicts
    assert (main.loads, fork.loads) == (False, None)
    assert "nonsense" in main.why
    assert "prism.hadamard.version" in main.why
    assert "the rotation" in fork.why
    assert "rotated basis" in description.notes[-1]


@pytest.mark.parametrize("in_the_file", [False, True])
def test_a_name_that_asks_for_the_fork_is_said_to_be_all_that_is_known(
    weights, tmp_path, in_the_file
):
    name = "Q2_0-prism-fork-required"
    path = tmp_path / ("a.gguf" if in_the_file else f"{name}.gguf")
    description = with_keys(weights, path, **({"general__name": name} if in_the_file else {}))
    main, fork, _ = description.verdicts
    assert (main.loads, fork.loads) == (None, None)
    assert "the name says" in main.why
    assert "no key prism.hadamard.* confirms it" in description.notes[-1]


def test_a_type_that_is_only_unknown_to_us_gets_no_verdict(tmp_path):
    """Type 23, IQ4_XS, is known to llama.cpp and to the package gguf; type 44 to nobody yet."""
    for kind, readable in ((23, None), (44, False)):
        tensor = Tensor((1, 256), kind, np.zeros((1, 136), np.uint8))
        with open(tmp_path / "a.gguf", "wb") as file:
            write_gguf(file, {"general.architecture": "llama"}, {"output.weight": tensor})
        found = [each.loads for each in inspect_model(tmp_path / "a.gguf").verdicts]
        assert found == [None, None, readable]


def test_a_model_file_of_others_gets_no_verdict(weights, tmp_path):
    """Another model's folder may need another mlx-lm, or PrismML's: the file decides."""
    export_mlx(weights, tmp_path / "mlx")
    config = json.loads((tmp_path / "mlx" / "config.json").read_text())
    config["model_type"] = "prism_hadamard_qwen35"
    (tmp_path / "mlx" / "config.json").write_text(json.dumps(config))
    assert verdicts(tmp_path / "mlx")["mlx-lm"] is None


# --- Wrong input ------------------------------------------------------------------------------


def test_a_full_precision_model_has_nothing_to_export():
    with pytest.raises(TernaryError, match="no codes"):
        TernaryWeights.of(TernaryTransformer(CONFIG, FullPrecision()))


def test_tokens_that_are_no_bytes_are_refused():
    with pytest.raises(TernaryError, match="256, one for each byte"):
        TernaryWeights.of(untrained(vocab_size=300))


@pytest.mark.parametrize(
    ("target", "sizes", "reason"),
    [
        ("gguf", {"d_model": 32}, "multiple of 64"),
        ("mlx", {"group_size": 16}, "32, 64, 128"),
        ("mlx", {"d_model": 32}, "32 columns"),
        ("nowhere", {}, "expected one of gguf"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_written(
    tmp_path, target, sizes, reason
):
    with pytest.raises(TernaryError, match=reason):
        export_model(TernaryWeights.of(untrained(**sizes)), target, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["gguf", "huggingface", "mlx"])
def test_an_existing_target_is_replaced_only_by_force(weights, tmp_path, target):
    path = tmp_path / "out"
    export_model(weights, target, path)
    before = contents(tmp_path) | ({path: path.read_bytes()} if path.is_file() else {})
    with pytest.raises(TernaryError, match="--force"):
        export_model(weights, target, path)
    other = TernaryWeights.of(untrained("binary"))
    export_model(other, target, path, force=True)
    after = contents(tmp_path)
    assert after.keys() == before.keys()
    assert after != before
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_force_never_removes_what_no_export_writes(weights, tmp_path):
    folder = tmp_path / "home"
    export_huggingface(weights, folder)
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(TernaryError, match=r"thesis\.txt"):
        export_huggingface(weights, folder, force=True)
    with pytest.raises(TernaryError, match="not a file"):
        export_gguf(weights, folder, force=True)
    assert (folder / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("target", ["gguf", "huggingface", "mlx"])
@pytest.mark.parametrize("exists", [False, True])
def test_a_write_that_fails_leaves_what_was_there(weights, tmp_path, monkeypatch, target, exists):
    if exists:
        export_model(weights, target, tmp_path / "out")
    before = contents(tmp_path)

    def full_disk(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        export_model(weights, target, tmp_path / "out", force=True)
    assert contents(tmp_path) == before
    assert list(tmp_path.iterdir()) == ([tmp_path / "out"] if exists else [])


def test_a_folder_that_cannot_take_its_name_leaves_the_old_one(weights, tmp_path, monkeypatch):
    export_huggingface(weights, tmp_path / "out")
    before = contents(tmp_path)
    monkeypatch.setattr(files, "swap", lambda one, other: False)
    rename = Path.rename

    def fails_for_the_new_one(self, target):
        if self.name == "out.partial":
            raise OSError("no space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_the_new_one)
    with pytest.raises(OSError, match="no space"):
        export_huggingface(TernaryWeights.of(untrained("binary")), tmp_path / "out", force=True)
    assert contents(tmp_path) == before


WRONG_GGUF = {
    "wrong magic": lambda data: b"GGML" + data[4:],
    "big-endian": lambda data: data[:4] + data[4:8][::-1] + data[8:],
    "a version of the future": lambda data: data[:4] + struct.pack("<I", 4) + data[8:],
    "cut within the header": lambda data: data[:1000],
    "cut within the tensors": lambda data: data[:-5000],
    "2^60 tensors": lambda data: data[:8] + struct.pack("<Q", 1 << 60) + data[16:],
    "2^60 keys": lambda data: data[:16] + struct.pack("<Q", 1 << 60) + data[24:],
    "a key of 2^60 bytes": lambda data: data[:24] + struct.pack("<Q", 1 << 60) + data[32:],
    "a path for a name": lambda data: data.replace(b"blk.0.attn_q.weight", b"../../../etc/passwd"),
    "an empty file": lambda data: b"",
    "four bytes": lambda data: b"GGUF",
}


@pytest.mark.parametrize("damage", WRONG_GGUF.values(), ids=WRONG_GGUF)
def test_a_damaged_gguf_file_is_refused(exports, tmp_path, damage):
    path = tmp_path / "bad.gguf"
    path.write_bytes(damage((exports / "q2_0.gguf").read_bytes()))
    with pytest.raises(TernaryError, match=r"bad\.gguf"):
        inspect_model(path)


def safetensors_of(table, data=b""):
    header = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(header)) + header + data


def entry(dtype="F32", shape=(1,), place=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(place)}


WRONG_SAFETENSORS = {
    "nothing": b"",
    "2^62 bytes of header": struct.pack("<Q", 1 << 62) + b"{}",
    "no JSON": safetensors_of(b"{nothing"),
    "a list": safetensors_of([1]),
    "deep": safetensors_of(b"[" * 100000),
    "no end": safetensors_of({"a": entry()}, b"12"),
    "a gap": safetensors_of({"a": entry(place=(4, 8))}, bytes(8)),
    "an overlap": safetensors_of({"a": entry(), "b": entry(place=(2, 6))}, bytes(6)),
    "too few bytes for its shape": safetensors_of({"a": entry(shape=(2,))}, bytes(4)),
    "a negative shape": safetensors_of({"a": entry(shape=(-1, -1))}, bytes(4)),
    "a huge shape": safetensors_of({"a": entry(shape=(1 << 62, 4))}, bytes(4)),
    "a fraction": safetensors_of({"a": entry(shape=(1.0,))}, bytes(4)),
    "a product of thirty thousand numbers": safetensors_of({"a": entry(shape=[1 << 62] * 30_000)}),
    "an unknown type": safetensors_of({"a": entry("Q4")}, bytes(4)),
    "no type": safetensors_of({"a": {"shape": [1]}}, bytes(4)),
    "a path for a name": safetensors_of({"../../a": entry()}, bytes(4)),
    "metadata that are a number": safetensors_of({"__metadata__": 3}),
}


@pytest.mark.parametrize("data", WRONG_SAFETENSORS.values(), ids=WRONG_SAFETENSORS)
def test_a_damaged_safetensors_file_is_refused(tmp_path, data):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(TernaryError, match=r"bad\.safetensors"):
        inspect_model(path)


WRONG_FOLDERS = {
    "no configuration": {"config.json": None},
    "no JSON": {"config.json": b"{"},
    "a list": {"config.json": b"[]"},
    "bits of text": {"config.json": b'{"quantization": {"bits": "two"}}'},
    "bits out of range": {"config.json": b'{"quantization": {"bits": 4096}}'},
    "a model file elsewhere": {
        "config.json": b'{"model_file": "../evil.py", "quantization": {"bits": 2}}'
    },
    "weights elsewhere": {
        "model.safetensors.index.json": b'{"weight_map": {"a": "../../secret.safetensors"}}'
    },
    "an index of nothing": {"model.safetensors.index.json": b"3"},
    "an index of what is not there": {
        "model.safetensors.index.json": b'{"weight_map": {"a": "b.safetensors"}}'
    },
    "no weights": {"model.safetensors": None},
}


@pytest.mark.parametrize("changes", WRONG_FOLDERS.values(), ids=WRONG_FOLDERS)
def test_a_damaged_folder_is_refused(weights, tmp_path, changes):
    export_huggingface(weights, tmp_path / "model")
    for name, data in changes.items():
        (tmp_path / "model" / name).unlink(missing_ok=True)
        if data is not None:
            (tmp_path / "model" / name).write_bytes(data)
    with pytest.raises(TernaryError):
        inspect_model(tmp_path / "model")


@pytest.mark.parametrize("counted", ["tensors", "keys", "entries of b"])
def test_an_impossible_count_is_named(seeds, tmp_path, counted):
    data = bytearray((seeds / "a.gguf").read_bytes())
    entries = data.index(b"\x01\0\0\0\0\0\0\0x") - 8  # "b" is a list of one text of one letter
    place = {"tensors": 8, "keys": 16, "entries of b": entries}
    data[place[counted] : place[counted] + 8] = struct.pack("<Q", 1 << 21)
    (tmp_path / "bad.gguf").write_bytes(data)
    with pytest.raises(TernaryError, match=f"claims 2097152 {counted}"):
        inspect_model(tmp_path / "bad.gguf")


def test_weights_outside_of_the_folder_are_refused_even_if_they_are_there(weights, tmp_path):
    export_huggingface(weights, tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "other.safetensors")
    index = tmp_path / "model" / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "../other.safetensors"}}')
    with pytest.raises(TernaryError, match="a file of the folder itself"):
        inspect_model(tmp_path / "model")


@pytest.mark.parametrize("name", ["nothing", "text.txt", "picture.npz", "archive.npz"])
def test_what_is_no_model_is_refused(tmp_path, name):
    (tmp_path / "text.txt").write_text("What a lovely day")
    (tmp_path / "picture.npz").write_bytes(b"\x89PNG\r\n")
    with zipfile.ZipFile(tmp_path / "archive.npz", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(TernaryError, match=name):
        inspect_model(tmp_path / name)


# --- Any bytes: a description, or an error that is ours ---------------------------------------


def describe_or_refuse(path):
    try:
        assert inspect_model(path).lines()
    except TernaryError as error:
        assert str(error)


def tiny_gguf():
    metadata = {"general.architecture": "arcee", "a": [1, 2], "b": ["x"], "c": 0.5, "d": True}
    codes, scales = np.ones((2, 128), np.int8), np.ones((2, 1), np.float16)
    tensors = {
        "a": Tensor((2, 128), 42, encode("Q2_0", codes, scales)),
        "b": Tensor((3,), F32, np.ones(3, np.float32)),
        "c": Tensor((2, 2), F16, np.ones((2, 2), np.float16)),
    }
    return metadata, tensors


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Small valid files to be damaged, and a place for the damaged ones."""
    folder = tmp_path_factory.mktemp("seeds")
    with open(folder / "a.gguf", "wb") as file:
        write_gguf(file, *tiny_gguf())
    arrays = {"w.weight": np.ones((2, 8), np.uint32), "w.scales": np.ones((2, 1), np.float16)}
    with open(folder / "a.safetensors", "wb") as file:
        write_safetensors(file, arrays, {"format": "mlx"})
    trainer = Trainer(TrainingConfig(steps=1, d_model=8, d_ff=8, n_heads=2))
    trainer.run()
    trainer.save(folder / "a.npz")
    save_packed(folder / "b.npz", trainer.model)
    return folder


SEEDS = ("a.gguf", "a.safetensors", "a.npz", "b.npz")


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_of_the_fuzzer_are_valid(seeds, name):
    assert inspect_model(seeds / name).lines()


@pytest.mark.parametrize("suffix", ["gguf", "safetensors", "npz"])
@given(data=st.binary(max_size=300))
def test_any_bytes_are_described_or_refused(seeds, suffix, data):
    path = seeds / f"any.{suffix}"
    for start in (b"", b"GGUF\x03\0\0\0", b"\x20\0\0\0\0\0\0\0{"):
        path.write_bytes(start + data)
        describe_or_refuse(path)


@pytest.mark.parametrize("name", SEEDS)
@given(data=st.data())
def test_a_damaged_file_is_described_or_refused(seeds, name, data):
    """A few bytes changed, mostly in the header, and perhaps the end cut off."""
    content = bytearray((seeds / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(content), 700) - 1))
        content[place] = data.draw(st.sampled_from([0, 1, 2, 7, 9, 42, 127, 128, 255]))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = seeds / f"damaged-{name}"
    path.write_bytes(content)
    describe_or_refuse(path)


@pytest.mark.parametrize("name", ["a.gguf", "a.safetensors"])
def test_no_claim_of_a_header_costs_memory(seeds, name):
    """Every eight bytes of the header in turn claim 2^40 of whatever they count."""
    content = (seeds / name).read_bytes()
    path = seeds / f"claims-{name}"
    tracemalloc.start()
    try:
        for place, claim in itertools.product(range(0, 300, 4), (1 << 40, 1 << 63)):
            claims = struct.pack("<Q", claim)
            path.write_bytes(content[:place] + claims + content[place + 8 :])
            describe_or_refuse(path)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


def test_decoded_weights_of_a_damaged_tensor_are_refused(exports, tmp_path):
    """Digit 3 stands for +2 in Q2_0, which no ternary model has."""
    path = exports / "q2_0.gguf"
    data = read_tensor(path, read_gguf_header(path), "output.weight").copy()
    data[0, 2] = 0xFF
    with pytest.raises(TernaryError, match=r"\+2"):
        decode("Q2_0", data, 128)


# --- The commands -----------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TrainingConfig(steps=2, d_model=128, d_ff=128, n_layers=1)
    trainer = Trainer(config)
    trainer.run()
    trainer.save("model.npz")
    twin = Trainer(TrainingConfig(steps=1, d_model=8, d_ff=8, projection="full-precision"))
    twin.run()
    twin.save("twin.npz")
    Path("cut.npz").write_bytes(Path("model.npz").read_bytes()[:1000])
    Path("text.txt").write_text("not a model")
    return tmp_path


def status_of(arguments):
    from ternary.cli import main

    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize("target", ["gguf", "huggingface", "mlx"])
def test_the_command_exports_and_says_how_to_load_it(saved, capsys, target):
    assert status_of(["export", "model.npz", "--to", target, "out"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("out: ")
    assert re_last(out).startswith("load it with ")
    assert status_of(["inspect", "out"]) == 0
    assert capsys.readouterr().out in out
    assert wrong_in(saved / "out", load_weights("model.npz")) == 0


def re_last(out):
    return out.splitlines()[-1]


def test_the_type_of_a_gguf_file_can_be_chosen(saved, capsys):
    assert status_of(["export", "model.npz", "--to", "gguf", "--type", "F16", "out"]) == 0
    assert "F16" in capsys.readouterr().out


WRONG_COMMANDS = [
    ["export"],
    ["export", "model.npz"],
    ["export", "model.npz", "--to", "gguf"],
    ["export", "model.npz", "--to", "onnx", "out"],
    ["export", "model.npz", "--to", "gguf", ""],
    ["export", "model.npz", "--to", "gguf", "."],
    ["export", "model.npz", "--to", "gguf", "text.txt"],
    ["export", "model.npz", "--to", "gguf", "missing/out.gguf"],
    ["export", "model.npz", "--to", "gguf", "--type", "Q4_0", "out"],
    ["export", "model.npz", "--to", "mlx", "--type", "F16", "out"],
    ["export", "model.npz", "--to", "huggingface", "."],
    ["export", "model.npz", "--to", "huggingface", "text.txt", "--force"],
    ["export", "missing.npz", "--to", "gguf", "out"],
    ["export", "text.txt", "--to", "gguf", "out"],
    ["export", "cut.npz", "--to", "gguf", "out"],
    ["export", "twin.npz", "--to", "gguf", "out"],
    ["inspect"],
    ["inspect", "missing"],
    ["inspect", "text.txt"],
    ["inspect", "cut.npz"],
    ["inspect", "."],
]


@pytest.mark.parametrize("arguments", WRONG_COMMANDS, ids=" ".join)
def test_a_wrong_command_ends_with_two_and_one_clear_message(saved, capsys, arguments):
    before = contents(saved)
    assert status_of(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert ": error: " in err.splitlines()[-1]
    assert "Traceback" not in err
    assert contents(saved) == before
