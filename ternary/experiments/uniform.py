"""The opponents of three values: two, three or four trained bits, and rounding after training."""

from __future__ import annotations

import math

import numpy as np

from ternary.arrays import Floats
from ternary.errors import TernaryError
from ternary.projection import GROUP_SIZE, Groups, Projected, Projection

# Distance of two levels, in standard deviations, of the best uniform quantizer of a Gaussian with
# 4, 8 and 16 levels: Max (1960), "Quantizing for minimum distortion", table II.
STEPS = {2: 0.9957, 3: 0.5860, 4: 0.3352}


class Uniform(Projection):
    """``2**bits`` evenly spaced levels, symmetric about 0, times one float16 scale a group.

    The codes are the odd integers from ``1 - 2**bits`` to ``2**bits - 1``, so that none is wasted
    and no level is 0, and the scale is half of the distance of two levels. That distance is the one
    with the least squared error for a Gaussian, whose standard deviation is taken from the mean of
    the absolute values: the statistic of `GroupAbsMean`, and as free of the unit of the weights.
    The backward pass is straight through.

    Parameters
    ----------
    bits
        2, 3 or 4.
    group_size
        Weights that share a scale.

    Raises
    ------
    TernaryError
        If there is no such number of bits.

    Examples
    --------
    >>> from ternary.projection import project
    >>> W_latent = np.array([[-9.0, -0.2, 0.1, 0.9], [-90.0, -2.0, 1.0, 9.0]], np.float32)
    >>> codes, scales, _ = project(W_latent, Uniform(2, 4))
    >>> codes.tolist(), scales.ravel().tolist()
    ([[-3, -1, 1, 1], [-3, -1, 1, 1]], [1.5908203125, 15.9140625])
    """

    name, is_local, is_ternary = "uniform", True, False

    def __init__(self, bits: int, group_size: int = GROUP_SIZE) -> None:
        super().__init__(group_size)
        if bits not in STEPS:
            raise TernaryError(f"bits is {bits}; expected one of {', '.join(map(str, STEPS))}")
        self.bits = bits
        self.peak = 2**bits - 1
        self.half_step = STEPS[bits] * math.sqrt(math.pi / 2) / 2  # of a mean magnitude of 1

    def project(self, latents: Floats, groups: Groups, out: Projected) -> None:
        mean = np.abs(latents).sum(axis=1) / np.maximum(groups.counts, 1)
        out.scales[:] = self.half_step * mean
        # As in training to three values: the unrounded scale decides, the stored one multiplies.
        half = (self.half_step * mean).astype(latents.dtype)[:, None]
        half[out.scales == 0] = np.inf  # a group that float16 switches off
        codes = 2 * np.floor(latents / (2 * half)) + 1
        np.clip(codes, -self.peak, self.peak, out=codes)
        codes[out.scales == 0] = 0
        codes *= np.arange(self.group_size) < groups.counts[:, None]  # padding is no weight
        out.codes[:] = codes
        np.multiply(codes, out.scales[:, None].astype(latents.dtype), out=out.weights)

    def settings(self) -> dict[str, object]:
        return super().settings() | {"bits": self.bits}

    def __repr__(self) -> str:
        return f"Uniform({self.bits}, {self.group_size})"


# Scales tried for each group by the least-squares rule, in those of the largest magnitude.
FRACTIONS = np.linspace(0.3, 1.0, 36)


def rounded(W: Floats, bits: int, fitted: bool = False) -> Floats:
    """Weights rounded after training to signed integers of so many bits, times a float16 scale.

    Parameters
    ----------
    W
        Matrix `(out_dim, in_dim)`; every 128 weights of a row share a scale.
    bits
        2 or more: the integers go from ``-(2**(bits - 1) - 1)`` to the opposite of it.
    fitted
        The scale takes the largest magnitude to the largest integer; or, if fitted, it is the one
        of 36 smaller or equal ones that leaves the least squared error, each group its own.

    Examples
    --------
    >>> W = np.array([[4.0, 1.9, -1.9, 1.9]], np.float32)
    >>> rounded(W, 2).tolist()  # 4 sets the scale, and all others become 0
    [[4.0, 0.0, -0.0, 0.0]]
    >>> rounded(W, 2, fitted=True).round(1).tolist()
    [[2.4000000953674316, 2.4000000953674316, -2.4000000953674316, 2.4000000953674316]]
    """
    result = np.empty_like(W)
    for first in range(0, W.shape[1], GROUP_SIZE):
        group = W[:, first : first + GROUP_SIZE]
        result[:, first : first + GROUP_SIZE] = _rounded_groups(group, bits, fitted)
    return result


def _rounded_groups(group: Floats, bits: int, fitted: bool) -> Floats:
    peak = 2 ** (bits - 1) - 1
    largest = np.abs(group).max(axis=1, keepdims=True) / peak
    best, least = np.zeros_like(group), np.full((len(group), 1), np.inf)
    for fraction in FRACTIONS if fitted else (1.0,):
        scale = np.maximum((fraction * largest).astype(np.float16), np.float16(2**-24))
        scale = scale.astype(group.dtype)  # never zero
        candidate = np.clip(np.rint(group / scale), -peak, peak) * scale
        error = ((candidate - group) ** 2).sum(axis=1, keepdims=True)
        better = error < least
        best, least = np.where(better, candidate, best), np.where(better, error, least)
    return best
