"""Chapter 7: classic bugs of a backward pass, what a check says of each, and what training says."""

from __future__ import annotations

import numpy as np

from ternary.arrays import Ints
from ternary.experiments.backward_bugs import BUGS, infect
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.probes import perturb, run_or_diverge, text_config, text_task
from ternary.experiments.record import Settings, Values
from ternary.gradcheck import directional_error
from ternary.training import Trainer
from ternary.transformer import TernaryTransformer

RIGHT = "none"
PERTURBED = "none, perturbed"
SIZE = {"steps": 400, "d_model": 64, "d_ff": 256}


def trials(quick: bool) -> list[Settings]:
    """The right backward pass, the same perturbed, and every bug."""
    names = [RIGHT, *BUGS]
    return [{"bug": name} for name in (names[::3] if quick else [*names, PERTURBED])]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """The check of every parameter before training; then held-out bits per byte, and the curve."""
    trainer = Trainer(text_config(quick, seed, **({} if quick else SIZE)), text_task())
    if settings["bug"] == PERTURBED:
        perturb(trainer, seed)
    tokens, targets = trainer.task.batch(np.random.default_rng([seed, 7]), 16)
    right, wrong = (TernaryTransformer(trainer.model.config, dtype=np.float64) for _ in range(2))
    if settings["bug"] in BUGS:
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


CHECK_FINDS_ALL = Claim(
    "the check passes the right backward pass, and fails every bug, for every seed",
    lambda r: all(
        max(errors) > 1e-3 if settings["bug"] in BUGS else max(errors) < 1e-5
        for settings in r.settings
        for errors in r.values("errors", **settings)
    ),
)

EXPERIMENT = Experiment(
    name="gradient-bugs",
    question="Which bugs of a backward pass does the loss curve hide, and what does a check say?",
    prediction=(
        "Written with the first edition's record in view (three seeds, the book's model of width "
        "128): costs of 1.2 bpb (softmax without its sum), 0.91 (norm taken for a constant), 0.67 "
        "(turned the wrong way), 0.16 (skip path), 0.15 (score scale), 0.07 (attention passes "
        "nothing), and below 0.03 for the other four. Now at half that width, where nothing has "
        "been run. The check fails all ten bugs, with an error above 0.01 in some matrix or gain, "
        "and passes the right model. Softmax and norm cost 0.5 bpb or more, the wrong rotation "
        "0.3 or more; skip path and score scale 0.05 to 0.25, attention that passes nothing 0.03 "
        "to 0.15: all six higher than the right model. Not to be told from it: gains without "
        "gradient, and the sum instead of the mean. The missing 2 and the embedding cost less "
        "than 0.04, and the interval of at least one of them does not exclude 0. The noise floor "
        "is below 0.02."
    ),
    protocol=(
        "Python's documentation, 400 steps of 16 x 64 bytes, AdamW, the book's model at half its "
        "width (64, feed-forward 256), default recipe, with one bug in the backward pass; five "
        "seeds. Before training: directional_error of every matrix (its projected weights) and "
        "gain in float64 on 4 x 64 bytes, and the cosine of the wrong whole gradient and the right "
        "one on 16 x 64 bytes; the cosine again at the end. Noise arm: no bug, every latent times "
        "1 + 1e-6 z."
    ),
    trials=trials,
    measure=measure,
    seeds=(1, 2, 3, 4, 5),
    noise=({"bug": RIGHT}, {"bug": PERTURBED}),
    claims=[
        CHECK_FINDS_ALL,
        *(
            Claim.by_comparison(
                f"{bug}: higher than the right model", "bpb", {"bug": bug}, {"bug": RIGHT}, "higher"
            )
            for bug in (
                "softmax without its sum",
                "norm taken for a constant",
                "turned the wrong way",
                "skip path dropped",
                "score scale missing",
                "attention passes nothing",
                "gains get no gradient",
                "factor 2 of relu squared",
                "embedding: last one wins",
            )
        ),
        Claim.by_comparison(
            "sum instead of mean: not to be told from the right model",
            "bpb",
            {"bug": "sum instead of mean"},
            {"bug": RIGHT},
            "none",
        ),
    ],
    quick_claims=[CHECK_FINDS_ALL],
)
