"""Predictions: locked examples, whose output is computed only after the reader has committed."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from dataclasses import dataclass
from typing import Any

from ternary.course import program
from ternary.course.step import PAGES
from ternary.errors import TernaryError

PREDICTIONS: dict[str, Prediction] = {}


@dataclass(frozen=True)
class Prediction:
    """A question about a piece of code that the reader answers before it runs.

    Attributes
    ----------
    id
        Its name.
    page, heading
        The chapter, by the name of its file without its number, and the section to reread.
    question
        What is asked: a number, or one of `choices`.
    code
        The example; it prints one line, a number or a choice.
    within
        For a number: the factor to either side that still counts as right; 1 asks for it exactly.
    explanation
        Why it comes out so; it is shown afterwards.
    choices
        The answers there are, if it is no number.
    """

    id: str
    page: str
    heading: str
    question: str
    code: str
    within: float
    explanation: str
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        PREDICTIONS[self.id] = self

    @property
    def chapter(self) -> int:
        """The number of its chapter."""
        return PAGES.index(self.page) + 1

    def read(self, committed: str) -> str | float:
        """What a reader typed, as a number or as one of the choices.

        Raises
        ------
        TernaryError
            If it is neither; it says what is expected.
        """
        typed = committed.strip()
        if self.choices:
            for choice in self.choices:
                if typed.lower() == choice.lower():
                    return choice
            raise TernaryError(f"{typed!r} is none of the answers: {', '.join(self.choices)}")
        if "," in typed:
            raise TernaryError(
                f"{typed!r} has a comma; write a point, as in 0.25, and nothing between thousands"
            )
        try:
            number = float(typed.rstrip("%"))
        except ValueError:
            raise TernaryError(f"{typed!r} is no number; expected one, as 37 or 0.25") from None
        if not math.isfinite(number):
            raise TernaryError(f"{typed!r} is not finite; expected a number, as 37 or 0.25")
        return number


def find_prediction(name: str) -> Prediction:
    """The prediction of a name; hyphens stand for underscores.

    Raises
    ------
    TernaryError
        If there is none; it names them all.
    """
    wanted = name.strip().replace("-", "_")
    if wanted not in PREDICTIONS:
        raise TernaryError(f"there is no prediction {name!r}; there are {', '.join(PREDICTIONS)}")
    return PREDICTIONS[wanted]


def reveal(name: str, committed: str) -> dict[str, Any]:
    """Run a prediction's code, and say how the committed answer compares with what came.

    Returns the types of JSON: ``prediction``, ``committed``, ``came`` (what was printed),
    ``right``, and ``explanation``.

    Examples
    --------
    >>> reveal("zeros_of_a_group", "64")["right"]
    False
    """
    prediction = find_prediction(name)
    guess = prediction.read(committed)
    came = run(prediction)
    if isinstance(guess, str):
        right = guess == came
    else:
        value, factor = float(came), prediction.within
        low, high = sorted((value / factor, value * factor))
        right = low - 1e-9 <= guess <= high + 1e-9
    return {
        "prediction": prediction.id,
        "committed": committed.strip(),
        "came": came,
        "right": right,
        "explanation": prediction.explanation,
    }


def run(prediction: Prediction) -> str:
    """What a prediction's code prints."""
    names = dict(vars(program.modules()["ternary_train"]))
    with contextlib.redirect_stdout(io.StringIO()) as printed, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(prediction.code, f"<{prediction.id}>", "exec"), names)
    return printed.getvalue().strip()
