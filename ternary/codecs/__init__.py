"""Codecs: codes and scales to the bytes of seven ternary formats, and back to the same.

>>> import numpy as np
>>> for codec in CODECS.values():
...     print(f"{codec.name:7} {codec.block_size:3} {codec.block_bytes:2} {codec.bits_per_weight}")
base3   128 28 1.75
Q2_0     64 18 2.25
PQ2_0   128 34 2.125
PTQ1_0  128 28 1.75
TQ1_0   256 54 1.6875
TQ2_0   256 66 2.0625
MLX     128 36 2.25

Sources of the layouts: `ggml/src/ggml-quants.c` of llama.cpp at commit 01243c5 for Q2_0, TQ1_0 and
TQ2_0; of PrismML's fork of it the same file at commit 811dce5 for PQ2_0, and
`ggml/src/ggml-cuda/mmvq-ptq1_0.cuh` at commit 09b6cce for PTQ1_0.
"""

from functools import partial

from ternary.arrays import Bytes, Codes, Scales
from ternary.codecs import planes
from ternary.codecs.base3 import base3
from ternary.codecs.codec import Codec
from ternary.codecs.mlx import from_mlx, mlx, to_mlx
from ternary.codecs.planes import (
    pack_bit_planes,
    pack_trit_planes,
    unpack_bit_planes,
    unpack_trit_planes,
)
from ternary.codecs.trits import pack_trits, unpack_trits
from ternary.codecs.twobits import pack_twobits, unpack_twobits
from ternary.errors import CodecError
from ternary.projection import GROUP_SIZE


def _trits(name: str, type_id: int, stages: planes.Stages) -> Codec:
    sizes = planes.block_size(stages), planes.code_bytes(stages)
    pack = partial(pack_trit_planes, stages=stages)
    unpack = partial(unpack_trit_planes, stages=stages)
    return Codec(name, *sizes, type_id, pack, unpack, scale_first=False)


def _bits(name: str, type_id: int, stages: planes.Stages) -> Codec:
    sizes = planes.block_size(stages), planes.code_bytes(stages)
    pack = partial(pack_bit_planes, stages=stages)
    unpack = partial(unpack_bit_planes, stages=stages)
    return Codec(name, *sizes, type_id, pack, unpack, scale_first=False)


CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        base3(),
        Codec("Q2_0", 64, 16, 42, pack_twobits, unpack_twobits),
        Codec("PQ2_0", 128, 32, 142, pack_twobits, unpack_twobits),
        _trits("PTQ1_0", 143, planes.PTQ1_0),
        _trits("TQ1_0", 34, planes.TQ1_0),
        _bits("TQ2_0", 35, planes.TQ2_0),
        mlx(),
    )
}


def find_codec(name: str) -> Codec:
    """The codec of that name.

    Raises
    ------
    CodecError
        If there is none; the message lists those that there are.
    """
    if name not in CODECS:
        raise CodecError(f"there is no format {name!r}; expected one of {', '.join(CODECS)}")
    return CODECS[name]


def encode(name: str, codes: Codes, scales: Scales, group_size: int = GROUP_SIZE) -> Bytes:
    """Bytes, uint8 `(rows, row_bytes)`, of codes and scales in the format of that name.

    Examples
    --------
    >>> import numpy as np
    >>> codes, scales = np.zeros((1, 128), np.int8), np.ones((1, 1), np.float16)
    >>> encode("PTQ1_0", codes, scales)[0, 20:].tolist()  # 24 bytes of 5, 2 bytes of 4, the scale
    [128, 128, 128, 128, 127, 127, 0, 60]
    """
    return find_codec(name).encode(codes, scales, group_size)


def decode(name: str, data: Bytes, cols: int, group_size: int = GROUP_SIZE) -> tuple[Codes, Scales]:
    """Codes and scales of rows of `cols` weights in the format of that name."""
    return find_codec(name).decode(data, cols, group_size)


__all__ = [
    "CODECS",
    "Codec",
    "CodecError",
    "decode",
    "encode",
    "find_codec",
    "from_mlx",
    "pack_trits",
    "to_mlx",
    "unpack_trits",
]
