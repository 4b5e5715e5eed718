"""Comparisons: the interval, the noise floor, the verdict, fair opponents, halves of the text."""

import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from ternary import TernaryError, Text, Trainer, TrainingConfig
from ternary.experiments import (
    Claim,
    Experiment,
    Record,
    all_experiments,
    failed_claims,
    load_record,
)
from ternary.experiments.comparison import Comparison, compare, noise_floor, t_quantile
from ternary.experiments.fairness import (
    at_edge,
    lowest_rate_loses,
    too_low_is_worse,
    unfair,
    winner,
)
from ternary.experiments.halves import HalfOfText
from ternary.experiments.probes import perturb
from ternary.experiments.runner import run_experiment

EXPERIMENTS = all_experiments()


def by_seed(values):
    return dict(enumerate(values))


# --- The interval -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("degrees", "t"),  # NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (9, 2.262), (29, 2.045)],
)
def test_quantile_of_t_is_that_of_the_tables(degrees, t):
    assert round(t_quantile(degrees), 3) == t


def test_quantile_of_t_is_that_of_the_closed_forms():
    p = 0.95
    assert t_quantile(1) == pytest.approx(math.tan(p * math.pi / 2), rel=1e-10)
    assert t_quantile(2) == pytest.approx(p * math.sqrt(2 / (1 - p**2)), rel=1e-10)
    assert t_quantile(10**5) == pytest.approx(1.959964, abs=5e-5)  # the normal distribution's


def test_quantile_of_t_needs_two_seeds():
    with pytest.raises(TernaryError, match="two seeds or more"):
        t_quantile(0)


def test_interval_is_mean_and_t_times_the_standard_error_of_the_pairs():
    a, b = by_seed([1.0, 2.0, 3.0, 4.0, 6.0]), by_seed([1.5, 1.0, 3.5, 2.0, 1.0])
    d = np.array([-0.5, 1.0, -0.5, 2.0, 5.0])
    half = 2.7764451 * math.sqrt(d.var(ddof=1) / 5)
    c = compare(a, b)
    assert (c.difference, c.low, c.high) == pytest.approx((1.4, 1.4 - half, 1.4 + half))
    assert (c.n_seeds, c.floor) == (5, None)


@pytest.mark.parametrize("shared", [0.0, 0.9, -0.9])
def test_interval_holds_the_difference_95_times_in_100_whatever_a_seed_shares(shared):
    rng = np.random.default_rng(0)
    covariance = [[1, shared], [shared, 1]]
    held = 0
    for pair in rng.multivariate_normal([0.3, 0.0], covariance, (4000, 5)):
        c = compare(by_seed(pair[:, 0]), by_seed(pair[:, 1]))
        held += c.low <= 0.3 <= c.high
    assert 0.94 < held / 4000 < 0.96  # three standard errors


def test_pairs_are_made_by_seed_and_not_by_order():
    a, b = {0: 1.0, 1: 2.0, 2: 3.0}, {2: 2.9, 0: 0.9, 1: 1.9}
    c = compare(a, b)
    assert (c.low, c.high) == pytest.approx((0.1, 0.1))


def test_one_seed_has_an_interval_without_ends():
    assert str(compare({0: 2.0}, {0: 1.0}, 0.1)) == (
        "1.000 [-inf, inf], floor 0.100, 1 seed: undecided: fewer than five seeds"
    )


def test_exchanged_arms_have_the_opposite_comparison():
    rng = np.random.default_rng(1)
    a, b = by_seed(rng.normal(size=6)), by_seed(rng.normal(3, size=6))
    there, back = compare(a, b, 0.1), compare(b, a, 0.1)
    assert (there.difference, there.low, there.high) == pytest.approx(
        (-back.difference, -back.high, -back.low)
    )
    assert (there.verdict, back.verdict) == ("lower", "higher")


@pytest.mark.parametrize("other", [{}, {0: 1.0}, {0: 1.0, 1: 1.0, 3: 1.0}])
def test_sides_with_other_seeds_are_refused(other):
    with pytest.raises(TernaryError, match=r"\[0, 1, 2\] on one side.*run the missing trials"):
        compare(by_seed([1.0, 2.0, 3.0]), other)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_runs_that_diverged_are_refused(value):
    with pytest.raises(TernaryError, match=r"of the seeds \[1\] is not finite"):
        compare(by_seed([1.0, value, 3.0]), by_seed([1.0, 2.0, 3.0]))


# --- The floor and the verdict ----------------------------------------------------------------


def test_noise_floor_is_the_root_mean_square_of_the_pairs():
    floor = noise_floor(by_seed([1.0, 2.0, 3.0]), by_seed([1.1, 1.8, 3.2]))
    assert floor == pytest.approx(math.sqrt((0.01 + 0.04 + 0.04) / 3))


@pytest.mark.parametrize(
    ("difference", "low", "high", "floor", "seeds", "verdict"),
    [
        (-0.03, -0.05, -0.01, 0.01, 5, "lower"),
        (0.03, 0.01, 0.05, 0.01, 5, "higher"),
        (-0.03, -0.07, 0.01, 0.01, 5, "none"),  # the interval holds 0
        (-0.03, -0.06, 0.0, 0.01, 5, "none"),
        (-0.03, -0.05, -0.01, 0.04, 5, "none"),  # below the floor
        (0.03, 0.01, 0.05, 0.04, 5, "none"),
        (-0.03, -0.05, -0.01, 0.03, 5, "lower"),
        (-0.03, -0.05, -0.01, 0.01, 4, "undecided: fewer than five seeds"),
        (-0.03, -0.05, 0.01, 0.01, 3, "undecided: fewer than five seeds"),
        (-0.03, -0.05, -0.01, None, 5, "undecided: no noise floor"),
        (-0.03, -0.05, -0.01, None, 3, "undecided: fewer than five seeds, no noise floor"),
    ],
)
def test_verdict_follows_the_rule(difference, low, high, floor, seeds, verdict):
    assert Comparison(difference, low, high, floor, seeds).verdict == verdict


def test_two_equal_arms_get_an_order_in_at_most_one_comparison_of_twenty():
    rng = np.random.default_rng(2)
    found = 0
    for a, b, c, d in rng.normal(size=(4000, 4, 5)):
        floor = noise_floor(by_seed(c), by_seed(d))
        found += compare(by_seed(a), by_seed(b), floor).verdict in ("lower", "higher")
    assert found / 4000 < 0.05


def test_a_difference_of_three_floors_is_found():
    rng = np.random.default_rng(3)
    found = 0
    for a, b, c, d in rng.normal(size=(1000, 4, 5)):
        floor = noise_floor(by_seed(c), by_seed(d))
        found += compare(by_seed(a), by_seed(b + 3 * math.sqrt(2)), floor).verdict == "lower"
    assert found / 1000 > 0.95


def test_the_line_shows_no_minus_zero_and_as_many_digits_as_asked():
    c = Comparison(-0.00001, -0.0302, 0.0301, 0.0119, 5)
    assert str(c) == "0.000 [-0.030, 0.030], floor 0.012, 5 seeds: none"
    assert c.show(4) == "0.0000 [-0.0302, 0.0301], floor 0.0119, 5 seeds: none"


# --- In a record ------------------------------------------------------------------------------

ARMS = {"sgd": 0.5, "adam": 0.1, "adam, perturbed": 0.102}


def arms(quick):
    return [{"arm": name, "width": width} for name in ARMS for width in (1, 2)]


def measure(settings, seed, quick):
    jitter = math.sin(10 * seed + len(settings["arm"])) / 1000
    return {"bpb": ARMS[settings["arm"]] + settings["width"] + jitter, "curve": [1, 2]}


def arm(name, width=1):
    return {"arm": name, "width": width}


COMPARED = Experiment(
    name="compared",
    question="Which arm is lower?",
    prediction="Adam.",
    protocol="None.",
    trials=arms,
    measure=measure,
    claims=[Claim.by_comparison("adam is lower", "bpb", arm("adam"), arm("sgd"), "lower")],
    seeds=range(5),
    noise=(arm("adam"), arm("adam, perturbed")),
)


def run(experiment, folder):
    with ThreadPoolExecutor(2) as threads:
        return run_experiment(experiment, threads, folder=folder)


@pytest.fixture(scope="module")
def record():
    trials = [
        {"settings": settings, "seed": seed, "values": measure(settings, seed, False)}
        for settings in arms(False)
        for seed in range(5)
    ]
    return Record("compared", {"noise": [arm("adam"), arm("adam, perturbed")]}, trials)


def test_record_compares_by_its_own_noise_floor(record):
    c = record.compare("bpb", arm("adam"), arm("sgd"))
    assert c.difference == pytest.approx(-0.4, abs=0.002)
    pairs = zip(
        record.values("bpb", **arm("adam")),
        record.values("bpb", **arm("adam, perturbed")),
        strict=True,
    )
    assert c.floor == pytest.approx(math.sqrt(np.mean([(a - b) ** 2 for a, b in pairs])))
    assert (c.n_seeds, c.verdict) == (5, "lower")
    given = record.compare("bpb", arm("adam"), arm("sgd"), floor=0.5)
    assert (given.floor, given.verdict) == (0.5, "none")


def test_record_without_noise_arm_has_no_floor(record):
    old = Record("old", {}, record.trials)
    assert old.noise_floor("bpb") is None
    assert old.compare("bpb", arm("adam"), arm("sgd")).verdict == "undecided: no noise floor"


def test_settings_that_fit_several_trials_of_a_seed_are_refused(record):
    with pytest.raises(TernaryError, match=r"several trials of one seed.*name more"):
        record.compare("bpb", {"arm": "adam"}, {"arm": "sgd"})


def test_a_value_that_is_not_there_or_no_number_is_refused(record):
    with pytest.raises(TernaryError, match="no value 'loss'; expected one of bpb, curve"):
        record.compare("loss", arm("adam"), arm("sgd"))
    with pytest.raises(TernaryError, match="'curve' is no number"):
        record.compare("curve", arm("adam"), arm("sgd"))


@pytest.mark.parametrize(
    ("verdict", "holds"), [("lower", True), ("higher", False), ("none", False)]
)
def test_claim_by_comparison_holds_if_the_verdict_is_that(record, verdict, holds):
    claim = Claim.by_comparison("x", "bpb", arm("adam"), arm("sgd"), verdict)
    assert claim.holds(record) is holds
    assert claim.value == "bpb"
    three = Record("x", record.about, [t for t in record.trials if t["seed"] < 3])
    assert not claim.holds(three), "three seeds bear out no order, and no equality"


@pytest.mark.parametrize("verdict", ["better", "undecided", ""])
def test_claim_of_another_verdict_is_refused(verdict):
    with pytest.raises(TernaryError, match="expected one of lower, higher, none"):
        Claim.by_comparison("x", "bpb", {}, {}, verdict)


def test_noise_of_settings_that_are_not_planned_is_refused():
    with pytest.raises(TernaryError, match=r"no trial with .*, which its noise names"):
        replace(COMPARED, noise=(arm("adam"), arm("adam", width=3)))


def test_a_record_keeps_the_noise_arm_and_bears_out_its_claim(tmp_path):
    record = run(COMPARED, tmp_path)
    assert record.about["noise"] == [arm("adam"), arm("adam, perturbed")]
    assert list(failed_claims(COMPARED, record, quick=False)) == []
    assert load_record("compared", tmp_path).noise_floor("bpb") == record.noise_floor("bpb") > 0


def test_a_noise_arm_declared_later_enters_the_record_without_a_trial_more(tmp_path):
    before = run(replace(COMPARED, noise=None), tmp_path)
    assert "noise" not in before.about
    after = run(COMPARED, tmp_path)
    assert after.noise_floor("bpb") > 0
    assert after.trials == before.trials
    assert load_record("compared", tmp_path) == after


# --- The perturbation -------------------------------------------------------------------------


def small(seed=0):
    return Trainer(
        TrainingConfig(steps=4, d_model=32, d_ff=64, n_layers=1, batch_size=4, seed=seed)
    )


def test_a_perturbation_of_size_zero_changes_no_bit():
    plain, same = small(), small()
    perturb(same, seed=1, size=0.0)
    plain.run()
    same.run()
    assert plain.losses == same.losses
    assert np.array_equal(plain.model.parameters.values, same.model.parameters.values)


def test_a_perturbation_is_of_rounding_size_and_the_run_parts():
    plain, other = small(), small()
    perturb(other, seed=1)
    a, b = plain.model.parameters.latents, other.model.parameters.latents
    assert np.array_equal(a == 0, b == 0)  # padding stays zero
    ratio = b[a != 0] / a[a != 0] - 1
    assert 0.9e-6 < ratio.std() < 1.1e-6
    assert np.abs(ratio).max() < 1e-5
    plain.run()
    other.run()
    assert not np.array_equal(a, b)


def test_a_perturbation_is_projected_at_once():
    run = small()
    perturb(run, seed=1, size=0.5)  # large enough to change codes
    codes = run.model.parameters.all_codes.copy()
    run.model.project()
    assert np.array_equal(codes, run.model.parameters.all_codes)
    assert not np.array_equal(codes, small().model.parameters.all_codes)


def test_a_perturbation_is_that_of_its_seed():
    first, same, other = small(), small(), small()
    for trainer, seed in ((first, 1), (same, 1), (other, 2)):
        perturb(trainer, seed)
    latents = [trainer.model.parameters.latents for trainer in (first, same, other)]
    assert np.array_equal(latents[0], latents[1])
    assert not np.array_equal(latents[0], latents[2])


def test_a_run_that_has_begun_is_not_perturbed():
    trainer = small()
    trainer.take_step()
    with pytest.raises(TernaryError, match="at step 1; perturb it before the first"):
        perturb(trainer, seed=1)


# --- Halves of the held-out text --------------------------------------------------------------


def windows(task, size=7):
    pairs = [pair for batch in task.held_out(size) for pair in zip(*batch, strict=True)]
    return [(tokens.tolist(), targets.tolist()) for tokens, targets in pairs]


@pytest.mark.parametrize("n_windows", [2, 3, 10, 11])
def test_the_halves_hold_every_held_out_window_once(tmp_path, n_windows):
    path = tmp_path / "text"
    size = 10 * (8 * n_windows + 3)
    path.write_bytes(np.random.default_rng(0).integers(0, 256, size, np.uint8).tobytes())
    whole = windows(Text(8, str(path)))
    first, second = (windows(HalfOfText(half, 8, str(path))) for half in ("select", "report"))
    assert len(whole) == n_windows
    assert first + second == whole
    assert len(second) - len(first) in (0, 1)


def test_the_halves_train_on_the_same_text():
    whole, half = Text(), HalfOfText("report")
    assert half.sha256 == whole.sha256
    assert np.array_equal(half.training, whole.training)
    batches = [task.batch(np.random.default_rng(0), 2)[0] for task in (whole, half)]
    assert np.array_equal(*batches)


def test_a_third_half_is_refused():
    with pytest.raises(TernaryError, match="half is 'test'; expected one of select, report"):
        HalfOfText("test")


def test_a_text_with_one_window_has_no_halves(tmp_path):
    (tmp_path / "text").write_bytes(bytes(120))
    with pytest.raises(TernaryError, match="1 held-out window of 8 bytes; expected 2"):
        HalfOfText("select", 8, str(tmp_path / "text"))


# --- Fair opponents ---------------------------------------------------------------------------


def sweep_trials(quick):
    return [{"side": side, "lr": lr} for side in ("ternary", "twin") for lr in (1, 2, 3)]


def measure_sweep(settings, seed, quick):
    best = {"ternary": 2, "twin": 3}[settings["side"]]
    return {"select": abs(settings["lr"] - best), "report": 1.0}


SWEEP = Experiment(
    name="sweep",
    question="Which?",
    prediction="None.",
    protocol="None.",
    trials=sweep_trials,
    measure=measure_sweep,
    seeds=(0,),
    repeated_by="repeat",
    sides={"ternary": {"side": "ternary"}, "twin": {"side": "twin"}},
    selected_by="select",
)
REPEAT = replace(
    COMPARED,
    name="repeat",
    seeds=range(1, 6),
    claims=[Claim.by_comparison("x", "report", arm("adam"), arm("sgd"), "lower")],
)


def with_one_more(quick):
    return [*sweep_trials(quick), {"side": "ternary", "lr": 4}]


def with_a_stranger(quick):
    return [*sweep_trials(quick), {"side": "table", "lr": 4}]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_with_sides_is_fair(name):
    sweep = EXPERIMENTS[name]
    if sweep.sides:
        assert unfair(sweep, EXPERIMENTS.get(sweep.repeated_by or "")) == []


def test_a_fair_sweep_has_no_problems():
    assert unfair(SWEEP, REPEAT) == []


@pytest.mark.parametrize(
    ("change", "repeat", "problem"),
    [
        ({"trials": with_one_more}, {}, "give each the same"),
        ({"trials": with_a_stranger}, {}, r"belongs to the sides \[\]: expected one"),
        ({"sides": SWEEP.sides | {"all": {}}}, {}, r"\['ternary', 'all'\]: expected one"),
        ({"sides": {"all": {}}}, {}, "expected two or more"),
        ({"selected_by": None}, {}, "name it in selected_by"),
        ({}, {"seeds": range(5)}, r"repeat has seeds of the sweep, \[0\]: take fresh ones"),
        ({}, {"seeds": range(1, 5)}, "repeat has 4 seeds: take 5"),
        ({}, {"noise": None}, "repeat has no noise arm"),
        ({}, {"claims": [Claim("x", lambda r: True)]}, "repeat compares nothing"),
        ({"selected_by": "report"}, {}, "report a value of the other half"),
        ({}, None, "nothing repeats its winners"),
    ],
)
def test_an_unfair_sweep_is_caught(change, repeat, problem):
    repeated = None if repeat is None else replace(REPEAT, **repeat)
    assert any(re.search(problem, each) for each in unfair(replace(SWEEP, **change), repeated))


def test_the_winner_of_a_side_is_its_lowest_and_one_at_the_edge_is_named(tmp_path):
    record = run(SWEEP, tmp_path)
    assert winner(record, SWEEP, "ternary") == {"side": "ternary", "lr": 2}
    assert winner(record, SWEEP, "twin") == {"side": "twin", "lr": 3}
    assert at_edge(record, SWEEP, "ternary") == []
    assert at_edge(record, SWEEP, "twin") == ["lr"]


def test_a_side_that_is_not_declared_has_no_winner(tmp_path):
    with pytest.raises(TernaryError, match="expected 'table' among them"):
        winner(Record("sweep", {}, []), SWEEP, "table")


def test_the_claim_about_the_lowest_rate_fails_where_the_lowest_wins(tmp_path):
    record = run(SWEEP, tmp_path)
    claim = lowest_rate_loses("no side has its best rate at the lowest", SWEEP.sides)
    assert claim.holds(record)
    above = [trial for trial in record.trials if trial["settings"]["lr"] >= 2]
    assert not claim.holds(replace(record, trials=above))


def test_the_claim_about_a_rate_too_low_fails_where_it_is_lower(tmp_path):
    record = run(SWEEP, tmp_path)
    found = [too_low_is_worse(*rates).holds(record) for rates in ((1, 2), (2, 1))]
    assert found == [True, False]
