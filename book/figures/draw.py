"""Draw every figure of the book: `python book/figures/draw.py`. The build of the pages calls it.

A figure is a module beside this one with a function ``draw() -> Figure`` that takes its numbers
from the committed records or from a computation of its own. It becomes ``book/figures/NAME.svg``
for the pages, and ``NAME.png`` for the notebooks, which show no attached SVG.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def draw_all(only: list[str] | None = None) -> None:
    """Draw all figures, or those named, where the picture is older than what it is drawn from."""
    sys.path[:0] = [str(FOLDER), str(FOLDER.parents[1])]
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600")
    import matplotlib.pyplot as plt

    sources = [FOLDER / "style.py", *(FOLDER.parent / "results").glob("*.json")]
    for path in sorted(FOLDER.glob("*.py")):
        picture = path.with_suffix(".svg")
        if path.stem in ("style", "draw") or (only and path.stem not in only):
            continue
        newest = max(p.stat().st_mtime for p in [path, *sources])
        written = [p.stat().st_mtime for p in (picture, picture.with_suffix(".png")) if p.exists()]
        if not only and len(written) == 2 and min(written) > newest:
            continue
        figure = importlib.import_module(path.stem).draw()
        figure.savefig(picture, metadata={"Date": None})
        figure.savefig(picture.with_suffix(".png"), dpi=144)
        plt.close(figure)


if __name__ == "__main__":
    draw_all(sys.argv[1:])
