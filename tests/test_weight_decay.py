"""The plans of chapter 5's experiments, and what their probe counts."""

import numpy as np
import pytest

from ternary.experiments import find_experiment, load_record, weight_decay
from ternary.experiments.decay_plans import DROP, PlannedTrainer, beside, run
from ternary.experiments.fairness import winner


def trainer(plan="constant", decay=1.0, pull=0.0):
    return PlannedTrainer(run("group", plan, decay, 4e-3, pull), seed=1, quick=True)


def test_arms_are_the_winners_of_the_sweep():
    sweep = find_experiment("decay-sweep")
    record = load_record("decay-sweep")
    winners = [winner(record, sweep, side) for side in sweep.sides]
    assert sorted(map(repr, winners)) == sorted(map(repr, weight_decay.CHOSEN))


@pytest.mark.parametrize(
    ("plan", "decays", "factor"),
    [
        ("constant", [1.0, 1.0], 1.0),
        ("half", [1.0, 0.0], 1.0),
        ("drop", [1.0, 1.0], DROP),
        ("both", [1.0, 0.0], DROP),
    ],
)
def test_a_plan_changes_at_half_time(plan, decays, factor):
    planned = trainer(plan)
    before = planned.weight_decay()
    planned.losses = [0.0] * (planned.steps // 2)
    assert [before, planned.weight_decay()] == decays
    assert planned.factor() == factor


def test_a_step_is_taken_from_where_decay_and_pull_leave_the_latents():
    planned = trainer("pull", pull=3.0)
    for _ in range(30):
        planned.take_step()
    expected = planned.without_gradient()
    planned.shape_gradients = lambda: planned.model.parameters.gradients.fill(0)
    planned.optimizer.m[:] = 0
    planned.take_step()
    assert planned.model.parameters.latents == pytest.approx(expected, abs=1e-7)


def test_the_pull_changes_no_code():
    parameters = trainer().model.parameters
    before = parameters.all_codes.copy()
    for _ in range(100):
        parameters.latents[:] -= 0.02 * beside(parameters)
        parameters.project()
    assert np.array_equal(parameters.all_codes, before)
    assert float(np.abs(beside(parameters)).max()) < 0.2 * float(np.abs(parameters.latents).max())


def test_the_probe_follows_flips_until_they_are_undone():
    planned, probe = trainer(), weight_decay.DecayProbe(every=4)
    codes = planned.model.parameters.all_codes
    codes[:] = 0
    probe.watch(planned)
    for step, ones in enumerate([[], [], [], [0, 1, 2, 3], [1, 2, 3], [2, 3], [3], [3]], 1):
        codes[:] = 0
        codes[ones] = 1
        planned.losses = [0.0] * step
        probe(planned)
    assert probe.curves_of["undone_1"] == [0.25]
    assert probe.curves_of["undone_4"] == [0.75]
    n = float(planned.model.parameters.groups.counts.sum())
    assert np.array(probe.curves_of["recent_flips"]) * n == pytest.approx([4, 3], rel=1e-3)
    assert np.array(probe.curves_of["recent_net"]) * n == pytest.approx([4, 3], rel=1e-3)
