"""The definitions of the steps, one module for a few chapters each, in the order of the book."""

from importlib import import_module

MODULES = ("ternary_weights", "straight_through", "optimizer", "transformer", "attention", "predictions")


def load() -> None:
    """Import them all, which enters their steps."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
