"""The outputs of a trained model for data of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.layers.state import Described
from ssmlib.models.inputs import checked_lengths

if TYPE_CHECKING:
    from ssmlib.models.model import Model


class Predicting(Described):
    """The predictions of a `Model`, whose base this is."""

    def predict(
        self, x: Tensor, lengths: Tensor | None = None, *, batch_size: int = 256
    ) -> Tensor:
        """Return the outputs in evaluation mode, without gradients, batch by batch.

        The mode of the model is restored afterwards. For classes the outputs are
        logits, whose largest one is the prediction: `predict(x).argmax(1)`.

        Args:
            x: (n, L) for one channel, or (n, channels, L), floating point of any
                dtype and device; int64 (n, L) for tokens. These are the shapes of a
                `Split`.
            lengths: (n,) integers, the number of steps of each sequence that count;
                None if all count.
            batch_size: number of sequences that are computed at once, at least 1.

        Returns:
            (n, outputs), or (n, outputs, L) with pooling "none", on the device of x and
            in the dtype of the model.

        Raises:
            TypeError: for an argument of another type or dtype.
            ValueError: for another shape, or an argument out of range.
        """
        model = cast("Model", self)
        _checks.integer("batch_size", batch_size)
        _checks.is_tensor("x", x)
        own = model.encoder
        if not model.tokens:
            if not x.is_floating_point():
                raise TypeError(f"x must be real floating point, got {x.dtype}")
            x = x.unsqueeze(1) if x.ndim == 2 else x
        lengths = checked_lengths(lengths, x)
        modes, found = [(m, m.training) for m in model.modules()], []
        model.eval()
        try:
            with torch.no_grad():
                for k in range(0, max(len(x), 1), batch_size):
                    part = x[k : k + batch_size].to(own.device)
                    part = part if model.tokens else part.to(own.dtype)
                    long = None
                    if lengths is not None:
                        long = lengths[k : k + batch_size].to(own.device)
                    found.append(model(part, lengths=long).to(x.device))
        finally:
            for module, training in modes:
                module.training = training
        return torch.cat(found)
