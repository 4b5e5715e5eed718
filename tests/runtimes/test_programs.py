"""The programs that chapter 11 shows print what the package writes."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import PROGRAMS

PROMPT, N_ADDED = b"If the object is a ", 45


@pytest.fixture(scope="module")
def greedy(exported):
    """The continuation by the package, which the chapter's programs are to print."""
    prompt = np.frombuffer(PROMPT, np.uint8).astype(np.int64)
    return bytes(exported.model.generate(prompt, N_ADDED, temperature=0)).decode()


@pytest.mark.parametrize("name", ["with_transformers.py", "with_mlx.py"])
def test_a_program_of_the_chapter_prints_our_text(named_as_in_the_book, greedy, name):
    done = subprocess.run(
        [sys.executable, PROGRAMS / name],
        cwd=named_as_in_the_book,
        capture_output=True,
        text=True,
        check=True,
    )
    # mlx-lm cuts a space off the beginning of a text
    assert done.stdout.strip() == greedy.strip()
