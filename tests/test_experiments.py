"""Experiments: what each must state, what its record must hold, and how they are run."""

import ast
import doctest
import json
import re
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from book_rules import Page

from ternary import TernaryError, cli
from ternary.experiments import (
    Claim,
    Experiment,
    Record,
    all_experiments,
    failed_claims,
    find_experiment,
    load_record,
    run_experiment,
)
from ternary.experiments.experiment import RESULTS

BOOK = RESULTS.parent
EXPERIMENTS = all_experiments()
RECORDS = sorted(RESULTS.glob("*.json"))
PAGES = sorted(BOOK.glob("[0-9][0-9]-*.md"))
MEASURED = re.compile(r"\d+\.\d+ ± \d+\.\d+")

each_experiment = pytest.mark.parametrize("name", EXPERIMENTS)
each_record = pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)


def plain(settings):
    """Settings as they come back from a file."""
    return json.loads(json.dumps(settings))


# --- What the book reports --------------------------------------------------------------------


@each_experiment
def test_experiment_says_what_it_asks_expects_and_does(name):
    experiment = EXPERIMENTS[name]
    assert experiment.name == name
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)
    assert experiment.question.endswith("?")
    for text in (experiment.prediction, experiment.protocol):
        assert len(text.split()) >= 10, "say it in a sentence or more"
    if experiment.repeated_by:
        assert not set(experiment.seeds) & set(EXPERIMENTS[experiment.repeated_by].seeds)
    else:
        assert len(set(experiment.seeds)) >= 3
    assert experiment.claims
    assert experiment.quick_claims


@each_experiment
def test_trials_differ(name):
    for quick in (False, True):
        trials = EXPERIMENTS[name].trials(quick)
        assert trials
        assert all(trials.count(settings) == 1 for settings in trials)


@each_experiment
def test_experiment_has_a_committed_record(name):
    assert (RESULTS / f"{name}.json").exists(), f"run python -m ternary experiment {name}"


@each_record
def test_record_is_that_of_its_experiment(path):
    assert path.stem in EXPERIMENTS, "no module defines this experiment"
    assert problems_of(load_record(path.stem), EXPERIMENTS[path.stem]) == []


@each_record
def test_record_says_where_it_was_made(path):
    about = load_record(path.stem).about
    assert {"ternary", "numpy", "python"} <= set(about["versions"])
    assert about["processor"]
    assert about["seconds"] > 0


def problems_of(record, experiment):
    """What makes a record not the one that the experiment, as it stands, would leave."""
    about, plan = record.about, experiment.trials(False)
    planned = [(plain(settings), seed) for settings in plan for seed in experiment.seeds]
    found = [(trial["settings"], trial["seed"]) for trial in record.trials]
    problems = [f"no trial {each}" for each in planned if each not in found]
    problems += [f"a trial that is not planned: {each}" for each in found if each not in planned]
    if not problems and found != planned:
        problems.append("the trials are not in the planned order")
    if len({frozenset(trial["values"]) for trial in record.trials}) > 1:
        problems.append("some trials have values that others lack")
    stated = {
        "experiment": experiment.name,
        "question": experiment.question,
        "prediction": experiment.prediction,  # who edits it after the run has to run again
        "protocol": experiment.protocol,
        "quick": False,
        "seeds": list(experiment.seeds),
    }
    problems += [f"another {key} than the module's" for key in stated if about[key] != stated[key]]
    if not problems:
        problems += [f"it does not bear out: {c}" for c in failed_claims(experiment, record, False)]
    return problems


@each_experiment
def test_a_page_reports_the_experiment_and_its_command(name):
    command = re.compile(rf"python -m ternary experiment {re.escape(name)}(?![\w-])")
    assert any(command.search(page.read_text("utf-8")) for page in PAGES), (
        f"no chapter says: python -m ternary experiment {name}"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_commands_on_the_pages_name_experiments(page):
    named = re.findall(r"python -m ternary experiment ([a-z][\w-]*)", page.read_text("utf-8"))
    loaded = re.findall(r"load_record\(\"([^\"]+)\"", page.read_text("utf-8"))
    assert set(named + loaded) <= set(EXPERIMENTS)


# --- A number on a page is the number of the record -------------------------------------------


def what_leads_to(target, examples):
    """The examples before `target` that make the names it uses, and `target`: no others run."""
    chosen, needed = [target], wanted_by(target)
    for example in reversed(examples[: examples.index(target)]):
        if names(example, ast.Store) & needed:
            chosen.insert(0, example)
            needed |= wanted_by(example)
    return chosen


def wanted_by(example):
    """The names that an example reads and does not bind itself, as the variable of a loop."""
    own = names(example, ast.Store)
    own |= {node.arg for node in ast.walk(ast.parse(example.source)) if isinstance(node, ast.arg)}
    return names(example, ast.Load) - own


def names(example, context):
    """The names that an example reads, or those that it binds."""
    found = set()
    for node in ast.walk(ast.parse(example.source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, context):
            found.add(node.id)
        elif context is ast.Store and isinstance(node, ast.alias):
            found.add(node.asname or node.name.split(".")[0])
        elif context is ast.Store and isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
    return found


def failures_of(page, examples):
    test = doctest.DocTest(examples, {}, page, page, 0, "")
    return doctest.DocTestRunner(verbose=False).run(test, out=lambda text: None).failed


def examples_with_records():
    """For each page that prints a mean and spread: the shortest way to such an example."""
    for path in PAGES:
        text = "\n".join(block.text for block in Page(path.read_text("utf-8")).examples)
        examples = doctest.DocTestParser().get_examples(text)
        shown = [what_leads_to(e, examples) for e in examples if MEASURED.search(e.want)]
        if shown:
            yield pytest.param(min(shown, key=len), id=path.stem)


@pytest.mark.skipif(not RECORDS, reason="no record has been committed")
@pytest.mark.parametrize("examples", list(examples_with_records()))
def test_a_page_with_another_number_than_the_record_fails(examples):
    assert failures_of("page", examples) == 0
    examples[-1].want = MEASURED.sub(last_digit_changed, examples[-1].want, count=1)
    assert failures_of("tampered page", examples) == 1


def last_digit_changed(match):
    return match[0][:-1] + str((int(match[0][-1]) + 1) % 10)


# --- How experiments are run ------------------------------------------------------------------


def toy_trials(quick):
    return [{"lr": lr} for lr in ((1, 2) if quick else (1, 2, 3))]


def toy_measure(settings, seed, quick):
    """Early trials finish last."""
    time.sleep(0.004 * (3 - settings["lr"]))
    return {"bpb": settings["lr"] + seed / 10, "curve": [seed, settings["lr"]]}


TOY = Experiment(
    name="toy",
    question="Which learning rate is best?",
    prediction="The smallest.",
    protocol="None.",
    trials=toy_trials,
    measure=toy_measure,
    claims=[Claim("three is worse than two", lambda r: r.mean("bpb", lr=3) > r.mean("bpb", lr=2))],
    quick_claims=[
        Claim("two is worse than one", lambda r: r.mean("bpb", lr=2) > r.mean("bpb", lr=1)),
        Claim("two is better than one", lambda r: r.mean("bpb", lr=2) < r.mean("bpb", lr=1)),
    ],
)


class Serial(Executor):
    """The least that an executor can be: it runs a call when it gets it."""

    def __init__(self, *args, **kwargs):
        pass

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def without_seconds(trials):
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in trials]


@pytest.fixture(scope="module")
def record():
    return run_experiment(TOY, Serial())


def test_any_executor_gives_the_same_record(record):
    with ThreadPoolExecutor(9) as threads:
        parallel = run_experiment(TOY, threads)
    assert without_seconds(parallel.trials) == without_seconds(record.trials)
    timing = {"seconds"}
    assert {k: parallel.about[k] for k in parallel.about.keys() - timing} == {
        k: record.about[k] for k in record.about.keys() - timing
    }


def test_trials_stand_in_the_planned_order(record):
    planned = [(settings, seed) for settings in toy_trials(False) for seed in TOY.seeds]
    assert [(trial["settings"], trial["seed"]) for trial in record.trials] == planned
    assert record.settings == toy_trials(False)


def test_quick_runs_the_small_set_and_says_so():
    quick = run_experiment(TOY, Serial(), quick=True)
    assert len(quick.trials) == 2 * len(TOY.seeds)
    assert quick.about["quick"] is True


def test_progress_counts_every_trial():
    seen = []
    run_experiment(TOY, Serial(), after_trial=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 9) for n in range(1, 10)]


def test_an_error_in_a_trial_reaches_the_caller():
    def measure(settings, seed, quick):
        raise TernaryError("the loss is NaN")

    with pytest.raises(TernaryError, match="the loss is NaN"):
        run_experiment(replace(TOY, measure=measure), Serial())


def test_fewer_than_three_seeds_are_refused():
    with pytest.raises(TernaryError, match="three or more"):
        replace(TOY, seeds=(0, 1, 1))


def test_failed_claims_are_told_and_the_others_are_not(record):
    assert list(failed_claims(TOY, record, quick=False)) == []
    assert list(failed_claims(TOY, record, quick=True)) == ["two is better than one"]


def test_a_record_as_run_has_no_problems(record):
    assert problems_of(record, TOY) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"prediction": "The largest."}, "another prediction than the module's"),
        ({"protocol": "Another."}, "another protocol than the module's"),
        ({"question": "Why?"}, "another question than the module's"),
        ({"seeds": (1, 2, 3)}, "no trial ({'lr': 1}, 3)"),
        ({"seeds": (0, 1, 2, 3)}, "no trial ({'lr': 1}, 3)"),
        ({"seeds": (2, 1, 0)}, "the trials are not in the planned order"),
        ({"trials": lambda quick: [{"lr": 1}]}, "a trial that is not planned: ({'lr': 2}, 0)"),
        ({"claims": [Claim("zero is one", lambda r: False)]}, "it does not bear out: zero is one"),
    ],
)
def test_an_experiment_that_changes_after_its_run_is_caught(record, change, problem):
    assert problem in problems_of(record, replace(TOY, **change))


def test_a_quick_record_is_caught(record):
    quick = Record("toy", record.about | {"quick": True}, record.trials)
    assert problems_of(quick, TOY) == ["another quick than the module's"]


def test_a_value_changed_by_hand_is_caught_where_a_claim_looks(record):
    trials = json.loads(json.dumps(record.trials))
    trials[3]["values"]["bpb"] = 9.0
    assert problems_of(Record("toy", record.about, trials), TOY) == [
        "it does not bear out: three is worse than two"
    ]


# --- Records ----------------------------------------------------------------------------------


def test_record_gives_values_means_spreads_and_curves(record):
    assert record.values("bpb", lr=2) == pytest.approx([2.0, 2.1, 2.2])
    assert record.mean("bpb", lr=2) == pytest.approx(2.1)
    assert record.spread("bpb", lr=2) == pytest.approx(0.1)  # n - 1 in the denominator
    assert record.show("bpb", lr=2) == "2.100 ± 0.100"
    assert record.show("bpb", 1, lr=2) == "2.1 ± 0.1"
    assert record.curve("curve", lr=2) == [1.0, 2.0]


def test_record_without_such_trials_says_so(record):
    with pytest.raises(TernaryError, match=r"toy has no trial with \{'lr': 4\}"):
        record.mean("bpb", lr=4)


def test_record_comes_back_from_its_file(record, tmp_path):
    path = record.write(tmp_path)
    assert path == tmp_path / "toy.json"
    assert load_record("toy", tmp_path) == record
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_record(record, tmp_path, monkeypatch):
    record.write(tmp_path)
    write_text = Path.write_text

    def full_disk(path, text, **kwargs):
        write_text(path, text[: len(text) // 2], **kwargs)
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError, match="no space"):
        Record("toy", record.about, record.trials[:3]).write(tmp_path)
    assert load_record("toy", tmp_path) == record


def test_a_missing_record_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(TernaryError, match="run python -m ternary experiment toy"):
        load_record("toy", tmp_path)


# --- The command ------------------------------------------------------------------------------


def test_list_shows_every_experiment_with_its_question():
    command = [sys.executable, "-m", "ternary", "experiment", "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=BOOK.parent)
    lines = listed.stdout.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        [name, experiment.question] for name, experiment in EXPERIMENTS.items()
    ]


def test_an_unknown_name_is_wrong_input_and_lists_the_known(capsys):
    assert cli.main(["experiment", "nothing"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "there is no experiment 'nothing'" in captured.err
    assert all(name in captured.err for name in EXPERIMENTS)


@pytest.fixture
def toy_command(monkeypatch):
    """The command line with a single experiment, run in this process."""
    from ternary import experiments

    monkeypatch.setattr(cli, "ProcessPoolExecutor", Serial)
    monkeypatch.setattr(experiments, "all_experiments", lambda: {"toy": TOY})
    assert find_experiment("toy") is TOY


def test_command_writes_a_record_and_tells_the_prediction_first(toy_command, tmp_path, capsys):
    assert cli.main(["experiment", "toy", "--folder", str(tmp_path)]) == 0
    assert len(load_record("toy", tmp_path).trials) == 9
    out = capsys.readouterr().out
    assert out.startswith("question: Which learning rate is best?\nprediction: The smallest.\n")
    assert "{'lr': 3}: bpb 3.1000 ± 0.1000" in out


def test_command_fails_when_a_claim_fails(toy_command, tmp_path, capsys):
    assert cli.main(["experiment", "toy", "--quick", "--folder", str(tmp_path)]) == 1
    assert "FAIL  two is better than one" in capsys.readouterr().out
    assert not list(tmp_path.iterdir()), "a quick run writes no record"


def test_command_refuses_a_missing_folder_before_it_runs(toy_command, tmp_path, capsys):
    assert cli.main(["experiment", "toy", "--folder", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err
