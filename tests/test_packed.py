"""The packed model: the same weights from a twentieth of the file, every byte accounted for."""

import io
import itertools
import json
import tracemalloc
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ternary import (
    CheckpointError,
    FullPrecision,
    TernaryTransformer,
    Trainer,
    TrainingConfig,
    TransformerConfig,
    make_projection,
    project,
)
from ternary.account import account
from ternary.checkpoint import read_checkpoint, write_checkpoint
from ternary.checks import check_codes
from ternary.cli import main
from ternary.codecs import encode
from ternary.errors import CodecError, ShapeError
from ternary.lookup import packed_matvec, partial_sums
from ternary.packed import FORMAT, expected_arrays, is_packed, load_any, load_packed, save_packed

TINY = TransformerConfig(vocab_size=7, d_model=4, n_layers=1, n_heads=1, d_ff=6, context=8)


@pytest.fixture
def packed(tmp_path):
    """A tiny model, and its packed file."""
    model = TernaryTransformer(TINY, make_projection("group", 4), seed=1)
    path = tmp_path / "tiny.npz"
    save_packed(path, model)
    return model, path


def assert_same_model(model, other):
    for name in model.parameters.matrix_shapes:
        np.testing.assert_array_equal(model.parameters.codes(name), other.parameters.codes(name))
        np.testing.assert_array_equal(model.parameters.scales(name), other.parameters.scales(name))
    np.testing.assert_array_equal(model.parameters.weights, other.parameters.weights)
    gains, others = (
        m.parameters.values[m.parameters.n_latents :].view(np.uint32) for m in (model, other)
    )
    np.testing.assert_array_equal(gains, others)


# --- The same model ----------------------------------------------------------------------------


def test_the_trained_model_of_the_book_comes_back_bit_for_bit(trained, tmp_path):
    path = tmp_path / "model.npz"
    save_packed(path, trained.model)
    model = load_packed(path)
    assert_same_model(trained.model, model)
    tokens = np.arange(32)[None]
    np.testing.assert_array_equal(model.forward(tokens), trained.model.forward(tokens))
    assert list(model.generate(tokens[0], 40)) == list(trained.model.generate(tokens[0], 40))
    assert check_codes(model).passed


@pytest.mark.parametrize("name", ["group", "per-row", "per-tensor", "whole-model", "twn", "binary"])
@pytest.mark.parametrize(("d_model", "d_ff", "size"), [(32, 80, 32), (160, 200, 128), (8, 12, 5)])
def test_any_ternary_projection_and_any_sizes_come_back(tmp_path, name, d_model, d_ff, size):
    config = TransformerConfig(d_model=d_model, d_ff=d_ff, n_heads=2, vocab_size=11)
    model = TernaryTransformer(config, make_projection(name, size))
    model.parameters.values[model.parameters.n_latents :] *= np.float32(1.1)
    path = tmp_path / "model.npz"
    save_packed(path, model)
    assert_same_model(model, load_packed(path))
    assert account(path).total == path.stat().st_size


def test_projecting_a_packed_model_again_changes_nothing(packed):
    model, path = packed
    again = load_packed(path)
    again.project()
    assert_same_model(model, again)


def test_packing_a_packed_model_gives_the_same_bytes(packed, tmp_path):
    _, path = packed
    save_packed(tmp_path / "again.npz", load_packed(path))
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_load_any_takes_both_files(packed, small, tmp_path):
    model, path = packed
    assert_same_model(model, load_any(path))
    trainer = Trainer(small_config(small))
    trainer.save(tmp_path / "model.npz")
    assert_same_model(trainer.model, load_any(tmp_path / "model.npz"))
    assert is_packed(path) and not is_packed(tmp_path / "model.npz")
    assert not is_packed(tmp_path / "nothing.npz")


def small_config(small):
    return TrainingConfig(steps=1, **small)


def test_full_precision_has_nothing_to_pack(tmp_path):
    with pytest.raises(CodecError, match="no codes to pack"):
        save_packed(tmp_path / "model.npz", TernaryTransformer(TINY, FullPrecision()))
    assert not list(tmp_path.iterdir())


def test_groups_far_longer_than_rows_are_not_packed(tmp_path):
    config = TransformerConfig(d_model=2, d_ff=2, n_heads=1, vocab_size=2)
    with pytest.raises(CodecError, match="group-size"):
        save_packed(
            tmp_path / "model.npz", TernaryTransformer(config, make_projection("group", 1024))
        )


# --- Every byte ---------------------------------------------------------------------------------


def test_the_account_of_the_book_s_model_agrees_with_the_file_to_the_byte(trained, tmp_path):
    path = tmp_path / "model.npz"
    save_packed(path, trained.model)
    counted = account(path)
    assert counted.total == path.stat().st_size
    n = trained.model.parameters.count - 640
    assert (counted.n_weights, counted.codes) == (n, -(-n // 5))
    assert (counted.scales, counted.gains) == (2 * n // 128, 4 * 640)
    assert counted.codes + counted.scales < 1.73 * n / 8
    lines = list(counted.lines())
    assert f"{counted.total:,} bytes" in lines[5]
    assert "1.600 bits a code" in lines[6]


# --- Damaged, foreign, hostile ------------------------------------------------------------------


def test_a_file_cut_short_is_refused(packed, tmp_path):
    _, path = packed
    raw, cut = path.read_bytes(), tmp_path / "cut.npz"
    for length in range(0, len(raw), 7):
        cut.write_bytes(raw[:length])
        with pytest.raises(CheckpointError):
            load_packed(cut)


@contextmanager
def changed_byte(path, position, byte):
    """Another byte at a position of a file, and then the old one again."""
    with open(path, "r+b", buffering=0) as file:
        file.seek(position)
        before = file.read(1)
        file.seek(position)
        file.write(bytes([byte]))
        try:
            yield
        finally:
            file.seek(position)
            file.write(before)


def test_every_changed_bit_is_noticed_or_changes_nothing(packed):
    model, path = packed
    raw = path.read_bytes()
    noticed = 0
    for position, bit in itertools.product(range(len(raw)), (0, 3, 7)):
        with changed_byte(path, position, raw[position] ^ 1 << bit):
            try:
                other = load_packed(path)
            except CheckpointError:
                noticed += 1
                continue
        assert_same_model(model, other)
    assert noticed > len(raw)


@given(st.binary(max_size=400))
def test_bytes_are_a_model_or_an_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "model.npz"
    path.write_bytes(content)
    for read in (load_packed, load_any, account):
        with pytest.raises(CheckpointError):
            read(path)


@given(st.data())
def test_a_damaged_file_is_the_model_or_an_error(tmp_path_factory, data):
    model = TernaryTransformer(TINY, make_projection("group", 4), seed=1)
    path = tmp_path_factory.mktemp("fuzz") / "model.npz"
    save_packed(path, model)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(len(raw), start + 40)))
        raw[start:end] = data.draw(st.binary(max_size=40))
    path.write_bytes(raw)
    try:
        other = load_packed(path)
    except CheckpointError:
        return
    assert_same_model(model, other)


def rewritten(path, change):
    """A packed file whose header and arrays another program has changed, signed anew."""
    header, arrays = read_checkpoint(path, expected_arrays, FORMAT)
    del header["format"]
    change(header, arrays)
    write_checkpoint(path, header, arrays, FORMAT)


def setting(name, value):
    return lambda header, arrays: header["config"].update({name: value})


HOSTILE = {
    "d_model": setting("d_model", 2**31),
    "vocabulary": setting("vocab_size", 2**31),
    "n_layers": setting("n_layers", 2**31),
    "beyond any number": setting("n_layers", 10**300),
    "heads": setting("n_heads", 3),
    "a float": setting("d_model", 4.0),
    "a string": setting("d_ff", "6"),
    "a bool": setting("n_layers", True),
    "zero": setting("context", 0),
    "not a number": setting("norm_eps", float("nan")),
    "infinite": setting("rope_base", float("inf")),
    "unknown setting": setting("colour", "red"),
    "no config": lambda header, arrays: header.update(config=None),
    "missing": lambda header, arrays: header.pop("group_size"),
    "more": lambda header, arrays: header.update(more=1),
    "group size": lambda header, arrays: header.update(group_size=2**31),
    "group of 65,536": lambda header, arrays: header.update(group_size=2**16),
    "groups that need gigabytes": lambda header, arrays: (
        header.update(group_size=2**16),
        arrays.update(scales=np.ones(40, np.float16)),
    ),
    "group of 0": lambda header, arrays: header.update(group_size=0),
    "other groups": lambda header, arrays: header.update(group_size=2),
    "no pattern": lambda header, arrays: arrays["codes"].__setitem__(0, 243),
    "padding": lambda header, arrays: arrays["codes"].__setitem__(-1, 0),
    "NaN scale": lambda header, arrays: arrays["scales"].__setitem__(3, np.nan),
    "negative scale": lambda header, arrays: arrays["scales"].__setitem__(3, -1),
    "NaN gain": lambda header, arrays: arrays["gains"].__setitem__(3, np.nan),
    "codes missing": lambda header, arrays: arrays.pop("codes"),
    "codes short": lambda header, arrays: arrays.update(codes=arrays["codes"][:-1]),
    "codes signed": lambda header, arrays: arrays.update(codes=arrays["codes"].view(np.int8)),
    "scales longer": lambda header, arrays: arrays.update(scales=np.ones(99, np.float16)),
    "gains double": lambda header, arrays: arrays.update(gains=np.ones(12)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_header_or_array_of_nonsense_is_refused_and_allocates_little(packed, what):
    _, path = packed
    rewritten(path, HOSTILE[what])
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            load_packed(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_arrays_that_were_changed_and_archived_anew_are_refused(packed):
    _, path = packed
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["gains"][2] += 1
    np.savez(path, **arrays)
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_packed(path)


def zipped(members, **kwargs):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **kwargs) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def array_file(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def claimed(shape):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue()


def hostile_archives(path):
    """Archives that claim much, lead elsewhere, or are packed more than once."""
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    by_name = dict(members)
    bomb = array_file(np.zeros(50_000_000, np.uint8))
    yield "a bomb", zipped([*members[:-1], ("gains.npy", bomb)], compression=zipfile.ZIP_DEFLATED)
    yield "a bomb as header", zipped([("header.npy", bomb)], compression=zipfile.ZIP_DEFLATED)
    yield "compressed", zipped(members, compression=zipfile.ZIP_DEFLATED)
    yield "codes of 2^50 bytes", zipped([*members[:2], ("codes.npy", claimed((2**50,)))])
    yield "header of 2^50 bytes", zipped([("header.npy", claimed((2**50,)))])
    yield "a negative shape", zipped([("header.npy", claimed((-1,)))])
    yield "up and away", zipped([(f"../../{name}", content) for name, content in members])
    yield "from the root", zipped([(f"/{name}", content) for name, content in members])
    pickled = array_file(np.array([{"a": 1}], dtype=object))
    yield "pickled", zipped([*members[:2], ("codes.npy", pickled)])
    yield "a deep header", zipped([("header.npy", array_file(np.frombuffer(b"[" * 10**5, "u1")))])
    wrong = json.dumps({"format": FORMAT}).encode()
    yield (
        "an empty header",
        zipped(
            [("header.npy", array_file(np.frombuffer(wrong, "u1"))), *list(by_name.items())[1:]]
        ),
    )


def test_hostile_archives_are_refused_and_allocate_little(packed, tmp_path):
    _, path = packed
    before = set(tmp_path.rglob("*"))
    for what, content in list(hostile_archives(path)):
        file = tmp_path / "hostile.npz"
        file.write_bytes(content)
        tracemalloc.start()
        try:
            with pytest.raises(CheckpointError):
                load_packed(file)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2_000_000, what
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "hostile.npz"}


def test_a_model_cannot_be_trained_on_from_a_packed_file(packed):
    _, path = packed
    with pytest.raises(CheckpointError, match="packed model"):
        Trainer.resume(path)


# --- The command ---------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path, monkeypatch, small):
    monkeypatch.chdir(tmp_path)
    trainer = Trainer(small_config(small))
    trainer.run()
    trainer.save("model.npz")
    return "model.npz"


def test_pack_prints_the_account_and_generate_and_check_take_the_file(checkpoint, capsys):
    assert main(["pack", checkpoint]) == 0
    out = capsys.readouterr().out
    size = Path("model.packed.npz").stat().st_size
    assert f"total     {size:>9,} bytes 100.0 %" in out
    assert f"model.npz takes {Path(checkpoint).stat().st_size:,} bytes" in out
    assert out.endswith("packed to model.packed.npz\n")
    texts = []
    for file in (checkpoint, "model.packed.npz"):
        assert main(["generate", file, "--prompt", "The", "--length", "40"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert main(["check", "model.packed.npz"]) == 0
    assert capsys.readouterr().out.startswith("PASS  weights in {-1, 0, +1}")


def test_pack_replaces_a_file_only_by_force(checkpoint, capsys):
    Path("other.npz").write_text("precious")
    assert main(["pack", checkpoint, "-o", "other.npz"]) == 2
    assert "--force" in capsys.readouterr().err
    assert Path("other.npz").read_text() == "precious"
    assert main(["pack", checkpoint, "-o", "other.npz", "--force"]) == 0
    assert is_packed("other.npz")


def test_pack_never_replaces_the_model_itself(checkpoint, capsys):
    assert main(["pack", checkpoint, "-o", f"./{checkpoint}", "--force"]) == 2
    assert "the model itself" in capsys.readouterr().err
    assert not is_packed(checkpoint)


@pytest.mark.parametrize(
    "arguments",
    [["nothing.npz"], ["model.npz", "-o", "no/folder.npz"], ["model.npz", "-o", "."]],
)
def test_pack_refuses_with_status_2_and_writes_nothing(checkpoint, arguments, capsys):
    before = sorted(Path().iterdir())
    assert main(["pack", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("ternary: error: ") and "Traceback" not in err
    assert sorted(Path().iterdir()) == before


# --- The product from packed codes ---------------------------------------------------------------


@given(st.data())
def test_a_look_up_product_is_the_dense_product_exactly_where_sums_are_exact(data):
    """Small integers and scales that are powers of two: no order of adding rounds anything."""
    group_size = data.draw(st.sampled_from([1, 4, 5, 64, 128]))
    shape = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 2 * group_size + 3))
    codes = data.draw(hnp.arrays(np.int8, shape, elements=st.integers(-1, 1)))
    n_groups = -(-shape[1] // group_size)
    powers = data.draw(hnp.arrays(np.int8, (shape[0], n_groups), elements=st.integers(-3, 3)))
    scales = (2.0**powers).astype(np.float16)
    x = data.draw(hnp.arrays(np.float32, shape[1:], elements=st.integers(-50, 50).map(float)))
    dense = codes * np.repeat(scales.astype(np.float32), group_size, axis=1)[:, : shape[1]]
    y = packed_matvec(encode("base3", codes, scales, group_size), x, group_size)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, dense @ x)


def test_a_look_up_product_agrees_with_the_dense_one_beyond_its_chunks():
    rng = np.random.default_rng(0)
    codes, scales, weights = project(rng.standard_normal((1100, 300)).astype(np.float32))
    x = rng.standard_normal(300).astype(np.float32)
    exact = weights.astype(np.float64) @ x
    y = packed_matvec(encode("base3", codes, scales), x)
    assert np.abs(y - exact).max() < 1e-6 * np.abs(exact).max()


@given(hnp.arrays(np.float64, 5, elements=st.integers(-(10**6), 10**6).map(float)))
def test_the_table_holds_every_signed_sum_of_five_inputs(x):
    table = partial_sums(x)
    for v in range(243):
        digits = [v // 3**i % 3 - 1 for i in range(5)]
        assert table[v] == sum(d * x_i for d, x_i in zip(digits, x, strict=True))
    assert np.isnan(table[243:]).all()


def test_a_byte_that_is_no_pattern_gives_nan():
    data = encode("base3", np.ones((2, 128), np.int8), np.ones((2, 1), np.float16))
    data[1, 3] = 250
    y = packed_matvec(data, np.ones(128, np.float32))
    assert y[0] == 128 and np.isnan(y[1])


def test_a_product_of_shapes_that_do_not_fit_is_refused():
    data = encode("base3", np.ones((2, 128), np.int8), np.ones((2, 1), np.float16))
    for bad in (np.ones(129, np.float32), np.ones((128, 1), np.float32), np.ones(0, np.float32)):
        with pytest.raises(ShapeError, match="expected"):
            packed_matvec(data, bad)
    with pytest.raises(ShapeError, match="expected"):
        packed_matvec(data[0], np.ones(128, np.float32))
