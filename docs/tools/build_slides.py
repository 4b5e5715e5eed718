"""Build a deck of slides for every chapter: `python docs/tools/build_slides.py [--out FOLDER]
[--chapter N ...]`.

The decks are made from the chapters as they are, by ``deck.py``, and built by sphinx-revealjs,
warnings as errors. FOLDER (default: _build/slides) then holds ``index.html``, a page for each
chapter, and all that they need: no other host is contacted, and the folder fits on a stick.
In the browser, S opens the notes of the speaker, and F fills the screen.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
SETTINGS = Path(__file__).with_name("slides")
# Files of the library that no deck uses; some of its themes would fetch fonts from elsewhere.
UNUSED = ("dist/theme", "plugin/markdown", "plugin/math", "plugin/search", "plugin/zoom", "css")
LEFT_OVER = ("objects.inv", "searchindex.js", "speaker-view.html", ".buildinfo")
sys.path[:0] = [str(ROOT), str(BOOK / "figures"), str(Path(__file__).parent)]

try:
    from deck import make_deck, to_markdown
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is missing; pip install '.[docs]'") from None


def write_sources(folder: Path, chapters: list[int]) -> dict[str, int]:
    """Write a page for each deck, or for those of some chapters, and the pictures that they show.

    Returns how many slides each has.
    """
    from draw import draw_all

    draw_all()
    folder.mkdir(parents=True)
    (folder / "figures").mkdir()
    counts, contents = {}, []
    for path in sorted(BOOK.glob("[0-9][0-9]-*.md")):
        if chapters and int(path.name[:2]) not in chapters:
            continue
        deck = make_deck(path)
        text = to_markdown(deck)
        (folder / path.name).write_text(text, "utf-8")
        for picture in set(re.findall(r"\{image\} (figures/\S+)", text)):
            shutil.copy(BOOK / picture, folder / picture)
        counts[path.stem] = len(deck)
        contents.append(f"{int(path.name[:2])}. [{deck[0].title}]({path.name})")
    tree = "\n".join(counts)
    listed = "\n".join(contents)
    (folder / "index.md").write_text(
        f"# Three Values\n\n## Slides\n\n::::{{container}} contents\n{listed}\n::::\n\n"
        f"```{{toctree}}\n:hidden:\n\n{tree}\n```\n",
        "utf-8",
    )
    return counts


def build(out: Path, chapters: list[int]) -> dict[str, int]:
    """Make the decks anew."""
    source = out.with_name(f"{out.name}-source")
    for folder in (source, out):
        shutil.rmtree(folder, ignore_errors=True)
    counts = write_sources(source, chapters)
    here = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = ["-m", "sphinx", "-q", "-W", "-n", "--keep-going", "-c", SETTINGS, "-b", "revealjs"]
    done = subprocess.run(
        [sys.executable, *map(str, [*command, "-d", source / ".doctrees", source, out])],
        env={**os.environ, "PYTHONPATH": here},
    )
    if done.returncode:
        raise SystemExit("the slides have warnings; see above")
    for name in UNUSED:
        shutil.rmtree(out / "_static" / "revealjs" / name, ignore_errors=True)
    for path in out.rglob("*"):
        if path.suffix == ".map" or path.name.endswith(".esm.js") or path.name in LEFT_OVER:
            path.unlink()
    shutil.rmtree(source)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "slides")
    last = len(list(BOOK.glob("[0-9][0-9]-*.md")))
    parser.add_argument(
        "--chapter", type=int, nargs="+", default=[], metavar="N", choices=range(1, last + 1)
    )
    given = parser.parse_args()
    out = given.out.resolve()
    start = time.perf_counter()
    print("drawing the figures, then making the decks: about a minute", flush=True)
    counts = build(out, given.chapter)
    for name, n in counts.items():
        print(f"{n:3} slides  {name}")
    print(f"{sum(counts.values())} slides in {time.perf_counter() - start:.0f} s, in {out}")


if __name__ == "__main__":
    main()
