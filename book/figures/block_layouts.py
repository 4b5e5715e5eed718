"""Chapter 13: one block of every format, byte by byte, to scale."""

from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from style import BLUE, GREEN, GREY, ORANGE, panels

from ternary.codecs import CODECS

# From the front of a block: bytes of one kind. What a kind is, is in the legend.
PARTS = {
    "base3": [(25, "five"), (1, "fewer"), (2, "scale")],
    "Q2_0": [(2, "scale"), (16, "four")],
    "PQ2_0": [(2, "scale"), (32, "four")],
    "PTQ1_0": [(24, "five"), (2, "fewer"), (2, "scale")],
    "TQ1_0": [(48, "five"), (4, "fewer"), (2, "scale")],
    "TQ2_0": [(64, "four"), (2, "scale")],
    "MLX": [(32, "four"), (4, "scale")],
}
COLOUR = {"scale": ORANGE, "four": BLUE, "five": GREEN, "fewer": GREEN}
LABEL = {
    "scale": "scale (float16)",
    "four": "four codes a byte",
    "five": "five codes a byte",
    "fewer": "room for five, fewer used",
}


def draw() -> Figure:
    figure, (axis,) = panels(figsize=(4.4, 5.4))
    axis.axis("off")
    axis.set_xlim(-0.5, 67)
    axis.set_ylim(-1.9, len(PARTS) - 0.1)
    for row, (name, parts) in enumerate(PARTS.items()):
        codec = CODECS[name]
        assert sum(n_bytes for n_bytes, _ in parts) == codec.block_bytes
        y = len(PARTS) - 1 - row
        text = (
            f"{codec.block_size} codes, {codec.block_bytes} bytes, {codec.bits_per_weight:g} bits"
        )
        axis.text(0, y + 0.5, name, color=GREY, weight="bold", fontsize=9)
        axis.text(13, y + 0.5, text, color=GREY, fontsize=9)
        strip(axis, y, parts)
    handles = [
        Patch(
            facecolor=COLOUR[kind],
            edgecolor=COLOUR[kind],
            alpha=0.5,
            hatch="////" if kind == "fewer" else None,
            label=LABEL[kind],
        )
        for kind in LABEL
    ]
    axis.legend(handles=handles, loc="lower left", ncol=2, fontsize=8, borderaxespad=0)
    return figure


def strip(axis, y: float, parts: list[tuple[int, str]]) -> None:
    left = 0
    for n_bytes, kind in parts:
        hatch = "////" if kind == "fewer" else None
        for _ in range(n_bytes):
            cell = Rectangle((left, y), 1, 0.38, lw=0.6, hatch=hatch)
            cell.set(facecolor=(COLOUR[kind], 0.45), edgecolor=COLOUR[kind])
            axis.add_patch(cell)
            left += 1
