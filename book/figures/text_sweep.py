"""Chapter 9: held-out loss against learning rate, for three ways to train and plans of decay."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from style import BLUE, GREEN, GREY, ORANGE, panels

from ternary.experiments import load_record

MODELS = {
    ("group", 0.0): ("ternary", BLUE, "o"),
    ("group", 0.75): ("ternary, warm-up", GREEN, "^"),
    ("full-precision", 0.0): ("twin", ORANGE, "s"),
}
FILLS = ["full", "none", "left", "bottom"]  # one for every plan of weight decay


def draw() -> Figure:
    record = load_record("text-sweep")
    plans = dict.fromkeys((s["weight_decay"], s["weight_decay_until"]) for s in record.settings)
    figure, (axis,) = panels()
    for (projection, warmup), (label, colour, marker) in MODELS.items():
        for plan, fill in zip(plans, FILLS, strict=False):
            chosen = {
                "projection": projection,
                "projection_warmup": warmup,
                "weight_decay": plan[0],
                "weight_decay_until": plan[1],
            }
            runs = [s for s in record.settings if chosen.items() <= s.items()]
            runs.sort(key=lambda s: float(s["lr"]))
            bpb = [record.mean("bpb", **s) for s in runs]
            rates = [s["lr"] for s in runs]
            axis.plot(rates, bpb, marker + "-", color=colour, fillstyle=fill, markersize=6)
        axis.plot([], [], marker, color=colour, label=label)
    for (decay, until), fill in zip(plans, FILLS, strict=False):
        label = f"decay {decay:g}" + (", off at half" if until < 1 else "")
        axis.plot([], [], "D", color=GREY, fillstyle=fill, label=label)
    axis.set_xscale("log")
    ticks = sorted({s["lr"] for s in record.settings})
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([f"{tick:g}" for tick in ticks])
    axis.set_xlabel("peak learning rate")
    axis.set_ylabel("held-out bits per byte")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    return figure
