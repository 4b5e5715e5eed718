"""A run on a Dask cluster of two worker processes, one of which is killed."""

import os
import signal
import threading
import time

import pytest
import toy
from conftest import experiment
from distributed import LocalCluster
from toy_runs import values

from ternary.experiments import UnfinishedError, load_record, run_experiment
from ternary.experiments.executors import make_workers


def two_workers():
    """A scheduler and two workers, processes of one thread each."""
    return LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    )


def began(log):
    """Rate, seed and process of every trial that has begun."""
    if not log.exists():
        return []
    return [tuple(map(int, line.split())) for line in log.read_text().splitlines()]


def test_the_command_makes_the_record_of_a_single_process(folder, whole):
    with two_workers() as cluster:
        done = experiment(folder, "--executor", f"dask={cluster.scheduler_address}")
        workers = {nanny.pid for nanny in cluster.workers.values()}
    assert (done.returncode, done.stderr) == (0, "")
    record = load_record("toy", folder)
    assert values(record) == whole
    executor = f"dask {cluster.scheduler_address}"
    assert {trial["where"]["executor"] for trial in record.trials} == {executor}
    assert {trial["where"]["pid"] for trial in record.trials} <= workers


def test_the_trial_of_a_worker_that_is_killed_runs_again(folder, whole, log, monkeypatch):
    monkeypatch.setenv("TOY_SECONDS", "0.3")
    victims = []

    def kill():
        while len(began(log)) < 5:
            time.sleep(0.01)
        victims.append(began(log)[-1])
        os.kill(victims[0][2], signal.SIGKILL)

    with (
        two_workers() as cluster,
        make_workers(f"dask={cluster.scheduler_address}") as workers,
    ):
        killer = threading.Thread(target=kill)
        killer.start()
        record = run_experiment(toy.EXPERIMENT, workers, folder=folder)
        killer.join()
    assert values(record) == whole
    *trial, killed = victims[0]
    again = [line for line in began(log) if [*line[:2]] == trial]
    assert len(again) == 2, "the trial in the middle of which its worker was killed runs twice"
    assert again[1][2] != killed
    assert len(began(log)) <= 12 + 2, "trials that were kept were run again"


def test_a_trial_that_kills_every_worker_fails_and_costs_no_other(folder, log, monkeypatch):
    monkeypatch.setenv("TOY_KILL", "2")
    with (
        two_workers() as cluster,
        make_workers(f"dask={cluster.scheduler_address}") as workers,
        pytest.raises(UnfinishedError, match=r"9 of 12 .* 3 failed:\n.*process died, 2 times: "),
    ):
        run_experiment(toy.EXPERIMENT, workers, folder=folder)


def test_an_address_without_a_scheduler_is_named(folder):
    done = experiment(folder, "--executor", "dask=tcp://127.0.0.1:9")
    assert done.returncode == 2
    assert "there is no Dask scheduler at tcp://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_scheduler_that_goes_away_costs_no_trial_that_is_kept(folder, log, monkeypatch):
    monkeypatch.setenv("TOY_SECONDS", "0.3")
    cluster = two_workers()

    def close():
        while len(began(log)) < 5:
            time.sleep(0.01)
        cluster.close()

    closer = threading.Thread(target=close)
    closer.start()
    done = experiment(folder, "--executor", f"dask={cluster.scheduler_address}")
    closer.join()
    assert done.returncode == 2
    assert "has gone away; run again to go on" in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "toy.partial.jsonl").exists()
