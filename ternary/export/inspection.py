"""What is in a model file, and which runtimes can load it.

Of files of other programs only headers are read, and no length in them is believed before the file
bears it out. A verdict "yes" means that our tests load such a file there; "no", that they see it
refused, or loaded and computed wrongly, or that the source has no code for it; else "not known".
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from ternary.errors import FormatError
from ternary.export.description import Description
from ternary.export.gguf_file import MAGIC
from ternary.export.inspect_folder import describe_folder, describe_safetensors
from ternary.export.inspect_gguf import describe_gguf
from ternary.export.inspect_npz import describe_npz


def inspect_model(path: str | Path) -> Description:
    """Describe a checkpoint, a packed model, a GGUF or safetensors file, or a folder with one.

    Raises
    ------
    TernaryError
        If there is no such file, or it is none of these, or damaged.

    Examples
    --------
    >>> import tempfile
    >>> from ternary import TernaryTransformer
    >>> from ternary.export import TernaryWeights, export_gguf
    >>> weights = TernaryWeights.of(TernaryTransformer())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_gguf(weights, folder + "/model.gguf")
    ...     description = inspect_model(folder + "/model.gguf")
    >>> description.format, description.bits_per_weight
    ('GGUF 3, Q2_0 and F32', 2.25)
    >>> for verdict in description.verdicts:
    ...     print(verdict.runtime, verdict.loads)
    llama.cpp True
    PrismML's llama.cpp None
    gguf (Python) False
    """
    path = Path(path)
    if path.is_dir():
        return describe_folder(path)
    if not path.is_file():
        raise FormatError(f"there is no file or folder {path}; give the path of a model")
    with open(path, "rb") as file:
        start = file.read(16)
    if start.startswith(MAGIC):
        return describe_gguf(path)
    if path.suffix == ".safetensors" or start[8:9] == b"{":
        return describe_safetensors(path)
    if zipfile.is_zipfile(path) or path.suffix == ".npz":
        return describe_npz(path)
    raise FormatError(
        f"{path} begins with {start[:4]!r}: it is no GGUF, safetensors or .npz file; "
        "name a model, or the folder that holds its config.json"
    )
