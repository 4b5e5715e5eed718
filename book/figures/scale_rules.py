"""Chapter 3: error on Gaussian groups against trained loss, one mark for every rule and seed."""

from matplotlib.figure import Figure
from style import COLOURS, MARKERS, panels

from ternary.experiments import load_record

RULES = ("twn", "least-squares", "absmean", "absmedian", "binary", "absmax")
NAMES = {"twn": "TWN", "least-squares": "least squares"}


def draw() -> Figure:
    record = load_record("scale-rules")
    figure, (axis,) = panels(1)
    for rule, colour, marker in zip(RULES, COLOURS, MARKERS, strict=True):
        errors, losses = (record.values(value, rule=rule) for value in ("error", "bpb"))
        name = NAMES.get(rule, rule)
        axis.plot(errors, losses, marker, color=colour, alpha=0.75, label=name)
    axis.set_xlim(0, None)
    axis.set_xlabel("relative squared error on Gaussian groups")
    axis.set_ylabel("held-out bits per byte")
    axis.legend()
    return figure
