"""MLX and mlx-lm, on the processor: the product, the whole model, the text."""

import shutil

import mlx.core as mx
import numpy as np
import pytest
import safetensors.numpy
from mlx_lm import generate, load

from ternary.codecs import to_mlx
from ternary.experiments.readers import MLX

mx.set_default_device(mx.cpu)


@pytest.fixture(scope="module")
def reader(exported):
    return MLX(exported.folder / "mlx", exported.context)


def test_quantized_matmul_multiplies_by_the_very_weights(exported):
    weights = exported.weights
    x = np.random.default_rng(0).standard_normal((5, 512)).astype(np.float32)
    name = "layers.0.down"
    packed, scales, biases = map(mx.array, to_mlx(weights.codes[name], weights.scales[name]))
    y = mx.quantized_matmul(mx.array(x), packed, scales, biases, group_size=128, bits=2)
    expected = x @ weights.matrix(name).T
    np.testing.assert_allclose(np.array(y), expected, atol=1e-5 * abs(expected).max())
    decoded = mx.dequantize(packed, scales, biases, group_size=128, bits=2)
    assert (np.array(decoded.astype(mx.float32)) == weights.matrix(name)).all()


def test_logits_are_equal_to_1e_4(exported, expected, reader):
    theirs = np.stack([reader.logits(window) for window in exported.windows])
    np.testing.assert_allclose(theirs, expected.logits, atol=1e-4 * abs(expected.logits).max())


def test_the_greedy_continuation_is_the_same_text(exported, expected, reader):
    """With mlx-lm's own generation, which keeps a cache of keys and values."""
    n = exported.context - len(exported.prompt.encode())
    assert reader.continuation(exported.prompt, n) == expected.text


def test_its_text_loses_a_space_at_the_beginning(exported, reader):
    """When this fails, chapter 14 has to say so."""
    text = generate(reader.model, reader.tokenizer, " " * 20, max_tokens=9)
    assert reader.continuation(" " * 20, 9) == " " * 9
    assert text == " " * 8


@pytest.mark.parametrize("text", ["naïve — 日本 🐍\n", " two  spaces\n\n\ttab", "\x0b"])
def test_the_tokenizer_reads_bytes(reader, text):
    assert reader.tokens(text) == list(text.encode())


def test_gains_in_float16_would_make_all_activations_float16(exported, expected, tmp_path):
    shutil.copytree(exported.folder / "mlx", tmp_path / "mlx")
    path = tmp_path / "mlx" / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    half = {k: v.astype(np.float16) if "norm" in k else v for k, v in tensors.items()}
    safetensors.numpy.save_file(half, path, {"format": "mlx"})
    model, _ = load(str(tmp_path / "mlx"), trust_remote_code=True)
    logits = model(mx.array(exported.windows[:1]))
    assert logits.dtype == mx.float16
    difference = abs(np.array(logits[0]) - expected.logits[0]).max()
    assert difference > 1e-4 * abs(expected.logits).max()


def test_it_does_not_know_the_architecture_without_the_model_file(exported):
    with pytest.raises(ValueError, match="arcee not supported"):
        load(str(exported.folder / "huggingface"))


def test_the_layers_stay_packed(reader):
    assert type(reader.model.lm_head).__name__ == "QuantizedLinear"
    assert type(reader.model.model.embed_tokens).__name__ == "QuantizedEmbedding"
    assert reader.model.lm_head.weight.dtype == mx.uint32


def test_the_model_file_is_executed_only_with_consent(exported):
    with pytest.raises(ValueError, match="trust_remote_code"):
        load(str(exported.folder / "mlx"))
