"""Folklore and widths: arms that are what they say, exponents, and a table with its lines."""

import math
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from book_rules import Page

from ternary.experiments import Record, load_record
from ternary.experiments.fairness import at_edge, winner
from ternary.experiments.folklore import AVERAGES, FULL, Averages, FolkloreTrainer
from ternary.experiments.widths import exponents, rate, size
from ternary.experiments.widths_sweep import EXPERIMENT, KINDS, RATES

BOOK = Path(__file__).resolve().parents[1] / "book"


def stepped(name, steps=3):
    trainer = FolkloreTrainer(name, seed=0, quick=True)
    for _ in range(steps):
        trainer.take_step()
    return trainer


def weights_and_latents(trainer, name):
    parameters = trainer.model.parameters
    return (parameters.view(buffer, name) for buffer in (parameters.weights, parameters.values))


@pytest.mark.parametrize("name", ["tied", "twin, tied"])
def test_tied_matrices_stay_equal_to_the_last_bit(name):
    trainer = stepped(name)
    assert np.array_equal(trainer.matrix("embedding"), trainer.matrix("head"))
    assert not np.array_equal(trainer.matrix("head"), FolkloreTrainer(name, 0, True).matrix("head"))


def test_tied_matrices_get_the_sum_of_their_gradients():
    trainer = FolkloreTrainer("tied", seed=0, quick=True)
    parameters = trainer.model.parameters
    table, head = (parameters.view(parameters.gradients, n) for n in ("embedding", "head"))
    table[:], head[:] = 1, 2
    trainer.shape_gradients()
    assert (table == 3).all()
    assert (head == 3).all()


@pytest.mark.parametrize("name", FULL)
def test_only_what_is_full_keeps_its_latents_as_weights(name):
    trainer = stepped(name)
    for matrix in trainer.model.parameters.matrix_shapes:
        weights, latents = weights_and_latents(trainer, matrix)
        assert np.array_equal(weights, latents) is (matrix in FULL[name]), matrix


def test_an_average_is_the_mean_that_its_share_says_and_judging_it_leaves_the_run():
    trainer = FolkloreTrainer("baseline", seed=0, quick=True)
    averages, expected = Averages(trainer), trainer.model.parameters.values.astype(float)
    trainer.take_step()
    averages(trainer)
    own = trainer.model.parameters.values.copy()
    weights = trainer.model.parameters.weights.copy()
    expected = 0.9 * expected + 0.1 * own
    assert np.allclose(averages.values[0.9], expected, atol=1e-6)
    found = averages.judge()
    assert {f"ema {share}" for share in AVERAGES} < set(found)
    assert np.array_equal(trainer.model.parameters.values, own)
    assert np.array_equal(trainer.model.parameters.weights, weights)


def test_an_exponent_is_that_of_a_power_law():
    arms = [size("ternary", 64, steps) for steps in (100, 200, 400)]
    trials = [
        {"settings": arm, "seed": seed, "values": {"report": (2 + seed) * arm["steps"] ** -0.25}}
        for arm in arms
        for seed in (1, 2)
    ]
    found = exponents(Record("example", {}, trials), arms, "steps")
    assert found == pytest.approx({1: 0.25, 2: 0.25})


def test_a_rate_is_the_winner_of_the_sweep_or_lies_between_two():
    sweep = load_record("widths-sweep")
    for kind in KINDS:
        best = {width: winner(sweep, EXPERIMENT, f"{kind}, {width}")["lr"] for width in RATES}
        assert {width: rate(kind, width) for width in RATES} == best
        for low, high in pairwise(RATES):
            middle = rate(kind, math.isqrt(low * high))
            assert middle == pytest.approx(math.sqrt(best[low] * best[high]), rel=0.01)


def test_no_winner_of_the_widths_lies_at_an_edge():
    sweep = load_record("widths-sweep")
    assert [at_edge(sweep, EXPERIMENT, side) for side in EXPERIMENT.sides] == [[]] * 6


# --- The table of folklore ----------------------------------------------------------------------

COMPARED = re.compile(r"-?\d+\.\d+ \[-?\d+\.\d+, -?\d+\.\d+\]")


def test_a_row_of_the_table_has_the_lines_that_the_examples_print():
    page = Page((BOOK / "recipes.md").read_text("utf-8"))
    printed = "\n".join(block.text for block in page.examples)
    lines = {}
    for row, rest in re.findall(r"^(\d+)t? +(-?\d.*)$", printed, re.M):
        if match := COMPARED.match(rest):
            lines.setdefault(row, []).append(f"{match[0]}, {rest.rsplit(': ', 1)[1]}")
    table = [line for line in page.lines if re.match(r"\| \d+ \|", line)]
    assert len(table) >= 15
    for line in table:
        row = line.split("|")[1].strip()
        for found in lines.pop(row, []):
            assert found in line, f"row {row} lacks {found}"
    assert not lines, f"lines without a row: {sorted(lines)}"
