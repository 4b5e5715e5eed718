"""Chapter 3: trained loss against the scope of a scale, from even and from uneven first latents."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import COLOURS, GREY, MARKERS, panels

from ternary.experiments import Record, load_record
from ternary.experiments.group_size import USUAL
from ternary.experiments.group_size_sweep import SCOPES
from ternary.experiments.row_loudness import arm
from ternary.experiments.row_loudness_sweep import PROJECTIONS, STARTS

WIDE_LABELS = ["32", "128", "row", "matrix", "model"]
SMALL_LABELS = ["16", "row", "matrix", "model", "twin"]


def draw() -> Figure:
    figure, (scopes, starts) = panels(2, gridspec_kw={"width_ratios": [1, 1.3]}, figsize=(7.2, 3.6))
    record = load_record("group-size")
    for i, scope in enumerate(SCOPES.values()):
        mark(scopes, record, {**scope, "perturbed": False}, i, 0, None)
    middle, floor = record.mean("report", **USUAL), record.noise_floor("report")
    assert floor is not None
    scopes.axhspan(
        middle - floor, middle + floor, color=GREY, alpha=0.25, lw=0, label="noise floor"
    )
    scopes.set_title("even latents, 128 features", fontsize=10)
    scopes.set_xticks(range(len(SCOPES)), WIDE_LABELS, fontsize=8)

    record = load_record("row-loudness")
    for colour, start in enumerate(STARTS):
        label = "even" if start == "even" else f"uneven {start}"
        for i, name in enumerate(PROJECTIONS):
            shift = 0.25 * (colour - 1)
            mark(starts, record, arm(name, start), i + shift, colour, None if i else label)
    starts.set_title("three starts, 64 features", fontsize=10)
    starts.set_xticks(range(len(PROJECTIONS)), SMALL_LABELS, fontsize=8)
    for axis in (scopes, starts):
        axis.set_xlabel("weights that share a scale")
        axis.set_ylabel("held-out bits per byte")
    scopes.set_ylim(2.62, 2.86)
    scopes.legend(fontsize=8, loc="upper right")
    starts.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0.36, 1.02))
    return figure


def mark(
    axis: Axes, record: Record, chosen: dict[str, object], x: float, colour: int, label: str | None
) -> None:
    """Every seed as a mark, their mean as a bar."""
    values = np.array(record.values("report", **chosen))
    style = {"color": COLOURS[colour], "alpha": 0.6, "markersize": 4, "label": label}
    axis.plot([x] * len(values), values, MARKERS[colour], **style)
    axis.hlines(values.mean(), x - 0.11, x + 0.11, color=COLOURS[colour])
