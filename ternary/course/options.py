"""The options of `ternary course`."""

from __future__ import annotations

import argparse

from ternary.course.limits import SECONDS

EXIT_CODES = (
    "Exit status: 0 all that was checked passes, 1 something does not (or, of a prediction, it was "
    "not right), 2 the command cannot be carried out, 130 stopped with Ctrl-C."
)


def add_course(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of the course."""
    parser.epilog = EXIT_CODES
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)

    def add(name: str, about: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=about, description=about, epilog=EXIT_CODES)
        action.add_argument(
            "--folder", metavar="DIR", default="answers", help="the reader's files (%(default)s)"
        )
        return action

    add("list", "list all steps and predictions, and which of them you have started")
    starting = add("start", "write the stub of a step into your folder; no file is ever replaced")
    starting.add_argument("steps", nargs="+", metavar="STEP", help="ids; `list` shows them")
    _add_check(add("check", "grade your answers, and say in words what is wrong"))
    add("progress", "grade all that you have started, and show it chapter by chapter")
    resetting = add("reset", "put a step's stub back, and keep your file beside it")
    resetting.add_argument("step", metavar="STEP")
    predicting = add("predict", "commit to an output, then see it; without a name, list them")
    predicting.add_argument("prediction", nargs="?", metavar="NAME")
    predicting.add_argument("answer", nargs="*", help="your prediction; without it you are asked")


def _add_check(action: argparse.ArgumentParser) -> None:
    add = action.add_argument
    add("steps", nargs="*", metavar="STEP", help="ids; without one, all that you have started")
    add("--file", metavar="FILE", help="grade this file, as your own ternary_train.py")
    add(
        "--hint",
        type=int,
        nargs="?",
        const=1,
        default=0,
        metavar="N",
        help="show the first N hints of each step that fails (1)",
    )
    add(
        "--seconds",
        type=float,
        default=SECONDS,
        metavar="X",
        help="stop an answer after so many seconds of processor time (%(default)s)",
    )
    add("--json", action="store_true", help="print the verdicts as JSON, one a line")
    add("--all", action="store_true", help="count steps that were not started, as not passed")
    add("--junit", metavar="FILE", help="write the results as JUnit XML (needs pytest)")
    add("--gradescope", metavar="FILE", help="write Gradescope's results.json")
    add("--classroom", metavar="FILE", help="write Classroom 50's result.json")
    add(
        "--hidden",
        metavar="DIR",
        help="also run an instructor's pytest files from here (needs ternary-book[course])",
    )
