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
                cell(axis, group, row, of_group, powers[row, group])
        axis.set_title(f"{words}: error {error:.2f}", fontsize=10)
        axis.set_xlim(-0.02, GROUPS)
        axis.set_ylim(ROWS, -0.02)
        axis.set_axis_off()
    return figure


def cell(axis, x: int, y: int, codes: np.ndarray, power: float) -> None:
    """A group: its loudness, and a stroke up or down for every code that is not 0."""
    ground = Rectangle((x, y), 0.95, 0.93, facecolor=GREY, edgecolor=GREY)
    ground.set_alpha(0.06 + 0.05 * (power + 3))
    axis.add_patch(ground)
    zeros = int((codes == 0).sum())
    state = "silent" if zeros == codes.size else "clipped" if zeros < codes.size / 10 else ""
    loud = f"{2**power:g}" if power >= 0 else f"1/{2**-power:g}"
    axis.text(x + 0.04, y + 0.2, f"\N{MULTIPLICATION SIGN}{loud}", fontsize=6.5, va="center")
    axis.text(x + 0.91, y + 0.2, state, fontsize=6.5, va="center", ha="right", weight="bold")
    at = x + 0.06 + 0.84 * (np.arange(codes.size) + 0.5) / codes.size
    for code, colour in ((1, BLUE), (-1, ORANGE)):
        chosen = at[codes == code]
        axis.vlines(chosen, y + 0.6, y + 0.6 - 0.24 * code, color=colour, linewidth=1.8)
    axis.plot(at[codes == 0], np.full(zeros, y + 0.6), ".", color=GREY, markersize=1.5)
