"""From a trained model: what a teacher and its rounding say about the next byte, at a temperature.

``python book/figures/temperature.py`` makes the logits anew that the interactive figure shows.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, panels

NUMBERS = Path(__file__).resolve().parents[2] / "docs" / "_static" / "figures" / "temperature.json"
PLACES = [(2, 30), (3, 50), (0, 40), (1, 40)]  # window of the held-out text, place in it
CONTEXT, DIGITS, SHOWN = 24, 2, 10


def logits() -> list[dict[str, object]]:
    """Context, next byte, and all logits of both models, at the places of the figure."""
    from draw import run_examples

    sections = "Four routes", "What rounding leaves"
    names = run_examples("12-from-trained.md", *sections, until="begin_from(student.model")
    tokens, targets = next(iter(names["twin"].task.held_out(4)))
    runs = {"teacher": names["twin"], "student": names["student"]}
    both = {who: run.model.forward(tokens).copy() for who, run in runs.items()}
    return [
        {
            "context": bytes(tokens[i, at - CONTEXT + 1 : at + 1].astype(np.uint8)).decode(),
            "next": int(targets[i, at]),
            **{who: np.round(z[i, at].astype(float), DIGITS).tolist() for who, z in both.items()},
        }
        for i, at in PLACES
    ]


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max())
    return e / e.sum()


def draw() -> Figure:
    place = json.loads(NUMBERS.read_text("utf-8"))[0]
    figure, axes = panels(2, figsize=(6.8, 3.2), sharey=True)
    for axis, tau in zip(axes, (1.0, 3.0), strict=True):
        bars(axis, place, tau)
    axes[0].set_ylabel("probability")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def bars(axis: Axes, place: dict, tau: float) -> None:
    """Teacher, student, and the gradient for the bytes that the teacher finds most likely."""
    teacher, student = (np.array(place[who]) for who in ("teacher", "student"))
    shown = np.argsort(-teacher)[:SHOWN]
    q, p = softmax(teacher / tau), softmax(student / tau)
    x = np.arange(SHOWN)
    axis.bar(x - 0.27, q[shown], 0.26, color=BLUE, label="teacher $q$")
    axis.bar(x, p[shown], 0.26, color=ORANGE, label="student $p$")
    axis.bar(x + 0.27, tau * (p - q)[shown], 0.26, color=GREEN, label=r"gradient $\tau\,(p - q)$")
    axis.axhline(0, color=GREY, linewidth=1)
    axis.set_xticks(x, [repr(chr(byte))[1:-1].replace(" ", "␣") for byte in shown])
    axis.set_title(f"temperature {tau:g}", fontsize=10)
    axis.grid(axis="x", visible=False)


if __name__ == "__main__":
    NUMBERS.write_text(json.dumps(logits(), separators=(",", ":")) + "\n", "utf-8")
