"""What travels to the reader's browser: `python docs/_ext/reader_archive.py FILE.zip`.

The package with the records of the experiments, the reader's own program, the code that runs the
examples of a page, and Python's own documentation, which is the book's text to train on and which
Pyodide leaves out.
"""

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def contents() -> Iterator[tuple[str, Path]]:
    """The name of every file in the archive, and where it is taken from."""
    import pydoc_data.topics

    for pattern in ("ternary/**/*.py", "ternary/experiments/records/*.json"):
        for path in sorted(ROOT.glob(pattern)):
            yield path.relative_to(ROOT).as_posix(), path
    for path in sorted((ROOT / "book" / "program").glob("*.py")):
        yield path.name, path
    yield "page_session.py", ROOT / "docs" / "_static" / "runnable" / "session.py"
    yield "pydoc_data/__init__.py", Path(pydoc_data.__file__)
    yield "pydoc_data/topics.py", Path(pydoc_data.topics.__file__)


def reader_archive() -> bytes:
    """The archive: the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in contents():
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(reader_archive())
