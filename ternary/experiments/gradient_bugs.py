"""Chapter 7: classic bugs of a backward pass, what a check says of each, and what training says."""

from __future__ import annotations

import numpy as np

from ternary.arrays import Ints
from ternary.experiments.backward_bugs import BUGS, infect
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import run_or_diverge, text_config, text_task
from ternary.experiments.record import Record, Settings, Values
from ternary.gradcheck import directional_error
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer

RIGHT = "none"
STEPS = 400


def trials(quick: bool) -> list[Settings]:
    """The right backward pass, and every bug."""
    names = [RIGHT, *BUGS]
    return [{"bug": name} for name in (names[::3] if quick else names)]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """The check of every parameter before training; then held-out bits per byte, and the curve."""
    size = {} if quick else {"steps": STEPS}
    trainer = Trainer(text_config(quick, seed, **size), text_task())
    tokens, targets = trainer.task.batch(np.random.default_rng([seed, 7]), 16)
    right, wrong = (TernaryTransformer(trainer.model.config, dtype=np.float64) for _ in range(2))
    if settings["bug"] != RIGHT:
        infect(wrong, settings["bug"])
        infect(trainer.model, settings["bug"])

    def compare() -> tuple[float, float]:
        """Cosine of the wrong gradient and the right one, and how much longer it is."""
        for model in (right, wrong):
            model.parameters.values[:] = trainer.model.parameters.values
            model.project()
            model.loss(tokens, targets)
            model.backward()
        g, other = right.parameters.gradients, wrong.parameters.gradients
        length = float(np.linalg.norm(other) / np.linalg.norm(g))
        return round(float(g @ other / (g @ g)) / length, 4), float(f"{length:.4g}")

    cosine, length = compare()
    errors = check(wrong, tokens[:4], targets[:4])
    bpb = run_or_diverge(trainer)
    cosine_end, length_end = compare()
    curve = np.array(trainer.losses).reshape(-1, 20).mean(axis=1) / np.log(2)
    return {
        "bpb": bpb,
        "errors": [float(f"{error:.3g}") for error in errors.values()],
        "cosine": cosine,
        "length": length,
        "cosine_end": cosine_end,
        "length_end": length_end,
        "curve": curve.round(4).tolist(),
    }


def check(model: TernaryTransformer, tokens: Ints, targets: Ints) -> dict[str, float]:
    """Relative error of the gradient of every matrix (its projected weights) and every gain."""
    parameters = model.parameters
    model.loss(tokens, targets)
    model.backward()
    gradients = parameters.gradients.copy()
    errors = {}
    for name in parameters.names:
        moved = parameters.weights if name in parameters.matrix_shapes else parameters.values
        array, gradient = (parameters.view(buffer, name) for buffer in (moved, gradients))
        errors[name] = directional_error(lambda: model.loss(tokens, targets), array, gradient)
    return errors


def costs(record: Record, bug: str) -> list[float]:
    """Bits per byte that a bug costs, each run against the right run of its seed."""
    runs = record.values("bpb", bug=bug), record.values("bpb", bug=RIGHT)
    return [wrong - right for wrong, right in zip(*runs, strict=True)]


CHECK_FINDS_ALL = Claim(
    "the check passes the right backward pass, and fails every bug, for every seed",
    lambda r: all(
        max(errors) < 1e-5 if settings["bug"] == RIGHT else max(errors) > 1e-3
        for settings in r.settings
        for errors in r.values("errors", **settings)
    ),
)

EXPERIMENT = Experiment(
    name="gradient-bugs",
    question="Which bugs of a backward pass does the loss curve hide, and what does a check say?",
    prediction=(
        "The check fails all ten bugs, with a relative error above 0.01 in some matrix or gain. "
        "Every buggy run trains to below 3.5 bpb, without one error message. More than 0.05 bpb "
        "worse than the right run: softmax without its sum, keys and queries turned the wrong "
        "way, and the skip path dropped, the last the worst of all, by 0.2 or more. Invisible, "
        "within 0.02 of it: the score scale missing and the factor 2 missing, which Adam divides "
        "out; the sum instead of the mean, where Adam and clipping together leave a normalised "
        "gradient; and the norm taken for a constant, because the missing term is one direction "
        "of 128. In between, 0.01 to 0.05: gains without gradient, attention that passes nothing "
        "back, and the embedding whose last token wins."
    ),
    protocol=(
        "Python's documentation, 400 steps of 16 x 64 bytes (the prediction was made for 800), "
        "default recipe, with one bug in the "
        "backward pass. Before training: directional_error of every matrix (its projected "
        "weights) and gain in float64 on 4 x 64 bytes, and the cosine of the wrong whole gradient "
        "and the right one on 16 x 64 bytes; the cosine again at the end."
    ),
    trials=trials,
    measure=measure,
    claims=[
        CHECK_FINDS_ALL,
        Claim(
            "half of the relu squared, gains without gradient, and the sum instead of the mean end "
            "within 0.03 bpb of the right run of the same seed",
            lambda r: all(
                abs(cost) < 0.03
                for bug in (
                    "factor 2 of relu squared",
                    "gains get no gradient",
                    "sum instead of mean",
                )
                for cost in costs(r, bug)
            ),
        ),
        Claim(
            "what asks for a direction that the forward pass ignores costs most: over 0.8 bpb",
            lambda r: all(
                cost > 0.8
                for bug in ("softmax without its sum", "norm taken for a constant")
                for cost in costs(r, bug)
            ),
        ),
        Claim(
            "turned the wrong way, the gradient has a cosine above 0.99 and costs over 0.6 bpb",
            lambda r: (
                min(r.values("cosine", bug="turned the wrong way")) > 0.99
                and min(costs(r, "turned the wrong way")) > 0.6
            ),
        ),
        Claim(
            "the score scale and the skip path cost 0.1 to 0.2 bpb, attention that passes nothing "
            "0.05 to 0.1, for every seed",
            lambda r: all(
                low < cost < high
                for bug, low, high in (
                    ("score scale missing", 0.1, 0.2),
                    ("skip path dropped", 0.1, 0.2),
                    ("attention passes nothing", 0.05, 0.1),
                )
                for cost in costs(r, bug)
            ),
        ),
    ],
    quick_claims=[CHECK_FINDS_ALL],
)
