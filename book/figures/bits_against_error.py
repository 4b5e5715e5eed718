"""Chapter 3: what the bits of finer scales buy, for even and for uneven weights. A computation."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, GREY, MARKERS, panels

SIZES = (16, 32, 64, 128, 256, 512)
LINES = ["-", "--", ":"]


def relative_error(rows: np.ndarray) -> float:
    """Relative squared error of absmean, one scale a row of `rows`."""
    m = np.abs(rows).mean(axis=1, keepdims=True)
    projected = m * np.sign(rows) * (np.abs(rows) > m / 2)
    return float(((rows - projected) ** 2).sum() / (rows**2).sum())


def draw() -> Figure:
    rng = np.random.default_rng(3)
    even = rng.standard_normal((1024, 4, 128))
    runs = np.exp(1.5 * rng.standard_normal((1024, 4, 1)))
    columns = np.exp(1.5 * rng.standard_normal((1, 4, 128)))
    kinds = {
        "even": even,
        "loudness by runs of 128": even * runs,
        "loudness by columns": even * columns,
    }
    figure, (axis,) = panels(1)
    for i, (name, weights) in enumerate(kinds.items()):
        errors = [relative_error(weights.reshape(-1, n)) for n in SIZES]
        errors.append(relative_error(weights.reshape(1, -1)))
        bits = [1.6 + 16 / n for n in (*SIZES, weights.size)]
        axis.plot(bits, errors, LINES[i], marker=MARKERS[i], color=COLOURS[i], label=name)
        if i == 1:
            labels = [*(str(n) for n in SIZES[:-1]), "row", "matrix"]
            for x, y, label in zip(bits, errors, labels, strict=True):
                dx, dy = (4, 9) if y < 0.4 else (9, -3)
                axis.annotate(
                    label,
                    (x, y),
                    (dx, dy),
                    textcoords="offset points",
                    ha="center" if dx == 4 else "left",
                    fontsize=8,
                    color=GREY,
                )
    axis.set_ylim(0, 1)
    axis.set_xlabel("bits a weight: 1.6 for the code, 16/n for the scale")
    axis.set_ylabel("relative squared error")
    axis.legend(loc="center right")
    return figure
