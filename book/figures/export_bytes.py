"""Chapter 14: where the bytes of each export are."""

import tempfile
from pathlib import Path

from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, panels

from ternary import TernaryTransformer, TransformerConfig
from ternary.experiments.runtimes import files
from ternary.export import inspect_model

NAMES = {
    "q2_0.gguf": "GGUF, Q2_0",
    "mlx": "MLX folder",
    "f16.gguf": "GGUF, F16",
    "huggingface": "Hugging Face\nfolder",
}


def draw() -> Figure:
    model = TernaryTransformer(TransformerConfig())
    gains = 4 * sum(model.parameters.gain_sizes.values())
    figure, (axis,) = panels(1, figsize=(6.4, 2.6))
    with tempfile.TemporaryDirectory() as folder:
        files(model, Path(folder))
        for row, name in enumerate(NAMES):
            description = inspect_model(Path(folder) / name)
            rest = description.size - description.weight_bytes - gains
            left = 0.0
            sizes = (description.weight_bytes, BLUE), (gains, ORANGE), (rest, GREY)
            for n_bytes, colour in sizes:
                axis.barh(row, n_bytes / 1000, left=left, color=colour, height=0.6)
                left += n_bytes / 1000
            label = f"{left:.1f} kB, {description.bits_per_weight:g} bits a weight"
            if left > 500:
                axis.text(500, row, label, ha="center", va="center", color="white")
            else:
                axis.text(left + 12, row, label, va="center")
    axis.set_yticks(range(len(NAMES)), NAMES.values())
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("thousand bytes")
    names = ["weights and scales", "gains", "headers, vocabulary, model file"]
    figure.legend(axis.containers[:3], names, loc="outside upper center", ncols=3, fontsize=9)
    return figure
