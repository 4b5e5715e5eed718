"""Every reader of files, and the valid files that its damaged ones are made from."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import toy
from architectures import ARCHITECTURES, metadata_of
from damaged_files import damaged_gguf, damaged_npz, damaged_safetensors
from law import Reader
from mutations import changed, damaged, encoded

from ternary import Trainer, TrainingConfig
from ternary.account import account
from ternary.codecs import CODECS, encode
from ternary.contest.declaration import beside, declare, read_declaration
from ternary.contest.entry import read_entry
from ternary.contest.hidden import MIN_HIDDEN, read_hidden
from ternary.course import STEPS
from ternary.course import folder as answers
from ternary.course.grader import _read
from ternary.course.prediction import PREDICTIONS
from ternary.course.steps import load
from ternary.data import Text
from ternary.experiments.kept import Kept
from ternary.experiments.record import load_record
from ternary.export import inspect_model, read_gguf_header, read_tensor
from ternary.export.gguf_file import ARRAY, SCALARS, STRING
from ternary.export.safetensors_file import read_array, read_safetensors_header, write_safetensors
from ternary.job import resume
from ternary.packed import load_any, load_packed, save_packed

MODEL = 48 << 20  # a model's arrays are cut out of chunks of 16 MB, empty or not
TINY = TrainingConfig(steps=1, d_model=8, d_ff=8, n_heads=2, n_layers=1, group_size=8, threads=1)


def as_file(name: str) -> Callable[[Path, bytes], Path]:
    """Puts the content under a name."""

    def put(folder: Path, content: bytes) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return put


@cache
def models() -> dict[str, bytes]:
    """A checkpoint, the same of another shape, and both packed."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        other = TrainingConfig(steps=2, d_model=4, d_ff=6, n_heads=1, projection="twn", threads=2)
        for name, config in (("a", TINY), ("b", other)):
            trainer = Trainer(config)
            trainer.run()
            trainer.save(path)
            found[name] = path.read_bytes()
            save_packed(path, trainer.model)
            found[f"{name} packed"] = path.read_bytes()
        found["declaration"] = path_of_declaration(path).read_bytes()
    return found


def path_of_declaration(path: Path) -> Path:
    declare(path, 1.5, "ternary contest train")
    return beside(path)


def npz(*names: str) -> Callable[[Random], bytes]:
    return lambda draw: damaged_npz(draw, models()[draw.choice(names)])


def read_checkpoint(path: Path) -> None:
    resume(str(path))


def read_packed(path: Path) -> None:
    model = load_packed(path)
    assert list(account(path).lines())
    assert {*np.unique(model.parameters.codes("head"))} <= {-1, 0, 1}


def read_any(path: Path) -> None:
    load_any(path)
    assert inspect_model(path).lines()


# --- Files of other programs -------------------------------------------------------------------


@cache
def gguf_models() -> list[dict[str, Any]]:
    """Keys and tensors of small files."""
    found = []
    for architecture in (*ARCHITECTURES, "arcee"):
        given = metadata_of(architecture if architecture != "arcee" else "llama")
        given = {k.replace("llama", architecture): v for k, v in given.items()}
        given |= {"general.architecture": architecture, "general.alignment": 32}
        for name in ("tokens", "token_type"):
            given[f"tokenizer.ggml.{name}"] = given[f"tokenizer.ggml.{name}"][:12]
        keys = [(key, *_typed(value)) for key, value in given.items()]
        codes, scales = np.ones((2, 128), np.int8), np.ones((2, 1), np.float16)
        packed = encode("Q2_0", codes, scales).tobytes()
        tensors = [("token_embd.weight", (2, 128), 42, packed), ("n", (3,), 0, bytes(12))]
        tensors += [("blk.0.attn_q.weight", (2, 2, 2), 1, bytes(16))]
        found.append({"keys": keys, "tensors": tensors})
    return found


def _typed(value: Any) -> tuple[Any, Any]:
    if isinstance(value, list):
        return (ARRAY, STRING if not value or isinstance(value[0], str) else 5), value
    kinds = {str: STRING, bool: 7, int: 4, float: 6}
    return kinds[type(value)], value


def read_gguf(path: Path) -> None:
    assert inspect_model(path).lines()
    header = read_gguf_header(path)
    for tensor in header.tensors:
        data = read_tensor(path, header, tensor.name)
        assert data.size <= header.size


@cache
def safetensors() -> bytes:
    arrays = {"w.weight": np.ones((2, 8), np.uint32), "w.scales": np.ones((2, 1), np.float16)}
    arrays |= {"model.norm.weight": np.ones(4, np.float32), "empty": np.ones((0, 2), np.float32)}
    with tempfile.TemporaryFile() as file:
        write_safetensors(file, arrays, {"format": "mlx"})
        file.seek(0)
        return file.read()


def read_safetensors(path: Path) -> None:
    assert inspect_model(path).lines()
    header = read_safetensors_header(path)
    for name, tensor in header.tensors.items():
        if tensor.dtype in ("F32", "F16", "U32", "U8"):
            assert read_array(path, header, name).nbytes == tensor.last - tensor.first


CONFIG = {"model_type": "arcee", "num_hidden_layers": 1, "model_file": "arcee.py"}
QUANTIZED = CONFIG | {"quantization": {"bits": 2, "group_size": 32}}
INDEX = {"metadata": {"total_size": 9}, "weight_map": dict.fromkeys("abc", "model.safetensors")}


def make_folder(draw: Random) -> bytes:
    config = encoded(draw, changed(draw, draw.choice([CONFIG, QUANTIZED])))
    index = b"" if draw.random() < 0.4 else encoded(draw, changed(draw, INDEX))
    weights = damaged_safetensors(draw, safetensors()) if draw.random() < 0.2 else safetensors()
    return b"".join(struct.pack("<I", len(part)) + part for part in (config, index, weights))


def put_folder(folder: Path, content: bytes) -> Path:
    path = folder / "model"
    path.mkdir(exist_ok=True)
    for name in ("config.json", "model.safetensors.index.json", "model.safetensors"):
        length = struct.unpack("<I", content[:4])[0]
        (path / name).write_bytes(content[4 : 4 + length])
        if not length:
            (path / name).unlink()
        content = content[4 + length :]
    return path


@cache
def blocks() -> list[tuple[str, int, bytes]]:
    """Two rows of 256 weights in every format, and how many share a scale."""
    rng, found = np.random.default_rng(0), []
    codes = rng.integers(-1, 2, (2, 256)).astype(np.int8)
    for name, codec in CODECS.items():
        size = max(128, codec.block_size)
        scales = np.full((2, 256 // size), 0.5, np.float16)
        found.append((name, size, encode(name, codes, scales, size).tobytes()))
    return found


def make_codec(draw: Random) -> bytes:
    number = draw.randrange(len(CODECS))
    data = blocks()[number][2]
    if draw.random() < 0.5:
        place = draw.randrange(len(data))
        data = data[:place] + bytes([draw.randrange(256)]) + data[place + 1 :]
    return bytes([number]) + damaged(draw, data, draw.choice([0, 0, 1, 3]))


def read_codec(path: Path) -> None:
    content = path.read_bytes()
    name, size, _ = blocks()[content[0]] if content[:1] else blocks()[0]
    data = np.frombuffer(content[1:], np.uint8)
    data = data.reshape(2, -1) if len(data) % 2 == 0 else data[None]
    codes, scales = CODECS[name].decode(data, 256, size)
    assert {*np.unique(codes)} <= {-1, 0, 1} and np.isfinite(scales).all()


# --- Text, answers, entries, records -----------------------------------------------------------

WORDS = "Ein Text, the naïve one — 日本 \n def f(x):\n\treturn [x]\r\n" * 8


def make_corpus(draw: Random) -> bytes:
    text = WORDS.encode() * draw.choice([1, 1, 2, MIN_HIDDEN // len(WORDS) + 1])
    return damaged(draw, text[: draw.randint(0, len(text))])


def read_corpus(path: Path) -> None:
    task = Text(8, str(path))
    tokens, targets = task.batch(np.random.default_rng(0), 2)
    assert tokens.shape == targets.shape == (2, 8)
    if path.stat().st_size < MIN_HIDDEN:  # of longer ones, all passages are compared
        read_hidden(path)


def make_answer(draw: Random) -> bytes:
    load()
    step = STEPS[draw.choice(list(STEPS))]
    data = damaged(draw, draw.choice([step.reference, step.stub]).encode(), draw.randint(0, 4))
    if draw.random() < 0.03:
        piece = draw.choice(
            ["(", "[", "{", "-", "not ", "lambda: ", "f(", "x.", "'", "if x:\n ", "9"]
        )
        data += (piece * draw.choice([90, 3000, 150_000])).encode()
    return data


def read_answer(path: Path) -> None:
    step = STEPS["codes_and_scales"]
    verdict = _read(step, answers.read(path, step))
    assert not hasattr(verdict, "message") or verdict.message


def make_predictions(draw: Random) -> bytes:
    load()
    numbers = [name for name, each in PREDICTIONS.items() if not each.choices]
    given = {name: draw.choice(["12", "0.5", "3 %", "-1e3"]) for name in numbers[:4]}
    text = encoded(draw, changed(draw, given) if draw.random() < 0.7 else given)
    return damaged(draw, text) if draw.random() < 0.3 else text


def read_predictions(path: Path) -> None:
    for name, committed in answers.commitments(path.parent).items():
        if name in PREDICTIONS:
            PREDICTIONS[name].read(committed)


def make_declaration(draw: Random) -> bytes:
    given = json.loads(models()["declaration"])
    text = encoded(draw, changed(draw, given) if draw.random() < 0.9 else given)
    return damaged(draw, text) if draw.random() < 0.3 else text


def put_declaration(folder: Path, content: bytes) -> Path:
    model = as_file("entry.npz")(folder, models()["b packed"])
    beside(model).write_bytes(content)
    return model


@cache
def trials() -> list[dict[str, Any]]:
    where = {"host": "a", "pid": 3, "processor": "x86_64", "executor": "process"}
    more = {"seconds": 0.5, "finished": "2026-01-01T00:00:00Z", "fingerprint": "0", "where": where}
    more["versions"] = {"numpy": "2.0", "python": "3.13"}
    made = [
        {"settings": {"lr": lr}, "seed": s, "values": {"bpb": 2.5}} for lr in (1, 2) for s in (1, 2)
    ]
    failed = {"settings": {"lr": 3}, "seed": 1, "error": "ValueError: no"}
    return [each | more for each in [*made, failed]]


def make_record(draw: Random) -> bytes:
    record = {"experiment": "toy", "seeds": [1, 2], "date": "2026-01-01", "trials": trials()}
    text = encoded(draw, changed(draw, record) if draw.random() < 0.9 else record)
    return damaged(draw, text) if draw.random() < 0.3 else text


def make_partial(draw: Random) -> bytes:
    lines: list[Any] = [{"format": "ternary trials 1", "experiment": "toy"}, *trials()]
    if draw.random() < 0.9:
        i = draw.randrange(len(lines))
        lines[i] = changed(draw, lines[i])
    data = b"\n".join(encoded(draw, line) for line in lines) + b"\n"
    return damaged(draw, data) if draw.random() < 0.4 else data


def read_trials(path: Path) -> None:
    if path.name == "toy.json":
        record = load_record("toy", path.parent)
        assert all("settings" in trial for trial in record.trials) and record.settings is not None
    kept = Kept.look(toy.EXPERIMENT, path.parent)
    kept.__dict__["code"] = "0"  # that of the trials above: otherwise none of them would count
    assert len(kept.trials) + len(kept.missing) == len(kept.plan)
    assert all("error" in trial for trial in kept.failed)
    assert all((kept.seconds(job) or 0) >= 0 for job in kept.missing[:2])


READERS = {
    reader.name: reader
    for reader in (
        Reader("checkpoint", npz("a", "b"), read_checkpoint, as_file("run.npz"), 60_000, MODEL),
        Reader("packed", npz("a packed", "b packed"), read_packed, as_file("p.npz"), 4500, MODEL),
        Reader("any-npz", npz(*"ab", "a packed"), read_any, as_file("m.npz"), 4500, MODEL),
        Reader(
            "gguf",
            lambda d: damaged_gguf(d, d.choice(gguf_models())),
            read_gguf,
            as_file("m.gguf"),
            60,
        ),
        Reader(
            "tokenizer",
            lambda d: damaged_gguf(d, d.choice(gguf_models()), "tokenizer."),
            read_gguf,
            as_file("m.gguf"),
            60,
        ),
        Reader(
            "safetensors",
            lambda d: damaged_safetensors(d, safetensors()),
            read_safetensors,
            as_file("m.safetensors"),
            60,
        ),
        Reader("folder", make_folder, inspect_model, put_folder, 60),
        Reader("codec", make_codec, read_codec, as_file("block"), 60),
        Reader("corpus", make_corpus, read_corpus, as_file("text.txt"), 60),
        Reader("answer", make_answer, read_answer, as_file("codes_and_scales.py"), 4000),
        Reader("predictions", make_predictions, read_predictions, as_file("predictions.json"), 60),
        Reader("entry", npz("a packed", "b packed"), read_entry, as_file("entry.npz"), 9000, MODEL),
        Reader("declaration", make_declaration, read_declaration, put_declaration, 60),
        Reader("record", make_record, read_trials, as_file("toy.json"), 60),
        Reader("partial-record", make_partial, read_trials, as_file("toy.partial.jsonl"), 60),
    )
}
assert SCALARS
