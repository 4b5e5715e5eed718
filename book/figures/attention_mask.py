"""Chapter 7: the weights of one head under the causal mask, and the gradient of its scores."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREY, ORANGE, plt

T, D = 8, 8
PLACES, SHADES = (0, 0.5, 0.5, 1), (BLUE, (BLUE, 0), (ORANGE, 0), ORANGE)


def draw() -> Figure:
    rng = np.random.default_rng(2)
    q, k, v, dy = rng.standard_normal((4, T, D))
    S = np.where(np.tri(T, dtype=bool), q @ k.T / np.sqrt(D), -np.inf)
    P = np.exp(S - S.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    dP = dy @ v.T
    dS = P * (dP - (P * dP).sum(axis=1, keepdims=True))
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 3.2))
    grid(left, P, 1, "weights $P$", "each row sums to 1")
    grid(right, dS, np.abs(dS).max(), "gradient d$S$", "each row sums to 0")
    left.set_ylabel("query $i$")
    return figure


def grid(axis: Axes, values: np.ndarray, largest: float, title: str, law: str) -> None:
    """Cells by sign and size, the masked ones hatched, and the sum of each row on the right."""
    diverging = LinearSegmentedColormap.from_list("", list(zip(PLACES, SHADES, strict=True)))
    axis.imshow(values, diverging, vmin=-largest, vmax=largest, interpolation="none")
    for i in range(T):
        if i + 1 < T:
            where = (i + 0.5, i - 0.5), T - i - 1, 1
            hatched = {"fill": False, "hatch": "/////", "ec": GREY, "lw": 0, "alpha": 0.6}
            axis.add_patch(Rectangle(*where, **hatched))
        axis.plot([-0.5, T - 0.5], [i - 0.5] * 2, color=GREY, lw=0.4)
        total = f"{abs(values[i].sum()):.0f}"
        axis.text(T - 0.2, i, total, color=GREY, va="center", size=9)
    axis.set_title(title, size=10)
    axis.set_xlabel(f"key $j$; {law}", size=9)
    axis.set_xticks(range(0, T, 2))
    axis.set_yticks(range(0, T, 2))
    axis.grid(False)
    for side in ("top", "right"):
        axis.spines[side].set_visible(True)
