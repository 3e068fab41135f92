"""The names that options accept, as types: a type checker refuses a misspelled one.

The tables that hold what the names stand for are elsewhere; a test compares them.
"""

from __future__ import annotations

from typing import Literal

InitName = Literal[
    "legs",
    "inv",
    "inv2",
    "lin",
    "quad",
    "real",
    "random_imag",
    "random_inv",
    "random_real",
    "rand",
    "fout",
    "dfout",
    "lru",
    "post",
    "linoss",
]
HippoName = Literal["legs", "fout"]
WeightsName = Literal["one", "hippo"]
Discretization = Literal["zoh", "bilinear"]
OscillatorRule = Literal["imex", "im"]
RealTransformName = Literal["free", "exp", "softplus", "relu", "stable"]
Part = Literal["A", "B", "dt"]
Variant = Literal["softmax", "exp"]
Pooling = Literal["last", "mean", "none"]
Mix = Literal["linear", "glu"]
NormName = Literal["layer", "batch"]
TransitionName = Literal["default", "mimetic"]
ConvolutionName = Literal["default", "identity"]
OtherLayerName = Literal["lstm", "gru", "cnn", "transformer"]
OptimizerName = Literal["adamw", "sgd"]
