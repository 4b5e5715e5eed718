"""The options of `ternary contest`."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def add_contest(
    parser: argparse.ArgumentParser, add_settings: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the actions; `add_settings` adds those of a training run."""
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    add = actions.add_parser

    scoring = add("score", help="bits per byte of the held-out text: a table, the best first")
    scoring.add_argument("files", nargs="+", metavar="FILE", help="a packed model")
    scoring.add_argument(
        "--hidden",
        metavar="TEXT",
        help="a text that no entry can have read, to find those that have read the public one",
    )

    checking = add("check", help="hold a file against the rules, without scoring it")
    checking.add_argument("files", nargs="+", metavar="FILE", help="a packed model")

    training = add("train", help="train and pack an entry; without options, the baseline")
    training.add_argument("file", metavar="FILE", help="the packed model to write")
    training.add_argument("--force", action="store_true", help="replace an existing file")
    training.add_argument("--quiet", action="store_true", help="print the result only")
    add_settings(training)

    texts = add("text", help="write the contest's two texts, to train a model in your own way")
    texts.add_argument("folder", metavar="DIR", help="where training.txt and held-out.txt go")

    hidden = add("hidden", help="draw a hidden text from the docstrings of this Python")
    hidden.add_argument("file", metavar="TEXT", help="the text to write")
    hidden.add_argument("--seed", type=int, required=True, metavar="N", help="a secret number")
    hidden.add_argument("--force", action="store_true", help="replace an existing file")
