"""Chapter 5: held-out loss over decay, ternary and twin; right, what is compared."""

from matplotlib.figure import Figure
from style import COLOURS, GREY, MARKERS, panels

from ternary.experiments import load_record

MODELS = {"group": "ternary", "full-precision": "twin"}
DECAYS = [0.0, 0.1, 0.3, 1.0, 3.0]
ONE = {"plan": "constant", "decay": 1.0}
PAIRS = [  # what is compared, with what, in which model
    ("0.1, not 0", "group", {**ONE, "decay": 0.1}, {**ONE, "decay": 0.0}),
    ("0.3, not 0", "group", {**ONE, "decay": 0.3}, {**ONE, "decay": 0.0}),
    ("1, not 0", "group", ONE, {**ONE, "decay": 0.0}),
    ("1, not 0", "full-precision", ONE, {**ONE, "decay": 0.0}),
    ("off at half", "group", {**ONE, "plan": "half"}, ONE),
    ("off at half", "full-precision", {**ONE, "plan": "half"}, ONE),
    ("rate drops", "group", {**ONE, "plan": "drop"}, ONE),
    ("both", "group", {**ONE, "plan": "both"}, ONE),
    ("pull", "group", {**ONE, "plan": "pull"}, ONE),
]


def draw() -> Figure:
    record = load_record("weight-decay")
    figure, (left, right) = panels(2, figsize=(6.4, 4.0))
    for i, (model, name) in enumerate(MODELS.items()):
        means = []
        for place, decay in enumerate(DECAYS):
            arm = {"model": model, "plan": "constant", "decay": decay}
            if any(arm.items() <= settings.items() for settings in record.settings):
                values = record.values("report", **arm)
                means.append((place, sum(values) / len(values)))
                left.plot([place] * len(values), values, MARKERS[i], color=COLOURS[i], alpha=0.5)
        left.plot(*zip(*means, strict=True), color=COLOURS[i], label=name)
    left.set_xticks(range(len(DECAYS)), [f"{decay:g}" for decay in DECAYS])
    left.set_xlabel("weight decay $\\lambda$")
    left.set_ylabel("bits per byte, report half")
    left.legend(fontsize=9)
    floor = record.noise_floor("report")
    assert floor is not None
    right.axvspan(-floor, floor, color=GREY, alpha=0.2, linewidth=0)
    right.axvline(0, color=GREY, linewidth=1)
    for place, (_, model, a, b) in enumerate(PAIRS):
        found = record.compare("report", {"model": model, **a}, {"model": model, **b})
        i = list(MODELS).index(model)
        right.plot([found.low, found.high], [place, place], color=COLOURS[i])
        right.plot(found.difference, place, MARKERS[i], color=COLOURS[i])
    right.set_yticks(range(len(PAIRS)), [words for words, *_ in PAIRS])
    right.invert_yaxis()
    right.set_xlabel("difference, bits per byte")
    return figure
