"""The definitions of the steps, one module for a few chapters each."""

from importlib import import_module
from typing import Any

from ternary.course.prediction import PREDICTIONS
from ternary.course.step import STEPS

MODULES = (
    "ternary_weights",
    "straight_through",
    "projection",
    "optimizer",
    "transformer",
    "attention",
    "training",
    "parts",
    "files",
    "whole_run",
    "beside",
    "predictions",
)


def load() -> None:
    """Import them all, which enters their steps, and put these into the order of the book."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
    _by_chapter(STEPS)
    _by_chapter(PREDICTIONS)


def _by_chapter(entered: dict[str, Any]) -> None:
    ordered = sorted(entered.items(), key=lambda pair: pair[1].chapter)
    entered.clear()
    entered.update(ordered)
