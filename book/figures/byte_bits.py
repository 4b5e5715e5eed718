"""Chapter 9: the bits that each byte of a line costs, for two models that count."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, plt

from ternary import Text

LINE = b"The yield statement can be used to omit the"


def probabilities(training: np.ndarray, held_out: np.ndarray, longest: int) -> list[np.ndarray]:
    """What tables of counts give each held-out byte, for every length of context so far."""
    p, rows = np.full(len(held_out), 1 / 256), []
    for k in range(longest + 1):
        asked = runs(held_out, k + 1)
        seen, counts = np.unique(runs(training, k + 1), return_counts=True)
        contexts, first, kinds = np.unique(seen // 256, return_index=True, return_counts=True)
        count = look_up(seen, counts, asked)
        total = look_up(contexts, np.add.reduceat(counts, first), asked // 256)
        kinds = np.where(total, look_up(contexts, kinds, asked // 256), 1)
        p[k:] = (count + kinds * p[k:]) / (total + kinds)
        rows.append(p.copy())
    return rows


def runs(data: np.ndarray, n: int) -> np.ndarray:
    """Every run of n bytes as one number."""
    data = data.astype(np.int64)
    return sum(256 ** (n - 1 - i) * data[i : len(data) - n + 1 + i] for i in range(n))


def look_up(known: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values of the wanted ones, 0 for those not known."""
    at = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return np.where(known[at] == wanted, values[at], 0)


def draw() -> Figure:
    task = Text()
    data = bytes(task.validation.astype(np.uint8))
    start = max(data.find(LINE), 0)
    line = data[start : start + len(LINE)].decode("ascii", "replace")
    rows = probabilities(task.training, task.validation, 4)
    figure, axes = plt.subplots(2, 1, sharex=True, sharey=True, figsize=(5.6, 4.8))
    for axis, k, colour, name in (
        (axes[0], 0, GREY, "how often each byte occurs"),
        (axes[1], 4, BLUE, "the same after up to four bytes before it"),
    ):
        bits = -np.log2(rows[k])
        axis.bar(range(len(line)), bits[start : start + len(line)], color=colour, alpha=0.8)
        axis.axhline(bits.mean(), color=ORANGE, ls="--")
        title = f"known: {name}\nmean of all held-out bytes, dashed: {bits.mean():.1f} bits"
        axis.set_title(title, size=9)
        axis.set_ylabel("bits")
        axis.grid(False, axis="x")
    axes[1].set_xticks(range(len(line)), line.replace(" ", "\N{OPEN BOX}"), family="monospace")
    axes[1].tick_params(axis="x", labelsize=8, length=0)
    axes[1].set_xlim(-0.8, len(line) - 0.2)
    return figure
