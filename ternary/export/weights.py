"""What is deployed of a model: codes, scales and gains, whatever file they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ternary.arrays import Codes, Floats, Scales
from ternary.errors import ExportError
from ternary.packed import load_any
from ternary.transformer import TernaryTransformer, TransformerConfig

N_BYTES = 256


@dataclass(frozen=True)
class TernaryWeights:
    """A trained model without its latents: all that an export may use.

    The latents are not here, so that no export can write them by mistake: rounding them again, by
    another program and its own rule, would give other weights.

    Attributes
    ----------
    config, group_size
        Sizes of the model, and of its groups.
    codes, scales
        By matrix: int8 `(out_dim, in_dim)`, float16 `(out_dim, groups_per_row)`.
    gains
        By normalisation: float32 `(d_model,)`.

    Examples
    --------
    >>> model = TernaryTransformer(TransformerConfig(d_model=128, d_ff=128))
    >>> weights = TernaryWeights.of(model)
    >>> bool((weights.matrix("head") == model.head.W_ternary).all())
    True
    """

    config: TransformerConfig
    group_size: int
    codes: dict[str, Codes]
    scales: dict[str, Scales]
    gains: dict[str, Floats]

    @classmethod
    def of(cls, model: TernaryTransformer) -> TernaryWeights:
        """The weights of a model as its last projection left them.

        Raises
        ------
        ExportError
            If the model is a full-precision one, which has no codes, or its tokens are no bytes.
        """
        parameters = model.parameters
        if not parameters.projection.is_ternary:
            raise ExportError(
                f"the model's projection is {parameters.projection.name!r}: it has no codes to "
                "export; train one with a ternary projection, such as the default, group"
            )
        if model.config.vocab_size != N_BYTES:
            raise ExportError(
                f"the model has {model.config.vocab_size} tokens; the tokenizer that is exported "
                f"with it has {N_BYTES}, one for each byte"
            )
        names = list(parameters.matrix_shapes)
        return cls(
            model.config,
            parameters.projection.group_size,
            {name: parameters.codes(name) for name in names},
            {name: parameters.scales(name) for name in names},
            {name: parameters.view(parameters.values, name) for name in parameters.gain_sizes},
        )

    def matrix(self, name: str) -> Floats:
        """One matrix float32 `(out_dim, in_dim)`: each code times the scale of its group."""
        codes = self.codes[name]
        scales = np.repeat(self.scales[name].astype(np.float32), self.group_size, axis=1)
        product: Floats = codes * scales[:, : codes.shape[1]]
        return product

    @property
    def n_weights(self) -> int:
        """Ternary weights of all matrices."""
        return sum(codes.size for codes in self.codes.values())


def load_weights(path: str | Path) -> TernaryWeights:
    """The weights of a checkpoint or of a packed model.

    Raises
    ------
    CheckpointError
        If the file is neither, or damaged.
    """
    return TernaryWeights.of(load_any(path))
