"""Targets: written whole or not at all, and never over something that is not ours."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ternary.checkpoint import Writer, write_file
from ternary.errors import ExportError
from ternary.export.swap import swap


def require_target(path: Path, force: bool, contents: set[str] | None = None) -> None:
    """Refuse a target that cannot be written, or that exists and is not to be replaced.

    Parameters
    ----------
    path
        Where an export goes.
    force
        Whether an existing one may be replaced.
    contents
        The files of the folder that is to be written; None for a file. A folder that holds
        anything else is refused even by force: it may be the wrong one.

    Raises
    ------
    ExportError
        It says what stands in the way.
    """
    if not path.name:
        raise ExportError(f"the target {str(path)!r} has no name; give a file or a new folder")
    if not path.parent.is_dir():
        raise ExportError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise ExportError(f"cannot write {path}: the folder {path.parent} is not writable")
    if not (path.exists() or path.is_symlink()):
        return
    wanted = "a file" if contents is None else "a folder"
    if path.is_symlink() or not (path.is_file() if contents is None else path.is_dir()):
        raise ExportError(f"cannot write {path}: it is not {wanted}; give another name")
    if contents is not None and (others := {each.name for each in path.iterdir()} - contents):
        raise ExportError(
            f"cannot replace the folder {path}: it holds {min(others)!r}, which no export writes; "
            "give the name of a new folder"
        )
    if not force:
        raise ExportError(f"{path} exists already; replace it with --force, or give another name")


def write_folder(path: Path, contents: Mapping[str, Writer]) -> None:
    """Write a folder of files under another name, then let it take the name of `path`.

    Whenever the process ends, `path` holds the old folder or the new one, whole; where the system
    cannot exchange two names, there is a moment between two renamings in which ``path.replaced``
    holds the old one.
    """
    partial, old = (path.with_name(path.name + end) for end in (".partial", ".replaced"))
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for name, write in contents.items():
            write_file(partial / name, write)
        if path.exists() and swap(partial, path):
            shutil.rmtree(partial, ignore_errors=True)
            return
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def as_json(value: Any) -> Writer:
    """A writer of that value as indented JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return lambda file: file.write(text.encode())
