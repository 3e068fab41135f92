"""A model one step at a time: its state, its steps, and its frozen recurrence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, cast

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.layers._arguments import refuse_script
from ssmlib.layers.parameters import DTYPES
from ssmlib.layers.state import Described
from ssmlib.models import blocks, steps
from ssmlib.models.frozen import ModelRecurrence, one_per_layer
from ssmlib.models.inputs import check_dtype, check_shape, padded
from ssmlib.models.parts import mixed

if TYPE_CHECKING:
    from ssmlib.models.model import Model

#: the state of each layer of a model
State = tuple[Tensor, ...]


class Stepping(Described):
    """The steps of a `Model`, whose base this is."""

    def __prepare_scriptable__(self) -> NoReturn:
        """Raise TypeError, where `torch.jit.script` asks for a module to compile."""
        refuse_script(self)

    def initial_state(self, batch: int) -> State:
        """Return a state of zeros: that of each layer.

        Args:
            batch: number of sequences B, at least 0.

        Raises:
            TypeError: if batch is not an integer.
            ValueError: for batch < 0, or a model that has no step, as `step`.
        """
        return tuple(steps.initial_state(part, batch) for part in _parts(self))

    def prefill(
        self, x: Tensor, state: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, State]:
        """Return the outputs for a prompt, and the state after it.

        The outputs are those of `forward`, up to rounding. There is no dropout.

        Args:
            x: (B, channels, L), or int64 (B, L) for tokens, as `forward`.
            state: the state before x; None for zeros.

        Returns:
            (B, outputs, L), or (B, outputs) of the last step with pooling "last"; and
            the state of each layer, for `step` and for `ModelRecurrence.from_state`.

        Raises:
            TypeError: as `forward`.
            ValueError: as `forward`, for the state of another model or batch size, and
                for a model that has no step, as `step`.
        """
        model, parts = cast("Model", self), _parts(self)
        check_shape(model, x)
        check_dtype(model, x)
        state = (
            self.initial_state(len(x))
            if state is None
            else one_per_layer(state, len(parts))
        )
        u = blocks.encode(model, padded(model, x, None), None)
        after = []
        for part, own in zip(parts, state, strict=True):
            u, own = steps.several(part, u, own)
            after.append(own)
        u = u[..., -1:] if model.pooling == "last" else u
        out = _decoded(model, u)
        return out.squeeze(-1) if model.pooling == "last" else out, tuple(after)

    def step(self, x_t: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, State]:
        """Compute one step.

        Each call discretizes the layers, and gradients pass through it. Use
        `recurrence` for many steps of a model that is no longer trained.

        Args:
            x_t: (B, channels) in the dtype of the parameters, or int64 (B,) for tokens:
                the input of this step.
            state: the state before this step, as `initial_state` or `prefill` returns
                it.

        Returns:
            The outputs of this step (B, outputs): with pooling "last" those of the
            sequence if it ended here. And the state after this step.

        Raises:
            TypeError: for x_t of another type or dtype.
            ValueError: for x_t of another shape, the state of another model or batch
                size, pooling "mean", a layer that has no step (bidirectional, a kernel
                alone, or no SSM), or a model in training mode with dropout or
                norm="batch".
        """
        model, parts = cast("Model", self), _parts(self)
        _check_step(model, x_t)
        state = one_per_layer(state, len(parts))
        u = blocks.encode(model, padded(model, x_t.unsqueeze(-1), None), None)
        after = []
        for part, own in zip(parts, state, strict=True):
            u, own = steps.one(part, u, own)
            after.append(own)
        return _decoded(model, u).squeeze(-1), tuple(after)

    @torch.no_grad()
    def recurrence(self, dtype: torch.dtype | None = None) -> ModelRecurrence:
        """Return the step with the current parameters, frozen, in real arithmetic.

        It can be exported to ONNX and compiled by AOTInductor. It is that of evaluation
        mode.

        Args:
            dtype: float32 or float64; None for that of the encoder.

        Raises:
            TypeError: for another dtype.
            ValueError: for a model that has no step, as `step`.
        """
        model, parts = cast("Model", self), _parts(self)
        dtype = model.encoder.dtype if dtype is None else dtype
        final = model.norms[-1] if model.prenorm and model.norms else None
        return ModelRecurrence(
            [steps.recurrence(part, _checks.a_dtype(dtype, DTYPES)) for part in parts],
            encoder=(model.encoder, model.encoder_bias),
            decoder=(model.decoder, model.decoder_bias),
            final=final,
            tokens=model.tokens,
            dtype=dtype,
        ).eval()


def _parts(self: Stepping) -> list[blocks.Parts]:
    """Return the blocks of a model, if it has a step."""
    model = cast("Model", self)
    if model.pooling == "mean":
        raise ValueError(
            "pooling must be 'last' or 'none' for a step, got 'mean', which needs all "
            "steps"
        )
    parts = [blocks.of(model, k) for k in range(len(model.ssms))]
    steps.check(model, parts)
    for norm in model.norms:
        steps.check_norm(norm)
    return parts


def _check_step(model: Model, x_t: Tensor) -> None:
    """Raise ValueError or TypeError for all but the input of one step."""
    _checks.is_tensor("x_t", x_t)
    right = x_t.ndim == 1 if model.tokens else x_t.shape[1:] == (model.channels,)
    if not right:
        shape = "(B,)" if model.tokens else f"(B, {model.channels})"
        raise ValueError(f"x_t must have shape {shape}, got {tuple(x_t.shape)}")
    own = torch.int64 if model.tokens else model.encoder.dtype
    if x_t.dtype != own:
        raise TypeError(f"x_t must be {own}, got {x_t.dtype}")


def _decoded(model: Model, u: Tensor) -> Tensor:
    if model.prenorm and model.norms:
        u = model.norms[-1](u)
    return mixed(model.decoder, u) + model.decoder_bias
