"""Chapter 5: size of the latents and flip rate under noise gradients, simulated and computed."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, MARKERS, panels

from ternary import AdamW
from ternary.parameters import Parameters

LR = 3e-3
DECAYS = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0]


def draw() -> Figure:
    rows = np.array([walk(decay) for decay in DECAYS])
    rms, relative_step, flips = rows.T
    line = np.geomspace(DECAYS[0], DECAYS[-1])
    figure, (left, right) = panels(2)
    settled = np.sqrt(LR / (2 * line))
    left.plot(line, settled, color=COLOURS[1], label="$\\sqrt{\\eta / (2\\lambda)}$")
    left.plot(DECAYS, rms, MARKERS[0], color=COLOURS[0], label="simulated")
    left.set_ylabel("root mean square of the latents")
    formula = 0.59 * np.sqrt(0.1 / 1.9) * np.sqrt(2 * LR * line)
    right.plot(line, formula, color=COLOURS[1], label="$0.59 \\cdot 0.23\\,\\sqrt{2\\eta\\lambda}$")
    right.plot(DECAYS, flips, MARKERS[0], color=COLOURS[0], label="simulated")
    size = {"markersize": 9, "markerfacecolor": "none"}
    label = "0.59 times the relative step"
    right.plot(DECAYS, 0.59 * relative_step, MARKERS[1], color=COLOURS[2], label=label, **size)
    right.set_ylabel("flips per step, share of codes")
    for axis in (left, right):
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("weight decay $\\lambda$")
    right.set_ylim(1e-3, 0.12)
    left.legend(fontsize=9, loc="upper right")
    right.legend(fontsize=9, loc="lower right")
    return figure


def walk(decay: float) -> np.ndarray:
    """Mean rms, relative step and flips of the second half of a walk long enough to settle."""
    rng = np.random.default_rng(0)
    parameters = Parameters({"W": (16, 128)})
    w = parameters.latents
    w[:] = rng.standard_normal(w.size) / np.sqrt(128)
    parameters.project()
    optimizer, rows = AdamW(parameters), []
    steps = int(min(max(4 / (LR * decay), 1000), 10_000))
    for step in range(steps):
        parameters.gradients[:] = rng.standard_normal(w.size, np.float32)
        decayed, codes = np.float32(1 - LR * decay) * w, parameters.all_codes.copy()
        optimizer.step(LR, decay)
        parameters.project()
        if step >= steps // 2:
            relative_step = np.abs(w - decayed).mean() / np.abs(decayed).mean()
            flips = (parameters.all_codes != codes).mean()
            rows.append((np.sqrt((w * w).mean()), relative_step, flips))
    return np.mean(rows, axis=0)
