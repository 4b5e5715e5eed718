"""Chapter 5: weight decay, how strong and until when, and what it does to codes and scales."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ternary.arrays import Floats
from ternary.experiments.experiment import Claim, Experiment, Record, Settings, Values
from ternary.experiments.probes import CodeProbe, run_or_diverge, text_config, text_task
from ternary.optim import AdamW, learning_rate
from ternary.projection import Projected
from ternary.training import Trainer

CONSTANT = [0.0, 0.01, 0.1, 1.0, 10.0]
OFF_AFTER = {"half": 1 / 2, "two-thirds": 2 / 3}


def trials(quick: bool) -> list[Settings]:
    """Constant decays; decay switched off; decay towards the projected weight; decayed gains."""
    plans = [("constant", decay) for decay in CONSTANT]
    plans += [("half", 0.1), ("half", 1.0), ("half", 10.0), ("two-thirds", 1.0)]
    plans += [("projected", 1.0), ("gains", 1.0)]
    if quick:
        plans = [("constant", 0.0), ("constant", 30.0), ("projected", 30.0)]
    return [{"plan": plan, "decay": decay} for plan, decay in plans]


class DecayToProjected(AdamW):
    """Decay ``w - W_ternary`` instead of ``w``: towards the weight that the model uses."""

    def step(self, lr: float, weight_decay: float = 0.0) -> None:
        latents = self.parameters.latents
        latents -= lr * weight_decay * (latents - self.parameters.weights)
        super().step(lr)


class DecayGainsToo(AdamW):
    """Decay everything, the gains of the normalisations included."""

    def step(self, lr: float, weight_decay: float = 0.0) -> None:
        self.parameters.values[self.parameters.n_latents :] *= 1 - lr * weight_decay
        super().step(lr, weight_decay)


class PlannedTrainer(Trainer):
    """A run whose weight decay follows one of the plans of this experiment."""

    def __init__(self, plan: str, decay: float, seed: int, quick: bool) -> None:
        super().__init__(text_config(quick, seed, weight_decay=decay), text_task())
        self.plan = plan
        kinds = {"projected": DecayToProjected, "gains": DecayGainsToo}
        self.optimizer = kinds.get(plan, AdamW)(self.model.parameters)

    def weight_decay(self) -> float:
        on = self.step < OFF_AFTER.get(self.plan, 1) * self.steps
        return self.config.weight_decay if on else 0.0


@dataclass
class DecayProbe(CodeProbe):
    """Separates a step into its decay and the rest, and counts the codes that decay changes.

    Attributes
    ----------
    decay_flips
        Share of codes that the decay of one step changes by itself.
    relative_step
        Mean ``|step|`` without decay over mean ``|w|`` of the group, averaged over groups.
    rms, gain
        Root mean square of all latents but the embedding's; mean gain of the normalisations.
    rms_half
        Root mean square of every matrix of latents at half-time.
    """

    decay_flips: list[float] = field(default_factory=list)
    relative_step: list[float] = field(default_factory=list)
    rms: list[float] = field(default_factory=list)
    gain: list[float] = field(default_factory=list)
    rms_half: list[float] = field(default_factory=list)
    _old: tuple[Floats, Floats, float] | None = None  # latents, weights, decay before a step

    def __call__(self, trainer: Trainer) -> None:
        super().__call__(trainer)
        parameters = trainer.model.parameters
        if trainer.step == trainer.steps // 2:
            views = (parameters.view(parameters.values, name) for name in parameters.matrix_shapes)
            self.rms_half = [rms(view) for view in views]
        if trainer.step % self.every == self.every - 1 and not trainer.done:
            decay = trainer.weight_decay()
            self._old = parameters.latents.copy(), parameters.weights.copy(), decay
        if trainer.step % self.every == 0 and self._old is not None:
            w, target, decay = self._old
            c = trainer.config
            assert c.warmup is not None
            rate = decay * learning_rate(trainer.step - 1, trainer.steps, c.lr, c.warmup, c.decay)
            towards = target if isinstance(trainer.optimizer, DecayToProjected) else 0.0
            decayed = (w - np.float32(rate) * (w - towards)).astype(np.float32)
            flipped = codes_of(trainer, decayed) != codes_of(trainer, w)
            self.decay_flips.append(np.count_nonzero(flipped) / parameters.groups.counts.sum())
            size = parameters.projection.group_size
            step = np.abs(parameters.latents - decayed).reshape(-1, size).mean(axis=1)
            self.relative_step.append(float((step / np.abs(w).reshape(-1, size).mean(1)).mean()))
            self.rms.append(rms(parameters.latents[trainer.model.embedding.W_latent.size :]))
            self.gain.append(float(parameters.values[parameters.n_latents :].mean()))

    def curves(self) -> dict[str, list[float]]:
        own = ("decay_flips", "relative_step", "rms", "gain", "rms_half")
        more = {name: [float(f"{x:.4g}") for x in getattr(self, name)] for name in own}
        return {**super().curves(), **more}


def codes_of(trainer: Trainer, latents: Floats) -> np.ndarray:
    """The codes that these latents of the trainer's model would have."""
    parameters = trainer.model.parameters
    shape = (-1, parameters.projection.group_size)
    w = latents.reshape(shape)
    out = Projected(np.zeros(w.shape, np.int8), np.zeros(len(w), np.float16), np.zeros_like(w))
    parameters.projection.project(w, parameters.groups, out)
    return out.codes.reshape(-1)


def rms(x: Floats) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Held-out bits per byte, the curves, and two tests of what the scale of the latents means."""
    trainer = PlannedTrainer(settings["plan"], settings["decay"], seed, quick)
    parameters, table = trainer.model.parameters, trainer.model.embedding
    absent = np.bincount(text_task().training, minlength=256) == 0  # type: ignore[attr-defined]
    codes = parameters.codes("embedding")[absent].copy()
    before = rms(table.W_latent[absent])
    probe = DecayProbe()
    bpb = run_or_diverge(trainer, probe)
    values: Values = {
        "bpb": bpb,
        "train_bpb": round(trainer.train_loss / float(np.log(2)), 4),
        "absent_rows": int(absent.sum()),
        "absent_flips": int(np.count_nonzero(parameters.codes("embedding")[absent] != codes)),
        "absent_shrunk": float(f"{rms(table.W_latent[absent]) / before:.4g}"),
        **probe.curves(),
    }
    latents, gains = parameters.latents, parameters.values[parameters.n_latents :]
    latents /= 2
    parameters.project()
    values["bpb_halved"] = round(trainer.evaluate().bits, 4)
    gains *= 2
    values["bpb_paid_back"] = round(trainer.evaluate().bits, 4)
    return values


def bpb(record: Record, plan: str, decay: float) -> float:
    """Mean held-out bits per byte of a plan."""
    return record.mean("bpb", plan=plan, decay=decay)


def always_below(record: Record, plan: str, decay: float, than: tuple[str, float]) -> bool:
    """Whether a plan is better than another one for every seed."""
    values = record.values("bpb", plan=plan, decay=decay)
    others = record.values("bpb", plan=than[0], decay=than[1])
    return all(x < y for x, y in zip(values, others, strict=True))


def decay_changes_no_code(record: Record) -> bool:
    """Whether the decay of a step changed at most one code in a hundred thousand, ever."""
    runs = (run for s in record.settings for run in record.values("decay_flips", **s))
    untouched = all(
        flips == 0 for s in record.settings for flips in record.values("absent_flips", **s)
    )
    return max(max(run) for run in runs) < 1e-5 and untouched


def strong_decay_flips_more(record: Record) -> bool:
    """Whether the strongest constant decay has more flips and smaller scales than no decay."""
    decay = max(s["decay"] for s in record.settings if s["plan"] == "constant")
    flips, scale = (
        [record.curve(x, plan="constant", decay=d)[1] for d in (0.0, decay)]
        for x in ("flips", "scale")
    )
    return flips[1] > 1.5 * flips[0] and scale[1] < 0.7 * scale[0]


EVERYWHERE = [
    Claim(
        "decay by itself changes no code, but for the rounding of float32", decay_changes_no_code
    ),
    Claim("strong decay makes scales smaller and flips more frequent", strong_decay_flips_more),
    Claim(
        "without decay, halved latents and doubled gains are the same model",
        lambda r: (
            abs(bpb(r, "constant", 0.0) - r.mean("bpb_paid_back", plan="constant", decay=0.0))
            < 1e-3
            and r.mean("bpb_halved", plan="constant", decay=0.0) > bpb(r, "constant", 0.0) + 0.1
        ),
    ),
]


EXPERIMENT = Experiment(
    name="weight-decay",
    question="What does weight decay do to the codes, the scales and the loss of a ternary model?",
    prediction=(
        "The decay of a step, taken by itself, never changes a code, whatever its strength. "
        "Decays 0, 0.01, 0.1 and 1 end within 0.03 bpb of each other, with the best of 0.1 and 1 "
        "ahead of 0; 10 ends more than 0.3 behind (a prototype with one seed saw both). Flips per "
        "step rise with decay, and are 0.59 times the relative step within a factor of 1.5. "
        "Switching decay off at half-time moves bpb by less than 0.01 at 0.1 and at 1, because "
        "the cosine has by then taken most of lr * decay away; at 10 it wins back at least half "
        "of the loss. Off at two thirds is the same as constant within the spread. Towards the "
        "projected weight: fewer flips in the second half than without decay, and bpb worse than "
        "decay to zero by about 0.01. Decayed gains cost about 0.02 bpb. sqrt(lr / (2 decay)) is "
        "within 30 % of the latents' rms at half-time for decay 10, and is not reached for 0.1 and "
        "below. Halving all latents and doubling all gains leaves bpb as it was within 0.001."
    ),
    protocol=(
        "Python's documentation, 800 steps of 16 x 64 bytes, lr 3e-3 with a cosine; decoupled "
        "decay of the latents; plans: constant, off at half or at two thirds of the steps, "
        "towards the projected weight, and constant with the gains decayed too."
    ),
    trials=trials,
    measure=measure,
    claims=[
        *EVERYWHERE,
        Claim(
            "decays 0.1 and 1 are ahead of none for every seed, and 10 is far behind",
            lambda r: (
                always_below(r, "constant", 0.1, ("constant", 0.0))
                and always_below(r, "constant", 1.0, ("constant", 0.0))
                and bpb(r, "constant", 10.0) > bpb(r, "constant", 0.0) + 0.3
            ),
        ),
        Claim(
            "switching off at half helps at 1 and 10 for every seed, and moves 0.1 by less than 0.01",
            lambda r: (
                always_below(r, "half", 1.0, ("constant", 1.0))
                and always_below(r, "half", 10.0, ("constant", 10.0))
                and abs(bpb(r, "half", 0.1) - bpb(r, "constant", 0.1)) < 0.01
            ),
        ),
        Claim(
            "decay towards the projected weight and decayed gains are worse than no decay",
            lambda r: (
                always_below(r, "constant", 0.0, ("projected", 1.0))
                and always_below(r, "constant", 0.0, ("gains", 1.0))
            ),
        ),
        Claim(
            "at decay 10 doubled gains do not pay for halved latents",
            lambda r: (
                r.mean("bpb_paid_back", plan="constant", decay=10.0)
                > bpb(r, "constant", 10.0) + 0.3
            ),
        ),
    ],
    quick_claims=EVERYWHERE,
)
