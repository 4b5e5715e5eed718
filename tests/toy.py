"""The command line with one experiment, `toy`, whose trials take a moment: `python -m toy ...`.

What its trials do besides is told by the environment, so that tests can start it as users do:
TOY_SECONDS how long a trial takes, TOY_LOG a file that gets a line from every trial that begins,
TOY_FAIL and TOY_KILL the rates whose trials raise an error or end their process, TOY_KILL_ONCE a
file that the last rate makes before it ends its process, if it is not there.
"""

import os
import signal
import sys
import time
from pathlib import Path

from ternary.experiments import Claim, Experiment

RATES = (1, 2, 3, 4)


def trials(quick):
    return [{"lr": lr} for lr in (RATES[:2] if quick else RATES)]


def measure(settings, seed, quick):
    lr = settings["lr"]
    if log := os.environ.get("TOY_LOG"):
        with open(log, "a") as file:
            file.write(f"{lr} {seed} {os.getpid()}\n")
    time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
    if str(lr) in os.environ.get("TOY_FAIL", "").split():
        raise ValueError(f"no rate of {lr}")
    if str(lr) in os.environ.get("TOY_KILL", "").split():
        os.kill(os.getpid(), signal.SIGKILL)
    once = os.environ.get("TOY_KILL_ONCE")
    if once and lr == RATES[-1] and not Path(once).exists():
        Path(once).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"bpb": lr / 3 + seed / 7, "curve": [seed / 3, lr / 7, float("inf")]}


EXPERIMENT = Experiment(
    name="toy",
    question="Which learning rate is best?",
    prediction="The smallest.",
    protocol="None.",
    trials=trials,
    measure=measure,
    claims=[Claim("three is worse than two", lambda r: r.mean("bpb", lr=3) > r.mean("bpb", lr=2))],
    quick_claims=[
        Claim("two is worse than one", lambda r: r.mean("bpb", lr=2) > r.mean("bpb", lr=1)),
    ],
)

if __name__ == "__main__":
    import toy

    from ternary import cli, experiments

    experiments.all_experiments = lambda: {"toy": toy.EXPERIMENT}
    sys.exit(cli.main())
