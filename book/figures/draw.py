"""Draw every figure of the book: `python book/figures/draw.py`. The build of the pages calls it.

A figure is a module beside this one with a function ``draw() -> Figure`` that takes its numbers
from the committed records, from a computation of its own, or, where that trains for seconds, from a
file ``NAME.json`` beside it that ``python book/figures/NAME.py`` makes anew. It becomes
``book/figures/NAME.svg`` for the pages, and ``NAME.png`` for the notebooks, which show no attached
SVG.
"""

from __future__ import annotations

import doctest
import importlib
import itertools
import os
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent


def lighter(svg: str) -> str:
    """A picture without its metadata, its places in hundredths of a point and not in millionths."""
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    places = re.compile(r'(?<=\s)(?:d|x|y)="[^"]*"|translate\([^)]*\)')
    return places.sub(lambda found: re.sub(r"-?\d+\.\d{3,}", shorter, found[0]), svg)


def shorter(number: re.Match[str]) -> str:
    """A number to two decimals, without zeros at its end."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def run_examples(
    page: str, *sections: str, until: str, skip: tuple[str, ...] = (), **given: Any
) -> dict[str, Any]:
    """Run the examples of sections of a chapter; return its names after the one with ``until``.

    An example with one of ``skip`` in it is left out; names that it would make can be given.
    """
    text = (FOLDER.parent / page).read_text("utf-8")
    parts = re.split(r"^## ", text, flags=re.M)
    names = dict(given)
    for part in [part for start in sections for part in parts if part.startswith(start)]:
        for example in doctest.DocTestParser().get_examples(part):
            if not any(word in example.source for word in skip):
                exec(compile(example.source, page, "exec"), names)
            if until in example.source:
                return names
    raise LookupError(f"{page}: no example with {until!r} in the sections {sections}")


def draw_all(only: list[str] | None = None) -> None:
    """Draw all figures, or those named, where the picture is older than what it is drawn from."""
    sys.path[:0] = [str(FOLDER), str(FOLDER.parents[1])]
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600")
    import matplotlib.pyplot as plt

    from ternary.experiments.record import RECORDS

    made = FOLDER.parents[1] / "docs" / "_static" / "figures"  # numbers of interactive figures
    kept = [folder.glob("*.json") for folder in (FOLDER, RECORDS, made)]
    sources = [FOLDER / "style.py", *itertools.chain.from_iterable(kept)]
    for path in sorted(FOLDER.glob("*.py")):
        picture = path.with_suffix(".svg")
        if path.stem in ("style", "draw") or (only and path.stem not in only):
            continue
        newest = max(p.stat().st_mtime for p in [path, Path(__file__), *sources])
        written = [p.stat().st_mtime for p in (picture, picture.with_suffix(".png")) if p.exists()]
        if not only and len(written) == 2 and min(written) > newest:
            continue
        figure = importlib.import_module(path.stem).draw()
        figure.savefig(picture, metadata={"Date": None})
        picture.write_text(lighter(picture.read_text("utf-8")), "utf-8")
        figure.savefig(picture.with_suffix(".png"), dpi=144)
        plt.close(figure)


if __name__ == "__main__":
    draw_all(sys.argv[1:])
