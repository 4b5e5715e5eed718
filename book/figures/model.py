"""The model of the book: shapes, names, and the ways forward and back."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from style import BLUE, GREEN, GREY, ORANGE, RED, arrow, box, sketch

from ternary import TransformerConfig

TIMES = "\N{MULTIPLICATION SIGN}"
STREAM = 52  # where the stream runs down


def draw() -> Figure:
    config = TransformerConfig()
    shapes = {name: f"{out} {TIMES} {n}" for name, (out, n) in config.matrices().items()}
    d, vocab = config.d_model, config.vocab_size
    figure, axis = sketch(5.6, 8.4)
    frame = FancyBboxPatch((6, 152), 391, 312, boxstyle="round,pad=0,rounding_size=8", lw=1)
    frame.set(facecolor=(GREY, 0.06), edgecolor=(GREY, 0.7), linestyle="--")
    axis.add_patch(frame)
    axis.text(390, 450, f"a block; there are {config.n_layers}", color=GREY, ha="right", size=9)
    axis.plot([STREAM] * 2, [494, 136], color=GREY, lw=9, alpha=0.25, solid_capstyle="butt")
    axis.text(STREAM - 32, 300, f"stream (B, T, {d})", color=GREY, rotation=90, va="center", size=9)
    box(axis, STREAM - 36, 570, 72, 26, text="tokens (B, T)", size=8.5)
    matrix(axis, STREAM - 36, 510, "embedding", shapes["embedding"], 72)
    both(axis, (STREAM, 570), (STREAM, 542), back=False)
    both(axis, (STREAM, 510), (STREAM, 446))
    both(axis, (STREAM, 304), (STREAM, 272))
    attention(axis, shapes, config)
    feed_forward(axis, shapes, config)
    both(axis, (STREAM, 184), (STREAM, 132))
    y = 100
    gain(axis, STREAM - 24, y, "norm", d)
    matrix(axis, 132, y, "head", shapes["head"], 62)
    box(axis, 236, y, 74, 32, text=f"logits\n(B, T, {vocab})", size=8.5)
    box(axis, 346, y, 46, 32, text="loss L", size=8.5)
    for start, end in ((STREAM + 24, 132), (194, 236), (310, 346)):
        both(axis, (start, y + 16), (end, y + 16))
    legend(axis)
    return figure


def attention(axis: Axes, shapes: dict[str, str], config: TransformerConfig) -> None:
    """The first branch of a block."""
    y = 400
    gain(axis, 92, y - 16, "norm1", config.d_model)
    both(axis, (STREAM + 6, y), (92, y))
    for name, up in (("q", 38), ("k", 0), ("v", -38)):
        matrix(axis, 170, y + up - 16, name, shapes[f"layers.0.{name}"], 58)
        both(axis, (140, y + up / 4), (170, y + up))
    text = f"turn q and k, scores,\nmask, softmax:\nP (B, {config.n_heads}, T, T)"
    box(axis, 266, y - 4, 122, 44, text=text, size=8.2)
    both(axis, (228, y + 38), (266, y + 26))
    both(axis, (228, y), (266, y + 8))
    low = y - 84
    box(axis, 266, low - 15, 122, 30, text=f"mean of v by P\n(B, T, {config.d_model})", size=8.2)
    both(axis, (327, y - 4), (327, low + 15))
    both(axis, (228, y - 40), (278, low + 15))
    matrix(axis, 140, low - 16, "o", shapes["layers.0.o"], 58)
    both(axis, (266, low), (198, low))
    plus(axis, low, 140)


def feed_forward(axis: Axes, shapes: dict[str, str], config: TransformerConfig) -> None:
    """The second branch of a block."""
    y, low = 262, 196
    gain(axis, 92, y - 16, "norm2", config.d_model)
    both(axis, (STREAM + 6, y), (92, y))
    matrix(axis, 170, y - 16, "up", shapes["layers.0.up"], 62)
    both(axis, (140, y), (170, y))
    box(axis, 290, y - 18, 98, 36, text=f"squared ReLU\n(B, T, {config.d_ff})", size=8.2)
    both(axis, (232, y), (290, y))
    matrix(axis, 140, low - 16, "down", shapes["layers.0.down"], 62)
    axis_corner(axis, (339, y - 18), (339, low), (202, low))
    plus(axis, low, 140)


def matrix(axis: Axes, x: float, y: float, name: str, shape: str, width: float) -> None:
    """A ternary matrix, with its shape (out, in)."""
    box(axis, x, y, width, 32, colour=ORANGE, alpha=0.22)
    middle = {"color": ORANGE, "ha": "center", "va": "center"}
    axis.text(x + width / 2, y + 21.5, name, weight="bold", size=9, **middle)
    axis.text(x + width / 2, y + 9.5, shape, size=8, **middle)


def gain(axis: Axes, x: float, y: float, name: str, d: int) -> None:
    """An RMSNorm, with its gains."""
    box(axis, x, y, 48, 32, colour=GREEN, text=f"{name}\n{d}", size=8.5)


def plus(axis: Axes, y: float, start: float) -> None:
    """A branch that is added to the stream."""
    both(axis, (start, y), (STREAM + 8, y))
    axis.plot(STREAM, y, "o", ms=15, mfc="none", mec=GREY, mew=1.2)
    axis.text(STREAM, y, "+", color=GREY, ha="center", va="center", size=12)


def both(axis: Axes, start: tuple, end: tuple, back: bool = True) -> None:
    """An arrow forward and, beside it, one back."""
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dx, dy = -3.5 * (y1 - y0) / length, 3.5 * (x1 - x0) / length
    if not back:
        dx = dy = 0
    arrow(axis, (x0 + dx, y0 + dy), (x1 + dx, y1 + dy), BLUE, mutation_scale=9)
    if back:
        style = {"mutation_scale": 9, "ls": "--", "lw": 1.2}
        arrow(axis, (x1 - dx, y1 - dy), (x0 - dx, y0 - dy), RED, **style)


def axis_corner(axis: Axes, start: tuple, corner: tuple, end: tuple) -> None:
    """Both arrows around a corner: down, then to the left."""
    for shift, colour, line in ((3.5, BLUE, "-"), (-3.5, RED, "--")):
        (x0, y0), (x1, y1), (x2, y2) = start, corner, end
        points = [(x0 + shift, y0), (x1 + shift, y1 - shift), (x2, y2 - shift)]
        if colour == RED:
            points.reverse()
        axis.plot(*zip(*points[:2], strict=True), color=colour, ls=line, lw=1.3)
        arrow(axis, points[1], points[2], colour, mutation_scale=9, ls=line, lw=1.3)


def legend(axis: Axes) -> None:
    """What the colours mean."""
    rows = [
        (ORANGE, f"ternary matrix, out {TIMES} in: its latents get a gradient of the same shape"),
        (GREEN, "normalisation, with one gain a feature, float32"),
        (GREY, "no parameters"),
    ]
    for n, (colour, text) in enumerate(rows):
        y = 70 - 15 * n
        box(axis, 8, y - 4, 22, 9, colour=colour, alpha=0.22, rounding=2)
        axis.text(38, y, text, color=GREY, size=8.5, va="center")
    arrow(axis, (8, 24), (32, 24), BLUE)
    axis.text(38, 24, "forward: what is computed", color=GREY, size=8.5, va="center")
    arrow(axis, (32, 9), (8, 9), RED, ls="--", lw=1.2)
    axis.text(38, 9, "backward: gradients of the same shapes", color=GREY, size=8.5, va="center")
