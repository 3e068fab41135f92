"""A stack of sequence layers with encoder and decoder, and many of them as one."""

from ssmlib.models.baselines import BASELINES
from ssmlib.models.ensemble import Ensemble
from ssmlib.models.model import MIXING, POOLING, Model
from ssmlib.models.norms import NORMS, BatchNorm, Norm

__all__ = [
    "BASELINES",
    "MIXING",
    "NORMS",
    "POOLING",
    "BatchNorm",
    "Ensemble",
    "Model",
    "Norm",
]
