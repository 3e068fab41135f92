"""A stack of sequence layers with encoder and decoder, and ensembles of it."""

from ssmlib.models.baselines import BASELINES
from ssmlib.models.block import Block
from ssmlib.models.ensemble import Ensemble
from ssmlib.models.frozen import BlockRecurrence, ModelRecurrence
from ssmlib.models.loading import load
from ssmlib.models.model import Model
from ssmlib.models.norms import NORMS, BatchNorm, Norm
from ssmlib.models.options import MIXING, POOLING
from ssmlib.models.other_layers import OTHER_LAYERS

__all__ = [
    "BASELINES",
    "MIXING",
    "NORMS",
    "OTHER_LAYERS",
    "POOLING",
    "BatchNorm",
    "Block",
    "BlockRecurrence",
    "Ensemble",
    "Model",
    "ModelRecurrence",
    "Norm",
    "load",
]
