"""llama.cpp itself, from the package xllamacpp: tokens, logits, text, and what it refuses."""

import numpy as np
import pytest
from conftest import LLAMA_RMS, require_agreement, require_continuation, write_q2_0

from ternary import TernaryError
from ternary.codecs import encode
from ternary.experiments.readers import LlamaCpp
from ternary.export import inspect_model
from ternary.export.gguf import gguf_name, gguf_tensors
from ternary.export.gguf_file import Tensor
from ternary.export.gguf_checks import REQUIRED, TOKENIZER


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


def as_pq2_0(exported, number):
    tensors = gguf_tensors(exported.weights, "Q2_0")
    for name, codes in exported.weights.codes.items():
        data = encode("PQ2_0", codes, exported.weights.scales[name])
        tensors[gguf_name(name)] = Tensor(codes.shape, number, data)
    return tensors


@pytest.mark.parametrize(
    "key", [*(f"arcee.{key}" for key in REQUIRED), *TOKENIZER, "tokenizer.ggml.merges"]
)
def test_a_file_without_a_key_that_inspection_asks_for_is_refused(exported, tmp_path, key):
    path = write_q2_0(tmp_path / "bad.gguf", exported, without=key)
    with pytest.raises(TernaryError, match="does not load"):
        LlamaCpp(path, exported.context)
    assert inspect_model(path).verdicts[0].loads is False


@pytest.mark.parametrize("key", ["rope.freq_base", "rope.dimension_count", "vocab_size"])
def test_a_file_without_another_key_is_loaded(exported, tmp_path, key):
    """All of them have the value that llama.cpp assumes; they are written all the same."""
    path = write_q2_0(tmp_path / "good.gguf", exported, without=f"arcee.{key}")
    assert LlamaCpp(path, exported.context).tokens("a") == [97]
    assert inspect_model(path).verdicts[0].loads is True


@pytest.mark.parametrize("number", [42, 142])
def test_blocks_of_128_are_refused(exported, tmp_path, number):
    path = write_q2_0(tmp_path / "old.gguf", exported, tensors=as_pq2_0(exported, number))
    with pytest.raises(TernaryError, match="does not load"):
        LlamaCpp(path, exported.context)
    assert inspect_model(path).verdicts[0].loads is False
