"""llama-cpp-python: tokens, logits, and text from a prompt of text through its public API.

Its build takes a compiler and a quarter of an hour, so it has an extra of its own, `llama`, and a
schedule of its own.
"""

import subprocess
import sys

import numpy as np
import pytest
from conftest import PROGRAMS
from llama_cpp import Llama

from ternary.experiments.readers import LlamaCppPython
from ternary.export.gguf import gguf_metadata, gguf_tensors
from ternary.export.gguf_file import write_gguf

KINDS = {"q2_0.gguf": 0.02, "f16.gguf": 0.002}  # the relative RMS that is allowed


@pytest.fixture(scope="module", params=KINDS)
def reader(request, exported):
    return LlamaCppPython(exported.folder / request.param, exported.context)


def test_logits_agree_and_so_does_the_likeliest_byte(exported, expected, reader):
    theirs = np.stack([reader.logits(window) for window in exported.windows])
    ours = expected.logits
    allowed = KINDS[reader.path.rsplit("/", 1)[-1]]
    assert np.sqrt(((theirs - ours) ** 2).mean() / (ours**2).mean()) < allowed
    second, first = np.sort(ours, axis=-1)[..., -2:].transpose(2, 0, 1)
    clear = first - second > 2 * abs(theirs - ours).max(axis=-1)
    same = theirs.argmax(axis=-1) == ours.argmax(axis=-1)
    assert same[clear].all()
    assert same.mean() > 0.95


def test_the_tokenizer_reads_bytes_and_adds_nothing(reader):
    for text in ("The class", "naïve — 日本 🐍", " two  spaces\n\n\ttab", "\x0b"):
        assert reader.tokens(text) == list(text.encode())
        assert reader.model.detokenize(list(text.encode())) == text.encode()


def test_it_continues_a_prompt_of_text(exported, expected, reader):
    n = exported.context - len(exported.prompt.encode())
    text = reader.continuation(exported.prompt, n)
    assert len(text) == n
    assert text[:8] == expected.text[:8]


def test_the_program_of_the_chapter_continues_its_prompt(exported, named_as_in_the_book):
    program = [sys.executable, PROGRAMS / "with_llama_cpp.py"]
    done = subprocess.run(
        program, cwd=named_as_in_the_book, capture_output=True, text=True, check=True
    )
    reader = LlamaCppPython(exported.folder / "q2_0.gguf", exported.context)
    assert done.stdout == reader.continuation("If the object is a ", 45) + "\n"


def test_without_a_named_end_byte_11_becomes_the_end_of_a_text(exported, tmp_path):
    metadata = gguf_metadata(exported.weights, "Q2_0")
    del metadata["tokenizer.ggml.eos_token_id"]
    with open(tmp_path / "no_end.gguf", "wb") as file:
        write_gguf(file, metadata, gguf_tensors(exported.weights, "Q2_0"))
    assert Llama(str(tmp_path / "no_end.gguf"), verbose=False).token_eos() == 11
    assert Llama(str(exported.folder / "q2_0.gguf"), verbose=False).token_eos() == 0
