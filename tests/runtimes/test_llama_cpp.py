"""llama.cpp itself, from the package xllamacpp: tokens, logits, text, and what it refuses."""

import numpy as np
import pytest
import xllamacpp
from architectures import ARCHITECTURES, CONTEXT, write_file_of
from conftest import (
    LLAMA_RMS,
    relative_rms,
    require_agreement,
    require_continuation,
    tokens_in_llama_cpp,
    write_q2_0,
)

from ternary import TernaryError, TernaryLinear
from ternary.codecs import encode
from ternary.experiments.readers import LlamaCpp
from ternary.export import inspect_model
from ternary.export.gguf import gguf_metadata, gguf_name, gguf_tensors
from ternary.export.gguf_checks import MERGES, REQUIRED, TOKENIZER
from ternary.export.gguf_file import F16, Tensor, write_gguf


@pytest.fixture(scope="module", params=LLAMA_RMS)
def reader(request, exported):
    return LlamaCpp(exported.folder / request.param, exported.context)


def centred(logits):
    """The server tells log-probabilities: logits up to a constant at each position."""
    return logits - logits.mean(axis=-1, keepdims=True)


def test_logits_agree_and_so_does_the_likeliest_byte(exported, expected, reader):
    windows = exported.windows[:2, :-1]  # it wants room for the byte that it predicts
    theirs = np.stack([centred(reader.logits(window)) for window in windows])
    ours = centred(expected.logits[:2, :-1])
    require_agreement(theirs, ours, LLAMA_RMS[reader.path.rsplit("/", 1)[-1]])


def test_the_tokenizer_reads_bytes_and_adds_nothing(reader):
    for text in ("The class", "naïve — 日本 🐍", " two  spaces\n\n\ttab", "\x0b"):
        assert reader.tokens(text) == list(text.encode())
        assert reader.ask("/detokenize", tokens=list(text.encode()))["content"] == text


def test_it_continues_a_prompt_of_text(exported, expected, reader):
    require_continuation(reader, exported, expected)


class WithoutHalves(LlamaCpp):
    """Keys and values in float32, and attention that computes with those."""

    def load(self):
        settings = xllamacpp.CommonParams()
        settings.model.path = self.path
        settings.n_ctx, settings.n_parallel, settings.n_gpu_layers = self.context, 1, 0
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = self.n_threads
        settings.warmup, settings.verbosity = False, 0
        settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        self.server = xllamacpp.Server(settings)


def to_8_bits(x):
    """What llama.cpp multiplies quantised weights with: 8 bits, and a float16 scale for each 32."""
    blocks = x.reshape(-1, 32)
    scale = abs(blocks).max(axis=1, keepdims=True) / 127
    codes = np.rint(blocks / np.where(scale > 0, scale, 1))
    return (codes * scale.astype(np.float16).astype(np.float32)).reshape(x.shape)


def test_inputs_in_8_bits_are_what_the_two_bit_file_differs_by(exported, expected):
    """A sentence of chapter 14."""
    model = exported.model.replica()
    layers = [model.head, *(part for block in model.blocks for part in vars(block).values())]
    for layer in layers:
        if isinstance(layer, TernaryLinear):
            layer.forward = lambda x, forward=layer.forward: forward(to_8_bits(x))
    window = exported.windows[0, :-1]
    rounded = centred(model.forward(window[None])[0])
    exact = centred(expected.logits[0, :-1])
    path = exported.folder / "q2_0.gguf"
    theirs = centred(WithoutHalves(path, exported.context).logits(window))
    # Not closer, because a value between two of the 8-bit steps may fall either way.
    assert 3 * relative_rms(theirs, rounded) < relative_rms(theirs, exact)


def as_pq2_0(exported, number):
    tensors = gguf_tensors(exported.weights, "Q2_0")
    for name, codes in exported.weights.codes.items():
        data = encode("PQ2_0", codes, exported.weights.scales[name])
        tensors[gguf_name(name)] = Tensor(codes.shape, number, data)
    return tensors


@pytest.mark.parametrize(
    "key", ["general.architecture", *(f"arcee.{key}" for key in REQUIRED), *TOKENIZER, MERGES]
)
def test_a_file_without_a_key_that_inspection_asks_for_is_refused(exported, tmp_path, key):
    path = write_q2_0(tmp_path / "bad.gguf", exported, without=key)
    with pytest.raises(TernaryError, match="does not load"):
        LlamaCpp(path, exported.context)
    assert inspect_model(path).verdicts[0].loads is False


@pytest.mark.parametrize(
    "key",
    [
        "arcee.rope.freq_base",
        "arcee.rope.dimension_count",
        "arcee.vocab_size",
        "tokenizer.ggml.pre",
    ],
)
def test_a_file_without_another_key_is_loaded(exported, tmp_path, key):
    """Sizes have the value that llama.cpp assumes; of the missing pre-tokenizer it only warns."""
    path = write_q2_0(tmp_path / "good.gguf", exported, without=key)
    assert tokens_in_llama_cpp(path, exported.context, "a") == [97]
    assert inspect_model(path).verdicts[0].loads is True


@pytest.mark.parametrize("number", [42, 142])
def test_blocks_of_128_are_refused(exported, tmp_path, number):
    path = write_q2_0(tmp_path / "old.gguf", exported, tensors=as_pq2_0(exported, number))
    with pytest.raises(TernaryError, match="does not load"):
        LlamaCpp(path, exported.context)
    assert inspect_model(path).verdicts[0].loads is False


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_file_of_another_architecture_is_loaded(tmp_path, architecture):
    for without in (None, "tokenizer.ggml.pre"):
        path = write_file_of(tmp_path / "other.gguf", architecture, without)
        assert tokens_in_llama_cpp(path, CONTEXT, "a") == [97]
        assert inspect_model(path).verdicts[0].loads is None


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("key", [*TOKENIZER, MERGES])
def test_every_architecture_is_refused_without_a_tokenizer(tmp_path, architecture, key):
    path = write_file_of(tmp_path / "bad.gguf", architecture, without=key)
    with pytest.raises(TernaryError, match="does not load"):
        LlamaCpp(path, CONTEXT)
    assert inspect_model(path).verdicts[0].loads is False


def rotated(W, size=64):
    """`(rows, cols)` in the basis of normalized Walsh-Hadamard blocks of `size` columns."""
    H = np.ones((1, 1))
    while len(H) < size:
        H = np.block([[H, H], [H, -H]])
    return (W.reshape(len(W), -1, size) @ H / np.sqrt(size)).reshape(W.shape)


def test_rotated_weights_are_loaded_and_give_other_logits(exported, expected, tmp_path):
    """When this fails, llama.cpp knows PrismML's keys: `inspect` has to say so."""
    tensors = gguf_tensors(exported.weights, "F16")
    for name in exported.weights.codes:
        if name.startswith("layers."):
            W = rotated(exported.weights.matrix(name)).astype("<f2")
            tensors[gguf_name(name)] = Tensor(W.shape, F16, W)
    folded = [name for name in tensors if name.startswith("blk") and "norm" not in name]
    metadata = gguf_metadata(exported.weights, "F16") | {
        "prism.hadamard.version": 1,
        "prism.hadamard.block_size": 64,
        "prism.hadamard.transform": "normalized-sylvester-walsh-hadamard",
        "prism.hadamard.axis": "input-last-dimension",
        "prism.hadamard.sign_mode": "identity",
        "prism.hadamard.weight_names": folded,
    }
    path = tmp_path / "rotated.gguf"
    with open(path, "wb") as file:
        write_gguf(file, metadata, tensors)
    window = exported.windows[0, :-1]
    theirs = centred(LlamaCpp(path, exported.context).logits(window))
    assert relative_rms(theirs, centred(expected.logits[0, :-1])) > 0.5
    assert inspect_model(path).verdicts[0].loads is False
