"""Chapter 6: the forward product and the two backward ones, and over what each of them sums."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREEN, GREY, ORANGE, RED, sketch

# Name, length in points, and colour of the three dimensions.
SIZES = {"N": 44, "in": 66, "out": 30}
COLOURS = {"N": GREEN, "in": BLUE, "out": ORANGE}
ROWS = [
    ("forward", ("$x$", "N", "in"), ("$\\hat W^\\top$", "in", "out"), ("$y$", "N", "out")),
    ("backward", ("d$y$", "N", "out"), ("$\\hat W$", "out", "in"), ("d$x$", "N", "in")),
    ("backward", ("d$y^\\top$", "out", "N"), ("$x$", "N", "in"), ("d$W$", "out", "in")),
]


def draw() -> Figure:
    figure, axis = sketch(5.6, 4.4)
    for row, (name, left, right, result) in enumerate(ROWS):
        y = 258 - 102 * row
        colour = BLUE if name == "forward" else RED
        axis.text(6, y, name, color=colour, weight="bold", size=9, va="center")
        matrix(axis, 112, y, *left, summed=left[2])
        axis.text(166, y, "@", color=GREY, ha="center", va="center", size=11)
        matrix(axis, 236, y, *right, summed=left[2])
        axis.text(288, y, "=", color=GREY, ha="center", va="center", size=12)
        matrix(axis, 358, y, *result, summed="")
        summed = {"N": "vectors", "in": "features in", "out": "features out"}[left[2]]
        kwargs = {"color": COLOURS[left[2]], "size": 9, "ha": "center"}
        axis.text(174, y - 50, f"sum over the {summed}", **kwargs)
    return figure


def matrix(axis: Axes, x: float, y: float, name: str, *shape: str, summed: str) -> None:
    """A rectangle around (x, y), its sides in the colours of their dimensions."""
    height, width = (SIZES[size] for size in shape)
    low, left = y - height / 2, x - width / 2
    axis.add_patch(Rectangle((left, low), width, height, fc=(GREY, 0.15), lw=0))
    for size, line in zip(
        shape,
        (([left, left], [low, low + height]), ([left, left + width], [low + height] * 2)),
        strict=True,
    ):
        axis.plot(*line, color=COLOURS[size], lw=5 if size == summed else 2, solid_capstyle="butt")
    axis.text(x, y, name, color=GREY, ha="center", va="center", size=11)
    side = {"color": COLOURS[shape[0]], "ha": "right", "va": "center", "size": 8.5}
    axis.text(left - 5, y, shape[0], **side)
    side = {"color": COLOURS[shape[1]], "ha": "center", "va": "bottom", "size": 8.5}
    axis.text(x, low + height + 4, shape[1], **side)
