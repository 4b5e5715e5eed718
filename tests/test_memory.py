"""The laws of what is kept between two steps: grids, rounding by chance, and the AdamW on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ternary import AdamW, Parameters, TernaryError
from ternary.experiments.memory import ARMS
from ternary.experiments.memory_sweep import LATENTS
from ternary.memory import (
    FORMATS,
    Storage,
    StoredAdamW,
    power_of_two,
    round_bfloat16,
    round_codes,
    round_even,
    round_grid,
    round_log,
)

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.sampled_from([1e-30, 1e-8, 0.1, 1.0, 1e5])
GRIDS = {
    "bfloat16": round_bfloat16,
    "even": round_even,
    "even, unsigned": lambda x, rng=None: round_even(x, rng, 255),
    "log": round_log,
    "log, unsigned": lambda x, rng=None: round_log(x, rng, 255),
    "codes": lambda x, rng=None: round_codes(x, scales(x), rng),
}


def dice(seed=0):
    return np.random.default_rng(seed)


def gaussian(seed, size=1.0, shape=(4, 128)):
    return (size * dice(seed).standard_normal(shape)).astype(np.float32)


def scales(groups):
    """One scale for all groups, which two roundings in turn agree about."""
    return np.full(len(groups), 0.5, np.float32)


def numbers(name, seed, size=1.0):
    x = gaussian(seed, size)
    return np.abs(x) if name.endswith("unsigned") else x


# --- Grids ------------------------------------------------------------------------------------


@given(SEEDS, SIZES, st.sampled_from(list(GRIDS)), st.booleans())
def test_what_is_kept_is_kept_again_unchanged(seed, size, name, by_chance):
    """So bytes could hold it: a number of the grid stays what it is, however it is rounded."""
    kept = GRIDS[name](numbers(name, seed, size), dice(seed))
    again = GRIDS[name](kept, dice(seed + 1) if by_chance else None)
    assert np.allclose(again, kept, rtol=3e-7, atol=0)
    if not name.startswith("log"):
        assert (again == kept).all()


@given(SEEDS, st.sampled_from(list(GRIDS)))
def test_a_group_has_no_more_numbers_than_its_bits_can_tell_apart(seed, name):
    x = numbers(name, seed)
    kept = GRIDS[name](x, dice(seed))
    largest = {"codes": 3, "bfloat16": 1 << 16}.get(name, 256)
    assert max(len(np.unique(group)) for group in kept) <= largest


@given(SEEDS, SIZES)
def test_bfloat16_has_sixteen_bits_and_is_the_nearest_of_them(seed, size):
    x = gaussian(seed, size)
    kept = round_bfloat16(x)
    assert (kept.view(np.uint32) & 0xFFFF == 0).all()
    bits = x.view(np.uint32) & np.uint32(0xFFFF0000)
    neighbours = [(bits + np.uint32(more)).view(np.float32) for more in (0, 1 << 16)]
    errors = [np.abs(each.astype(float) - x) for each in neighbours]
    assert (np.abs(kept.astype(float) - x) == np.minimum(*errors)).all()


@given(SEEDS, SIZES)
def test_even_grids_err_by_half_a_spacing_at_most(seed, size):
    x = gaussian(seed, size)
    spacing = power_of_two(np.abs(x).max(axis=1, keepdims=True) / np.float32(127))
    assert (np.abs(round_even(x) - x) <= spacing / 2).all()
    assert (np.abs(round_even(x, dice(seed)) - x) <= spacing).all()


@given(SEEDS, SIZES)
def test_logarithmic_grids_err_by_half_a_ratio_at_most(seed, size):
    x = np.abs(gaussian(seed, size)) + np.float32(size / 100)
    assert (np.abs(np.log2(round_log(x, levels=255) / x)) <= 1 / 16 + 1e-3).all()


def test_signs_and_zeros_are_kept():
    x = gaussian(0)
    x[:, ::3] = 0
    for name in ("bfloat16", "even", "log"):
        kept = GRIDS[name](x)
        assert (kept[x == 0] == 0).all()
        assert (kept * x >= 0).all()
    nothing = np.zeros((2, 128), np.float32)
    for grid in GRIDS.values():
        for rng in (None, dice()):
            assert (grid(nothing, rng) == 0).all()


def test_a_scale_of_zero_keeps_nothing():
    assert (round_codes(gaussian(0), np.zeros(4, np.float32)) == 0).all()


# --- By chance --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["even", "log", "bfloat16", "codes"])
def test_by_chance_the_mean_is_exact(name):
    """Of eight sets of numbers, from the smallest to the largest, each within five errors."""
    x = np.abs(gaussian(3, 0.1))
    if name == "codes":
        x = np.minimum(x, 0.5)
    x[:, 0] = 0.4  # the largest
    rng = dice(1)
    throws = np.array([GRIDS[name](x, rng) for _ in range(1000)], np.float64)
    off = (throws - x).reshape(1000, -1)[:, np.argsort(x.ravel())]
    for part in np.split(off, 8, axis=1):
        mean = part.mean(axis=1)  # one a throw
        assert abs(mean.mean()) <= 5 * mean.std() / np.sqrt(1000)


def test_by_chance_only_the_two_neighbours_come():
    x = np.full((1, 10_000), 7.3, np.float32)
    assert set(np.unique(round_grid(x, dice()))) == {7.0, 8.0}


def test_what_is_below_half_a_spacing_is_lost_for_ever():
    x = np.zeros((1, 128), np.float32)
    for _ in range(1000):
        x = round_grid(x + np.float32(0.49))
    assert (x == 0).all()


# --- The optimizer ----------------------------------------------------------------------------


def stepped(storage, steps=5, seed=0, lr=0.01, cls=StoredAdamW):
    """An optimizer after some steps with random gradients, gains included."""
    parameters = Parameters({"W": (3, 130)}, {"norm": 10})
    rng = dice(seed)
    view = parameters.view(parameters.values, "W")
    view[:] = rng.standard_normal(view.shape)
    parameters.project()
    optimizer = cls(parameters, storage) if storage else cls(parameters)
    for _ in range(steps):
        gradients = parameters.view(parameters.gradients, "W")
        gradients[:] = rng.standard_normal(gradients.shape)
        parameters.view(parameters.gradients, "norm")[:] = rng.standard_normal(10)
        optimizer.step(lr, weight_decay=0.1)
        parameters.project()
    return optimizer


def test_in_float32_it_is_adamw():
    ours, theirs = stepped(Storage()), stepped(None, cls=AdamW)
    for name in ("m", "v"):
        assert (getattr(ours, name) == getattr(theirs, name)).all()
    assert (ours.parameters.values == theirs.parameters.values).all()
    assert ours.moved == pytest.approx(1) and ours.still == 0


@pytest.mark.parametrize("form", FORMATS[1:])
def test_latents_and_averages_lie_on_their_grids(form):
    state = "float32" if form == "codes" else form
    optimizer = stepped(Storage(form, state, state, by_chance=True))
    parameters, size = optimizer.parameters, optimizer.parameters.projection.group_size
    n = parameters.n_latents
    for buffer, signed in ((parameters.latents, True), (optimizer.m, True), (optimizer.v, False)):
        if buffer is not parameters.latents and form == "codes":
            continue
        groups = buffer[:n].reshape(-1, size).copy()
        levels = 127 if signed else 255
        again = {
            "bfloat16": round_bfloat16,
            "int8": lambda x, levels=levels: round_even(x, levels=levels),
            "log8": lambda x, levels=levels: round_log(x, levels=levels),
            # the scales of the step before are gone; three numbers are what can be seen
            "codes": lambda x: x if all(len(np.unique(np.abs(g[g != 0]))) <= 1 for g in x) else 0,
        }[form](groups)
        assert np.allclose(again, groups, rtol=3e-7, atol=0)


def test_padding_stays_zero():
    optimizer = stepped(Storage("int8", "log8", "log8", by_chance=True, state_by_chance=True))
    parameters = optimizer.parameters
    for buffer in (parameters.latents, optimizer.m, optimizer.v):
        rows = buffer[: parameters.n_latents].reshape(3, 256)
        assert (rows[:, 130:] == 0).all()


def test_gains_are_not_rounded_and_have_a_rate_of_their_own():
    gains = []
    for ratio in (1.0, 0.5):
        parameters = Parameters({"W": (1, 128)}, {"norm": 2})
        parameters.view(parameters.gradients, "norm")[:] = 1
        StoredAdamW(parameters, Storage("int8"), gain_rate=ratio).step(lr=0.001)
        gains.append(parameters.view(parameters.values, "norm").tolist())
    assert gains == [pytest.approx([0.999] * 2), pytest.approx([0.9995] * 2)]


def test_nothing_moves_to_the_nearest_and_the_mean_does_by_chance():
    moved = {}
    for by_chance in (False, True):
        parameters = Parameters({"W": (100, 128)})
        parameters.values[:] = np.tile(np.linspace(-1, 1, 128), 100)  # spacing 1 / 64
        parameters.gradients[:] = -1
        optimizer = StoredAdamW(parameters, Storage("int8", by_chance=by_chance))
        before = parameters.latents.copy()
        optimizer.step(lr=0.003)
        moved[by_chance] = optimizer.moved, float((parameters.latents - before).mean())
    assert moved[False] == (0.0, 0.0)
    assert moved[True][0] == pytest.approx(1, abs=0.1)
    assert moved[True][1] == pytest.approx(0.003, rel=0.1)


def test_the_same_seed_throws_the_same_dice():
    values = [stepped(Storage("int8", by_chance=True)).parameters.values for _ in range(2)]
    assert (values[0] == values[1]).all()


def test_an_average_in_a_byte_forgets_by_a_neighbour_or_not_at_all():
    v = np.ones((1, 128), np.float32)
    assert (round_log(v * np.float32(0.999), levels=255) == 1).all()
    assert round_log(v * np.float32(0.95), levels=255) == pytest.approx(2 ** (-1 / 8))


# --- Storage ----------------------------------------------------------------------------------


def test_bytes_are_counted_with_the_units_of_groups():
    assert Storage().bytes_per_parameter() == 12
    assert Storage("bfloat16").bytes_per_parameter() == 10
    assert Storage("int8").bytes_per_parameter(64) == 9 + 1 / 64
    assert Storage("codes", "log8", "log8").bytes_per_parameter() == 2.25 + 4 / 128


@pytest.mark.parametrize("wrong", [{"latents": "int4"}, {"m": "codes"}, {"v": "float16"}])
def test_a_format_that_is_none_is_named(wrong):
    with pytest.raises(TernaryError, match="expected one of"):
        Storage(**wrong)


def test_arms_of_the_experiment_are_what_their_names_say():
    assert ARMS["float32"][0] == ARMS["float32, perturbed"][0] == Storage()
    for name, (storage, _, _) in ARMS.items():
        by_chance = ", chance" in name.replace("averages log, chance", "")
        assert storage.by_chance == by_chance, name
        assert ("averages log" in name) == (storage.m == storage.v == "log8"), name
    assert all(ARMS[name][0] == storage for name, storage in LATENTS.items())
