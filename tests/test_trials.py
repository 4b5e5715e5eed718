"""Trials of an experiment: each is kept as soon as it is done, whatever happens to the run."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import toy
from toy_runs import Dying, Serial, interrupted, tried, values

from ternary import TernaryError
from ternary.experiments import UnfinishedError, load_record, run_experiment
from ternary.experiments.executors import make_workers
from ternary.experiments.kept import Kept
from ternary.experiments.partial import Partial, partial_path
from ternary.experiments.workers import Workers

TOY = toy.EXPERIMENT
PARTIAL = "toy.partial.jsonl"
ROOT = Path(__file__).resolve().parents[1]
KILLS = int(os.environ.get("KILLS", "10"))


@pytest.fixture(scope="module")
def whole():
    """The record of a run that nothing happened to."""
    return run_experiment(TOY, Serial())


# --- Executors and the order of things --------------------------------------------------------


def test_any_executor_gives_the_same_record(whole):
    with ThreadPoolExecutor(9) as threads:
        parallel = run_experiment(TOY, threads)
    assert values(parallel) == values(whole)


def test_trials_stand_in_the_planned_order(folder, whole):
    run_experiment(replace(TOY, trials=lambda quick: [{"lr": 3}]), Serial(), folder=folder)
    record = run_experiment(TOY, Serial(), folder=folder)
    planned = [(settings, seed) for settings in toy.trials(False) for seed in TOY.seeds]
    assert [(trial["settings"], trial["seed"]) for trial in record.trials] == planned
    assert values(record) == values(whole)


def test_quick_runs_the_small_set_and_says_so():
    quick = run_experiment(TOY, Serial(), quick=True)
    assert len(quick.trials) == 2 * len(TOY.seeds)
    assert quick.about["quick"] is True


def test_progress_counts_every_trial():
    seen = []
    run_experiment(TOY, Serial(), after_trial=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 12) for n in range(1, 13)]


def test_a_trial_says_where_when_and_with_what_it_was_made(whole):
    trial = whole.trials[0]
    assert trial["where"]["pid"] == os.getpid()
    assert {"host", "processor", "executor"} <= set(trial["where"])
    assert set(trial["versions"]) == {"ternary", "numpy", "python"}
    assert trial["fingerprint"] == whole.about["fingerprint"]
    assert trial["finished"][:10] == whole.about["date"]


class Counting(ThreadPoolExecutor):
    """Counts how many trials are under way at once, at most."""

    under_way = most = 0

    def submit(self, *args, **kwargs):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        future = super().submit(*args, **kwargs)
        future.add_done_callback(self._end)
        return future

    def _end(self, future):
        self.under_way -= 1


@pytest.mark.parametrize("timed", [True, False])
def test_trials_that_measure_time_run_one_after_another(timed, monkeypatch):
    monkeypatch.setenv("TOY_SECONDS", "0.05")
    with Counting(12) as threads:
        run_experiment(replace(TOY, timed=timed), threads)
    assert (threads.most == 1) is timed


# --- Going on ---------------------------------------------------------------------------------


def test_a_run_goes_on_where_it_was(folder, whole, log):
    interrupted(folder, 5)
    assert len(Partial.read(folder / PARTIAL).trials) == 5
    assert values(run_experiment(TOY, Serial(), folder=folder)) == values(whole)
    assert len(tried(log)) == 12
    assert [path.name for path in folder.iterdir()] == ["toy.json"]


def test_a_complete_record_is_not_run_again(folder, log):
    record = run_experiment(TOY, Serial(), folder=folder)
    before = (folder / "toy.json").read_bytes()
    assert run_experiment(TOY, Serial(), folder=folder) == record
    assert (folder / "toy.json").read_bytes() == before
    assert len(tried(log)) == 12


def test_more_seeds_cost_no_trial_that_is_there(folder, log):
    run_experiment(TOY, Serial(), folder=folder)
    more = replace(TOY, seeds=(0, 1, 2, 3))
    assert len(run_experiment(more, Serial(), folder=folder).trials) == 16
    assert len(tried(log)) == 16


def test_redo_runs_all_and_keeps_the_old_record_until_then(folder, log):
    old = run_experiment(TOY, Serial(), folder=folder)
    interrupted(folder, 3, redo=True)
    assert load_record("toy", folder) == old
    assert len(tried(log)) == 15
    run_experiment(TOY, Serial(), folder=folder)  # goes on with what was begun
    assert len(tried(log)) == 24
    assert not partial_path("toy", folder).exists()


def test_trials_of_other_code_are_run_again(folder, whole, log):
    interrupted(folder, 5)
    path = folder / PARTIAL
    path.write_text(path.read_text().replace(whole.about["fingerprint"], "0" * 16))
    assert values(run_experiment(TOY, Serial(), folder=folder)) == values(whole)
    assert len(tried(log)) == 17


def test_old_records_are_read_and_their_trials_do_not_count(folder, whole, log):
    trials = [{k: t[k] for k in ("settings", "seed", "values", "seconds")} for t in whole.trials]
    old = replace(whole, trials=trials)
    old.write(folder)
    assert load_record("toy", folder).mean("bpb", lr=1) == whole.mean("bpb", lr=1)
    assert Kept.look(TOY, folder).trials == {}
    assert "fingerprint" in run_experiment(TOY, Serial(), folder=folder).trials[0]


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"question": "Why?", "protocol": "Another."}, 5),
        ({"prediction": "The largest."}, 5),
        ({"claims": ()}, 5),
        ({"seeds": (0, 1, 3)}, 4),
        ({"trials": lambda quick: [{"lr": 2}, {"lr": 9}]}, 2),
    ],
)
def test_of_a_changed_experiment_the_trials_count_that_it_still_plans(folder, change, kept):
    interrupted(folder, 5)
    assert len(Kept.look(replace(TOY, **change), folder).trials) == kept


def test_a_prediction_that_was_changed_after_the_first_trial_does_not_reach_the_record(folder):
    interrupted(folder, 5)
    later = replace(TOY, prediction="What we saw.", question="What?")
    record = run_experiment(later, Serial(), folder=folder)
    assert record.about["prediction"] == "The smallest."
    assert record.about["question"] == "What?"
    anew = run_experiment(later, Serial(), folder=folder, redo=True)
    assert anew.about["prediction"] == "What we saw."


# --- Failures ---------------------------------------------------------------------------------


def test_a_trial_that_fails_costs_no_other_and_is_tried_again(folder, whole, log, monkeypatch):
    monkeypatch.setenv("TOY_FAIL", "2")
    with pytest.raises(UnfinishedError, match=r"9 of 12 .* 3 failed:\n.*'lr': 2.*no rate of 2"):
        run_experiment(TOY, Serial(), folder=folder)
    assert not (folder / "toy.json").exists()
    errors = [trial.get("error") for trial in Partial.read(folder / PARTIAL).trials]
    assert errors.count("ValueError: no rate of 2") == 3
    assert errors.count(None) == 9
    monkeypatch.setenv("TOY_FAIL", "")
    assert values(run_experiment(TOY, Serial(), folder=folder)) == values(whole)
    assert tried(log).count("2") == 6
    assert tried(log).count("1") == 3


def test_values_that_no_file_can_hold_are_a_failure(folder):
    experiment = replace(TOY, measure=not_a_value)
    with pytest.raises(UnfinishedError, match=r"12 failed:\n.*not JSON serializable"):
        run_experiment(experiment, Serial(), folder=folder)


def not_a_value(settings, seed, quick):
    return {"bpb": object()}


def test_workers_with_other_code_are_told_from_those_with_ours(folder):
    class Elsewhere(Serial):
        def submit(self, function, /, measure, settings, seed, quick, code, name):
            return super().submit(function, measure, settings, seed, quick, "0" * 16, name)

    with pytest.raises(UnfinishedError, match="not the code that was asked for; install the same"):
        run_experiment(TOY, Elsewhere(), folder=folder)


def test_an_executor_that_drops_its_calls_is_named(folder):
    class Gone(Executor):
        def submit(self, *args, **kwargs):
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(TernaryError, match="executor Gone has gone away"):
        run_experiment(TOY, Gone(), folder=folder)


@pytest.mark.parametrize("cut", [0, 1, 50, -1, None])
def test_a_line_that_was_cut_short_is_left_out(folder, whole, cut):
    interrupted(folder, 5)
    path = folder / PARTIAL
    *lines, last, _ = path.read_bytes().split(b"\n")
    short = last[:cut] if cut is not None else last + bytes(5000)  # of a trial with long values
    path.write_bytes(b"\n".join([*lines, short]))
    assert len(Partial.read(path).trials) == 4
    interrupted(folder, 1)
    assert len(Partial.read(path).trials) == 5
    assert path.read_bytes().endswith(b"}\n")
    assert values(run_experiment(TOY, Serial(), folder=folder)) == values(whole)


def test_a_file_whose_first_line_was_cut_short_is_none(folder, whole):
    (folder / PARTIAL).write_text('{"format": "tern')
    assert values(run_experiment(TOY, Serial(), folder=folder)) == values(whole)


@pytest.mark.parametrize(
    "garble",
    [
        lambda lines: [*lines[:3], "{", *lines[3:]],
        lambda lines: [*lines[:2], '{"seed": 1}', *lines[2:]],
        lambda lines: ["[]", *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: ['{"format": "another 2", "experiment": "toy"}', *lines[1:]],
        lambda lines: [*lines, "\x00\x00"],
    ],
)
def test_a_garbled_file_is_named_and_left_alone(folder, garble, log):
    interrupted(folder, 5)
    path = folder / PARTIAL
    path.write_text("\n".join(garble(path.read_text().splitlines())) + "\n")
    before = path.read_bytes()
    with pytest.raises(TernaryError, match=r"toy.partial.jsonl, line \d, is not .*--redo"):
        run_experiment(TOY, Serial(), folder=folder)
    assert path.read_bytes() == before
    assert len(tried(log)) == 5
    run_experiment(TOY, Serial(), folder=folder, redo=True)


def test_a_full_disk_costs_no_trial_that_is_kept(folder, whole, monkeypatch):
    write, written = os.write, []

    def full(file, data):
        if data.startswith(b'{"settings"'):
            written.append(data)
            if len(written) == 6:
                write(file, data[:40])
                raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(TernaryError, match=r"No space left.* 5 of 12 trials are kept.*go on with"):
        run_experiment(TOY, Serial(), folder=folder)
    assert (folder / PARTIAL).read_bytes().endswith(b"\n")
    assert len(Partial.read(folder / PARTIAL).trials) == 5
    assert values(run_experiment(TOY, Serial(), folder=folder)) == values(whole)


def test_a_record_that_cannot_be_written_leaves_its_trials(folder, whole, log, monkeypatch):
    fsync, calls = os.fsync, []

    def full(file):
        calls.append(file)
        if len(calls) == 15:  # a header and its folder, twelve trials, the record
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        run_experiment(TOY, Serial(), folder=folder)
    assert [path.name for path in folder.iterdir()] == [PARTIAL]
    assert values(run_experiment(TOY, Serial(), folder=folder)) == values(whole)
    assert len(tried(log)) == 12


def test_a_run_that_ends_between_the_record_and_its_trials_is_finished(folder, whole, monkeypatch):
    unlink = Path.unlink

    def die(path, missing_ok=False):
        if path.name == PARTIAL:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", die)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(TOY, Serial(), folder=folder)
    monkeypatch.undo()
    assert (folder / "toy.json").exists()
    assert values(run_experiment(TOY, Dying(0), folder=folder)) == values(whole)
    assert [path.name for path in folder.iterdir()] == ["toy.json"]


class Breaking(ThreadPoolExecutor):
    """An executor whose process dies of the trials of rate 2, and who was beside whom."""

    def __init__(self):
        super().__init__(4)
        self.running, self.died, self.beside = set(), set(), []

    def submit(self, function, /, measure, settings, seed, *args):
        trial = settings["lr"], seed
        self.beside += [trial] if self.running and self.died & {trial, *self.running} else []
        self.running.add(trial)
        return super().submit(self.call, trial, function, measure, settings, seed, *args)

    def call(self, trial, function, *args):
        time.sleep(0.01)
        try:
            if trial[0] == 2:
                self.died.add(trial)
                raise BrokenExecutor("gone")
            return function(*args)
        finally:
            self.running.discard(trial)


def test_after_its_process_died_a_trial_runs_alone(folder):
    class Restarted(Workers):
        def restart(self):
            pass

    with Breaking() as executor, pytest.raises(UnfinishedError, match="9 of 12") as raised:
        run_experiment(TOY, Restarted(executor, 4), folder=folder)
    assert {trial["settings"]["lr"] for trial in raised.value.failed} == {2}
    assert executor.beside == []


def test_the_processes_of_a_pool_never_see_the_interrupt_of_a_terminal():
    with make_workers("process", 1) as workers:
        blocked = workers.submit(signal.pthread_sigmask, signal.SIG_BLOCK, []).result()
    assert signal.SIGINT in blocked
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


# --- The command, as users start it -----------------------------------------------------------


def command(folder, *options, **environment):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-m", "toy", "experiment", "toy", "--folder", str(folder), *options],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as in a terminal
        preexec_fn=heed_interrupts,
    )


def heed_interrupts():
    """What a shell starts in the background ignores Ctrl-C, the tests too, and hands that down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for_trials(path, n):
    while not path.exists() or path.read_bytes().count(b"\n") <= n:
        time.sleep(0.01)


def test_killed_at_random_moments_the_record_is_that_of_a_quiet_run(folder, whole):
    """Where the kills fall is left to the clock; what must not depend on them is the record."""
    draw = random.Random(0)
    for _ in range(KILLS):
        process = command(folder, TOY_SECONDS="0.1")
        time.sleep(draw.uniform(0.2, 1.2))
        process.kill()
        process.wait()
    process = command(folder, TOY_SECONDS="0.1")
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert values(load_record("toy", folder)) == values(whole)
    assert [path.name for path in folder.iterdir()] == ["toy.json"]


def test_the_processes_of_a_run_that_was_killed_end_too(folder, log):
    process = command(folder, "--jobs", "2", TOY_SECONDS="60")
    while len(tried(log)) < 2:
        time.sleep(0.01)
    process.kill()
    process.wait()
    workers = {int(line.split()[2]) for line in log.read_text().splitlines()}
    deadline = time.monotonic() + 30
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_alive, workers))


def is_alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("executor", ["process", "threads"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_a_run_that_is_interrupted_says_how_to_go_on(folder, executor, number):
    process = command(folder, "--executor", executor, "--jobs", "2", TOY_SECONDS="0.2")
    wait_for_trials(folder / PARTIAL, 2)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, err = process.communicate()
    kept = len(Partial.read(folder / PARTIAL).trials)
    assert process.returncode == 130
    assert err == (
        f"\nstopped; {kept} of 12 trials are kept\n"
        f"go on with: python -m ternary experiment toy --folder {folder}\n"
    )
    process = command(folder)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert f"\n{kept} of 12 trials are kept, {12 - kept} are run\n" in out


def test_a_second_run_into_the_same_folder_is_refused_and_harms_nothing(folder, whole):
    first = command(folder, TOY_SECONDS="0.3")
    wait_for_trials(folder / PARTIAL, 1)
    second = command(folder)
    _, err = second.communicate()
    assert second.returncode == 2
    assert f"toy is run into {folder} in another process (process {first.pid} on" in err
    first.communicate()
    assert values(load_record("toy", folder)) == values(whole)


def test_a_process_that_dies_costs_only_the_trials_that_end_it(folder, log):
    process = command(folder, "--jobs", "2", TOY_KILL="2", TOY_SECONDS="0.05")
    _, err = process.communicate()
    assert process.returncode == 1
    assert "9 of 12 trials are kept, 3 are left; 3 failed:\n" in err
    assert err.count("{'lr': 2}") == err.count("its process died, 3 times: ") == 3
    begun = Counter(tuple(line.split()[:2]) for line in log.read_text().splitlines())
    # It dies first beside another trial, perhaps before it has begun, and then twice alone.
    assert all(2 <= n <= 3 if lr == "2" else n <= 2 for (lr, _), n in begun.items()), begun
    process = command(folder)
    assert process.wait() == 0


def test_failed_trials_are_named_and_end_with_one(folder):
    process = command(folder, TOY_FAIL="3")
    _, err = process.communicate()
    assert process.returncode == 1
    assert "{'lr': 3}, seed 2: ValueError: no rate of 3\ngo on with: python -m ternary" in err
    assert "Traceback" not in err
