"""Chapter 3: error on Gaussian groups against trained loss, one mark for every rule and seed."""

from matplotlib.figure import Figure
from style import COLOURS, GREY, MARKERS, panels

from ternary.experiments import load_record
from ternary.experiments.scale_rules import USUAL

RULES = ("twn", "least-squares", "absmean", "absmedian", "binary", "absmax")
NAMES = {"twn": "TWN", "least-squares": "least squares"}


def draw() -> Figure:
    record = load_record("scale-rules")
    figure, (axis,) = panels(1)
    for rule, colour, marker in zip(RULES, COLOURS, MARKERS, strict=True):
        chosen = {"rule": rule, "perturbed": False}
        errors, losses = (record.values(value, **chosen) for value in ("error", "report"))
        name = NAMES.get(rule, rule)
        axis.plot(errors, losses, marker, color=colour, alpha=0.75, label=name)
    middle, floor = record.mean("report", **USUAL), record.noise_floor("report")
    assert floor is not None
    band = {"color": GREY, "alpha": 0.25, "lw": 0, "label": "noise floor"}
    axis.axhspan(middle - floor, middle + floor, **band)
    axis.set_xlim(0, None)
    axis.set_xlabel("relative squared error on Gaussian groups")
    axis.set_ylabel("held-out bits per byte")
    axis.legend()
    return figure
