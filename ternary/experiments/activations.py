"""Eight-bit activations: rounding inputs in training and after it, sub-norms, rotations, caches."""

from __future__ import annotations

import numpy as np

from ternary.activations import LAYERS, IntegerLinear, linears, with_linears
from ternary.experiments import activations_sweep
from ternary.experiments.activations_sweep import RoundedTrainer
from ternary.experiments.comparison import compare
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import winner
from ternary.experiments.halves import half_bits, half_of_text
from ternary.experiments.probes import perturb, run_or_diverge
from ternary.experiments.record import RECORDS, Record, Settings, Values, load_record, record_path
from ternary.layers import TernaryLinear
from ternary.rotation import RoundedAttention
from ternary.transformer import TernaryTransformer

AFTER = (8, 6, 4, 3, 2)  # bits of the inputs that every arm is rounded to after training
CACHES = [(bits, rotate) for bits in (8, 4, 3, 2) for rotate in (False, True)]
BASELINE: Settings = {"arm": "float", "perturbed": False}


def trials(quick: bool) -> list[Settings]:
    """The winner of the sweep for every arm, and the baseline perturbed."""
    if quick:
        planned = [{"arm": arm, "lr": 5e-3} for arm in ("float", "norms, 8 bits")]
    else:
        planned = [tuned(arm) for arm in activations_sweep.ARMS]
    found = [{**settings, "perturbed": False} for settings in planned]
    return [*found, {**found[0], "perturbed": True}]


def tuned(arm: str) -> Settings:
    """The winner of the sweep for an arm; before the sweep has run, its middle rate."""
    if not record_path("activations-sweep", RECORDS).is_file():
        return {"arm": arm, "lr": activations_sweep.RATES[1]}
    return winner(load_record("activations-sweep"), activations_sweep.EXPERIMENT, arm)


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Train, then round the inputs to other bits; for the baseline, layers and caches by turns."""
    trainer = RoundedTrainer(settings, seed, quick, 60 if quick else activations_sweep.STEPS)
    if settings["perturbed"]:
        perturb(trainer, seed)
    values: Values = {"bpb": run_or_diverge(trainer), "report": half_bits(trainer, "report")}
    for bits in (None, *AFTER[: 1 if quick else None]):
        values[f"at {bits or 'float'}"] = trainer.bits_of(trainer.rounded_to(bits))
    values["peaks"] = peaks(trainer)
    if trainer.arm == "float":
        for layer in () if quick else LAYERS:
            values[f"only {layer}"] = trainer.bits_of(trainer.rounded_to(4, (layer,)))
        for bits, rotate in CACHES[: 2 if quick else None]:
            name = f"cache {bits}{', rotated' if rotate else ''}"
            values[name] = trainer.bits_of(with_cache(trainer.model, bits, rotate))
        values["integers"] = trainer.bits_of(with_linears(trainer.model, IntegerLinear))
    if "rotated" in trainer.arm:
        values["unturned"] = trainer.bits_of(trainer.rounded_to(4, rotate=False))
    return values


def with_cache(model: TernaryTransformer, bits: int, rotate: bool) -> TernaryTransformer:
    """A model on the same weights whose keys and values are rounded to so many bits."""
    other = with_linears(model, TernaryLinear)
    for block in other.blocks:
        attention = block.attention
        block.attention = RoundedAttention(
            attention.n_heads, model.config.d_model, attention.rope_base
        )
        vars(block.attention).update(bits=bits, rotate=rotate)
    return other


def peaks(trainer: RoundedTrainer) -> list[float]:
    """Largest magnitude over root mean square of the inputs of each of `LAYERS`, mean of tokens."""
    tokens, _ = next(iter(half_of_text("report").held_out(16)))
    model = trainer.rounded_to(None)
    found: dict[str, list[float]] = {name: [] for name in LAYERS}
    model.forward(tokens)
    for name, (owner, attribute, _, _) in linears(model).items():
        x = np.asarray(getattr(owner, attribute)._x)
        x = x[np.abs(x).max(axis=-1) > 0]
        ratio = np.abs(x).max(axis=-1) / np.sqrt((x * x).mean(axis=-1))
        found[name.split(".")[-1]].append(float(ratio.mean()))
    return [round(float(np.mean(found[name])), 3) for name in LAYERS]


def against(text: str, value: str, a: str, b: str, verdict: str) -> Claim:
    """A claim about two unperturbed arms."""
    one, other = ({"arm": arm, "perturbed": False} for arm in (a, b))
    return Claim.by_comparison(text, value, one, other, verdict)


def after(r: Record, value: str, before: str = "report", arm: str = "float") -> str:
    """The verdict on one model in two ways of computing; the floor is that of training."""
    settings = {"arm": arm, "perturbed": False}
    floor = r.noise_floor("report")
    return compare(r.by_seed(value, settings), r.by_seed(before, settings), floor).verdict


def integers_are_the_rounded_model(r: Record) -> bool:
    """Whether integer products give the bits per byte of float products on rounded inputs."""
    pairs = zip(r.values("integers", arm="float"), r.values("at 8", arm="float"), strict=True)
    return all(abs(a - b) < 2e-4 for a, b in pairs)


EVERYWHERE = [Claim("integers give the loss of the rounded model", integers_are_the_rounded_model)]

EXPERIMENT = Experiment(
    name="activations",
    question=(
        "What do inputs of 8, 6, 4 and 3 bits cost, in training and after it, with and without "
        "norms before o and down, and with rotated inputs; and keys and values of 8 to 2 bits?"
    ),
    prediction=(
        "Single runs at width 128 with AdamW had been seen: 8 bits after training cost 0.0001, "
        "trained with them -0.003 and 0.014; 4 bits after training 0.05, of the twin 0.09; keys "
        "and values of 8 bits 0.000, of 4 bits 0.010, of 3 bits 0.061, of 2 bits 0.70. And with "
        "Muon, not rounded, norms before o and down had made no difference. On the report half: "
        "after training 8 bits change less than 0.001 and 6 bits less than 0.01; 4 bits cost 0.03 "
        "to 0.10, 3 bits 0.2 to 0.6, 2 bits more than 1; the twin loses more at 4 bits than the "
        "ternary model. Trained with 8 or with 6 bits there is no order against float; with 4 "
        "bits the model is 0.00 to 0.04 behind float in its own bits, and ahead of the float "
        "model at 4 bits; with 3 bits 0.03 to 0.15 behind, and ahead of it at 3 bits by more. Of "
        "the layers at 4 bits alone, down costs most, for squares have long tails. Norms before o "
        "and down change nothing at 8 bits, with no order within 0.02, and at 4 bits no more than "
        "0.03 either way, since codes do not depend on a token's length. Rotated inputs at 4 bits "
        "are within 0.02 of those that are not, and the model without its rotation has more than "
        "6 bits per byte. Keys and values: 8 bits less than 0.001, 4 bits 0.005 to 0.03, 3 bits "
        "0.03 to 0.15, 2 bits 0.3 to 1.2; rotated, 2 bits cost less."
    ),
    protocol=(
        "Python's documentation, 400 steps of 16 x 64 bytes, width 64, Muon with the task's "
        "default settings but for the rate, which won in activations-sweep on another seed. Inputs "
        "of qkv, o, up, down and head are rounded per token, straight through in the backward "
        "pass; softmax, norms and the residual stream are float32. Every trained model is rounded "
        "again to 8, 6, 4, 3 and 2 bits; the float one also layer by layer, and its keys and "
        "values, one scale a head and token, as they are and after a Walsh-Hadamard rotation of "
        "the heads. Rotated arms rotate the inputs of every product. The noise arm is the "
        "baseline perturbed. The second half of the held-out windows is reported."
    ),
    trials=trials,
    measure=measure,
    claims=[
        *EVERYWHERE,
        Claim("8 bits after training change nothing", lambda r: after(r, "at 8") == "none"),
        Claim("4 bits after training cost something", lambda r: after(r, "at 4") == "higher"),
        against("trained with 8 bits: no order against float", "report", "8 bits", "float", "none"),
        against("at 4 bits, training with them: no order", "at 4", "4 bits", "float", "none"),
        against("trained with 4 bits: behind float", "report", "4 bits", "float", "higher"),
        against("norms at 8 bits: no order", "report", "norms, 8 bits", "8 bits", "none"),
        Claim("a cache of 8 bits changes nothing", lambda r: after(r, "cache 8") == "none"),
        Claim("a cache of 2 bits costs something", lambda r: after(r, "cache 2") == "higher"),
        Claim(
            "a rotation left out leaves nothing",
            lambda r: min(r.values("unturned", arm="rotated, 4 bits")) > 6,
        ),
    ],
    quick_claims=EVERYWHERE,
    seeds=(1, 2, 3, 4, 5),
    noise=(BASELINE, {"arm": "float", "perturbed": True}),
)
