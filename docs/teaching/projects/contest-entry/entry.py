"""Project 3: an entry for the 100 kB contest, with a loop of your own.

    python entry.py select              # pilots, judged by the last tenth of the training text
    python entry.py final entry.npz     # the run that counts; then: ternary contest score entry.npz

The public held-out text is for the score alone. Whoever chooses by it has trained on it a little.
"""

import argparse
import sys
from dataclasses import replace

from ternary import TernaryError, Trainer
from ternary.contest import BASELINE, ContestText, entry_trainer, train_entry

# Your candidates: what differs from the baseline. TODO: what you expect of each, and why.
CANDIDATES = {
    "baseline": {},
    "faster": {"lr": 1e-2},
    "deeper": {"d_model": 96, "n_layers": 4, "d_ff": 288},
}
CHOSEN = "baseline"
FINAL_STEPS = 1500  # TODO: what of the ten CPU-minutes do they take?


class Selection(ContestText):
    """The training text alone: its first nine tenths to train, the last one to choose by."""

    def __init__(self, length=None):
        super().__init__(length)
        middle = len(self.training) * 9 // 10
        self.training, self.validation = self.training[:middle], self.training[middle:]


class Run(Trainer):
    """A training run that you may change: see `Trainer` for what can be overridden."""

    # TODO: def weight_decay(self): a schedule; def shape_gradients(self): an estimator of your own.


def select(steps):
    """A pilot of every candidate."""
    for name, settings in CANDIDATES.items():
        config = replace(BASELINE, steps=steps, **settings)
        entry_trainer(config)  # an error if it would be too large
        run = Run(config, Selection(config.length))
        run.run()
        print(f"{name:10} {run.evaluate().bits:.3f} bits per byte in {steps} steps")


def final(path, steps):
    """The run that counts, on all of the training text."""
    config = replace(BASELINE, steps=steps, **CANDIDATES[CHOSEN])
    entry_trainer(config)
    run = Run(config, ContestText(config.length))
    declared = train_entry(path, run, f"entry.py, {CHOSEN}, {steps} steps")
    print(f"{path}: {declared.cpu_minutes:g} CPU-minutes")


def main():
    """Read the options, and turn errors into a sentence."""
    parser = argparse.ArgumentParser(description="An entry for the 100 kB contest.")
    actions = parser.add_subparsers(dest="action", required=True)
    pilots = actions.add_parser("select")
    pilots.add_argument("--steps", type=int, default=150)
    last = actions.add_parser("final")
    last.add_argument("path")
    last.add_argument("--steps", type=int, default=FINAL_STEPS)
    options = parser.parse_args()
    try:
        if options.action == "select":
            select(options.steps)
        else:
            final(options.path, options.steps)
    except TernaryError as error:
        sys.exit(f"entry.py: {error}")


if __name__ == "__main__":
    main()
