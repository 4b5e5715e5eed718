"""The matrix: where the tests and the examples of the book have to hold.

`nox` runs every cell that this machine can, `nox -l` lists them, `nox -s "kernels(threads=2,
kernel='Nehalem')"` runs one. The workflow `matrix` runs the same sessions on Linux, macOS and
Windows. A cell takes four to six minutes.
"""

import nox

nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"

# The oldest NumPy that has a wheel for a Python; the newest is whatever pip finds.
OLDEST = {"3.11": "2.0.0", "3.12": "2.0.0", "3.13": "2.1.0", "3.14": "2.3.2", "3.14t": "2.3.2"}
KERNELS = ["Haswell", "SkylakeX", "Nehalem"]  # of OpenBLAS on x86: AVX2, AVX-512, SSE


@nox.session(python=list(OLDEST))
@nox.parametrize("numpy", ["oldest", "newest"])
def tests(session: nox.Session, numpy: str) -> None:
    """Every test and every example, by Python and NumPy."""
    version = OLDEST[str(session.python)]
    session.install(".[test]", f"numpy=={version}" if numpy == "oldest" else "numpy")
    session.run("pytest", "-q", *session.posargs, env={"OPENBLAS_NUM_THREADS": "1"})


@nox.session
@nox.parametrize("threads", [1, 2])
@nox.parametrize("kernel", KERNELS)
def kernels(session: nox.Session, kernel: str, threads: int) -> None:
    """Every test and every example, by the products of other processors and their threads."""
    session.install(".[test]")
    env = {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": str(threads)}
    session.run("pytest", "-q", *session.posargs, env=env)


@nox.session
@nox.parametrize("fma", [True, False])
def webassembly(session: nox.Session, fma: bool) -> None:
    """Every example in the Python that the pages serve; needs Node.js."""
    session.run("python", "docs/tools/fetch_vendor.py")
    option = [] if fma else ["--no-fma"]
    pages = session.posargs or _pages()
    session.run(
        "node", "docs/tools/doctest_pyodide.mjs", *option, "vendor/pyodide", *pages, external=True
    )


@nox.session
def fuzz(session: nox.Session) -> None:
    """A hundred thousand damaged files for every reader; an hour or two."""
    session.install(".[test]")
    session.run("python", "tests/fuzz/long.py", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Processes that are killed while they write, on a good, a full and a slow disk; needs root."""
    session.install(".[test]")
    session.run("python", "tests/bench/faults.py", *session.posargs)


def _pages() -> list[str]:
    from pathlib import Path

    return sorted(str(path) for path in Path("book").rglob("*.md"))
