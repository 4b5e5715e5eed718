"""Chapter 6: rows and padding of two matrices, in the flat buffer and as views."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREEN, GREY, panels

SHAPES = {"up": (4, 200), "down": (3, 128)}
COLOURS = {"up": BLUE, "down": GREEN}
GROUP = 128


def draw() -> Figure:
    figure, (axis,) = panels(1, figsize=(6.8, 2.7))
    axis.set_axis_off()
    axis.grid(False)
    axis.text(0, 150, "in memory: 1,408 numbers in a row, 11 groups of 128", color=GREY)
    x = 0.0
    for name, (out_dim, _) in SHAPES.items():
        for row in range(out_dim):
            end = draw_row(axis, name, x, 100, 36, 1)
            label = f"{name}[{row}]"
            axis.text((x + end) / 2, 88, label, color=COLOURS[name], ha="center", va="top", size=8)
            x = end
    for name, left in (("up", 80), ("down", 880)):
        out_dim, in_dim = SHAPES[name]
        axis.text(left, 8, f"{name}: a view ({out_dim}, {in_dim})", color=COLOURS[name])
        for row in range(out_dim):
            y = -40 - 46 * row
            draw_row(axis, name, left, y, 36, 2)
            axis.text(left - 10, y + 8, f"[{row}]", color=COLOURS[name], ha="right", size=8)
    axis.text(80 + 2 * 228, -208, "padding", color=GREY, ha="center", size=8)
    axis.set_xlim(-10, 1420)
    axis.set_ylim(-215, 180)
    return figure


def draw_row(axis: Axes, name: str, x: float, y: float, height: float, scale: float) -> float:
    """One row from x on, its padding hatched and its groups marked; returns where it ends."""
    in_dim = SHAPES[name][1]
    padded = -(-in_dim // GROUP) * GROUP
    first, end = x + scale * in_dim, x + scale * padded
    axis.add_patch(Rectangle((x, y), first - x, height, color=COLOURS[name], alpha=0.75, lw=0))
    hatched = {"fill": False, "hatch": "////", "ec": GREY, "lw": 0.5}
    axis.add_patch(Rectangle((first, y), end - first, height, **hatched))
    for group in range(0, padded + 1, GROUP):
        axis.plot([x + scale * group] * 2, [y - 5, y + height + 5], color=GREY, lw=0.9)
    return end
