"""Chapter 15: how tasks are learned without attention, positions, or a second layer."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, panels

from ternary.experiments import load_record
from ternary.experiments.attention_ablation import EVERY

LOOKS = {
    "whole": (BLUE, "-", "o"),
    "twin": (GREEN, "--", "^"),
    "one layer": (ORANGE, "-.", "s"),
    "no positions": (PURPLE, ":", "D"),
    "no attention": (RED, "-", "v"),
}


def draw() -> Figure:
    figure, (delayed, induction, guesses) = panels(
        3, figsize=(8.6, 3.3), gridspec_kw={"width_ratios": [1, 1, 1]}
    )
    for axis, task in ((delayed, "delayed-copy"), (induction, "induction")):
        learning(axis, task)
    delayed.legend(fontsize=7.5, loc="center right")
    induction.legend(fontsize=7.5, loc="center left")
    guesses.set_title("accuracy within a sequence", fontsize=10)
    guessing(guesses)
    return figure


def learning(axis: Axes, task: str) -> None:
    """Training loss of every seed, a thin line each."""
    record = load_record("attention-ablation")
    for model, (colour, line, marker) in LOOKS.items():
        if {"task": task, "model": model} not in record.settings:
            continue
        for number, curve in enumerate(record.values("curve", task=task, model=model)):
            steps = EVERY * (np.arange(len(curve)) + 0.5)
            axis.plot(
                steps,
                curve,
                line,
                color=colour,
                marker=marker,
                markevery=(number, max(len(curve) // 6, 1)),
                markersize=4,
                linewidth=1.1,
                label=None if number else model,
            )
    axis.set_ylim(-0.1, 6)
    axis.set_title(task, fontsize=10)
    axis.set_xlabel("step")
    axis.set_ylabel("training loss (nats)")


def guessing(axis: Axes) -> None:
    """Held-out accuracy at each target of a sequence, and what the best guess would reach."""
    record = load_record("attention-ablation")
    shown = [("delayed-copy", "no positions"), ("induction", "one layer")]
    for task, model in shown:
        colour, line, marker = LOOKS[model]
        curves = np.array(record.values("by_target", task=task, model=model))
        targets = np.arange(1, curves.shape[1] + 1)
        axis.plot(
            targets, curves.T, marker, color=colour, markersize=4, alpha=0.6, linestyle="none"
        )
        axis.plot(targets, curves.mean(axis=0), line, color=colour, label=f"{task},\n{model}")
    n = 16
    counting = [1 / (n - k) for k in range(n)]
    axis.plot(range(1, n + 1), counting, color=GREY, label="counting")
    axis.set_xlabel("target in the sequence")
    axis.set_ylabel("held-out accuracy")
    axis.set_ylim(0, 1.05)
    axis.legend(fontsize=7.5, loc="upper left")
