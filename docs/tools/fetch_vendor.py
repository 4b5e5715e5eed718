"""Fetch what the pages serve themselves: `python docs/tools/fetch_vendor.py [--checks]`.

Into the folder ``vendor`` go MathJax, which sets the formulas, and Pyodide with NumPy, which runs
the examples in the reader's browser; with ``--checks`` also axe and vnu, which the browser checks
use. The folder is not committed. Everything has a fixed version, npm compares every package with
its checksum, and the NumPy wheel, which npm does not carry, is compared with the SHA-256 in
Pyodide's own lock file. What is there already is not fetched again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "vendor"

MATHJAX = "mathjax@3.2.2"
PYODIDE = "pyodide@314.0.3"
AXE = "axe-core@4.14.1"
VNU = "vnu-jar@26.9.27"

CDN = "https://cdn.jsdelivr.net/pyodide/v{version}/full/{file}"
# Where the CDN cannot be reached but Python packages can: this one carries a copy of the wheel.
CARRIER = "open-webui==0.12.4"


def unpack(package: str, folder: Path, wanted: dict[str, str]) -> None:
    """Take files out of an npm package: `wanted` maps files, or folders with a / at the end."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(f"{package} is fetched with npm, which is not installed: install Node.js")
    with tempfile.TemporaryDirectory() as work:
        done = subprocess.run([npm, "pack", "--silent", package], cwd=work, capture_output=True)
        if done.returncode:
            raise SystemExit(f"npm pack {package} failed:\n{done.stderr.decode()}")
        with tarfile.open(next(Path(work).glob("*.tgz"))) as archive:
            for member in archive.getmembers():
                for prefix, place in wanted.items():
                    name = member.name.removeprefix("package/")
                    inside = prefix.endswith("/") and name.startswith(prefix)
                    if member.isfile() and (inside or name == prefix):
                        target = folder / (place + name.removeprefix(prefix))
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(archive.extractfile(member).read())


def fetch_mathjax(folder: Path) -> None:
    """The script, its fonts, and the rarer macros, which it loads where a page has them."""
    parts = ["output/chtml/fonts/woff-v2/", "input/tex/extensions/", "tex-chtml.js"]
    unpack(MATHJAX, folder, {"LICENSE": "LICENSE"} | {f"es5/{part}": part for part in parts})


def fetch_pyodide(folder: Path) -> None:
    """Python for WebAssembly, its standard library, and the NumPy wheel that fits it."""
    files = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip"]
    unpack(PYODIDE, folder, {name: name for name in [*files, "pyodide-lock.json"]})
    lock_file = folder / "pyodide-lock.json"
    lock = json.loads(lock_file.read_text("utf-8"))
    numpy = lock["packages"]["numpy"]
    wheel = download(CDN.format(version=PYODIDE.split("@")[1], file=numpy["file_name"]))
    wheel = wheel or from_carrier(numpy["file_name"])
    digest = hashlib.sha256(wheel).hexdigest()
    if digest != numpy["sha256"]:
        raise SystemExit(
            f"{numpy['file_name']} has SHA-256 {digest}, but Pyodide's lock file says "
            f"{numpy['sha256']}: it is not the wheel that {PYODIDE} was made with"
        )
    wheel = lighter(wheel)
    (folder / numpy["file_name"]).write_bytes(wheel)
    numpy["sha256"] = hashlib.sha256(wheel).hexdigest()  # Pyodide, and the browser, check it again
    lock["packages"] = {"numpy": numpy}  # the other 350 are not here
    lock_file.write_text(json.dumps(lock), "utf-8")


def lighter(wheel: bytes) -> bytes:
    """The wheel without what serves to write and compile programs; each reader fetches the rest."""
    left_out = re.compile(r"\.pyi$|\.pxd$|\.h$|^numpy/f2py/|/tests/")
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(wheel)) as old,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for item in old.infolist():
            if not left_out.search(item.filename):
                new.writestr(item, old.read(item), zipfile.ZIP_DEFLATED, 9)
    return result.getvalue()


def download(address: str) -> bytes | None:
    """What the address gives, or None where it cannot be reached."""
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.read()
    except OSError as error:
        print(f"{address} cannot be reached ({error}); taking the wheel from {CARRIER}")
        return None


def from_carrier(name: str) -> bytes:
    """The NumPy wheel out of a larger Python package."""
    with tempfile.TemporaryDirectory() as work:
        options = ["--no-deps", "--python-version", "3.12", "--only-binary=:all:", "-d", work]
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", *options, CARRIER], check=True
        )
        with zipfile.ZipFile(next(Path(work).glob("*.whl"))) as archive:
            return archive.read(f"open_webui/frontend/pyodide/{name}")


def fetch_axe(folder: Path) -> None:
    """The accessibility rules, one script that is added to a page."""
    unpack(AXE, folder, {"axe.min.js": "axe.min.js", "LICENSE": "LICENSE"})


def fetch_vnu(folder: Path) -> None:
    """The HTML checker of the W3C, which takes a Java runtime of version 11 or newer."""
    unpack(VNU, folder, {"build/dist/vnu.jar": "vnu.jar"})


def fetch(name: str, package: str, into: Path, how) -> None:
    """Fill one folder, whole or not at all; a file in it says which version it is."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    stamp, version = into / "VERSION", f"{package}, by recipe {recipe}"
    if stamp.exists() and stamp.read_text("utf-8") == version:
        return
    partial = into.with_name(into.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    how(partial)
    (partial / "VERSION").write_text(version, "utf-8")
    shutil.rmtree(into, ignore_errors=True)
    partial.rename(into)
    size = sum(path.stat().st_size for path in into.rglob("*") if path.is_file())
    print(f"{name}: {package}, {size / 1e6:.1f} MB in {into}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--checks", action="store_true", help="also what the browser checks use")
    parser.add_argument("--folder", type=Path, default=VENDOR, help="default: vendor")
    options = parser.parse_args()
    fetch("formulas", MATHJAX, options.folder / "mathjax", fetch_mathjax)
    fetch("Python", PYODIDE, options.folder / "pyodide", fetch_pyodide)
    if options.checks:
        fetch("accessibility", AXE, options.folder / "checks" / "axe", fetch_axe)
        fetch("HTML", VNU, options.folder / "checks" / "vnu", fetch_vnu)


if __name__ == "__main__":
    main()
