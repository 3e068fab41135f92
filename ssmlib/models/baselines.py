"""The former name of `ssmlib.models.other_layers`, for code that imports it."""

from ssmlib.models.other_layers import CNN, GRU, LSTM, OTHER_LAYERS, Transformer

BASELINES = OTHER_LAYERS

__all__ = ["BASELINES", "CNN", "GRU", "LSTM", "Transformer"]
