"""The formats once more, code by code, as their C sources have them: slow, literal, independent.

Transcribed for the tests from `ggml/src/ggml-quants.c`: the functions dequantize_row_q2_0,
quantize_row_tq1_0_ref, dequantize_row_tq1_0, quantize_row_tq2_0_ref and dequantize_row_tq2_0 of
llama.cpp at commit 01243c5; dequantize_row_pq2_0 of PrismML's fork at commit 811dce5; and
quantize_row_ptq1_0_ref and dequantize_row_ptq1_0 of that fork at commit 87268f7, whose order of
codes its kernel mmvq-ptq1_0.cuh at commit 09b6cce describes in the same way. Where a reference
quantiser divides by the largest magnitude, the code is taken as given: that is what it computes
for weights that are the scale times -1, 0 or 1.
"""

import struct


def half(scale):
    return list(struct.pack("<e", float(scale)))


def twobit_block(codes, scale):
    """block_q2_0 and block_pq2_0: the scale, then code j at bits 2 (j % 4) of byte j / 4."""
    qs = [0] * (len(codes) // 4)
    for j, code in enumerate(codes):
        q = int(code) + 1
        qs[j // 4] |= q << ((j % 4) * 2)
    return half(scale) + qs


def read_twobit_block(block):
    scale = struct.unpack("<e", bytes(block[:2]))[0]
    qs = block[2:]
    codes = []
    for j in range(4 * len(qs)):
        q = (int(qs[j // 4]) >> ((j % 4) * 2)) & 3
        codes.append(q - 1)
    return codes, scale


def trit_block(codes, scale, stages, n_qs, n_qh):
    """block_tq1_0 and block_ptq1_0: qs in stages of 5 trits a byte, qh of 4, the scale last."""
    x = [int(code) for code in codes]
    at = 0
    qs, qh = [0] * n_qs, [0] * n_qh
    j = 0
    for c in stages:
        while j + c <= n_qs:
            for m in range(c):
                q = 0
                for n in range(5):
                    q *= 3
                    q += x[at + m + n * c] + 1
                qs[j + m] = (q * 256 + 242) // 243
            at += 5 * c
            j += c
    for h in range(n_qh):
        q = 0
        for m in range(4):
            q *= 3
            q += x[at + h + m * n_qh] + 1
        q *= 3
        qh[h] = (q * 256 + 242) // 243
    return qs + qh + half(scale)


def read_trit_block(block, stages, n_qs, n_qh):
    block = [int(byte) for byte in block]
    qs, qh = block[:n_qs], block[n_qs : n_qs + n_qh]
    codes = []
    j = 0
    for c in stages:
        while j + c <= n_qs:
            for n in range(5):
                for m in range(c):
                    q = (qs[j + m] * 3**n) & 255
                    codes.append(((q * 3) >> 8) - 1)
            j += c
    for n in range(4):
        for h in range(n_qh):
            q = (qh[h] * 3**n) & 255
            codes.append(((q * 3) >> 8) - 1)
    return codes, struct.unpack("<e", bytes(block[-2:]))[0]


def tq2_0_block(codes, scale):
    qs = [0] * 64
    for j in (0, 32):
        for m in range(32):
            for n in range(4):
                qs[j + m] += ((int(codes[4 * j + m + n * 32]) + 1) & 3) << (2 * n)
    return qs + half(scale)


def read_tq2_0_block(block):
    codes = []
    for j in (0, 32):
        for n in range(4):
            for m in range(32):
                codes.append(((int(block[j + m]) >> (n * 2)) & 3) - 1)
    return codes, struct.unpack("<e", bytes(block[-2:]))[0]


TQ1_0 = {"stages": (32, 16), "n_qs": 48, "n_qh": 4}
PTQ1_0 = {"stages": (32, 16, 8), "n_qs": 24, "n_qh": 2}  # the stage of 32 does not fit and is empty

WRITE = {
    "Q2_0": twobit_block,
    "PQ2_0": twobit_block,
    "TQ1_0": lambda codes, scale: trit_block(codes, scale, **TQ1_0),
    "PTQ1_0": lambda codes, scale: trit_block(codes, scale, **PTQ1_0),
    "TQ2_0": tq2_0_block,
}
READ = {
    "Q2_0": read_twobit_block,
    "PQ2_0": read_twobit_block,
    "TQ1_0": lambda block: read_trit_block(block, **TQ1_0),
    "PTQ1_0": lambda block: read_trit_block(block, **PTQ1_0),
    "TQ2_0": read_tq2_0_block,
}


def encode(name, codes, scales, block_size, group_size):
    """Rows of blocks, each block with the scale of the group that it begins in."""
    rows = []
    for row, row_scales in zip(codes, scales, strict=True):
        data = []
        for start in range(0, len(row), block_size):
            data += WRITE[name](row[start : start + block_size], row_scales[start // group_size])
        rows.append(data)
    return rows


def base3_bytes(codes):
    """Five codes a byte, the first the least significant digit, the last byte filled with 0."""
    codes = [int(code) for code in codes] + [0] * (-len(codes) % 5)
    return [sum((codes[i + j] + 1) * 3**j for j in range(5)) for i in range(0, len(codes), 5)]


def mlx_words(codes):
    """Sixteen codes a 32-bit word, code k at bits 2 k."""
    return [
        sum((int(codes[i + k]) + 1) << (2 * k) for k in range(16)) for i in range(0, len(codes), 16)
    ]
