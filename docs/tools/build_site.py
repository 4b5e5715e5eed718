"""Build everything that readers get: `python docs/tools/build_site.py [--out FOLDER]`.

The check of the site (``.ci/site``), Read the Docs and GitHub Pages all call this one program, so
what they publish is what was checked. In FOLDER (default: _build) it makes

    downloads/three-values.epub
    downloads/three-values.pdf
    slides/         a deck for every chapter
    html/           the site, with notebooks, slides and both books among its files

and stops at the first warning. It fetches what the pages serve themselves into ``vendor``, if that
is not there yet; ``docs/hosting.md`` says what each part needs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "docs" / "tools"
NAME = "three-values"


def run(title: str, *command: object) -> None:
    """Run one step, say how long it took, and stop if it fails."""
    start = time.perf_counter()
    here = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": here}
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, env=environment)
    if done.returncode:
        raise SystemExit(f"{title} failed: {' '.join(map(str, command))}")
    print(f"{title}: {time.perf_counter() - start:.0f} s", flush=True)


def sphinx(title: str, builder: str, target: Path, out: Path, *options: str) -> None:
    """Run Sphinx; what it has read is kept for the next builder."""
    strict = ["-q", "-W", "-n", "--keep-going", "-d", out / "doctrees"]
    run(title, "-m", "sphinx", *strict, "-b", builder, *options, ".", target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "_build", help="default: _build")
    parser.add_argument("--checks", action="store_true", help="fetch what the checks use, too")
    parser.add_argument("--no-fetch", action="store_true", help="build with what is in vendor")
    parser.add_argument("--pages-only", action="store_true", help="neither EPUB nor PDF")
    given = parser.parse_args()
    out = given.out.resolve()
    downloads = out / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    if not given.no_fetch:
        run("vendor", TOOLS / "fetch_vendor.py", *(["--checks"] if given.checks else []))
    if not given.pages_only:
        sphinx("EPUB", "epub", out / "epub", out)
        shutil.copy(out / "epub" / f"{NAME}.epub", downloads)
        sphinx("one page", "singlehtml", out / "singlehtml", out)
        run("PDF", TOOLS / "make_pdf.py", out / "singlehtml", downloads / f"{NAME}.pdf")
    run("slides", TOOLS / "build_slides.py", "--out", out / "slides")
    kept = f"downloads_folder={downloads}", f"slides_folder={out / 'slides'}"
    sphinx("pages", "html", out / "html", out, *(word for each in kept for word in ("-D", each)))
    print(f"the site is in {out / 'html'}; to read it: python -m http.server -d {out / 'html'}")


if __name__ == "__main__":
    main()
