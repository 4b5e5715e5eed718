"""The 100 kB contest: one score on every machine, and two cheats that are seen."""

import gzip
import io
import json
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ternary import TernaryError, TernaryTransformer, TransformerConfig, make_projection
from ternary.cli import main
from ternary.contest import (
    BUDGET,
    MAX_BYTES,
    ContestText,
    bits_per_byte,
    declare,
    entry_trainer,
    fixed_texts,
    hidden,
    read_entry,
    text,
    train_entry,
)
from ternary.contest.declaration import beside
from ternary.contest.judging import (
    BASELINE_FILE,
    BASELINE_PUBLIC,
    MAX_AHEAD,
    MAX_EXCESS,
    judge,
)
from ternary.contest.train import BASELINE
from ternary.export import TernaryWeights, export_gguf
from ternary.packed import load_packed, save_packed

BASELINE_PATH = Path(text.__file__).with_name(BASELINE_FILE)
PAGE = Path(__file__).parent.parent / "docs" / "teaching" / "contest.md"
TINY = TransformerConfig(d_model=8, n_layers=1, n_heads=2, d_ff=8, context=32)


@pytest.fixture
def tiny(tmp_path):
    """A small model that is an entry."""
    path = tmp_path / "tiny.npz"
    save_packed(path, TernaryTransformer(TINY, make_projection("group", 8)))
    return path


@pytest.fixture(scope="module")
def drawn():
    """A hidden text."""
    return hidden.draw_hidden(11, 12_000)


@pytest.fixture(scope="module")
def baseline(drawn):
    """The row of the baseline."""
    return judge(read_entry(BASELINE_PATH), drawn)


def refusal(path):
    with pytest.raises(TernaryError) as caught:
        read_entry(path)
    return str(caught.value)


# --- The text ----------------------------------------------------------------------------------


def test_the_texts_do_not_overlap_but_for_rulings():
    training, held_out = fixed_texts()
    known = {training[i : i + 50] for i in range(len(training) - 49)}
    repeated = [
        passage
        for i in range(len(held_out) - 49)
        if (passage := held_out[i : i + 50]) in known and passage.lower() != passage.upper()
    ]
    assert len(repeated) < 0.01 * len(held_out)


@pytest.mark.parametrize(
    "change", [lambda packed: packed[:-100], lambda packed: gzip.compress(b"x")]
)
def test_another_text_is_never_scored_by(tmp_path, monkeypatch, change):
    packed = Path(text.__file__).with_name(text.ARCHIVE).read_bytes()
    (tmp_path / text.ARCHIVE).write_bytes(change(packed))
    monkeypatch.setattr(text, "files", lambda _: tmp_path)
    fixed_texts.cache_clear()
    try:
        with pytest.raises(TernaryError, match="install the package again"):
            fixed_texts()
    finally:
        fixed_texts.cache_clear()


def test_training_never_sees_a_held_out_byte():
    training, held_out = fixed_texts()
    task = ContestText(64)
    assert bytes(task.training.astype(np.uint8)) == training
    assert bytes(task.validation.astype(np.uint8)) == held_out
    rng = np.random.default_rng(0)
    for tokens, targets in (task.batch(rng, 50) for _ in range(10)):
        for row in np.concatenate([tokens, targets[:, -1:]], axis=1):
            assert bytes(row.astype(np.uint8)) in training


# --- The score ---------------------------------------------------------------------------------


def test_every_byte_but_the_first_is_predicted_once_from_what_is_before_it():
    model = TernaryTransformer(TINY, make_projection("group", 8), dtype=np.float64)
    model.parameters.weights[:] *= 3
    data = np.random.default_rng(0).integers(0, 256, 100)  # three windows, and a part of one
    nats = 0.0
    for i in range(1, 100):
        logits = model.forward(data[None, (i - 1) // 32 * 32 : i])[0, -1]
        nats += np.log(np.exp(logits).sum()) - logits[data[i]]
    found = bits_per_byte(model, bytes(data.astype(np.uint8).tolist()))
    np.testing.assert_allclose(found, nats / np.log(2) / 99, rtol=1e-12)


def test_the_score_is_computed_from_the_same_numbers_in_float64():
    entry = read_entry(BASELINE_PATH)
    assert entry.model.parameters.dtype == np.float64
    single = load_packed(BASELINE_PATH)
    np.testing.assert_array_equal(entry.model.parameters.weights, single.parameters.weights)
    some = fixed_texts()[1][:2000]
    assert abs(bits_per_byte(entry.model, some) - bits_per_byte(single, some)) < 1e-5


def test_the_page_shows_the_score_of_the_baseline(baseline):
    shown = re.search(
        r"^\| the baseline \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \|", PAGE.read_text(), re.M
    )
    assert shown.groups() == (
        f"{baseline.n_bytes:,}",
        f"{baseline.minutes:.2f}",
        f"{baseline.public:.4f}",
    )


def test_the_page_shows_what_tables_of_counts_reach():
    shown = re.findall(r"^\| counts, context of (\d) \| ([\d.]+) \|$", PAGE.read_text(), re.M)
    bits = table_bits(*(np.frombuffer(t, np.uint8).astype(np.int64) for t in fixed_texts()), 5)
    assert shown == [(str(k), f"{bits[k]:.4f}") for k in (1, 2, 3, 4, 5)]


def runs(data, n):
    return sum(256 ** (n - 1 - i) * data[i : len(data) - n + 1 + i] for i in range(n))


def table_bits(training, held_out, longest):
    """Bits of all bytes but the first by the tables of chapter 9, for every length of context."""
    p, bits = np.full(len(held_out), 1 / 256), []
    for k in range(longest + 1):
        asked = runs(held_out, k + 1)
        seen, counts = np.unique(runs(training, k + 1), return_counts=True)
        contexts, first, n_kinds = np.unique(seen // 256, return_index=True, return_counts=True)
        count = look_up(seen, counts, asked)
        total = look_up(contexts, np.add.reduceat(counts, first), asked // 256)
        kinds = np.where(total, look_up(contexts, n_kinds, asked // 256), 1)
        p[k:] = (count + kinds * p[k:]) / (total + kinds)
        bits.append(-np.log2(p[1:]).mean())
    return bits


def look_up(known, values, wanted):
    at = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return np.where(known[at] == wanted, values[at], 0)


def test_numbers_that_run_over_are_an_error(tiny):
    entry = read_entry(tiny)
    entry.model.parameters.values[entry.model.parameters.n_latents :] = 1e308
    entry.model.parameters.weights[:] *= 1e3
    with pytest.raises(TernaryError, match="not finite"):
        bits_per_byte(entry.model, b"some text")


# --- A file that is not a model ------------------------------------------------------------------


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


NO_MODELS = {
    "the text, zipped": (zipped(text=fixed_texts()[1]), "is a zip archive of 1 files (text)"),
    "the text": (fixed_texts()[1], "is no container of arrays"),
    "the text, compressed": (gzip.compress(fixed_texts()[1]), "is a gzip archive"),
    "a program": (b"\x7fELF" + bytes(100), "is a program for Linux"),
    "another program": (b"MZ" + bytes(100), "is a program for Windows"),
    "a script": (b"#!/bin/sh\ncat held-out.txt\n", "is a script"),
    "an array": (b"\x93NUMPY" + bytes(100), "is a single array of NumPy"),
    "nothing": (b"", "is no container of arrays"),
}


@pytest.mark.parametrize("what", NO_MODELS)
def test_a_file_that_is_no_model_is_refused_and_named(tmp_path, what):
    data, message = NO_MODELS[what]
    path = tmp_path / "entry.npz"
    path.write_bytes(data)
    assert message in refusal(path)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    bare, member = tmp_path / "bare.npz", tmp_path / "member.npz"
    bare.write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    assert "is a pickle" in refusal(bare)
    objects = np.array([Bomb(tmp_path / "ran")], object)
    np.savez(member, header=objects, codes=objects, allow_pickle=True)
    assert "cannot be read" in refusal(member)
    assert not (tmp_path / "ran").exists()


def test_a_model_of_another_format_is_refused(tmp_path, tiny, capsys):
    export_gguf(
        TernaryWeights.of(TernaryTransformer(TransformerConfig(d_model=64, d_ff=64))),
        tmp_path / "m.gguf",
    )
    assert "is a GGUF file" in refusal(tmp_path / "m.gguf")
    trained = tmp_path / "checkpoint.npz"
    main(
        ["--steps", "1", "--d-model", "8", "--n-heads", "1", "--d-ff", "8", "--save", str(trained)]
    )
    assert "expected 'ternary packed model 1'" in refusal(trained)


def test_a_file_above_the_limit_is_refused_and_one_at_it_is_read(tmp_path, tiny):
    data = tiny.read_bytes()
    tiny.write_bytes(data + bytes(MAX_BYTES + 1 - len(data)))
    assert "100,001 bytes; expected at most 100,000" in refusal(tiny)
    assert BASELINE_PATH.stat().st_size > 0.99 * MAX_BYTES
    assert read_entry(BASELINE_PATH).n_bytes <= MAX_BYTES


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(tiny, share):
    data = tiny.read_bytes()
    tiny.write_bytes(data[: int(share * len(data))])
    assert "cut short" in refusal(tiny)


def rewritten(path, change):
    """Write the same container with its members changed by a function of name and bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in change(members).items():
            archive.writestr(name, data)


def test_anything_beside_the_model_is_refused(tiny):
    data, held_out = tiny.read_bytes(), fixed_texts()[1]
    rewritten(tiny, lambda members: {**members, "text.npy": held_out})
    assert "holds 'text.npy' beside its model" in refusal(tiny)
    for hiding in (
        lambda: tiny.write_bytes(data + b"x"),
        lambda: append_comment(tiny, data),
        lambda: tiny.write_bytes(data[:4] + held_out + data),
    ):
        hiding()
        with pytest.raises(TernaryError):
            read_entry(tiny)
    append_comment(tiny, data)
    assert "but its arrays and their container take" in refusal(tiny)


def append_comment(path, data):
    path.write_bytes(data)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"The held-out text could stand here"


def with_codes(model, tmp_path, change):
    """A packed file whose array of codes was changed, with the checksum made anew."""
    from ternary.checkpoint import read_checkpoint, write_checkpoint
    from ternary.packed import FORMAT, expected_arrays

    path = tmp_path / "changed.npz"
    header, arrays = read_checkpoint(model, expected_arrays, FORMAT)
    header.pop("format")
    change(header, arrays)
    write_checkpoint(path, header, arrays, FORMAT)
    return path


def a_fourth_value(header, arrays):
    arrays["codes"][3] = 250


def floats_for_codes(header, arrays):
    arrays["codes"] = arrays["codes"].astype(np.float32)


def a_negative_scale(header, arrays):
    arrays["scales"][0] = -1


def a_scale_that_is_none(header, arrays):
    arrays["scales"][0] = np.nan


def an_infinite_gain(header, arrays):
    arrays["gains"][0] = np.inf


def more_layers(header, arrays):
    header["config"]["n_layers"] = 2


def uneven_heads(header, arrays):
    header["config"]["n_heads"] = 3


def a_billion_layers(header, arrays):
    header["config"]["n_layers"] = 1 << 30


def something_more(header, arrays):
    header["author"] = "me"


DISGUISES = {
    a_fourth_value: "holds no ternary model",
    floats_for_codes: "codes is float32",
    a_negative_scale: "expected a finite number, 0 or more",
    a_scale_that_is_none: "expected a finite number, 0 or more",
    an_infinite_gain: "a gain is not finite",
    more_layers: "codes is uint8",
    uneven_heads: "rotary heads need an even size",
    a_billion_layers: "codes is uint8",
    something_more: "its header differs",
}


@pytest.mark.parametrize("change", DISGUISES, ids=lambda change: change.__name__)
def test_weights_that_the_format_does_not_allow_are_refused(tiny, tmp_path, change):
    assert DISGUISES[change] in refusal(with_codes(tiny, tmp_path, change))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"vocab_size": 128}, "expected 256, because the tokens are bytes"),
        ({"context": 2048}, "context is 2048; expected at most 1024"),
        ({"n_layers": 33}, "n_layers is 33; expected at most 32"),
        ({"n_heads": 20, "d_model": 40}, "n_heads is 20; expected at most 16"),
    ],
)
def test_sizes_that_take_long_to_score_are_refused(tmp_path, sizes, message):
    config = TransformerConfig(**{"d_model": 8, "n_heads": 1, "d_ff": 8, "n_layers": 1, **sizes})
    path = tmp_path / "model.npz"
    save_packed(path, TernaryTransformer(config, make_projection("group", 8)))
    assert message in refusal(path)


# --- What is declared ----------------------------------------------------------------------------


def test_training_declares_the_minutes_of_its_own_process(tmp_path):
    path = tmp_path / "model.npz"
    sizes = {"d_model": 32, "d_ff": 64, "steps": 100}
    assert train_entry(path, entry_trainer(changed(**sizes)), "a test").within_budget
    declared = read_entry(path).declaration
    assert declared.how == "a test" and 0 < declared.cpu_minutes < 1


def changed(**settings):
    from dataclasses import replace

    return replace(BASELINE, threads=1, **settings)


def test_a_run_beyond_the_budget_is_not_packed(tmp_path, monkeypatch):
    import time

    ticks = iter(range(0, 10**6, 100))
    monkeypatch.setattr(time, "process_time", lambda: next(ticks))
    with pytest.raises(TernaryError, match="is spent after 7 of 20 steps"):
        train_entry(
            tmp_path / "model.npz", entry_trainer(changed(d_model=8, d_ff=8, steps=20)), "a test"
        )
    assert not list(tmp_path.iterdir())


def test_a_model_that_would_be_too_large_is_refused_before_the_first_step():
    with pytest.raises(TernaryError, match=r"takes 10\d,\d+ bytes; expected at most 100,000"):
        entry_trainer(changed(d_ff=512))


def test_a_declaration_is_about_its_own_file(tiny):
    declare(tiny, 1.0, "a test")
    assert read_entry(tiny).declaration.cpu_minutes == 1
    save_packed(tiny, TernaryTransformer(TINY, make_projection("group", 8), seed=1))
    assert "was written for another file" in refusal(tiny)


@pytest.mark.parametrize(
    "change",
    [
        {"cpu_minutes": "1"},
        {"cpu_minutes": -1.0},
        {"cpu_minutes": float("nan")},
        {"how": 3},
        {"x": 1},
    ],
)
def test_a_declaration_of_something_else_is_refused(tiny, change):
    declare(tiny, 1.0, "a test")
    given = json.loads(beside(tiny).read_text())
    beside(tiny).write_text(json.dumps(given | change))
    assert "is no declaration" in refusal(tiny)


def test_what_is_not_declared_or_beyond_the_budget_is_flagged(tiny):
    assert "no CPU-minutes are declared" in next(judge(read_entry(tiny)).problems())
    declare(tiny, BUDGET + 1, "a test")
    assert "expected at most 10" in next(judge(read_entry(tiny)).problems())
    declare(tiny, BUDGET, "a test")
    assert not list(judge(read_entry(tiny)).problems())


# --- Training on the held-out text ---------------------------------------------------------------


def trained_further(task, steps=40):
    """The baseline, trained for a few more steps; its latents begin at its own weights."""
    packed = load_packed(BASELINE_PATH)
    trainer = entry_trainer(changed(steps=steps, lr=2e-3))
    trainer.task = task
    parameters, old = trainer.model.parameters, packed.parameters
    shares = (old.all_codes.reshape(len(old.all_scales), -1) != 0).mean(axis=1, keepdims=True)
    parameters.values[:] = old.values
    latents = parameters.latents.reshape(shares.shape[0], -1)
    latents /= np.maximum(shares, 1e-3)  # so that the mean magnitude is the scale
    parameters.project()
    trainer.run()
    return trainer.model


def rows_of(model, path, drawn):
    save_packed(path, model)
    declare(path, 1.0, "a test")
    return judge(read_entry(path), drawn)


def test_the_baseline_is_neither_ahead_nor_in_excess(baseline):
    assert round(baseline.public, 4) == BASELINE_PUBLIC
    assert abs(baseline.ahead) < 1e-4 and abs(baseline.excess) < 1e-4


def test_a_model_that_was_trained_on_the_public_text_is_flagged_and_an_honest_one_is_not(
    tmp_path, drawn
):
    """Both statistics see the one, and neither the other, which took as many steps."""
    cheating = ContestText(64)
    cheating.training = cheating.validation
    cheat = rows_of(trained_further(cheating), tmp_path / "cheat.npz", drawn)
    honest = rows_of(trained_further(ContestText(64)), tmp_path / "honest.npz", drawn)
    assert cheat.public < honest.public - MAX_EXCESS  # it paid
    assert cheat.ahead > 2 * MAX_AHEAD and cheat.excess > 2 * MAX_EXCESS
    assert [("training text" in x, "hidden text" in x) for x in cheat.problems()] == [
        (True, False),
        (False, True),
    ]
    assert not list(honest.problems())


def test_a_hidden_text_that_anybody_could_have_read_is_refused(tmp_path):
    path = tmp_path / "hidden.txt"
    for data, message in (
        (fixed_texts()[0][:20_000], "stands in the contest's own texts"),
        (b"too short", "9 bytes; expected 10,000"),
        (bytes(range(256)) * 50, "is no text in UTF-8"),
    ):
        path.write_bytes(data)
        with pytest.raises(TernaryError, match=re.escape(message)):
            hidden.read_hidden(path)
    path.write_bytes(hidden.draw_hidden(3))
    assert len(hidden.read_hidden(path)) > 39_000


def test_a_drawn_text_is_known_only_with_its_seed():
    first, second = hidden.draw_hidden(1), hidden.draw_hidden(2)
    assert first == hidden.draw_hidden(1)
    passages = {first[i : i + 50] for i in range(len(first) - 49)}
    assert np.mean([second[i : i + 50] in passages for i in range(0, len(second), 10)]) < 0.2


# --- The command line ----------------------------------------------------------------------------


def test_score_prints_the_best_first_and_refuses_the_rest(tiny, tmp_path, capsys, drawn):
    (tmp_path / "bad.npz").write_bytes(b"no model")
    (tmp_path / "hidden.txt").write_bytes(drawn)
    files = [str(tiny), str(tmp_path / "bad.npz"), str(BASELINE_PATH)]
    assert main(["contest", "score", *files, "--hidden", str(tmp_path / "hidden.txt")]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "file",
        "baseline.npz",
        "tiny.npz",
        "FLAG",
        "NONE",
    ]
    assert lines[1].split()[-1] == "0.000" and lines[1].split()[3] == "1.8862"
    assert main(["contest", "score", str(tiny)]) == 1
    assert main(["contest", "score", str(BASELINE_PATH)]) == 0


def test_check_says_which_rule_is_kept(tiny, capsys):
    assert main(["contest", "check", str(BASELINE_PATH)]) == 0
    assert capsys.readouterr().out.count("PASS") == 3
    assert main(["contest", "check", str(tiny)]) == 1
    assert "FAIL" in capsys.readouterr().out
    tiny.write_bytes(b"#!")
    assert main(["contest", "check", str(tiny)]) == 2
    assert "is a script" in capsys.readouterr().err


def test_train_writes_an_entry_and_never_over_another_file(tmp_path, capsys):
    path = str(tmp_path / "entry.npz")
    small = ["--d-model", "8", "--n-heads", "2", "--d-ff", "8", "--steps", "2", "--quiet"]
    assert main(["contest", "train", path, *small]) == 0
    assert main(["contest", "check", path]) == 0
    assert "--d-model=8" in read_entry(path).declaration.how
    assert main(["contest", "train", path, *small]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["contest", "train", path, *small, "--force"]) == 0


def test_text_and_hidden_write_what_is_scored_by(tmp_path):
    assert main(["contest", "text", str(tmp_path / "new")]) == 0
    written = tuple(
        (tmp_path / "new" / f"{name}.txt").read_bytes() for name in ("training", "held-out")
    )
    assert written == fixed_texts()
    assert main(["contest", "hidden", str(tmp_path / "h.txt"), "--seed", "5"]) == 0
    assert (tmp_path / "h.txt").read_bytes() == hidden.draw_hidden(5)
