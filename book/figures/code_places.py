"""Chapter 13: in which byte of a block every code lies, found by setting one code at a time."""

import numpy as np
from matplotlib.figure import Figure
from style import COLOURS, GREY, plt

from ternary.codecs import CODECS

NAMES = ["base3", "Q2_0", "PQ2_0", "MLX", "PTQ1_0", "TQ1_0", "TQ2_0"]


def draw() -> Figure:
    figure, axes = plt.subplots(4, 2, figsize=(4.4, 7.2))
    for axis, name in zip(axes.flat, NAMES, strict=False):
        places, digits = where(name)
        for digit in range(digits.max() + 1):
            here = np.flatnonzero(digits == digit)
            axis.plot(here, places[here], ".", ms=2.5, color=COLOURS[digit])
        axis.set_title(name, fontsize=9, color=GREY, weight="bold")
        axis.set_ylim(CODECS[name].block_bytes + 0.5, -1.5)
        axis.tick_params(labelsize=8)
        for scale in scale_bytes(name):
            axis.axhspan(scale - 0.5, scale + 0.5, color=GREY, alpha=0.35, lw=0)
    key = axes.flat[-1]
    key.axis("off")
    for digit, name in enumerate(("first", "second", "third", "fourth", "fifth")):
        key.plot(0.08, 4 - digit, "o", color=COLOURS[digit], ms=5)
        label = f"{name} code of its byte"
        key.text(0.18, 4 - digit, label, color=GREY, va="center", fontsize=8)
    key.axhspan(-1.3, -0.7, xmax=0.14, color=GREY, alpha=0.35, lw=0)
    key.text(0.18, -1, "scale", color=GREY, va="center", fontsize=8)
    key.set(xlim=(0, 1), ylim=(-2, 5))
    figure.supxlabel("number of the code in its block", fontsize=9, color=GREY)
    figure.supylabel("byte of the block", fontsize=9, color=GREY)
    return figure


def where(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Byte of every code, the one that changes when it alone does, and which of its byte it is."""
    codec = CODECS[name]
    n = codec.block_size
    codes = np.vstack([np.zeros((1, n)), np.eye(n)]).astype(np.int8)
    scales = np.ones((n + 1, max(1, n // 128)), np.float16)
    data = codec.encode(codes, scales).astype(int)
    change = np.abs(data[1:] - data[0])
    places = change.argmax(axis=1)
    return places, np.array([(places[:i] == places[i]).sum() for i in range(n)])


def scale_bytes(name: str) -> range:
    codec = CODECS[name]
    if codec.scale_first and name != "MLX":
        return range(2)
    return range(codec.code_bytes, codec.block_bytes)
