"""The packed model: a trained model without its latents, at 1.6 bits a code.

Codes of all matrices lie in one array, five a byte; scales in a second, gains in a third. Two
arrays a matrix would cost more in the headers of the container than the scales themselves. The
container is NumPy's own, as of checkpoints: it needs nothing but NumPy, is read without pickle,
and every size is compared with the file before anything is allocated.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary.arrays import Floats
from ternary.checkpoint import (
    Header,
    read_checkpoint,
    read_format,
    require_stored,
    write_checkpoint,
)
from ternary.codecs import pack_trits, unpack_trits
from ternary.codecs.scales import require_scales
from ternary.codecs.trits import bytes_for
from ternary.errors import CheckpointError, CodecError
from ternary.parameters import Parameters
from ternary.projection import Groups, Projected, Projection
from ternary.training import load_model
from ternary.transformer import TernaryTransformer, TransformerConfig

FORMAT = "ternary packed model 1"
MAX_PADDING = 64  # rows of 2 weights in groups of 128: whoever claims more wants our memory


class Packed(Projection):
    """Weights that are what a file says: scales times codes. No latent changes them.

    Projecting projected weights again would shrink every scale by the group's share of nonzeros,
    so a packed model keeps codes and scales, and its latents are only its weights.
    """

    name = "packed"

    def project(self, latents: Floats, groups: Groups, out: Projected) -> None:
        np.copyto(out.weights, out.codes)
        np.multiply(out.weights, out.scales[:, None].astype(out.weights.dtype), out=out.weights)


def save_packed(path: str | Path, model: TernaryTransformer) -> None:
    """Write a packed model: its projected weights and gains, and no latent.

    Raises
    ------
    CodecError
        If the model's projection is not ternary, or its groups are far longer than its rows.
    """
    parameters = model.parameters
    projection = parameters.projection
    if not projection.is_ternary:
        raise CodecError(
            f"the model has the projection {projection.name!r}: its weights have no codes to pack. "
            "Train one with a ternary projection, such as 'group'"
        )
    if parameters.n_latents > MAX_PADDING * parameters.count:
        raise CodecError(
            f"groups of {projection.group_size} are far longer than the rows of this model; train "
            "it with a smaller --group-size"
        )
    names = list(parameters.matrix_shapes)
    header = {"config": asdict(model.config), "group_size": projection.group_size}
    arrays = {
        "codes": pack_trits(np.concatenate([parameters.codes(name).ravel() for name in names])),
        "scales": np.concatenate([parameters.scales(name).ravel() for name in names]),
        "gains": parameters.values[parameters.n_latents :].astype(np.float32),
    }
    require_scales(arrays["scales"][None])
    write_checkpoint(path, header, arrays, FORMAT)


def load_packed(path: str | Path, dtype: npt.DTypeLike = np.float32) -> TernaryTransformer:
    """The model of a packed file, with the very weights that were packed.

    Parameters
    ----------
    path
        The file.
    dtype
        What it computes with; float64 where the last digits have to be the same everywhere.

    Raises
    ------
    CheckpointError
        If the file is not a complete packed model.
    """
    require_stored(path)
    header, arrays = read_checkpoint(path, expected_arrays, FORMAT)
    config, group_size = settings_of(header)
    try:
        sizes = [out_dim * in_dim for out_dim, in_dim in config.matrices().values()]
        codes = unpack_trits(arrays["codes"], sum(sizes))
        require_scales(arrays["scales"][None])
        if not np.isfinite(arrays["gains"]).all():
            raise CodecError("a gain is not finite")
    except CodecError as error:
        raise CheckpointError(f"{path} holds no ternary model: {error}") from None
    parameters = Parameters(config.matrices(), config.gains(), Packed(group_size), dtype)
    ends = np.cumsum(sizes)[:-1]
    for name, flat in zip(parameters.matrix_shapes, np.split(codes, ends), strict=True):
        parameters.codes(name)[...] = flat.reshape(parameters.matrix_shapes[name])
    parameters.all_scales[...] = arrays["scales"]
    parameters.project()
    parameters.latents[...] = parameters.weights
    parameters.values[parameters.n_latents :] = arrays["gains"]
    return TernaryTransformer(config, parameters=parameters)


def is_packed(path: str | Path) -> bool:
    """Whether a file says that it is a packed model."""
    return read_format(path) == FORMAT


def load_any(path: str | Path) -> TernaryTransformer:
    """The model of a packed file or of a checkpoint.

    Raises
    ------
    CheckpointError
        If the file is neither, or not complete.
    """
    return load_packed(path) if is_packed(path) else load_model(path)[0]


def settings_of(header: Header) -> tuple[TransformerConfig, int]:
    """Configuration and group size of a header that anybody may have written."""
    given: Any = header.get("config")
    if set(header) != {"format", "config", "group_size"} or not isinstance(given, dict):
        raise CheckpointError("the packed model was written by another version: its header differs")
    defaults = {field.name: field.default for field in fields(TransformerConfig)}
    if set(given) != set(defaults):
        raise CheckpointError("the packed model was written by another version: its sizes differ")
    for name, value in {**given, "group_size": header["group_size"]}.items():
        kind = float if isinstance(defaults.get(name), float) else int
        if type(value) is not kind or not 0 < value < (1e9 if kind is float else 1 << 32):
            raise CheckpointError(f"{name} is {value!r}; expected a positive {kind.__name__}")
    return TransformerConfig(**given), header["group_size"]


def expected_arrays(header: Header, n_arrays: int) -> dict[str, tuple[tuple[int, ...], Any]]:  # noqa: ARG001
    """Name, shape and type of the arrays, from sums alone: a claim of 2^32 layers takes no time."""
    config, size = settings_of(header)
    d, d_ff, layers = config.d_model, config.d_ff, config.n_layers
    n_weights = 2 * config.vocab_size * d + layers * (4 * d * d + 2 * d_ff * d)
    d_groups, ff_groups = -(-d // size), -(-d_ff // size)
    n_groups = 2 * config.vocab_size * d_groups
    n_groups += layers * (4 * d * d_groups + d_ff * d_groups + d * ff_groups)
    if n_groups * size > MAX_PADDING * n_weights:
        raise CheckpointError(f"groups of {size} are far longer than the rows of {d} and {d_ff}")
    return {
        "codes": ((bytes_for(n_weights),), np.uint8),
        "scales": ((n_groups,), np.float16),
        "gains": (((2 * layers + 1) * d,), np.float32),
    }
