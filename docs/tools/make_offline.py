"""Make one archive for a lab without internet: `python docs/tools/make_offline.py --out FILE.zip`.

On a machine that reaches a package index, once; the archive then installs the course on others with
``--no-index``. It holds

    README.txt         three commands
    requirements.txt   what they install
    wheels/            the package, NumPy, and what the grader needs, for every system and Python
    html/              the book's pages, with the slides, as docs/tools/build_site.py built them
    template/          the repository folder for students

Wheels for another system are taken as they are, so a laptop with Windows can be served from Linux.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What pip calls a system, newest first: wheels for older ones run on it too.
PLATFORMS = {
    "linux": ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64"],
    "linux-arm": ["manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64"],
    "windows": ["win_amd64"],
    "mac-intel": ["macosx_14_0_x86_64", "macosx_10_13_x86_64", "macosx_10_9_x86_64"],
    "mac-arm": ["macosx_14_0_arm64", "macosx_11_0_arm64"],
}
PYTHONS = ["3.11", "3.12", "3.13"]
# pip judges conditions by the system that it runs on; pytest needs this on Windows.
ONLY_THERE = {"windows": ["colorama"]}
PACKAGE = "ternary-book"

README = """\
The course of the book "Three Values", for machines without internet.

Needed on each machine: Python {pythons}, of the system {platforms}. In this folder:

    python3 -m venv course
    course/bin/python -m pip install --no-index --find-links wheels -r requirements.txt
    course/bin/python -m ternary course list

On Windows, "py" takes the place of "python3", and "course\\Scripts\\python" of "course/bin/python".

To read the pages, with Run on every example, and the slides (html/slides):

    course/bin/python -m http.server -d html

Then open http://localhost:8000/ in a browser. One machine can serve a whole room: open
http://NAME-OF-THE-MACHINE:8000/ on the others.

The folder "template" is for students to copy and to work in; put "wheels" beside its files.
"""


def requirements() -> list[str]:
    """What a student installs beside the package: its own needs, and those of the grader."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["course"]]


def download(folder: Path, needed: list[str], platform: str, python: str) -> list[str]:
    """The command that fetches the wheels of one system and one Python."""
    tags = [word for tag in PLATFORMS[platform] for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:", *tags]
    command += ["--python-version", python, "--implementation", "cp", "-d", str(folder)]
    return [*command, *needed, *ONLY_THERE.get(platform, [])]


def run(command: list[str], what: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise SystemExit(f"{what} failed: {said[-1] if said else done.returncode}")
    print(what, flush=True)


def collect(folder: Path, platforms: list[str], pythons: list[str]) -> None:
    """Fill a folder with wheels: the package's own, and those of all systems and Pythons."""
    own = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    run(own, "the package")
    for platform in platforms:
        for python in pythons:
            command = download(folder, requirements(), platform, python)
            run(command, f"wheels for {platform}, Python {python}")


def write_archive(out: Path, wheels: Path, pages: Path | None, readme: str) -> None:
    """Put everything into one file, below one folder; the same input gives the same names."""
    top = re.sub(r"\.zip$", "", out.name)
    template = ROOT / "docs" / "teaching" / "template"
    listed = "\n".join([PACKAGE, *requirements()]) + "\n"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{top}/README.txt", readme)
        archive.writestr(f"{top}/requirements.txt", listed)
        folders = {"wheels": wheels, "html": pages, "template": template}
        for name, folder in ((name, each) for name, each in folders.items() if each):
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                place = f"{top}/{name}/{path.relative_to(folder).as_posix()}"
                if path == template / "requirements.txt":  # pip would try the net, and wait for it
                    archive.writestr(place, "--no-index\n" + path.read_text("utf-8"))
                elif "__pycache__" not in path.parts:
                    archive.write(path, place)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--out", type=Path, default=Path("three-values-course.zip"))
    parser.add_argument("--platform", nargs="+", choices=PLATFORMS, default=["linux", "windows"])
    parser.add_argument("--python", nargs="+", default=PYTHONS, metavar="VERSION")
    parser.add_argument("--pages", type=Path, default=ROOT / "_build" / "html", metavar="FOLDER")
    parser.add_argument("--no-pages", action="store_true", help="wheels and template alone")
    given = parser.parse_args(argv)
    if not given.no_pages and not (given.pages / "book" / "index.html").is_file():
        raise SystemExit(
            f"there are no pages in {given.pages}: build them with "
            "python docs/tools/build_site.py --pages-only, name their folder with --pages, or "
            "leave them out with --no-pages"
        )
    readme = README.format(pythons=" or ".join(given.python), platforms=" or ".join(given.platform))
    with tempfile.TemporaryDirectory() as folder:
        collect(Path(folder), given.platform, given.python)
        pages = None if given.no_pages else given.pages
        write_archive(given.out, Path(folder), pages, readme)
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
