"""Draw every figure of the book: `python book/figures/draw.py`. The build of the pages calls it.

A figure is a module beside this one with a function ``draw() -> Figure`` that takes its numbers
from the committed records or from a computation of its own. It becomes ``book/figures/NAME.svg``
for the pages, and ``NAME.png`` for the notebooks, which show no attached SVG.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def lighter(svg: str) -> str:
    """A picture without its metadata, its places in hundredths of a point and not in millionths."""
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    places = re.compile(r'(?<=\s)(?:d|x|y)="[^"]*"|translate\([^)]*\)')
    return places.sub(lambda found: re.sub(r"-?\d+\.\d{3,}", shorter, found[0]), svg)


def shorter(number: re.Match[str]) -> str:
    """A number to two decimals, without zeros at its end."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def draw_all(only: list[str] | None = None) -> None:
    """Draw all figures, or those named, where the picture is older than what it is drawn from."""
    sys.path[:0] = [str(FOLDER), str(FOLDER.parents[1])]
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600")
    import matplotlib.pyplot as plt

    from ternary.experiments.record import RECORDS

    made = FOLDER.parents[1] / "docs" / "_static" / "figures"  # numbers of interactive figures
    sources = [FOLDER / "style.py", *RECORDS.glob("*.json"), *made.glob("*.json")]
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
