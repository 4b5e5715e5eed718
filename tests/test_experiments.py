"""Experiments: what each must state, and what its record must hold."""

import ast
import doctest
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import toy
from book_rules import Page

from ternary import TernaryError, cli
from ternary.experiments import (
    Claim,
    Record,
    all_experiments,
    failed_claims,
    load_record,
    run_experiment,
)
from ternary.experiments.record import RECORDS, default_folder

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
TOY = toy.EXPERIMENT
EXPERIMENTS = all_experiments()
FILES = sorted(RECORDS.glob("*.json"))
PAGES = [*sorted(BOOK.glob("[0-9][0-9]-*.md")), BOOK / "muon.md", BOOK / "from-trained.md"]
MEASURED = re.compile(r"\d+\.\d+ ± \d+\.\d+")

each_experiment = pytest.mark.parametrize("name", EXPERIMENTS)
each_record = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


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
    assert (RECORDS / f"{name}.json").exists(), f"run python -m ternary experiment {name}"


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
    about, planned = record.about, experiment.plan(False)
    found = [(trial["settings"], trial["seed"]) for trial in record.trials]
    problems = [f"no trial {each}" for each in planned if each not in found]
    problems += [f"a trial that is not planned: {each}" for each in found if each not in planned]
    if not problems and found != planned:
        problems.append("the trials are not in the planned order")
    values = {(repr(trial["settings"]), frozenset(trial["values"])) for trial in record.trials}
    if len(values) > len({settings for settings, _ in values}):
        problems.append("some trials of an arm have values that others lack")
    stated = {
        "experiment": experiment.name,
        "question": experiment.question,
        "prediction": experiment.prediction,  # who edits it after the run has to run again
        "protocol": experiment.protocol,
        "quick": False,
        "seeds": list(experiment.seeds),
        "noise": json.loads(json.dumps(experiment.noise)),
    }
    problems += [
        f"another {key} than the module's" for key in stated if about.get(key) != stated[key]
    ]
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


@pytest.mark.parametrize("examples", list(examples_with_records()))
def test_a_page_with_another_number_than_the_record_fails(examples):
    assert failures_of("page", examples) == 0
    examples[-1].want = MEASURED.sub(last_digit_changed, examples[-1].want, count=1)
    assert failures_of("tampered page", examples) == 1


def last_digit_changed(match):
    return match[0][:-1] + str((int(match[0][-1]) + 1) % 10)


# --- A record and its experiment ----------------------------------------------------------------


@pytest.fixture(scope="module")
def record():
    with ThreadPoolExecutor(2) as threads:
        return run_experiment(TOY, threads)


def test_fewer_than_three_seeds_are_refused():
    with pytest.raises(TernaryError, match="three or more"):
        replace(TOY, seeds=(0, 1, 1))


def test_failed_claims_are_told_and_the_others_are_not(record):
    better = Claim("two is better than one", lambda r: r.mean("bpb", lr=2) < r.mean("bpb", lr=1))
    both = replace(TOY, quick_claims=[*TOY.quick_claims, better])
    assert list(failed_claims(both, record, quick=False)) == []
    assert list(failed_claims(both, record, quick=True)) == ["two is better than one"]


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
        ({"noise": ({"lr": 1}, {"lr": 2})}, "another noise than the module's"),
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
    trials[3]["values"]["bpb"] = 9.0  # of rate 2
    assert problems_of(Record("toy", record.about, trials), TOY) == [
        "it does not bear out: three is worse than two"
    ]


# --- Records ----------------------------------------------------------------------------------


def test_record_gives_values_means_spreads_and_curves(record):
    assert record.values("bpb", lr=2) == pytest.approx([2 / 3, 2 / 3 + 1 / 7, 2 / 3 + 2 / 7])
    assert record.mean("bpb", lr=2) == pytest.approx(2 / 3 + 1 / 7)
    assert record.spread("bpb", lr=2) == pytest.approx(1 / 7)  # n - 1 in the denominator
    assert record.show("bpb", lr=2) == "0.810 ± 0.143"
    assert record.show("bpb", 1, lr=2) == "0.8 ± 0.1"
    assert record.curve("curve", lr=2)[:2] == pytest.approx([1 / 3, 2 / 7])


def test_record_without_such_trials_says_so(record):
    with pytest.raises(TernaryError, match=r"toy has no trial with \{'lr': 5\}"):
        record.mean("bpb", lr=5)


def test_record_comes_back_from_its_file(record, tmp_path):
    path = record.write(tmp_path)
    assert path == tmp_path / "toy.json"
    assert load_record("toy", tmp_path) == record
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_record(record, tmp_path, monkeypatch):
    record.write(tmp_path)

    def full_disk(file):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        Record("toy", record.about, record.trials[:3]).write(tmp_path)
    assert load_record("toy", tmp_path) == record
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_record_names_those_there_and_the_command_that_makes_it(record, tmp_path):
    with pytest.raises(TernaryError, match=r"where there is none.*experiment toy --folder"):
        load_record("toy", tmp_path)
    record.write(tmp_path)
    with pytest.raises(TernaryError, match=r"are: toy\. .* minutes .*load_record\('epsilon'\)"):
        load_record("epsilon", tmp_path)
    with pytest.raises(TernaryError, match=r"attention-ablation, .*epsilon.*experiment nothing$"):
        load_record("nothing")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"trials": ['])
def test_a_damaged_record_is_named(tmp_path, content):
    (tmp_path / "toy.json").write_text(content)
    with pytest.raises(TernaryError, match=r"toy\.json is no record .*--redo"):
        load_record("toy", tmp_path)


def test_an_installed_package_brings_its_records_and_writes_new_ones_elsewhere(tmp_path):
    """As after pip install: the package without the repository around it."""
    shutil.copytree(RECORDS.parents[1], tmp_path / "ternary", ignore=lambda *_: ["__pycache__"])
    program = (
        "from ternary.experiments import load_record\n"
        "from ternary.experiments.record import default_folder\n"
        "print(len(load_record('epsilon').trials), default_folder())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    n_trials = len(load_record("epsilon").trials)
    assert done.stdout == f"{n_trials} ternary-records\n", done.stderr
    assert default_folder() == RECORDS


def test_the_package_declares_its_records():
    """What setuptools would leave out, load_record would not find."""
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "records/*.json" in setup["package-data"]["ternary.experiments"]


# --- The command ------------------------------------------------------------------------------


def test_list_shows_every_experiment_with_its_question():
    command = [sys.executable, "-m", "ternary", "experiment", "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
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
