"""The programs that chapter 14 shows print what the package writes."""

import subprocess
import sys

import pytest
from conftest import PROGRAMS

from ternary.experiments.runtimes import continuation


@pytest.mark.parametrize("name", ["with_transformers.py", "with_mlx.py"])
def test_a_program_of_the_chapter_prints_our_text(exported, named_as_in_the_book, name):
    done = subprocess.run(
        [sys.executable, PROGRAMS / name],
        cwd=named_as_in_the_book,
        capture_output=True,
        text=True,
        check=True,
    )
    # mlx-lm cuts a space off the beginning of a text
    assert done.stdout.strip() == continuation(exported.model).decode().strip()
