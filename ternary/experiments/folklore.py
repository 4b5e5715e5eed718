"""Recipes: claims of the field that no other experiment decides, one change at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.halves import half_bits
from ternary.experiments.probes import perturb, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.training import Trainer

SIZE = {"steps": 400, "d_model": 64, "d_ff": 256, "lr": 5e-3}
AVERAGES = (0.9, 0.99, 0.999)  # shares of the running average of the latents that stay
AVERAGED = ("baseline", "twin", "constant rate")  # arms whose latents are averaged beside the run
FULL = {
    "full embedding": ("embedding",),
    "full head": ("head",),
    "full embedding and head": ("embedding", "head"),
}
# As many bytes as the baseline reads.
HALF_BATCH: dict[str, object] = {"batch_size": 8, "steps": 800}
TWIN: dict[str, object] = {"projection": "full-precision"}
CHANGES: dict[str, dict[str, object]] = {
    "baseline": {},
    "perturbed": {},
    "twin": TWIN,
    "tied": {},
    "twin, tied": TWIN,
    **{name: {} for name in FULL},
    "half batch": HALF_BATCH,
    "twin, half batch": {**TWIN, **HALF_BATCH},
    "double batch": {"batch_size": 32, "steps": 200},
    "momentum 0.6": {"momentum": 0.6},
    "momentum 0.95": {"momentum": 0.95},
    "constant rate": {"decay": "constant"},
}


def arm(name: str) -> Settings:
    """The setting that tells one arm from the others."""
    return {"arm": name}


def trials(quick: bool) -> list[Settings]:
    """Every change, the baseline, and the baseline perturbed; quick, some of them."""
    some = ("baseline", "perturbed", "twin", "tied", "full embedding and head")
    return [arm(name) for name in (some if quick else CHANGES)]


class FolkloreTrainer(Trainer):
    """A run with one change.

    Tied: embedding and head begin with the same latents and get the sum of their gradients, so
    that AdamW keeps them equal; the sum counts twice in the norm that clips. Full: the weights of
    embedding or head are their latents.
    """

    def __init__(self, name: str, seed: int, quick: bool) -> None:
        settings = {"optimizer": "muon", **({} if quick else {**SIZE, **CHANGES[name]})}
        if name.startswith("twin"):
            settings |= TWIN
        super().__init__(text_config(quick, seed, **settings), text_task())
        self.full = FULL.get(name, ())
        self.is_tied = name.endswith("tied")
        if self.is_tied:
            self.matrix("head")[:] = self.matrix("embedding")
            self.model.project()
        self.fill()

    def matrix(self, name: str) -> Floats:
        """The latents of a matrix."""
        parameters = self.model.parameters
        return parameters.view(parameters.values, name)

    def fill(self) -> None:
        """Put the latents of what stays in full precision in the place of its weights."""
        parameters = self.model.parameters
        for name in self.full:
            parameters.view(parameters.weights, name)[:] = self.matrix(name)

    def shape_gradients(self) -> None:
        """Where embedding and head are tied, give both the sum of their gradients."""
        if self.is_tied:
            parameters = self.model.parameters
            table, head = (
                parameters.view(parameters.gradients, name) for name in ("embedding", "head")
            )
            table += head
            head[:] = table

    def take_step(self) -> float:
        loss = super().take_step()
        self.fill()
        return loss


@dataclass
class Averages:
    """Running averages of all values of a run, from its first; pass it as ``after_step``."""

    trainer: Trainer
    values: dict[float, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        start = self.trainer.model.parameters.values
        self.values = {share: start.copy() for share in AVERAGES}

    def __call__(self, trainer: Trainer) -> None:
        for share, average in self.values.items():
            average += np.float32(1 - share) * (trainer.model.parameters.values - average)

    def judge(self) -> Values:
        """Loss and zero codes with every average; with scales derived again from the weights."""
        parameters = self.trainer.model.parameters
        own = parameters.values.copy()
        found: Values = {}
        for share, average in self.values.items():
            self._use(average)
            found[f"ema {share}"] = half_bits(self.trainer, "report")
            found[f"zeros ema {share}"] = zeros(self.trainer)
        for name, values in {"twice": own, "ema 0.99 twice": self.values[0.99]}.items():
            self._use(values)
            parameters.latents[:] = parameters.weights
            self.trainer.model.project()
            found[name] = half_bits(self.trainer, "report")
        self._use(own)
        return found

    def _use(self, values: Floats) -> None:
        self.trainer.model.parameters.values[:] = values
        self.trainer.model.project()


def zeros(trainer: Trainer) -> float:
    """Share of codes that are 0; 1 for a twin, which has none."""
    parameters = trainer.model.parameters
    n = float(parameters.groups.counts.sum())
    return round(1 - float(np.count_nonzero(parameters.all_codes)) / n, 4)


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte of the half that reports; for some arms, of averages of their latents too."""
    name = settings["arm"]
    trainer = FolkloreTrainer(name, seed, quick)
    if name == "perturbed":
        perturb(trainer, seed)
    averages = Averages(trainer) if name in AVERAGED else None
    trainer.run(averages)
    values: Values = {"report": half_bits(trainer, "report"), "zeros": zeros(trainer)}
    return values | (averages.judge() if averages else {})


def against_baseline(name: str, verdict: str) -> Claim:
    """A claim about an arm and the baseline."""
    return Claim.by_comparison(
        f"{name}, against the baseline: {verdict}", "report", arm(name), arm("baseline"), verdict
    )


def twice_is_worse(record: Record) -> bool:
    """Whether scales that are derived again from the weights raise the loss, in every seed."""
    return bool(
        np.greater(
            record.values("twice", **arm("baseline")), record.values("report", **arm("baseline"))
        ).all()
    )


TWICE = Claim("scales derived again from the weights raise the loss", twice_is_worse)

EXPERIMENT = Experiment(
    name="folklore",
    question="Which other habits of ternary training change the loss at this size?",
    prediction=(
        "Known beforehand: single runs at width 128, 400 steps, Muon (tied embeddings 0.06 and "
        "0.10 below, of the twin 0.05; an average of the latents 0.02 above, of the twin 0.01), "
        "the sweep muon-sweep (momentum 0.95 above 0.8 at every ratio, one seed), and the record "
        "recipes. We expect, against the baseline on the report half: tied lower by 0.03 to 0.10, "
        "the twin's by 0.02 to 0.08; full embedding lower by 0.00 to 0.03, full head lower by "
        "0.01 to 0.06, both lower by 0.02 to 0.08, a third of the twin's lead or less; half the "
        "batch in twice the steps lower by 0.02 to 0.10, for the twin too; twice the batch in "
        "half the steps higher by 0.05 to 0.15; momentum 0.6 within 0.03, 0.95 higher by 0.05 to "
        "0.20; a constant rate higher by 0.05 to 0.20. An average of share 0.9 within 0.01 of the "
        "latents themselves, 0.99 higher by 0.00 to 0.05, 0.999 higher by more than 0.3, for it "
        "is longer than the run; after a constant rate 0.9 and 0.99 lower by 0.03 to 0.15. An "
        "average has no more than 0.03 more zeros. Scales derived again from the weights higher "
        "by more than 0.03, with the average and without. The twin lower by 0.2 to 0.3."
    ),
    protocol=(
        "Python's documentation, 400 steps of 16 x 64 bytes, width 64, Muon, rate 0.005 with a "
        "cosine, decay 0.1; one change each, and no arm has a rate of its own. Averages run beside "
        "three of the arms, from the first latents on, share of the old average 0.9, 0.99 or "
        "0.999 in a step, gains included, and are projected once at the end; twice: the weights "
        "take the place of the latents and are projected again. The second half of the held-out "
        "windows is reported, and nothing was chosen by it. The noise arm is the baseline "
        "perturbed."
    ),
    trials=trials,
    measure=measure,
    claims=[
        TWICE,
        against_baseline("twin", "lower"),
        against_baseline("tied", "none"),
        against_baseline("full embedding and head", "lower"),
        against_baseline("half batch", "lower"),
        against_baseline("double batch", "higher"),
        against_baseline("momentum 0.95", "higher"),
    ],
    quick_claims=[TWICE],
    seeds=(1, 2, 3, 4, 5),
    noise=(arm("baseline"), arm("perturbed")),
)
