"""Chapter 15: what each of the four checks asks, and which damage it finds."""

from five_hundred_steps import kept
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, RED, arrow, box, sketch

CHECKS = {
    "train loss": "the log",
    "codes": "weights\nin use",
    "scales": "latents and\nweights",
    "accuracy": "new\nsequences",
}
WORDS = {
    "halve_a_weight": "one weight halved",
    "flip_a_sign": "one sign turned",
    "forget_to_project": "latents moved, not projected",
    "double_the_scales": "scales and weights doubled",
    "turn_the_head": "head upside down",
}
LEFT, STEP = 178, 62


def draw() -> Figure:
    figure, axis = sketch(5.6, 3.9)
    verdicts = kept()["verdicts"]
    axis.text(LEFT - 34, 256, "asked", color=BLUE, ha="right", va="center", size=9)
    axis.text(LEFT - 34, 204, "check", color=GREY, ha="right", va="center", size=9)
    for column, (check, asked) in enumerate(CHECKS.items()):
        x = LEFT + STEP * column
        box(axis, x - 29, 240, 58, 32, colour=BLUE, text=asked, size=8.2)
        arrow(axis, (x, 240), (x, 216), BLUE)
        axis.text(x, 204, check, color=GREY, weight="bold", ha="center", va="center", size=9)
    for row, (name, passed) in enumerate(verdicts.items()):
        y = 176 - 29 * row
        axis.plot([6, 398], [y + 14.5] * 2, color=GREY, lw=0.5, alpha=0.6)
        words = WORDS.get(name, name.replace("_", " "))
        axis.text(LEFT - 34, y, words, color=GREY, ha="right", va="center", size=9)
        for column, each in enumerate(passed):
            x, colour = LEFT + STEP * column, GREEN if each else RED
            if each:
                axis.text(x, y, "pass", color=colour, ha="center", va="center", size=9)
            else:
                box(axis, x - 22, y - 10, 44, 20, colour=colour, text="FAIL", alpha=0.3)
    return figure
