"""Rescale the output weights of a layer to data: `rescale_C_`."""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib.layers.base import SSM
from ssmlib.theory.generalization import output_measure


@torch.no_grad()
def rescale_C_(layer: SSM, x: Tensor) -> Tensor:
    """Divide C by sqrt(tau), so that the mean square of the last output is at most 1.

    tau is `theory.generalization.output_measure` of each feature's kernel, in a
    bidirectional layer of the forward one. The skip term D is not part of it and stays.

    Args:
        layer: a layer whose C is in `readout_parameters`. It is changed in place.
        x: sequences (n, L) as each feature of the layer receives them, real, n >= 2.

    Returns:
        tau of each feature before the change, (H,) float64.

    Raises:
        TypeError: if layer is no `SSM`, or x is not a real tensor.
        ValueError: for other shapes, values that are not finite, or a feature whose
            output is zero.

    Source: Liu and Li (arXiv 2405.02670), in our reading of its abstract and summaries.
    """
    if not isinstance(layer, SSM) or not layer.readout_parameters:
        raise TypeError(
            "layer must be an SSM layer with output weights, got "
            f"{type(layer).__name__}"
        )
    kernel = layer.kernel(x.shape[-1])
    tau = output_measure(kernel[0] if layer.bidirectional else kernel, x)
    if not bool((tau > 0).all()):
        raise ValueError(
            "x must give every feature an output, got zero in feature "
            f"{int(tau.argmin())}"
        )
    for name in layer.readout_parameters:
        C = getattr(layer, name)
        C.div_(tau.sqrt().unsqueeze(-1).to(C))
    return tau
