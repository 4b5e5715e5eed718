"""Chapters 13 and 14: bytes of codes, and a file for llama.cpp."""

# fmt: off
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ternary.course.compare import Failed, require, same
from ternary.course.laws import agrees, fresh
from ternary.course.program import book
from ternary.course.step import Step, Wrong
from ternary.course.steps.gguf_reading import read
from ternary.course.steps.small import latents, sizes, small_book

Q2_0 = Step(
    id="q2_0",
    page="packing",
    heading="Blocks",
    title="Blocks of Q2_0",
    minutes=25,
    doc="""Blocks of 64 codes: a float16 scale, and sixteen bytes with four codes of two bits each.

`codes` int8 `(n, 128)` and their `scales` float16 `(n,)` become uint8 `(2 n, 18)`: a group is two
blocks with the same scale. The scale's two bytes come first, the lower one before the other. Codes
are stored plus one; of four that share a byte, the first is in the lowest two bits.""",
    hints=(
        "Plus one, the codes are 0, 1, 2, and fit two bits. reshape(-1, 16, 4) puts four together.",
        "Shift the four by 0, 2, 4, 6 bits and add them up, in uint8.",
        "float16 of little end is '<f2'; .view(np.uint8) shows its bytes.",
    ),
    wrong=(
        Wrong("[0, 2, 4, 6]", "[6, 4, 2, 0]", "the first of four codes is in the highest bits."),
        Wrong("(codes + 1).astype(np.uint8)", "(codes & 3).astype(np.uint8)",
              "you store -1 as 3; codes are stored plus one."),
        Wrong('"<f2"', '">f2"', "the bytes of the scale are in the other order."),
        Wrong('np.hstack([np.repeat(scales.astype("<f2"), 2)[:, None].view(np.uint8), packed])',
              'np.hstack([packed, np.repeat(scales.astype("<f2"), 2)[:, None].view(np.uint8)])',
              "the scale stands behind the codes; it comes first."),
    ),
)


@Q2_0.check
def block_bytes(f: Any) -> None:
    """The bytes of three groups."""
    codes = fresh().integers(-1, 2, (3, 128)).astype(np.int8)
    agrees(f, book.q2_0, codes, np.array([0.5, 1.25, 0.1], np.float16), what="blocks")


READ_Q2_0 = Step(
    id="read_q2_0",
    page="packing",
    heading="Blocks",
    title="Blocks of Q2_0, read back",
    minutes=20,
    doc="""Weights float32 `(n, 64)` of blocks uint8 `(n, 18)`.

A block is a float16, its lower byte first, and sixteen bytes with four codes each, stored plus one,
the first in the lowest two bits. A weight is its code times the scale.""",
    hints=(
        "The first two columns, as an array of their own (.copy()), can be viewed as '<f2'.",
        "A shift to the right and `& 3` take two bits out. Four shifts for each byte.",
        "uint8 has no -1: make floats of the digits before you subtract.",
    ),
    wrong=(
        Wrong("[0, 2, 4, 6]", "[6, 4, 2, 0]", "you read the highest bits first."),
        Wrong(".astype(np.float32) - 1)", ".astype(np.float32))", "you forget that codes are "
              "stored plus one."),
        Wrong("digits.reshape(len(blocks), -1).astype(np.float32) - 1",
              "(digits.reshape(len(blocks), -1) - np.uint8(1)).astype(np.float32)",
              "you subtract in uint8, where 0 - 1 is 255."),
        Wrong('"<f2"', '">f2"', "the bytes of the scale are in the other order."),
    ),
)


@READ_Q2_0.check
def there_and_back(f: Any) -> None:
    """What q2_0 wrote comes back."""
    codes = fresh().integers(-1, 2, (2, 128)).astype(np.int8)
    scales = np.array([0.5, 1.25], np.float16)
    blocks = book.q2_0(codes, scales)
    same("weights", f(blocks), (codes * scales[:, None]).astype(np.float32).reshape(4, 64),
         dtype=True)


@READ_Q2_0.check
def by_hand(f: Any) -> None:
    """A block by hand: scale 1, then -1, 0, 1, 0 in its first byte."""
    block = np.full((1, 18), 0b01010101, np.uint8)
    block[0, :3] = 0x00, 0x3C, 0b01100100
    same("the first four weights", f(block)[0, :4], np.array([-1, 0, 1, 0], np.float32))


GGUF = Step(
    id="gguf",
    page="runtimes",
    heading="A GGUF file, read by hand",
    title="One value of a GGUF file",
    minutes=20,
    doc="""A text, a list of texts, an int or a float: its type's number in GGUF, then its bytes.

The number is four bytes: 4 for an int, which is then an uint32; 6 for a float, a float32; 8 for a
text, which is its number of bytes as uint64 and then its UTF-8; 9 for a list, which is the number
of its elements' type, 8, as uint32, their number as uint64, and the elements without types of
their own. All numbers have their lower bytes first.""",
    hints=(
        "np.array([...], '<u4').tobytes(); an uint64 below 2**32 is that number and a zero, in "
        "'<u4'.",
        "How long is 'é' in UTF-8?",
        "An element of a list is gguf(element) without its first four bytes.",
    ),
    wrong=(
        Wrong("np.array([8, len(x.encode()), 0]", "np.array([8, len(x), 0]",
              "you count characters; a text is as long as its bytes are many."),
        Wrong("gguf(y)[4:] for y in x", "gguf(y) for y in x",
              "the elements of a list have no types of their own."),
        Wrong('(6, "<f4")', '(6, "<f8")', "your floats have eight bytes; type 6 has four."),
        Wrong("[9, 8, len(x), 0]", "[9, len(x), 0]", "a list says which type its elements have."),
    ),
)


@GGUF.check
def each_kind(f: Any) -> None:
    """The bytes of an int, a float, a text and a list."""
    for value in (7, 1e-5, "arcee", "é", ["a", "bc"], []):
        came, expected = f(value), book.gguf(value)
        kind = type(came).__name__
        require(isinstance(came, bytes), f"gguf({value!r}): expected bytes, came {kind}")
        if came != expected:
            raise Failed(f"gguf({value!r}): expected {expected.hex(' ')}, came {came.hex(' ')}")


WRITE = Step(
    id="write_gguf",
    page="runtimes",
    heading="A GGUF file, read by hand",
    title="A file for llama.cpp",
    minutes=50,
    doc="""Codes, scales and gains under llama.cpp's names, with all that it asks for.

`path` is where the file goes, `latents` a dict by name, `context` the window. The chapter has the
layout: `GGUF`, version 3, two counts, the metadata, the tensors' names, sizes (the last axis
first), types and offsets, then, from a multiple of 32 on, their bytes, each filled up to a
multiple of 32. Matrices are Q2_0, type 42; gains are float32, type 0. The metadata are those of
the chapter's listing: the architecture arcee with its sizes, and a vocabulary of 256 bytes.""",
    hints=(
        "Make the head and the body beside each other; an offset is how long the body is by then.",
        "bytes(-n % 32) is the filling behind n bytes.",
        "Offsets count from where the body begins, so the head's length need not be known.",
    ),
    wrong=(
        Wrong("bytes(-data.nbytes % 32)", 'b""', "your tensors are not filled up to multiples of "
              "32, so that the next one is where no reader looks."),
        Wrong("w.shape[::-1]", "w.shape", "your sizes are in NumPy's order; GGUF has the last axis "
              "first."),
        Wrong("np.uint64(len(body))", "np.uint64(0)", "every tensor says that it begins at 0."),
        Wrong("[3, len(latents), 0, len(about), 0]", "[3, len(about), 0, len(latents), 0]",
              "the two counts have changed places; the tensors are counted first."),
    ),
    given=sizes,
)


@WRITE.check
def same_file(f: Any) -> None:
    """Metadata, names, sizes, types and bytes, as a reader of GGUF finds them."""
    w = latents(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours.gguf"), Path(folder, "theirs.gguf")
        small_book().write_gguf(theirs, w)
        f(ours, w)
        require(ours.is_file(), "no file was written to the path")
        came, expected = read(ours.read_bytes()), read(theirs.read_bytes())
    for part in ("version", "metadata"):
        same(part, came[part], expected[part])
    for name, tensor in expected["tensors"].items():
        require(name in came["tensors"], f"there is no tensor {name}")
        for key, value in tensor.items():
            same(f"{name}: {key}", came["tensors"][name][key], value)
