"""llama-cpp-python: tokens, logits, and text from a prompt of text through its public API.

Its build takes a compiler and a quarter of an hour, so it has an extra of its own, `llama`, and a
schedule of its own.
"""

import subprocess
import sys

import numpy as np
import pytest
from conftest import LLAMA_RMS, PROGRAMS, require_agreement, require_continuation, write_q2_0
from llama_cpp import Llama

from ternary.experiments.readers import LlamaCppPython


@pytest.fixture(scope="module", params=LLAMA_RMS)
def reader(request, exported):
    return LlamaCppPython(exported.folder / request.param, exported.context)


def test_logits_agree_and_so_does_the_likeliest_byte(exported, expected, reader):
    theirs = np.stack([reader.logits(window) for window in exported.windows])
    require_agreement(theirs, expected.logits, LLAMA_RMS[reader.path.rsplit("/", 1)[-1]])


def test_the_tokenizer_reads_bytes_and_adds_nothing(reader):
    for text in ("The class", "naïve — 日本 🐍", " two  spaces\n\n\ttab", "\x0b"):
        assert reader.tokens(text) == list(text.encode())
        assert reader.model.detokenize(list(text.encode())) == text.encode()


def test_it_continues_a_prompt_of_text(exported, expected, reader):
    require_continuation(reader, exported, expected)


def test_the_program_of_the_chapter_continues_its_prompt(exported, named_as_in_the_book):
    program = [sys.executable, PROGRAMS / "with_llama_cpp.py"]
    done = subprocess.run(
        program, cwd=named_as_in_the_book, capture_output=True, text=True, check=True
    )
    reader = LlamaCppPython(exported.folder / "q2_0.gguf", exported.context)
    assert done.stdout == reader.continuation("If the object is a ", 45) + "\n"


def test_without_a_named_end_byte_11_becomes_the_end_of_a_text(exported, tmp_path):
    path = write_q2_0(tmp_path / "no_end.gguf", exported, without="tokenizer.ggml.eos_token_id")
    assert Llama(str(path), verbose=False).token_eos() == 11
    assert Llama(str(exported.folder / "q2_0.gguf"), verbose=False).token_eos() == 0
