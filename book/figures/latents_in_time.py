"""Chapter 2: where the latents of a toy problem stand after ten, a hundred, a thousand steps."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, plt

from ternary import round_clip

STEPS, LR, PROBLEMS = (10, 100, 1000), 0.01, 16
COLOURS = {-1: BLUE, 0: GREY, 1: ORANGE}


def latents() -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """The right codes, and the latents after so many steps, for several problems at once."""
    rng = np.random.default_rng(1)
    teacher = rng.integers(-1, 2, (PROBLEMS, 64, 1)).astype(np.float32)
    w, seen = np.zeros_like(teacher), {}
    for step in range(1, max(STEPS) + 1):
        X = rng.standard_normal((PROBLEMS, 8, 64), np.float32)
        noise = 4 * rng.standard_normal((PROBLEMS, 8, 1), np.float32)
        error = X @ (round_clip(w) - teacher) - noise
        w -= LR * (X * error).mean(axis=1)[..., None]
        if step in STEPS:
            seen[step] = w.ravel().copy()
    return teacher.ravel(), seen


def draw() -> Figure:
    teacher, seen = latents()
    figure, axes = plt.subplots(3, 1, sharex=True, figsize=(5.4, 4.6))
    style = {"color": COLOURS.values(), "alpha": 0.85}
    bins = np.linspace(-1.8, 1.8, 73)
    for axis, (step, w) in zip(axes, seen.items(), strict=True):
        parts = [w[teacher == code] for code in COLOURS]
        names = [f"{code:+d}".replace("-", "\N{MINUS SIGN}") if code else "0" for code in COLOURS]
        axis.hist(parts, bins, histtype="stepfilled", stacked=True, label=names, **style)
        for threshold in (-0.5, 0.5):
            axis.axvline(threshold, color=GREY, ls="--", lw=1.2)
        right = (round_clip(w) == teacher).mean()
        axis.set_title(f"after {step:,} steps: {100 * right:.0f} % of the codes are right", size=9)
        axis.grid(False, axis="x")
    axes[1].set_ylabel("latents")
    axes[0].legend(title="right code", fontsize=9, title_fontsize=9)
    axes[0].get_legend().get_title().set_color(GREY)
    axes[2].set_xlabel("latent weight; dashed: the thresholds")
    return figure
