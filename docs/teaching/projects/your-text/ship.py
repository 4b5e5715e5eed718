"""Project 2: a ternary model of your own text, as a file that llama.cpp loads.

    python ship.py TEXT                  # train, check, export: some minutes
    python ship.py TEXT --steps 100      # a pilot

It writes model.npz, model.packed.npz and model.gguf. What is still to do is marked with TODO.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from ternary import TernaryError, Text, Trainer, TrainingConfig
from ternary.experiments.readers import LlamaCpp
from ternary.export import TernaryWeights, export_gguf, inspect_model
from ternary.packed import load_packed, save_packed

PASSAGE = 50  # bytes


def share_repeated(task):
    """Share of the held-out passages that stand in the training part, letter for letter."""
    training, held_out = (bytes(x.astype(np.uint8)) for x in (task.training, task.validation))
    known = {training[i : i + PASSAGE] for i in range(len(training) - PASSAGE + 1)}
    n = len(held_out) - PASSAGE + 1
    return sum(held_out[i : i + PASSAGE] in known for i in range(n)) / n


def pair_bits(task):
    """Bits per byte of a table of pairs with a half added to every count: a model must beat it."""
    counts = np.full((256, 256), 0.5)
    np.add.at(counts, (task.training[:-1], task.training[1:]), 1)
    p = counts / counts.sum(axis=1, keepdims=True)
    return float(-np.log2(p[task.validation[:-1], task.validation[1:]]).mean())


def logit_difference(path, model, window):
    """How far llama.cpp's logits are from the package's, as a share of their size (rms)."""
    theirs = LlamaCpp(path, model.config.context).logits(window)
    ours = model.forward(window[None])[0]
    theirs, ours = (x - x.mean(axis=-1, keepdims=True) for x in (theirs, ours))
    return float(np.sqrt(((theirs - ours) ** 2).mean() / (ours**2).mean()))


def ship(options):
    """Train, judge, pack, export; print a line for every step."""
    # TODO: choose rate, decay and size by pilots, on text that you do not report.
    config = TrainingConfig(
        task="text", text=options.text, steps=options.steps, lr=5e-3, weight_decay=0.1
    )
    task = Text(config.length, options.text)
    print(task.describe())
    print(f"held-out passages that the training part repeats: {share_repeated(task):.1%}")
    # TODO: if that is more than a few per cent, cut the text elsewhere, and say what you cut.
    trainer = Trainer(config)
    trainer.run()
    trainer.save("model.npz")
    print(f"table of pairs {pair_bits(task):.3f}, model {trainer.evaluate().bits:.3f} bits a byte")
    # TODO: a full-precision twin (projection="full-precision"), and five seeds of each.

    save_packed("model.packed.npz", trainer.model)
    model = load_packed("model.packed.npz")
    export_gguf(TernaryWeights.of(model), "model.gguf", force=True)
    print("\n".join(inspect_model("model.gguf").lines()))
    window = task.validation[: model.config.context - 1]
    try:
        difference = logit_difference(Path("model.gguf"), model, window)
        print(f"llama.cpp: logits differ by {difference:.2%} of their size")
    except TernaryError as error:
        print(f"llama.cpp was not asked: {error}")


def main():
    """Read the options, and turn errors into a sentence."""
    parser = argparse.ArgumentParser(description="A ternary model of your own text.")
    parser.add_argument("text", help="a file of half a megabyte or more")
    parser.add_argument("--steps", type=int, default=1500)
    try:
        ship(parser.parse_args())
    except (TernaryError, OSError) as error:
        sys.exit(f"ship.py: {error}")


if __name__ == "__main__":
    main()
