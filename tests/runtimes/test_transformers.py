"""Transformers loads the folder: the same tokens, the same logits, the same text."""

import json

import numpy as np
import pytest
import safetensors.numpy
import torch
from conftest import relative_rms
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from ternary import TernaryTransformer, TransformerConfig
from ternary.experiments.readers import Transformers
from ternary.export import TernaryWeights, export_huggingface
from ternary.export.huggingface import half_rotation, hf_name
from ternary.export.safetensors_file import read_safetensors_header


@pytest.fixture(scope="module")
def reader(exported):
    return Transformers(exported.folder / "huggingface", exported.context)


def test_it_is_an_arcee_model_of_as_many_parameters(exported, reader):
    assert type(reader.model).__name__ == "ArceeForCausalLM"
    n = sum(each.numel() for each in reader.model.parameters())
    assert n == exported.model.parameters.count
    assert reader.model.dtype == torch.float32


def test_logits_are_equal_to_1e_4(exported, expected, reader):
    theirs = np.stack([reader.logits(window) for window in exported.windows])
    assert relative_rms(theirs, expected.logits) < 1e-4
    np.testing.assert_allclose(theirs, expected.logits, atol=1e-4 * abs(expected.logits).max())


def test_the_greedy_continuation_is_the_same_text(exported, expected, reader):
    n = exported.context - len(exported.prompt.encode())
    assert reader.continuation(exported.prompt, n) == expected.text


def test_the_tokenizer_reads_bytes(exported):
    tokenizer = AutoTokenizer.from_pretrained(exported.folder / "huggingface")
    texts = [
        "The class",
        "naïve — 日本 🐍",
        " two  spaces\n\n\ttab",
        "".join(map(chr, range(1, 900))),
    ]
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        assert ids == list(text.encode())
        assert tokenizer.decode(ids) == text
    assert len(tokenizer) == 256


def test_the_rotary_base_and_the_norm_epsilon_arrive(tmp_path):
    config = TransformerConfig(n_layers=1, d_ff=128, rope_base=500.0, norm_eps=0.1)
    model = TernaryTransformer(config)
    export_huggingface(TernaryWeights.of(model), tmp_path / "model")
    tokens = np.arange(60)
    theirs = Transformers(tmp_path / "model", 64).logits(tokens)
    assert relative_rms(theirs, model.forward(tokens[None])[0]) < 1e-4


def test_the_wrong_rotary_order_is_seen_by_this_test(exported, expected, tmp_path):
    """Rows of q and k as they lie in this package: the mistake of chapter 14."""
    weights = exported.weights
    export_huggingface(weights, tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    for name in weights.codes:
        if name.endswith((".q", ".k")):
            tensors[f"{hf_name(name)}.weight"] = weights.matrix(name).astype(np.float16)
    safetensors.numpy.save_file(tensors, path, {"format": "pt"})
    theirs = Transformers(tmp_path / "model", 64).logits(exported.windows[0])
    assert relative_rms(theirs, expected.logits[0]) > 1e-2


def test_the_package_safetensors_reads_and_writes_the_same_bytes(exported, tmp_path):
    path = exported.folder / "huggingface" / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    for name in exported.weights.codes:
        W = exported.weights.matrix(name)
        W = half_rotation(W, 4) if name.endswith((".q", ".k")) else W
        assert (tensors[f"{hf_name(name)}.weight"] == W).all()
    again = tmp_path / "again.safetensors"
    safetensors.numpy.save_file(tensors, again, {"format": "pt"})
    assert again.read_bytes() == path.read_bytes()
    assert read_safetensors_header(again).tensors.keys() == tensors.keys()


@pytest.mark.parametrize(
    ("name", "file", "error"),
    [
        ("mlx", None, "mismatched"),
        (".", "f16.gguf", "architecture arcee is not supported"),
        (".", "q2_0.gguf", "not a valid GGMLQuantizationType"),
    ],
)
def test_what_it_does_not_load_it_refuses(exported, name, file, error):
    """The column of Transformers in the table of chapter 14."""
    with pytest.raises((ValueError, RuntimeError), match=error):
        AutoModelForCausalLM.from_pretrained(exported.folder / name, gguf_file=file)


def test_the_configuration_is_read_without_complaint(exported, caplog):
    folder = exported.folder / "huggingface"
    config = AutoConfig.from_pretrained(folder)
    AutoModelForCausalLM.from_pretrained(folder)
    given = json.loads((folder / "config.json").read_text())
    for key in ("hidden_size", "intermediate_size", "hidden_act", "rms_norm_eps", "vocab_size"):
        assert getattr(config, key) == given[key]
    assert not caplog.records
