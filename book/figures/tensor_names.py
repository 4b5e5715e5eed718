"""Chapter 14: where each tensor goes in a GGUF file and in a folder for Transformers."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREEN, GREY, ORANGE, RED, arrow, sketch

from ternary import TransformerConfig
from ternary.export.gguf import gguf_name
from ternary.export.huggingface import hf_name

ORDER = ["embedding", "norm1", "q", "k", "v", "o", "norm2", "up", "down", "norm", "head"]
GGUF, OURS, HF = 6, 124, 252


def draw() -> Figure:
    config = TransformerConfig()
    shapes = {**config.matrices(), **{name: (n,) for name, n in config.gains().items()}}
    figure, axis = sketch(5.6, 4.6)
    axis.text(GGUF, 314, "GGUF", color=BLUE, weight="bold", size=9.5)
    axis.text(GGUF, 301, "codes and scales\nas Q2_0", color=BLUE, size=8.5, va="top")
    axis.text(OURS + 4, 314, "this package", color=GREY, weight="bold", size=9.5)
    axis.text(HF, 314, "Transformers", color=GREEN, weight="bold", size=9.5)
    axis.text(HF, 301, "products of both\nas float16", color=GREEN, size=8.5, va="top")
    y = 256.0
    for part in ORDER:
        inside = part not in ("embedding", "norm", "head")
        name = f"layers.0.{part}" if inside else part
        if part in ("norm1", "norm"):
            y -= 14
        if part == "norm1":
            prefixes = (GGUF, "blk.0.", BLUE), (OURS + 4, "layers.0.", GREY)
            for x, text, colour in (*prefixes, (HF, "model.layers.0.", GREEN)):
                mono(axis, x, y, text, colour)
            y -= 15
        row(axis, y, name, shapes[name], inside)
        y -= 17
    axis.add_patch(Rectangle((2, 71.5), 399, 169, color=GREY, alpha=0.1, lw=0))
    axis.text(HF - 62, 8, "rows put into another order", color=RED, size=9)
    arrow(axis, (HF - 96, 11), (HF - 68, 11), RED, lw=2.2)
    axis.text(42, 8, "only renamed", color=GREY, size=9)
    arrow(axis, (8, 11), (36, 11), GREY)
    return figure


def row(axis: Axes, y: float, name: str, shape: tuple[int, ...], inside: bool) -> None:
    """One tensor: our name and shape in the middle, an arrow to either side."""
    part, indent = name.split(".")[-1], 10 if inside else 0
    left = gguf_name(name).removesuffix(".weight").removeprefix("blk.0.")
    right = hf_name(name).removeprefix("model.layers.0.")
    mono(axis, GGUF + indent, y, left, BLUE)
    mono(axis, OURS + 4 + indent, y, part, ORANGE if len(shape) == 2 else GREY)
    size = "\N{MULTIPLICATION SIGN}".join(map(str, shape))
    axis.text(OURS + 92, y, size, color=GREY, size=7.5, ha="right", va="center")
    mono(axis, HF + indent, y, right, GREEN)
    arrow(axis, (OURS - 2, y), (OURS - 32, y), GREY)
    moved = part in ("q", "k")
    arrow(axis, (OURS + 98, y), (HF - 4, y), RED if moved else GREY, lw=2.2 if moved else 1.4)


def mono(axis: Axes, x: float, y: float, text: str, colour: str) -> None:
    """A name as code."""
    axis.text(x, y, text, color=colour, family="monospace", size=8, va="center")
