"""Chapter 3: a matrix of loud and quiet groups, its codes with a scale for each, and with one."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREY, ORANGE, panels

from ternary import make_projection, project

ROWS, GROUPS, SIZE = 6, 4, 16


def draw() -> Figure:
    rng = np.random.default_rng(32)
    powers = np.clip(np.rint(1.5 / np.log(2) * rng.standard_normal((ROWS, GROUPS))), -3, 3)
    loudness = np.repeat(2.0**powers, SIZE, axis=1)
    W = loudness * rng.standard_normal((ROWS, GROUPS * SIZE))
    scopes = {"group": "a scale for every group", "per-tensor": "one scale for the matrix"}
    figure, axes = panels(2, figsize=(7.2, 3.4))
    for axis, (scope, words) in zip(axes, scopes.items(), strict=True):
        codes, _, weights = project(W, make_projection(scope, SIZE))
        error = float(((W - weights) ** 2).sum() / (W**2).sum())
        for row in range(ROWS):
            for group in range(GROUPS):
                of_group = codes[row, SIZE * group : SIZE * (group + 1)]
                cell(axis, group, row, int((of_group == 0).sum()), powers[row, group])
        strokes(axis, codes)
        axis.set_title(f"{words}: error {error:.2f}", fontsize=10)
        axis.set_xlim(-0.02, GROUPS)
        axis.set_ylim(ROWS, -0.02)
        axis.set_axis_off()
    return figure


def cell(axis, x: int, y: int, zeros: int, power: float) -> None:
    """A group: its loudness, and what has become of it."""
    ground = Rectangle((x, y), 0.95, 0.93, facecolor=GREY, edgecolor=GREY)
    ground.set_alpha(0.06 + 0.05 * (power + 3))
    axis.add_patch(ground)
    state = "silent" if zeros == SIZE else "clipped" if zeros < SIZE / 10 else ""
    loud = f"{2**power:g}" if power >= 0 else f"1/{2**-power:g}"
    axis.text(x + 0.04, y + 0.2, f"\N{MULTIPLICATION SIGN}{loud}", fontsize=6.5, va="center")
    axis.text(x + 0.91, y + 0.2, state, fontsize=6.5, va="center", ha="right", weight="bold")


def strokes(axis, codes: np.ndarray) -> None:
    """A stroke up or down for every code that is not 0, and a dot for every other."""
    row, column = np.indices(codes.shape)
    x = column // SIZE + 0.06 + 0.84 * (column % SIZE + 0.5) / SIZE
    for code, colour in ((1, BLUE), (-1, ORANGE), (0, GREY)):
        at, y = x[codes == code], row[codes == code] + 0.6
        ends = np.stack([y - 0.02, y + 0.02]) if code == 0 else np.stack([y, y - 0.24 * code])
        gap = np.full(at.shape, np.nan)  # one path for all
        points = np.stack([at, at, gap], axis=1).ravel(), np.stack([*ends, gap], axis=1).ravel()
        axis.plot(*points, color=colour, linewidth=1.8, solid_capstyle="butt")
