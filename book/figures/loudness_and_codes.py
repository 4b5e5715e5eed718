"""Chapter 3: codes of loud and quiet groups, when the scale has one of four scopes."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, plt

SCOPES = {"group": 3, "row": (2, 3), "matrix": (1, 2, 3), "model": (0, 1, 2, 3)}
SHOWN = 64


def draw() -> Figure:
    rng = np.random.default_rng(3)  # the uneven weights of the chapter
    even = rng.standard_normal((4, 256, 4, 128)).astype(np.float32)
    loudness = np.exp(1.5 * rng.standard_normal((4, 256, 4, 1))).astype(np.float32)
    uneven = even * loudness
    order = loudness.ravel().argsort()
    order = order[len(order) // SHOWN // 2 :: len(order) // SHOWN]
    figure, axes = plt.subplots(
        1, 5, sharey=True, figsize=(5.6, 3.5), width_ratios=(0.6, 1, 1, 1, 1)
    )
    colours = ListedColormap([BLUE, "none", ORANGE])
    style = {"aspect": "auto", "origin": "lower", "vmin": -1, "vmax": 1, "interpolation": "none"}
    axes[0].barh(range(SHOWN), np.log10(loudness.ravel()[order]), color=GREY, height=0.8)
    axes[0].set_xticks([-1, 0, 1], ["$\\frac{1}{10}$", "1", "10"])
    axes[0].set_title("loudness", size=9)
    axes[0].set_yticks([])
    axes[0].set_ylabel("groups, the loudest on top")
    for axis, (name, scope) in zip(axes[1:], SCOPES.items(), strict=True):
        m = np.abs(uneven).mean(axis=scope, keepdims=True)
        codes = np.sign(uneven) * (np.abs(uneven) > m / 2)
        picture = codes.reshape(-1, 128)[order]
        dead = ~codes.any(axis=3)
        axis.imshow(picture[:, :SHOWN], colours, **style)
        axis.set_title(f"one a {name}", size=9)
        axis.set_xlabel(f"{100 * dead.mean():.0f} % dead", size=9)
        axis.set_xticks([])
        axis.grid(False)
        for side in ("top", "right"):
            axis.spines[side].set_visible(True)
    return figure
