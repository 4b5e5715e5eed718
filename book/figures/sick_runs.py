"""Chapter 8: loss and flips of a healthy run and of eight sick ones.

The runs are those of the chapter's examples; `python book/figures/sick_runs.py` makes them anew.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, RED, plt

RUNS = Path(__file__).with_suffix(".json")


def draw() -> Figure:
    kept = json.loads(RUNS.read_text("utf-8"))
    figure = plt.figure(figsize=(5.6, 6.6))
    cells = figure.subfigures(3, 3)
    healthy = kept["runs"]["healthy"]
    for cell, (name, run) in zip(cells.flat, kept["runs"].items(), strict=True):
        top, bottom = cell.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        for level in kept["levels"]:
            top.axhline(level, color=GREY, lw=0.8, ls=":")
        if run is not healthy:
            top.plot(healthy["losses"], color=GREY, lw=1.2, alpha=0.7)
        top.plot(run["losses"], color=BLUE if run is healthy else RED, lw=1.6)
        flips = np.array(run["flips"])
        bottom.plot(np.where(flips > 0, flips, np.nan), color=ORANGE, lw=1.4)
        if not flips.any():
            bottom.text(50, 3e-3, "none", color=ORANGE, ha="center", va="center", size=9)
        top.set(yscale="log", ylim=(0.6, 250), title=name)
        top.title.set_fontsize(9)
        bottom.set(yscale="log", ylim=(1e-5, 1), xlim=(0, 100))
        for axis, ticks in ((top, [1, 10, 100]), (bottom, [1e-4, 1e-2, 1])):
            axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
            axis.tick_params(labelsize=7.5)
            axis.grid(False)
        bottom.set_xticks([0, 50, 100])
        if cell is cells[0, 0]:
            top.set_ylabel("loss", size=9)
            bottom.set_ylabel("flips", size=9)
        if cell in cells[2]:
            bottom.set_xlabel("step", size=9)
    return figure


def measure() -> None:
    """Run the chapter's examples as far as its nine runs, and keep what the figure shows."""
    from draw import run_examples

    names = run_examples(
        "08-training.md",
        "A source whose entropy",
        "One step, in order",
        "What goes wrong",
        until="in list(runs)[5:]",
    )
    runs = {
        name: {
            "losses": [round(float(loss), 3) for loss in run.losses],
            "flips": [float(f"{flips:.2g}") for flips in run.flips],
        }
        for name, run in names["runs"].items()
    }
    kept = {"levels": [round(float(x), 3) for x in names["levels"]], "runs": runs}
    RUNS.write_text(json.dumps(kept).replace('}, "', '},\n"') + "\n", "utf-8")


if __name__ == "__main__":
    measure()
