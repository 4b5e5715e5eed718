"""Chapter 3: trained loss against the scope of a scale, for even and for uneven first latents."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from style import COLOURS, MARKERS, panels

from ternary.experiments import load_record
from ternary.experiments.group_size import SCOPES

LABELS = ["32", "64", "128", "row", "matrix", "model"]


def draw() -> Figure:
    figure, (whole, enlarged) = panels(2, gridspec_kw={"width_ratios": [1, 1]})
    show(whole, uneven=True)
    show(whole, uneven=False)
    whole.set_ylim(2, None)
    whole.set_title("both starts", fontsize=10)
    whole.legend()
    show(enlarged, uneven=False)
    enlarged.set_title("even rows, enlarged", fontsize=10)
    for axis in (whole, enlarged):
        axis.set_xticks(range(len(SCOPES)), LABELS, fontsize=8)
        axis.set_xlabel("weights that share a scale")
        axis.set_ylabel("held-out bits per byte")
    return figure


def show(axis: Axes, uneven: bool) -> None:
    """Every seed as a mark, their mean as a bar."""
    record, colour = load_record("group-size"), COLOURS[uneven]
    for i, (projection, size) in enumerate(SCOPES):
        chosen = {"projection": projection, "group_size": size, "uneven": uneven}
        values, label = record.values("bpb", **chosen), "uneven rows" if uneven else "even rows"
        axis.plot(
            [i] * len(values),
            values,
            MARKERS[uneven],
            color=colour,
            alpha=0.6,
            markersize=5,
            label=None if i else label,
        )
        axis.hlines(record.mean("bpb", **chosen), i - 0.3, i + 0.3, color=colour)
