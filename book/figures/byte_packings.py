"""Chapter 13: the same five codes in the three kinds of byte that ternary formats use."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, panels

from ternary.codecs import CODECS, pack_trits

CODES = [1, 0, -1, 1, 0]
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, RED]
WIDTH = 256  # a byte is a bar that can be filled up to 256


def draw() -> Figure:
    figure, (axis,) = panels(figsize=(4.4, 4.6))
    axis.axis("off")
    axis.set_xlim(-4, WIDTH + 4)
    axis.set_ylim(-0.55, 3.7)
    cells(axis, 3, [f"{code:+d}" if code else "0" for code in CODES], WIDTH / 5)
    axis.text(0, 3.52, "five codes, $t$ from $-1$ to $1$", color=GREY)
    digits = [code + 1 for code in CODES]
    in_bits(axis, digits[:4])
    in_threes(axis, digits, int(pack_trits(array(CODES))[0]))
    as_fraction(axis, digits)
    return figure


def array(codes):
    return np.array(codes, np.int8)


def cells(axis, y, labels, width, colours=COLOURS, left=0.0, height=0.36):
    for i, (label, colour) in enumerate(zip(labels, colours, strict=False)):
        x = left + i * width
        axis.add_patch(
            Rectangle((x, y), width, height, facecolor=colour, alpha=0.28, edgecolor=colour)
        )
        axis.text(x + width / 2, y + height / 2, label, color=GREY, ha="center", va="center")


def in_bits(axis, digits):
    """Two bits a code, the first code in the lowest bits, so that the byte reads right to left."""
    byte = sum(digit << 2 * i for i, digit in enumerate(digits))
    labels = [f"{digit:02b}" for digit in digits[::-1]]
    axis.text(0, 2.52, f"four codes, two bits each: {byte}", color=GREY)
    cells(axis, 2, labels, WIDTH / 4, COLOURS[3::-1])
    axis.text(0, 1.88, "high bits", color=GREY, va="top", fontsize=8)
    axis.text(WIDTH, 1.88, "low bits", color=GREY, va="top", ha="right", fontsize=8)


def in_threes(axis, digits, byte):
    """Base 3 as a bar: how far each digit, times its power, fills the byte."""
    axis.text(0, 1.22, f"five codes in base 3: {byte} of 242", color=GREY)
    bar(axis, 0.7, [digit * 3**i for i, digit in enumerate(digits)], 1.0, COLOURS)
    axis.text(WIDTH, 0.58, "13 values unused", color=GREY, va="top", ha="right", fontsize=8)
    axis.plot([243, 243], [0.7, 1.06], color=GREY, lw=1, ls="--")


def as_fraction(axis, digits):
    """The same with the first code as the highest digit, stretched to the whole byte."""
    byte = stored_byte(digits)
    axis.text(0, 0.14, f"as a fraction of the byte: {byte} of 256", color=GREY)
    parts = [digit * 3 ** (4 - i) for i, digit in enumerate(digits)]
    bar(axis, -0.38, parts, 256 / 243, COLOURS)
    for third in (1, 2):
        x = WIDTH * third / 3
        axis.plot([x, x], [-0.38, -0.02], color=GREY, lw=1, ls=":")
    axis.text(WIDTH / 6, -0.42, "first digit 0", color=GREY, va="top", ha="center", fontsize=8)
    axis.text(WIDTH / 2, -0.42, "1", color=GREY, va="top", ha="center", fontsize=8)
    axis.text(5 * WIDTH / 6, -0.42, "2", color=GREY, va="top", ha="center", fontsize=8)


def stored_byte(digits):
    """What PTQ1_0 writes for these codes: digit i of its first byte is code 16 i."""
    codes = np.zeros((1, 128), np.int8)
    codes[0, : 16 * 5 : 16] = np.array(digits) - 1
    return int(CODECS["PTQ1_0"].encode(codes, np.ones((1, 1), np.float16))[0, 0])


def bar(axis, y, parts, stretch, colours, height=0.36):
    axis.add_patch(Rectangle((0, y), WIDTH, height, fill=False, edgecolor=GREY))
    left = 0.0
    for part, colour in zip(parts, colours, strict=True):
        width = part * stretch
        axis.add_patch(
            Rectangle((left, y), width, height, facecolor=colour, alpha=0.28, edgecolor=colour)
        )
        if width > 12:
            middle = left + width * (0.25 if width > 128 else 0.5)  # beside the line of a third
            axis.text(middle, y + height / 2, part, color=GREY, ha="center", va="center")
        left += width
