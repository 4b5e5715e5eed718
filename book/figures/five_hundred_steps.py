"""Chapter 15: loss, held-out accuracy and flips of the run of five hundred steps.

`python book/figures/five_hundred_steps.py` makes the run anew, damages the model that it ends with
as the chapter's examples do, and keeps what this figure, `four_checks` and `trained_codes` show.
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, plt

RUN = Path(__file__).with_suffix(".json")


def kept() -> dict[str, Any]:
    """What the run has left."""
    return json.loads(RUN.read_text("utf-8"))


def draw() -> Figure:
    run = kept()
    steps = 1 + np.arange(len(run["losses"]))
    figure, (top, middle, bottom) = plt.subplots(
        3, 1, sharex=True, figsize=(5.4, 5.2), height_ratios=(1.6, 1, 1)
    )
    top.plot(steps, run["losses"], color=BLUE)
    top.axhline(np.log(256), color=GREY, ls=":", lw=1)
    top.text(500, np.log(256) * 1.3, "knows nothing", color=GREY, ha="right", size=9)
    top.axhline(0.3, color=GREEN, ls="--", lw=1)
    top.text(1, 0.3 / 1.3, "first check: below this line", color=GREEN, va="top", size=9)
    top.set(yscale="log", ylim=(1e-5, 30))
    top.set_ylabel("training loss\n(nats)")
    at, accuracy = np.transpose(run["accuracy"])
    middle.plot(at[1:], 100 * accuracy[1:], "o-", ms=3.5, color=BLUE)
    middle.axhline(80, color=GREEN, ls="--", lw=1)
    middle.text(1, 84, "fourth check: above this line", color=GREEN, size=9)
    middle.set(ylim=(-5, 108))
    middle.set_ylabel("held-out\naccuracy (%)")
    bottom.plot(steps, 100 * np.array(run["flips"]), color=ORANGE)
    bottom.set(xscale="log", xlabel="steps taken", xlim=(0.95, 520), ylim=(0, None))
    bottom.set_xticks([1, 10, 100, 500], ["1", "10", "100", "500"])
    bottom.set_ylabel("codes that\nflip (%)")
    return figure


def measure() -> None:
    """Train as the command `ternary` does, watching; then damage the model as the chapter does."""
    from draw import run_examples

    from ternary import Trainer, TrainingConfig, check_run
    from ternary.checks import check_codes
    from ternary.codecs import pack_trits

    trainer = Trainer(TrainingConfig())
    parameters = trainer.model.parameters
    before, flips, accuracy = parameters.all_codes.copy(), [], [(0, trainer.evaluate().accuracy)]

    def watch(trainer: Trainer) -> None:
        flips.append(float(f"{(parameters.all_codes != before).mean():.3g}"))
        before[:] = parameters.all_codes
        if trainer.step % (4 if trainer.step <= 60 else 100) == 0:
            accuracy.append((trainer.step, round(trainer.evaluate().accuracy, 4)))

    trainer.run(watch)
    run: dict[str, Any] = {
        "losses": [float(f"{loss:.3g}") for loss in trainer.losses],
        "accuracy": accuracy,
        "flips": flips,
    }
    letters = np.arange(ord("a"), ord("z") + 1)
    logits = trainer.model.forward(letters[:, None])[:, 0, letters]
    run["logits"] = [[round(float(logit), 1) for logit in row] for row in logits]
    for name in ("embedding", "head"):
        trits = pack_trits(parameters.codes(name)[letters].ravel())
        run[name] = base64.b64encode(trits.tobytes()).decode()
    names = run_examples(
        "15-full-model.md",
        "Five hundred steps",
        "Four checks",
        until="damages =",
        skip=("Trainer(", "trainer.run", "apart"),
        trainer=trainer,
        np=np,
    )
    intact = parameters.values.copy()
    run["verdicts"] = {"no damage": [check.passed for check in check_run(trainer)]}
    for damage in names["damages"]:
        damage()
        run["verdicts"][damage.__name__] = [check.passed for check in check_run(trainer)]
        parameters.values[:] = intact
        trainer.model.project()
    assert check_codes(trainer.model).passed
    RUN.write_text(json.dumps(run).replace(', "', ',\n"') + "\n", "utf-8")


if __name__ == "__main__":
    measure()
