"""Damaged containers, made from valid ones: their parts are changed, and put together again.

Bytes that were changed at random rarely pass a digest or a length. Here headers and sizes are
changed first, and signed and counted anew, so that what is behind them is reached.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from functools import cache
from random import Random
from typing import Any

import numpy as np
from mutations import COUNTS, NASTY, changed, damaged, encoded, number

from ternary.export.gguf_file import ARRAY, SCALARS, STRING

TEXTS = [each for each in NASTY if isinstance(each, str)]


# --- .npz ------------------------------------------------------------------------------------


def damaged_npz(draw: Random, data: bytes) -> bytes:
    """A checkpoint or a packed model with another header, other arrays, or other zip records."""
    if draw.random() < 0.25:
        return damaged(draw, data)
    files, arrays, header = _parts(data)
    arrays = dict(arrays)
    if draw.random() < 0.7:
        header = changed(draw, header)
    if draw.random() < 0.4:
        _change_array(draw, arrays)
    text = encoded(draw, header)
    members = {"header": np.frombuffer(text, np.uint8)}
    members["sha256"] = np.frombuffer(_digest(text, arrays), np.uint8)
    same = _parts(data)[1]
    content = {name: _file(draw, array) for name, array in members.items()}
    for name, array in arrays.items():
        unchanged = same[name] is array and draw.random() > 0.002
        content[name] = files[name] if unchanged else _file(draw, array)
    return _zipped(draw, content)


@cache
def _parts(data: bytes) -> tuple[dict[str, bytes], dict[str, np.ndarray], Any]:
    """The files of an archive, what is in them, and the header."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name[:-4]: archive.read(name) for name in archive.namelist()}
    arrays = {name: np.load(io.BytesIO(content)) for name, content in files.items()}
    del arrays["sha256"]
    header = json.loads(arrays.pop("header").tobytes())
    return files, arrays, header


def _digest(text: bytes, arrays: dict[str, np.ndarray]) -> bytes:
    digest = hashlib.sha256(text)
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.digest()


def _change_array(draw: Random, arrays: dict[str, np.ndarray]) -> None:
    name = draw.choice(list(arrays))
    array, how = arrays[name], draw.randrange(6)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[name] = array.reshape(-1)[: draw.randrange(array.size + 1)]
    elif how == 2:
        arrays[name] = array.astype(draw.choice([np.int8, np.float64, np.uint16, ">f4", "S3"]))
    elif how == 3:
        arrays[name] = np.array(damaged(draw, array.tobytes()), "S")
    else:
        array = arrays[name] = array.copy()
        bad = [np.nan, np.inf, -1, 243, 65504] if array.dtype.kind == "f" else [243, 255, 0]
        if array.size:
            array.reshape(-1)[draw.randrange(array.size)] = draw.choice(bad)


def _file(draw: Random, array: np.ndarray) -> bytes:
    """An array as NumPy writes it, or with a header that claims another shape or type."""
    buffer = io.BytesIO()
    if draw.random() < 0.95:
        np.lib.format.write_array(buffer, np.asanyarray(array), version=(1, 0))
        return buffer.getvalue()
    counts = tuple(draw.choice([*COUNTS, -1]) for _ in range(draw.randint(0, 40)))
    about = {"descr": draw.choice(["|u1", "<f8", "|O", "<U9999"]), "fortran_order": False}
    np.lib.format.write_array_header_1_0(buffer, about | {"shape": counts[: draw.randint(0, 3)]})
    return damaged(draw, buffer.getvalue()) if draw.random() < 0.3 else buffer.getvalue()


def _zipped(draw: Random, members: dict[str, bytes]) -> bytes:
    """An archive; now and then compressed, with one member more, or damaged itself."""
    data = _odd_archive(draw, members) if draw.random() < 0.1 else stored(members)
    if draw.random() < 0.1:  # in the directory, which is at the end
        cut = max(len(data) - draw.randint(20, 400), 0)
        data = data[:cut] + damaged(draw, data[cut:])
    if draw.random() < 0.03:
        data = draw.randbytes(7) + data + draw.randbytes(7)
    return data


def _odd_archive(draw: Random, members: dict[str, bytes]) -> bytes:
    packed = draw.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    buffer = io.BytesIO()
    method = packed if draw.random() < 0.4 else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content, method)
        if draw.random() < 0.8:
            name = draw.choice(["more.npy", "x", "../x.npy", "é.npy", "header", "codes"])
            more = bytes(draw.choice([0, 10, 100_000]))
            archive.writestr(zipfile.ZipInfo(name), more, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def stored(members: dict[str, bytes]) -> bytes:
    """A plain zip archive, as `zipfile` writes it, in a fraction of the time."""
    out, directory = bytearray(), bytearray()
    for name, content in members.items():
        sizes = struct.pack(
            "<IIIHH", zlib.crc32(content), len(content), len(content), len(name) + 4, 0
        )
        common = struct.pack("<HHHHH", 20, 0, 0, 0, 33) + sizes
        directory += b"PK\1\2" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name.encode() + b".npy"
        out += b"PK\3\4" + common + name.encode() + b".npy" + content
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(out), 0)
    return bytes(out + directory + b"PK\5\6" + end)


# --- GGUF ------------------------------------------------------------------------------------


def damaged_gguf(draw: Random, model: dict[str, Any], only: str = "") -> bytes:
    """A GGUF file from keys `(key, type, value)`, tensors `(name, shape, type, bytes)`.

    `only` names the beginning of the keys that are changed, if not all may be.
    """
    keys, tensors = list(model["keys"]), list(model["tensors"])
    for _ in range(draw.randint(1, 3)):
        if keys and (only or draw.random() < 0.6):
            places = [i for i, key in enumerate(keys) if key[0].startswith(only)]
            i = draw.choice(places or [0])
            keys[i : i + 1] = _changed_key(draw, *keys[i])
        elif tensors:
            i = draw.randrange(len(tensors))
            tensors[i : i + 1] = _changed_tensor(draw, *tensors[i])
    lie = 0.15 / (len(keys) + len(tensors) + 1)  # about one file in seven claims a false length
    head = [b"GGUF", number(draw.choice([3] * 20 + [2, 1, 4, 3 << 24]), "I")]
    head += [_count(draw, len(tensors), lie), _count(draw, len(keys), lie)]
    head += [_text(draw, key, lie) + _value(draw, kind, value, lie) for key, kind, value in keys]
    offset, align = 0, next((v for k, _, v in keys if k == "general.alignment"), 32)
    align = align if isinstance(align, int) and 0 < align < 4096 else 32
    body = b""
    for name, shape, kind, content in tensors:
        head.append(_text(draw, name, lie) + number(len(shape), "I"))
        head += [number(n, "Q") for n in reversed(shape)]
        head.append(number(kind, "I") + _count(draw, offset, lie))
        body += content + bytes(-len(content) % align)
        offset = len(body)
    data = b"".join(head)
    data += bytes(-len(data) % align) + body
    return damaged(draw, data) if draw.random() < 0.3 else data


def _changed_key(draw: Random, key: str, kind: Any, value: Any) -> list[tuple[str, Any, Any]]:
    how = draw.randrange(6)
    if how == 0:
        return []
    if how == 1:
        return [(key, kind, value)] * 2
    if how == 2:
        return [(draw.choice([*TEXTS, "general.alignment", "split.count"]), kind, value)]
    if how == 3:
        scalar = draw.choice(list(SCALARS))
        return [(key, scalar, draw.choice(COUNTS))]
    if how == 4:
        return [(key, STRING, draw.choice(TEXTS))]
    inside = draw.choice([*SCALARS, STRING, ARRAY, 13, 255])
    return [(key, (ARRAY, inside), [draw.choice(COUNTS)] * draw.choice([0, 1, 1, 5, 40, 40, 400]))]


def _changed_tensor(
    draw: Random, name: str, shape: tuple[int, ...], kind: int, content: bytes
) -> list[tuple[str, tuple[int, ...], int, bytes]]:
    how = draw.randrange(5)
    if how == 0:
        return []
    if how == 1:
        return [(name, shape, kind, content)] * 2
    if how == 2:
        name = draw.choice([*TEXTS, "a" * 63, "a" * 64, "~/x", "a:0"])
    elif how == 3:
        shape = tuple(
            draw.choice([*COUNTS, *shape]) for _ in range(draw.choice([0, 1, 2, 4, 5, 9]))
        )
    else:
        kind = draw.choice([0, 1, 2, 8, 14, 30, 34, 42, 142, 143, 9999, (1 << 32) - 1])
    return [(name, shape, kind, content)]


def _count(draw: Random, n: int, lie: float) -> bytes:
    return number(draw.choice(COUNTS) if draw.random() < lie else n, "Q")


def _text(draw: Random, text: str, lie: float) -> bytes:
    content = text.encode(errors="surrogatepass")
    return _count(draw, len(content), lie) + content


def _value(draw: Random, kind: Any, value: Any, lie: float) -> bytes:
    if isinstance(kind, tuple):
        items = [_item(draw, kind[1], each, lie / 50) for each in value]
        return (
            number(ARRAY, "I")
            + number(kind[1], "I")
            + _count(draw, len(items), lie)
            + b"".join(items)
        )
    return number(kind, "I") + _item(draw, kind, value, lie)


def _item(draw: Random, kind: int, value: Any, lie: float) -> bytes:
    if kind == STRING:
        return _text(draw, str(value), lie)
    code = SCALARS.get(kind, "Q")
    if code in "fd":
        return struct.pack("<" + code, float(value))
    return bytes([bool(value)]) if code == "?" else number(int(value), code.upper())


# --- safetensors -----------------------------------------------------------------------------


def damaged_safetensors(draw: Random, data: bytes) -> bytes:
    """A safetensors file with another table, a false length, or other bytes."""
    if draw.random() < 0.25:
        return damaged(draw, data)
    length = struct.unpack("<Q", data[:8])[0]
    table, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    if draw.random() < 0.1:
        name = draw.choice([name for name in table if name != "__metadata__"])
        table[name]["shape"] = [draw.choice([1, 2, 1 << 31, 1 << 62])] * draw.choice(
            [65, 3000, 30_000]
        )
    elif draw.random() < 0.9:
        table = changed(draw, table)
    head = encoded(draw, table)
    length = draw.choice(COUNTS) if draw.random() < 0.1 else len(head)
    return number(length, "Q") + head + (damaged(draw, body, 1) if draw.random() < 0.2 else body)
