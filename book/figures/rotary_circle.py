"""Chapter 7: one pair of features of a query and a key, turned by their positions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc
from style import BLUE, GREY, ORANGE, arrow, plt

Q, K = 1.0 * np.exp(0.9j), 0.8 * np.exp(0.2j)  # before they are turned
PANELS = [
    ("query at 5, key at 3", 0.4, 5, 3),
    ("both 4 later", 0.4, 9, 7),
    ("key 4 further back", 0.4, 9, 3),
    ("slow pair, positions 9 and 3", 0.04, 9, 3),
]


def draw() -> Figure:
    figure, axes = plt.subplots(2, 2, figsize=(5.0, 5.3))
    for axis, (title, omega, i, j) in zip(axes.flat, PANELS, strict=True):
        circle(axis, Q * np.exp(1j * omega * i), K * np.exp(1j * omega * j), omega, i, j)
        axis.set_title(f"{title}\n$\\omega$ = {omega:g} radians a position", size=9)
    return figure


def circle(axis: Axes, q: complex, k: complex, omega: float, i: int, j: int) -> None:
    """The pair as vectors, faint where they were before the turn, and their product."""
    axis.add_patch(plt.Circle((0, 0), 1, fill=False, ec=GREY, lw=0.8, alpha=0.6))
    for name, vector, start, position, radius, colour in (
        ("$\\mathbf{q}$", q, Q, i, 0.42, BLUE),
        ("$\\mathbf{k}$", k, K, j, 0.24, ORANGE),
    ):
        faint = {"color": colour, "alpha": 0.4, "ls": ":", "lw": 1.5}
        axis.plot([0, start.real], [0, start.imag], **faint)
        arrow(axis, (0, 0), (vector.real, vector.imag), colour, lw=2.2, mutation_scale=13)
        at = vector / abs(vector) * (abs(vector) + 0.16)
        axis.text(at.real, at.imag, name, color=colour, ha="center", va="center", size=11)
        first = np.degrees(np.angle(start))
        turn = {"theta1": first, "theta2": first + np.degrees(omega * position)}
        axis.add_patch(Arc((0, 0), 2 * radius, 2 * radius, ec=colour, lw=1.3, **turn))
    score = (q * k.conjugate()).real
    text = f"q · k = {score:+.2f}".replace("-", "\N{MINUS SIGN}")
    axis.text(0, -1.5, text, color=GREY, ha="center", size=10)
    axis.set(xlim=(-1.3, 1.3), ylim=(-1.6, 1.25), aspect="equal")
    axis.set_axis_off()
