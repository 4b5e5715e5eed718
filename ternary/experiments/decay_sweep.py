"""Chapter 5: a learning rate of its own for every decay, every plan, and their twins."""

from __future__ import annotations

from ternary.experiments.decay_plans import PlannedTrainer, run, train_and_judge
from ternary.experiments.experiment import Claim, Experiment
from ternary.experiments.fairness import too_low_is_worse
from ternary.experiments.record import Record, Settings, Values

RATES = (4e-3, 7e-3, 12e-3)
PULLS, PULL_RATE = (0.3, 1.0, 3.0), 7e-3
ARMS = [("group", "constant", decay) for decay in (0.0, 0.1, 0.3, 1.0, 3.0)]
ARMS += [("group", plan, 1.0) for plan in ("half", "drop", "both")]
ARMS += [("full-precision", "constant", decay) for decay in (0.0, 0.1, 1.0)]
ARMS += [("full-precision", "half", 1.0)]
NAMES = {"group": "ternary", "full-precision": "twin"}


def side(model: str, plan: str, decay: float) -> str:
    """Name of a side: model, plan and decay."""
    return f"{NAMES[model]}, {plan}, {decay:g}"


def trials(quick: bool) -> list[Settings]:
    """Every arm at three rates; the pull in three strengths at one rate."""
    if quick:
        return [run("group", "constant", 0.0, lr) for lr in (2e-4, 4e-3)]
    grid = [run(*arm, lr) for arm in ARMS for lr in RATES]
    return grid + [run("group", "pull", 1.0, PULL_RATE, pull) for pull in PULLS]


def measure(settings: Settings, seed: int, quick: bool) -> Values:
    """Bits per byte on the half of the held-out windows that settings are chosen by."""
    trainer = PlannedTrainer(settings, seed, quick)
    return {**train_and_judge(trainer, ("select",))}


def best_rate(record: Record, model: str, plan: str, decay: float) -> float:
    """The rate at which an arm has the lowest loss on the half that chooses."""
    arm = {"model": model, "plan": plan, "decay": decay}
    return min(RATES, key=lambda lr: record.mean("select", **arm, lr=lr))


def stronger_decay_lower_rate(record: Record) -> bool:
    """Whether the best rate falls, or stays, from each decay to the next, and falls in the end."""
    rates = [best_rate(record, *arm) for arm in ARMS[:5]]
    return rates == sorted(rates, reverse=True) and rates[-1] < rates[0]


def twins_want_no_more(record: Record) -> bool:
    """Whether no twin has a higher best rate than the ternary model with its plan and decay."""
    twins = [arm for arm in ARMS if arm[0] != "group"]
    return all(best_rate(record, *arm) <= best_rate(record, "group", *arm[1:]) for arm in twins)


def middle_pull_is_best(record: Record) -> bool:
    """Whether of three strengths of the pull the middle one has the lowest loss."""
    weak, middle, strong = (record.mean("select", plan="pull", pull=pull) for pull in PULLS)
    return middle < min(weak, strong)


EXPERIMENT = Experiment(
    name="decay-sweep",
    question="Which learning rate does each weight decay want, with codes and without?",
    prediction=(
        "A prototype (seed 99, decays 0.1 and 3 and the twin at 0.1, rates 0.003, 0.0052 and "
        "0.009) had its best rates from 0.005 to 0.009, which is why the grid lies where it does. "
        "The stronger the decay, the lower its best rate, or the same: decay makes every step "
        "count for more, and a smaller rate undoes that. The best rate of decay 3 is below that "
        "of decay 0. Switching decay off, and dropping the rate, leave the best rate where it is "
        "or move it up by one place of the grid. No twin has a higher best rate than the ternary "
        "model with the same plan. Of the pulls 0.3 is the best and 3 the worst."
    ),
    protocol=(
        "Python's documentation, d_model 64, 800 steps of 16 x 64 bytes, cosine; one seed, whose "
        "winners the experiment weight-decay repeats with five others."
    ),
    trials=trials,
    measure=measure,
    claims=[
        Claim("stronger decay wants a lower rate, or the same", stronger_decay_lower_rate),
        Claim("no twin wants a higher rate than its ternary model", twins_want_no_more),
        Claim("of the pulls the middle one is best", middle_pull_is_best),
    ],
    quick_claims=[too_low_is_worse(2e-4, 4e-3)],
    seeds=(100,),
    repeated_by="weight-decay",
    sides={
        side(*arm): {"model": arm[0], "plan": arm[1], "decay": arm[2]}
        for arm in [*ARMS, ("group", "pull", 1.0)]
    },
    selected_by="select",
)
