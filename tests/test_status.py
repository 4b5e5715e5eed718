"""The command `experiment`: what it prints, what is complete, and how a budget is spent."""

import json
import os
import re
import time
from dataclasses import replace

import pytest
import toy
from toy_runs import Serial, interrupted, tried

from ternary import TernaryError, cli, experiments
from ternary.experiments import Claim, load_record, run_experiment
from ternary.experiments.executors import make_workers
from ternary.experiments.experiment import key_of
from ternary.experiments.kept import Kept
from ternary.experiments.status import Status, most_needed, status_of, table
from ternary.experiments.workers import Workers
from ternary.team import _openblas

TOY = toy.EXPERIMENT


@pytest.fixture
def run(monkeypatch, folder, capsys):
    """The command line in this process, with the experiments given: its status and what it says."""

    def command(*arguments, known=(TOY,)):
        found = {experiment.name: experiment for experiment in known}
        monkeypatch.setattr(experiments, "all_experiments", lambda: found)
        monkeypatch.setattr(
            "ternary.experiments.command.make_workers", lambda *_: Workers(Serial())
        )
        status = cli.main(["experiment", *arguments, "--folder", str(folder)])
        out, err = capsys.readouterr()
        return status, out + err

    return command


def with_seconds(folder, seconds, name="toy"):
    """Let all trials that are kept have taken so long."""
    for path in folder.glob(f"{name}.*"):
        path.write_text(re.sub(r'"seconds": [\d.]+', f'"seconds": {seconds}', path.read_text()))


# --- One experiment ---------------------------------------------------------------------------


def test_command_writes_a_record_and_tells_the_prediction_first(run, folder):
    status, said = run("toy")
    assert status == 0
    assert len(load_record("toy", folder).trials) == 12
    assert said.startswith("question: Which learning rate is best?\nprediction: The smallest.\n")
    assert "{'lr': 3}: bpb 1.1429 ± 0.1429" in said
    assert said.endswith(f"the record is in {folder / 'toy.json'}\n")


def test_command_says_how_many_trials_it_kept(run, folder):
    interrupted(folder, 5)
    assert "\n5 of 12 trials are kept, 7 are run\n" in run("toy")[1]
    assert "\nall 12 trials are kept, none is run; --redo runs them anew\n" in run("toy")[1]
    assert "kept" not in run("toy", "--redo")[1]


def test_command_says_that_a_later_prediction_does_not_count(run, folder):
    interrupted(folder, 5)
    later = replace(TOY, prediction="What we saw.")
    assert "the record keeps the one that stood before" in run("toy", known=[later])[1]


def test_command_fails_when_a_claim_fails(run):
    wrong = replace(TOY, claims=[Claim("zero is one", lambda record: False)])
    status, said = run("toy", known=[wrong])
    assert status == 1
    assert said.endswith("FAIL  zero is one\n")


def test_a_quick_run_is_kept_only_in_a_folder_that_was_named(run, folder, monkeypatch):
    run("toy", "--quick")
    assert [path.name for path in folder.iterdir()] == ["toy.quick.json"]
    assert load_record("toy", folder, quick=True).about["quick"] is True
    with pytest.raises(TernaryError, match="no record 'toy'"):
        load_record("toy", folder)
    (folder / "toy.quick.json").unlink()
    monkeypatch.setattr("ternary.experiments.command.default_folder", lambda: folder)
    assert cli.main(["experiment", "toy", "--quick"]) == 0
    assert not list(folder.iterdir())


def test_several_names_run_one_after_another(run, folder):
    other = replace(TOY, name="other")
    assert run("toy", "other", "toy", known=[TOY, other])[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["other.json", "toy.json"]


def test_new_records_go_beside_us_where_there_is_no_repository(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ternary.experiments.record.PACKAGE", tmp_path / "lib" / "ternary")
    run("--list")
    assert not (tmp_path / "ternary-records").exists()
    assert cli.main(["experiment", "toy"]) == 0
    assert [path.name for path in (tmp_path / "ternary-records").iterdir()] == ["toy.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "there is no experiment 'nothing'; expected one of toy"),
        (["toy", "nothing"], "there is no experiment 'nothing'"),
        (["toy", "--folder", "missing"], "there is no folder missing"),
        (["toy", "--executor", "slurm"], "no executor 'slurm'; expected process, threads, mpi, or"),
        (["toy", "--executor", "dask"], "no executor 'dask'; expected process, threads, mpi, or"),
        (["toy", "--executor", "mpi"], "has to be started so: mpiexec -n 3 python -m mpi4py.fut"),
        (["toy", "--jobs", "0"], "--jobs is 0; expected 1 or more"),
        (["toy", "--minutes", "0"], "--minutes is 0.0; expected a positive number"),
        (["--all", "--minutes", "nan"], "--minutes is nan; expected a positive number"),
        (["--all", "toy"], "--all takes no names"),
        (["--all", "--quick"], "--all takes no names"),
    ],
)
def test_wrong_input_ends_with_two_and_one_message(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(experiments, "all_experiments", lambda: {"toy": TOY})
    monkeypatch.setattr("ternary.experiments.executors.find_spec", lambda name: True)
    assert cli.main(["experiment", *arguments]) == 2
    assert re.fullmatch(f"ternary: error: .*{re.escape(message)}.*\n", capsys.readouterr().err)


def test_an_executor_whose_library_is_missing_says_what_to_install(monkeypatch):
    monkeypatch.setattr("ternary.experiments.executors.find_spec", lambda name: None)
    with pytest.raises(TernaryError, match="mpi4py is not installed; install it with pip"):
        make_workers("mpi")
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(TernaryError, match="Dask is not installed; install it with pip"):
        make_workers("dask=tcp://localhost:1")


# --- What there is ----------------------------------------------------------------------------


def state(folder, experiment=TOY):
    status = status_of(experiment, folder)
    return status.state, status.done, status.failed


def test_status_follows_an_experiment_from_its_first_trial_to_other_code(folder, monkeypatch):
    assert state(folder) == ("missing", 0, 0)
    monkeypatch.setenv("TOY_FAIL", "1")
    interrupted(folder, 5)
    assert state(folder) == ("partial", 2, 3)
    monkeypatch.setenv("TOY_FAIL", "")
    run_experiment(TOY, Serial(), folder=folder)
    assert state(folder) == ("complete", 12, 0)
    assert state(folder, replace(TOY, claims=(), prediction="Other.")) == ("complete", 12, 0)
    assert state(folder, replace(TOY, seeds=(0, 1, 2, 3))) == ("partial", 12, 0)
    interrupted(folder, 1, redo=True)
    assert state(folder) == ("partial", 1, 0)
    run_experiment(TOY, Serial(), folder=folder)
    other = replace(TOY, measure=other_code)
    assert state(folder, other) == ("stale", 0, 0)


def other_code(settings, seed, quick):
    return {"bpb": 0.0}


def test_old_records_are_stale_and_say_why(folder):
    record = run_experiment(TOY, Serial(), folder=folder)
    for trial in record.trials:
        del trial["fingerprint"]
    record.write(folder)
    assert status_of(TOY, folder).state == "stale"
    assert status_of(TOY, folder).why == "made before fingerprints were kept"


def test_a_damaged_file_does_not_hide_the_other_experiments(folder, run):
    (folder / "toy.json").write_text("{")
    status, said = run("--check", known=[TOY, replace(TOY, name="other")])
    assert status == 1
    assert "toy.json is no record" in said
    assert "\nother  missing" in said


def test_the_minutes_that_are_missing_are_those_of_the_same_settings_or_the_mean(folder):
    interrupted(folder, 4)  # three seeds of the first rate, one of the second
    path = folder / "toy.partial.jsonl"
    head, *lines = path.read_text().splitlines()
    trials = [json.loads(line) for line in lines]
    for trial, seconds in zip(trials, (10, 20, 30, 60), strict=True):
        trial["seconds"] = seconds
    path.write_text("\n".join([head, *map(json.dumps, trials)]) + "\n")
    kept = Kept.look(TOY, folder)
    assert kept.seconds(({"lr": 1}, 9)) == 20
    assert kept.seconds(({"lr": 2}, 9)) == 60
    assert kept.seconds(({"lr": 3}, 9)) == 30
    status = status_of(TOY, folder)
    assert status.seconds == 2 * 60 + 6 * 30
    assert (status.minutes(1), status.minutes(4)) == (5, 1.25)
    assert replace(status, experiment=replace(TOY, timed=True)).minutes(4) == 5
    assert status_of(replace(TOY, name="unknown"), folder).minutes(1) is None


def test_status_prints_a_line_for_each_and_one_for_all(folder, run):
    interrupted(folder, 5)
    with_seconds(folder, 60)
    complete, unknown = replace(TOY, name="complete"), replace(TOY, name="unknown")
    run("complete", known=[complete])
    status, said = run("--status", "--jobs", "2", known=[complete, TOY, unknown])
    assert status == 0
    first, *lines, last = said.splitlines()
    assert first == f"records in {folder}"
    assert re.fullmatch(r"complete  complete  12 of 12 trials +\d{4}-\d\d-\d\d *", lines[0])
    assert re.fullmatch(r"toy +partial +5 of 12 trials +- +3.5 minutes missing", lines[1])
    assert re.fullmatch(r"unknown +missing +0 of 12 trials +- +minutes unknown", lines[2])
    assert last == (
        "1 of 3 records are complete; 3.5 minutes missing with 2 trials at a time, "
        "and what is unknown of 1"
    )


def test_check_ends_with_one_and_names_what_is_not_complete(folder, run):
    complete = replace(TOY, name="complete")
    run("complete", known=[complete])
    status, said = run("--check", known=[complete, TOY])
    assert status == 1
    assert [line.split()[0] for line in said.splitlines()[1:-1]] == ["toy"]
    status, said = run("--check", known=[complete])
    assert status == 0
    assert said == f"records in {folder}\nall are complete\n"


# --- A budget ---------------------------------------------------------------------------------


def test_what_is_needed_most_comes_first():
    def named(name, state, seconds, **changes):
        return Status(replace(TOY, name=name, **changes), state, seconds=seconds)

    statuses = [
        named("stale-repeat", "stale", 10),
        named("done", "complete", 0),
        named("stale-sweep", "stale", 90, repeated_by="stale-repeat"),
        named("stale-cheap", "stale", 20),
        named("missing-unknown", "missing", None),
        named("missing-long", "missing", 500),
        named("missing-short", "missing", 50),
        named("partial", "partial", 1000),
    ]
    assert [status.experiment.name for status in most_needed(statuses, 2)] == [
        "partial",
        "missing-short",
        "missing-long",
        "missing-unknown",
        "stale-cheap",
        "stale-sweep",
        "stale-repeat",
    ]
    assert len(table(statuses, 2)) == 9


def test_all_runs_whatever_is_missing_and_ends_with_the_status(folder, run, log):
    known = [TOY, replace(TOY, name="other"), replace(TOY, name="complete")]
    run("complete", known=known)
    interrupted(folder, 5)
    status, said = run("--all", "--minutes", "1", known=known)
    assert status == 0
    assert len(tried(log)) == 36
    assert said.splitlines()[-1].startswith("3 of 3 records are complete")


def test_within_a_budget_no_trial_starts_that_is_expected_to_end_later(folder, run, log):
    interrupted(folder, 4)
    path = folder / "toy.partial.jsonl"
    path.write_text(re.sub(r'("lr": 1.*"seconds": )[\d.]+', r"\g<1>100000", path.read_text()))
    seconds = Kept.look(TOY, folder).seconds
    assert seconds(({"lr": 2}, 2)) < 1
    assert seconds(({"lr": 3}, 0)) > 60 * 60
    status, said = run("toy", "--minutes", "1")
    assert status == 0
    assert "toy: 6 of 12 trials are kept, 6 are left\ngo on with: python -m" in said
    assert tried(log) == ["1"] * 3 + ["2"] * 3
    assert key_of({"lr": 2}, 2) in Kept.look(TOY, folder).trials


def test_a_trial_that_fails_makes_all_end_with_one(folder, run, monkeypatch):
    monkeypatch.setenv("TOY_FAIL", "2")
    status, said = run("--all")
    assert status == 1
    assert "3 failed" in said
    assert re.search(r"\ntoy +partial +9 of 12 trials, 3 failed", said)


def blas_threads():
    return _openblas().scipy_openblas_get_num_threads64_()


def test_trials_in_threads_have_one_blas_thread_and_give_the_others_back():
    blas = _openblas()
    if blas is None:  # another BLAS: nothing is changed, so nothing is to be given back
        return
    before = blas_threads()
    blas.scipy_openblas_set_num_threads64_(2)
    try:
        with make_workers("threads", 2) as workers:
            run_experiment(replace(TOY, measure=count_blas_threads), workers)
            assert blas_threads() == 1
        assert blas_threads() == 2
    finally:
        blas.scipy_openblas_set_num_threads64_(before)


def count_blas_threads(settings, seed, quick):
    time.sleep(0.01 * seed)
    if blas_threads() != 1:
        raise ValueError("another trial has ended, and taken the setting with it")
    return {"bpb": settings["lr"]}


def test_the_variables_of_blas_are_left_alone_where_the_user_has_set_them(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    with make_workers("process", 1):
        assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
