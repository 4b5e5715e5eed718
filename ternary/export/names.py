"""Names of tensors, as files of other programs have them."""

from __future__ import annotations

from pathlib import Path

from ternary.errors import FormatError


def require_safe_name(path: str | Path, name: str) -> None:
    """Refuse a tensor's name that some program might take for a path, or that cannot be printed."""
    parts = name.replace("\\", "/").split("/")
    if (
        not name.isprintable()
        or not name
        or ".." in parts
        or name[0] in "/\\"
        or name.startswith("~/")
    ):
        raise FormatError(f"{path} has a tensor called {name!r}; expected a name, not a path")
