"""Chapter 7: a model whose backward pass is wrong in one place, and what the check marks.

`python book/figures/find_the_bug.py` plants the bugs again, checks and trains every model, and
writes the numbers for the picture on the screen into docs/_static/figures/bugs.json.
"""

import json
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from style import BLUE, GREY, ORANGE, panels

from ternary import IGNORE, AdamW, TernaryTransformer, TransformerConfig
from ternary.experiments.backward_bugs import BUGS
from ternary.experiments.gradient_bugs import check

NUMBERS = Path(__file__).resolve().parents[2] / "docs/_static/figures/bugs.json"
SIZES = TransformerConfig(vocab_size=16, d_model=32, n_heads=2, d_ff=64)
STEPS, EVERY, FAILS = 300, 10, 1e-6
PUZZLES = [  # a bug, and the one layer that has it
    ("factor 2 of relu squared", "layers.0.relu"),
    ("score scale missing", "layers.1.attention"),
    ("norm taken for a constant", "norm"),
    ("skip path dropped", "layers.0.down+"),
    ("embedding: last one wins", "embedding"),
    ("turned the wrong way", "layers.0.attention"),
    ("gains get no gradient", "layers.1.norm2"),
    ("sum instead of mean", "loss"),
    ("softmax without its sum", "layers.1.attention"),
    ("attention passes nothing", "layers.1.o+"),
    ("norm taken for a constant", "layers.0.norm2"),
    ("factor 2 of relu squared", "layers.1.relu"),
]
BLOCK = ["down+", "down", "relu", "up", "norm2", "o+", "o", "attention", "v", "k", "q", "norm1"]
# From the loss down, in the order of the backward pass. A plus is an addition to the stream.
PLACES = ["loss", "head", "norm", *(f"layers.{i}.{part}" for i in (1, 0) for part in BLOCK)]
PLACES += ["embedding"]


def below(place: str) -> list[str]:
    """Places that the gradient reaches after it has left a place, on its way to the embedding."""
    first, part = PLACES.index(place) + 1, place[len("layers.0.") :]
    if part in ("v", "k", "q"):  # they stand side by side
        first += BLOCK.index("q") - BLOCK.index(part)
    if part[-1:] == "+":  # past the branch
        first += BLOCK.index("o+" if part == "down+" else "norm1") - BLOCK.index(part)
    return PLACES[first:]


def possible(failing: set[str], passing: set[str]) -> list[str]:
    """The places at which one mistake leaves these marks.

    Either only the gradient of the place itself is wrong, or all that it hands back is; attention
    may hand back right values and wrong queries and keys. An addition hands back two gradients.
    """
    parameters, found = failing | passing, []
    for place in PLACES:
        marks = [{place}, set(below(place))]
        if "attention" in place:
            marks.append(set(below(place)) - {place.replace("attention", "v")})
        if place[-1] == "+":
            marks.append(set(PLACES[PLACES.index(place) + 1 :]))
        if any(each & parameters == failing for each in marks):
            found.append(place)
    return found


def layer_at(model: TernaryTransformer, place: str) -> object:
    """The layer of a model whose backward pass belongs to a place."""
    if not place.startswith("layers"):
        return model.cross_entropy if place == "loss" else getattr(model, place)
    _, i, part = place.split(".")
    block = model.blocks[int(i)]
    return block if part[-1] == "+" else getattr(block, {"relu": "activation"}.get(part, part))


def plant(model: TernaryTransformer, bug: str, place: str) -> None:
    """Put a bug of the package's collection into one layer."""
    kind, spoilt = BUGS[bug]
    layer = layer_at(model, place)
    assert isinstance(layer, kind)
    layer.backward = partial(spoilt, layer, layer.backward)


def batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six random tokens, to be repeated: tokens and targets."""
    sequence = np.tile(rng.integers(0, SIZES.vocab_size, (16, 6)), 2)
    targets = sequence[:, 1:].copy()
    targets[:, :5] = IGNORE
    return sequence[:, :-1], targets


def model_with(bug: str | None, place: str | None, dtype: type = np.float32) -> TernaryTransformer:
    model = TernaryTransformer(SIZES, seed=1, dtype=dtype)
    if bug is not None:
        plant(model, bug, place)
    return model


def errors(bug: str | None, place: str | None) -> dict[str, float]:
    """Relative error of every gradient, by finite differences in float64."""
    tokens, targets = batch(np.random.default_rng(2))
    found = check(model_with(bug, place, np.float64), tokens[:4], targets[:4])
    return {name: float(f"{error:.2g}") if error > FAILS else 0.0 for name, error in found.items()}


def curve(bug: str | None, place: str | None, steps: int = STEPS) -> list[float]:
    """Training loss in nats, means of ten steps."""
    model, rng, losses = model_with(bug, place), np.random.default_rng(1), []
    optimizer = AdamW(model.parameters)
    for _ in range(steps):
        losses.append(model.loss(*batch(rng)))
        model.backward()
        optimizer.step(3e-3)
        model.project()
    return np.reshape(losses, (-1, EVERY)).mean(axis=1).round(3).tolist()


def measure() -> dict[str, object]:
    """Everything that the picture shows."""
    puzzles = []
    for bug, place in PUZZLES:
        found = errors(bug, place)
        failing = {name for name, error in found.items() if error}
        puzzle = {"bug": bug, "place": place, "possible": possible(failing, set(found) - failing)}
        puzzles.append(puzzle | {"errors": found, "curve": curve(bug, place)})
    return {"every": EVERY, "places": PLACES, "right": curve(None, None), "puzzles": puzzles}


def draw() -> Figure:
    numbers = json.loads(NUMBERS.read_text("utf-8"))
    puzzle = numbers["puzzles"][-1]  # the last on the screen
    figure, (model, loss) = panels(2, figsize=(6.4, 6.0), width_ratios=[1.4, 1])
    for row, place in enumerate(PLACES):
        box(model, -row, place, puzzle["errors"].get(place))
    rows = [-row for row, place in enumerate(PLACES) if not inside(place)]
    for upper, lower in pairwise(rows):
        model.plot([0.5, 0.5], [upper - 0.36, lower + 0.36], color=GREY, linewidth=1)
    for i in (1, 0):
        middle = -PLACES.index(f"layers.{i}.norm2")
        model.text(6.9, middle, f"block {i}", va="center", fontsize=8, alpha=0.8)
    model.set_xlim(-0.1, 8.2)
    model.set_ylim(0.6 - len(PLACES), 0.6)
    model.set_axis_off()
    steps = EVERY * (np.arange(len(puzzle["curve"])) + 0.5)
    loss.plot(steps, puzzle["curve"], color=BLUE)
    loss.set_xlabel("training step")
    loss.set_ylabel("training loss, nats")
    loss.set_ylim(0)
    loss.set_box_aspect(1)
    return figure


def inside(place: str) -> bool:
    """Whether a place stands in a branch, and not on the stream."""
    return place.startswith("layers") and place[-1] != "+"


def box(axis, y: float, place: str, error: float | None) -> None:
    """A place of the model, with its mark where it has parameters; wires where a branch begins."""
    part = place.rpartition(".")[2]
    words = {"down+": "+ feed-forward", "o+": "+ attention", "relu": "squared ReLU"}.get(part, part)
    at = 1.4 if inside(place) else 0
    if at:
        axis.plot([2, 2], [y + 0.36, y + 0.64], color=GREY, linewidth=1)
    if part[-1] == "+":
        end = y - (4.6 if part == "down+" else 6.6)
        axis.plot([2, 2, 0.5], [end + 0.24, end, end], color=GREY, linewidth=1)
    edge = ORANGE if error else GREY
    look = {"facecolor": "none", "edgecolor": edge, "linewidth": 1.6 if error else 0.8}
    axis.add_patch(FancyBboxPatch((at, y - 0.33), 3.3, 0.66, "round,pad=0.02", **look))
    axis.text(at + 0.15, y, words, va="center", fontsize=8)
    if error is not None:
        mark = f"\N{MULTIPLICATION X} {error:g}" if error else "\N{CHECK MARK}"
        axis.text(at + 3.5, y, mark, va="center", fontsize=8, color=edge)


if __name__ == "__main__":
    began = time.perf_counter()
    text = json.dumps(measure(), separators=(",", ":"))
    NUMBERS.write_text(text.replace('{"bug"', '\n{"bug"') + "\n", "utf-8")
    print(f"{NUMBERS.name}: {len(text)} bytes in {time.perf_counter() - began:.1f} s")
