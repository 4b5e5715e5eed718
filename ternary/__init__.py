"""Native ternary training in NumPy: transformers whose weights are -1, 0, or +1 times a scale.

>>> import numpy as np
>>> from ternary import project
>>> codes, scales, W_ternary = project(np.array([[0.9, -0.1, -1.2, 0.4]], np.float32))
>>> codes.tolist(), scales.tolist()
([[1, 0, -1, 1]], [[0.64990234375]])
"""

from ternary.arrays import Workspace
from ternary.attention import CausalAttention
from ternary.checks import check_run
from ternary.config import TrainingConfig
from ternary.data import Copy, DelayedCopy, Induction, Task, Text, evaluate
from ternary.errors import (
    CheckpointError,
    DivergedError,
    ProjectionError,
    ShapeError,
    TernaryError,
)
from ternary.gradcheck import directional_error
from ternary.layers import RMSNorm, SquaredReLU, TernaryEmbedding, TernaryLinear
from ternary.loss import IGNORE, CrossEntropy
from ternary.muon import Muon, orthogonalize
from ternary.optim import AdamW, clip_gradients, learning_rate
from ternary.parameters import Parameters
from ternary.projection import (
    GROUP_SIZE,
    TWN,
    Binary,
    FullPrecision,
    GroupAbsMean,
    ModelAbsMean,
    Projection,
    RowAbsMean,
    TensorAbsMean,
    make_projection,
    project,
    round_clip,
)
from ternary.training import Trainer, load_model
from ternary.transformer import TernaryTransformer, TransformerConfig

__version__ = "0.1.0"

__all__ = [
    "GROUP_SIZE",
    "IGNORE",
    "TWN",
    "AdamW",
    "Binary",
    "CausalAttention",
    "CheckpointError",
    "Copy",
    "CrossEntropy",
    "DelayedCopy",
    "DivergedError",
    "FullPrecision",
    "GroupAbsMean",
    "Induction",
    "ModelAbsMean",
    "Muon",
    "Parameters",
    "Projection",
    "ProjectionError",
    "RMSNorm",
    "RowAbsMean",
    "ShapeError",
    "SquaredReLU",
    "Task",
    "TensorAbsMean",
    "TernaryEmbedding",
    "TernaryError",
    "TernaryLinear",
    "TernaryTransformer",
    "Text",
    "Trainer",
    "TrainingConfig",
    "TransformerConfig",
    "Workspace",
    "check_run",
    "clip_gradients",
    "directional_error",
    "evaluate",
    "learning_rate",
    "load_model",
    "make_projection",
    "orthogonalize",
    "project",
    "round_clip",
]
