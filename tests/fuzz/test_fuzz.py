"""Every reader of files keeps its law, for some hundreds of damaged files and all that broke it.

`python tests/fuzz/long.py` goes on from there.
"""

from contextlib import nullcontext
from pathlib import Path

import pytest
from fuzzed_readers import READERS
from law import BrokenLawError, Reader, counted_memory

from ternary import TernaryError

INPUTS, COUNTED = 150, 5
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*/*"))


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused_in_words(name, tmp_path):
    reader, valid = READERS[name], 0
    for number in range(INPUTS):
        with nullcontext() if number % COUNTED else counted_memory():
            valid += reader.keeps_the_law(tmp_path, reader.content(number))
    assert 0 < valid < INPUTS


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_broke_the_law_keeps_it(path, tmp_path):
    with counted_memory():
        READERS[path.parent.name].keeps_the_law(tmp_path, path.read_bytes())


def put(folder, content):
    (folder / "file").write_bytes(content)
    return folder / "file"


def refuses(path):
    raise TernaryError(f"{path} is no file")


def spends(path):
    return len(bytes(10_000_000))


def loops(path):
    while True:
        pass


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (lambda path: {}["key"], "KeyError: 'key'"),
        (lambda path: refuses(""[1:2]) if path.name else None, None),
        (spends, "bytes took"),
        (loops, "did not end"),
    ],
)
def test_the_law_notices_what_a_reader_does(read, what, tmp_path, monkeypatch):
    monkeypatch.setattr("law.HANGS", 0.1)
    reader = Reader("reader", lambda draw: draw.randbytes(8), read, put, 10, 100_000)
    with counted_memory():
        if what is None:
            assert not reader.keeps_the_law(tmp_path, reader.content(0))
        else:
            with pytest.raises(BrokenLawError, match=what):
                reader.keeps_the_law(tmp_path, reader.content(0))
