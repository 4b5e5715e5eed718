"""What training keeps between two steps, in fewer bits: grids, rounding to them, and an AdamW.

Arithmetic stays in float32. A step reads numbers, moves them, and puts them back; what is rounded
is what it puts back, and only that has to be kept. So every buffer holds numbers of a grid, for
which 16, 8 or 2 bits suffice, in a float32 array that the rest of the package reads as before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ternary.arrays import Floats
from ternary.errors import TernaryError
from ternary.optim import AdamW
from ternary.parameters import Parameters
from ternary.projection import GROUP_SIZE

LEVELS = 127  # of int8, on either side of 0
TO_OCTAVE = 8  # neighbours of the logarithmic grid that make a factor of 2
TINY = 1e-30
FORMATS = ("float32", "bfloat16", "int8", "log8", "codes")
BYTES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "log8": 1.0, "codes": 0.25}
OF_A_GROUP = {"float32": 0, "bfloat16": 0, "int8": 1, "log8": 1, "codes": 2}  # the unit of its grid


def round_grid(x: Floats, rng: np.random.Generator | None = None) -> Floats:
    """Round to whole numbers: to the nearest, or up or down by chance.

    Parameters
    ----------
    x
        Numbers in spacings of the grid.
    rng
        With it, ``x`` becomes the whole number below or above, the latter with probability
        ``x - floor(x)``, so that the mean of the result is ``x``.

    Notes
    -----
    Gupta et al. (2015), arXiv:1502.02551. Nearest sends a tie to the even neighbour.

    Examples
    --------
    >>> x = np.full(10_000, 0.2, np.float32)
    >>> round_grid(x).mean().item(), round(round_grid(x, np.random.default_rng(0)).mean().item(), 1)
    (0.0, 0.2)
    """
    rounded: Floats = np.rint(x) if rng is None else np.floor(x + rng.random(x.shape, np.float32))
    return rounded


def round_bfloat16(x: Floats, rng: np.random.Generator | None = None) -> Floats:
    """Round float32 to the numbers of bfloat16, those whose last 16 bits are 0.

    By chance with `rng`: 16 random bits are added before the last 16 are cut. Otherwise to the
    nearest, a tie to the even one. Finite numbers below the largest of bfloat16 only.

    Examples
    --------
    >>> round_bfloat16(np.array([1, 1.003, 1.005], np.float32)).tolist()  # neighbours: 1, 1.0078125
    [1.0, 1.0, 1.0078125]
    """
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    if rng is None:
        add: npt.NDArray[np.uint32] = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    else:
        add = rng.integers(0, 1 << 16, bits.shape, np.uint32)
    rounded: Floats = ((bits + add) & np.uint32(0xFFFF0000)).view(np.float32)
    return rounded


def power_of_two(largest: Floats) -> Floats:
    """The smallest powers of two that are no smaller than these numbers; 1 for 0.

    Examples
    --------
    >>> power_of_two(np.array([0, 0.3, 4, 4.1], np.float32)).tolist()
    [1.0, 0.5, 4.0, 8.0]
    """
    fraction, exponent = np.frexp(largest)
    unit: Floats = np.ldexp(np.ones_like(largest), exponent - (fraction == 0.5))
    return unit


def round_even(
    groups: Floats, rng: np.random.Generator | None = None, levels: int = LEVELS
) -> Floats:
    """Round every group to multiples of a power of two, the smallest for which `levels` suffice.

    Parameters
    ----------
    groups
        Float32 `(n_groups, group_size)`.
    rng
        As of `round_grid`.
    levels
        Multiples on either side of 0: 127 for int8; 255 for a byte of numbers without a sign.

    Notes
    -----
    The exponent is one byte a group, as in the format MXINT8: Rouhani et al. (2023),
    arXiv:2310.10537. The grid stays where it is while the largest number moves within a factor.

    Examples
    --------
    >>> round_even(np.array([[127, 0.4, -3.6]], np.float32)).tolist()
    [[127.0, 0.0, -4.0]]
    """
    largest = np.abs(groups).max(axis=1, keepdims=True)
    spacing = power_of_two(largest / np.float32(levels))
    rounded: Floats = np.clip(round_grid(groups / spacing, rng), -levels, levels) * spacing
    return rounded


def round_log(
    groups: Floats, rng: np.random.Generator | None = None, levels: int = LEVELS
) -> Floats:
    """Round every group to a power of two times ``2**(-k / 8)``, for ``k < levels``, or to 0.

    Neighbours differ by 9 % wherever they lie. To the nearest in the exponent, or by chance with
    `rng`, so that the mean is kept.

    Parameters
    ----------
    groups, rng, levels
        As of `round_even`. With 127 the smallest is the largest divided by 55,000 or more; with
        255, by 3.6 billion.

    Examples
    --------
    >>> round_log(np.array([[16, 8.1, -1, 1e-6]], np.float32)).tolist()
    [[16.0, 8.0, -1.0, 0.0]]
    """
    table = np.append(np.exp2(-np.arange(levels) / TO_OCTAVE), 0).astype(groups.dtype)
    magnitude = np.abs(groups)
    unit = power_of_two(magnitude.max(axis=1, keepdims=True))
    share = magnitude / unit
    place = np.log2(np.maximum(share, table[levels - 1] / 2))
    place *= -TO_OCTAVE  # in neighbours below the largest
    if rng is None:
        kept = table[np.minimum(np.rint(place).astype(np.int16), levels)]
    else:
        above = np.minimum(place.astype(np.int16), levels - 1)
        high, low = table[above], table[above + 1]
        kept = np.where(rng.random(share.shape, np.float32) * (high - low) < share - low, high, low)
    rounded: Floats = np.copysign(kept * unit, groups)
    return rounded


def round_codes(groups: Floats, scales: Floats, rng: np.random.Generator | None = None) -> Floats:
    """Round to three numbers: minus the scale of the group, 0, and the scale.

    Examples
    --------
    >>> round_codes(np.array([[0.9, 0.4, -3]], np.float32), np.ones(1, np.float32)).tolist()
    [[1.0, 0.0, -1.0]]
    """
    spacing = scales[:, None].astype(groups.dtype)
    inverse = np.divide(1, spacing, out=np.zeros_like(spacing), where=spacing > 0)
    rounded: Floats = np.clip(round_grid(groups * inverse, rng), -1, 1) * spacing
    return rounded


@dataclass(frozen=True)
class Storage:
    """What a run keeps of every parameter between two steps.

    Attributes
    ----------
    latents, m, v
        Format of the latents, and of AdamW's two averages: one of `FORMATS`; ``codes`` is for
        latents alone.
    by_chance
        Whether latents are rounded up or down by chance; otherwise to the nearest.
    state_by_chance
        Whether the averages are.

    Raises
    ------
    TernaryError
        If there is no such format, or averages were to be kept as codes.

    Examples
    --------
    >>> Storage().bytes_per_parameter(), Storage("int8", "log8", "log8").bytes_per_parameter()
    (12.0, 3.0234375)
    """

    latents: str = "float32"
    m: str = "float32"
    v: str = "float32"
    by_chance: bool = False
    state_by_chance: bool = False

    def __post_init__(self) -> None:
        for name, known in (("latents", FORMATS), ("m", FORMATS[:-1]), ("v", FORMATS[:-1])):
            if getattr(self, name) not in known:
                raise TernaryError(
                    f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}"
                )

    def bytes_per_parameter(self, group_size: int = GROUP_SIZE) -> float:
        """Bytes of a latent and its two averages, with its share of the units of their groups."""
        formats = (self.latents, self.m, self.v)
        return sum(BYTES[each] + OF_A_GROUP[each] / group_size for each in formats)


class StoredAdamW(AdamW):
    """AdamW that puts latents and averages back in fewer bits; gains stay as they are.

    Parameters
    ----------
    parameters, betas, eps
        As of `AdamW`.
    storage
        In which formats.
    seed
        Of the rounding by chance.
    gain_rate
        Learning rate of the gains, in those of the latents.

    Attributes
    ----------
    moved
        Of the last step of the latents, how much was kept: the sum of ``wanted * moved`` over that
        of ``wanted ** 2``. It is 1 without rounding, 1 on average by chance, 0 if nothing moved.
    still
        Share of the latents that were to move, and did not.

    Examples
    --------
    >>> parameters = Parameters({"W": (1, 128)})
    >>> parameters.values[:], parameters.gradients[:] = np.linspace(-1, 1, 128), 1
    >>> optimizer = StoredAdamW(parameters, Storage("int8"))
    >>> optimizer.step(lr=0.003)  # the largest is 1, and the spacing 1 / 64
    >>> optimizer.still
    1.0
    """

    def __init__(
        self,
        parameters: Parameters,
        storage: Storage,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        seed: int | np.random.SeedSequence = 0,
        gain_rate: float = 1.0,
    ) -> None:
        super().__init__(parameters, betas, eps)
        self.storage, self.gain_rate = storage, gain_rate
        self.rng = np.random.default_rng(seed)
        self.moved, self.still = 1.0, 0.0
        self._put_back(parameters.latents, storage.latents, by_chance=False)

    def step(self, lr: float, weight_decay: float = 0.0) -> None:
        """Move all values by one step against their gradients, and round what is kept."""
        self.t += 1
        parameters, storage = self.parameters, self.storage
        latents, n = parameters.latents, parameters.n_latents
        before = latents.copy()
        parameters.team.each(lambda shard: self._update(shard, lr, weight_decay), parameters.shards)
        self._update(slice(n, parameters.values.size), self.gain_rate * lr, 0.0)
        wanted = latents - before
        self._put_back(latents, storage.latents, storage.by_chance)
        self._put_back(self.m[:n], storage.m, storage.state_by_chance)
        self._put_back(self.v[:n], storage.v, storage.state_by_chance, signed=False)
        moved = latents - before
        self.moved = float(np.dot(wanted, moved)) / max(float(np.dot(wanted, wanted)), TINY)
        stuck = np.count_nonzero((moved == 0) & (wanted != 0))
        self.still = float(stuck) / max(float(np.count_nonzero(wanted)), 1.0)

    def _put_back(self, numbers: Floats, form: str, by_chance: bool, signed: bool = True) -> None:
        """Round a flat buffer of whole groups in place."""
        rng = self.rng if by_chance else None
        groups = numbers.reshape(-1, self.parameters.projection.group_size)
        levels = LEVELS if signed else 2 * LEVELS + 1
        if form == "bfloat16":
            groups[:] = round_bfloat16(groups, rng)
        elif form == "int8":
            groups[:] = round_even(groups, rng, levels)
        elif form == "log8":
            groups[:] = round_log(groups, rng, levels)
        elif form == "codes":
            groups[:] = round_codes(groups, self.parameters.all_scales, rng)
