"""The step of a block and of a model, frozen: for running a trained model online."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, glu, layer_norm, linear

from ssmlib import _checks
from ssmlib.layers import (
    DenseRecurrence,
    OscillatorRecurrence,
    Recurrence,
    SharedRecurrence,
)
from ssmlib.models.norms import EPS, BatchNorm, Norm

Affine = tuple[Tensor, Tensor | None]


class _Frozen(nn.Module):
    """A module of buffers in one dtype, for (B, H) or (B, H, T)."""

    scale: Tensor | None
    shift: Tensor | None

    def _keep(self, dtype: torch.dtype, **values: Tensor | None) -> None:
        for name, value in values.items():
            if value is not None:
                value = value.detach().to(dtype, copy=True).contiguous()
            self.register_buffer(name, value)

    def _keep_norm(self, norm: nn.Module | None, dtype: torch.dtype) -> None:
        """Keep a norm; one of running moments is an affine map of each feature."""
        self.norm, scale, shift = "none", None, None
        if isinstance(norm, Norm):
            self.norm = norm.kind
            scale, shift = norm.scale.double(), norm.shift.double()
        if isinstance(norm, BatchNorm):
            mean, var = norm.running_mean, norm.running_var
            assert mean is not None and var is not None  # noqa: PT018
            moved = norm.scale.double() * torch.rsqrt(var.double() + norm.eps)
            shift, scale = norm.shift.double() - mean.double() * moved, moved
        pair = [None if v is None else v.squeeze(-1) for v in (scale, shift)]
        self._keep(dtype, scale=pair[0], shift=pair[1])

    def _normed(self, u: Tensor) -> Tensor:
        scale, shift = self._buffers["scale"], self._buffers["shift"]
        if scale is None or shift is None:
            return u
        rows = u if u.ndim == 2 else u.mT
        if self.norm == "layer":
            rows = layer_norm(rows, scale.shape, scale, shift, EPS)
        else:
            rows = torch.addcmul(shift, rows, scale)
        return rows if u.ndim == 2 else rows.mT


def _mapped(u: Tensor, weights: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return u weights + bias, for features (B, H) or (B, H, T)."""
    assert weights is not None
    if u.ndim == 3:
        return linear(u.mT, weights.mT, bias).mT
    return torch.mm(u, weights) if bias is None else torch.addmm(bias, u, weights)


class BlockRecurrence(_Frozen):
    """The frozen step of a `Block`. Its `recurrence(dtype)` makes it.

    It has buffers and no parameters, and its state is that of the layer's recurrence.

    Args:
        layer: the recurrence of its layer.
        mixing: the matrix (H, H) or (2 H, H) and its bias (H, 1) or (2 H, 1); None for
            a block that is its layer alone.
        norm: the norm; None for none.
        prenorm: whether the norm precedes the layer.
        gated: whether half of the mixing gates the other half.
        dtype: of the buffers, float32 or float64.
    """

    mixer: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        layer: Recurrence | DenseRecurrence | SharedRecurrence | OscillatorRecurrence,
        mixing: Affine | None,
        norm: nn.Module | None,
        *,
        prenorm: bool,
        gated: bool,
        dtype: torch.dtype,
    ):
        super().__init__()
        self.layer = layer
        self.prenorm, self.gated = prenorm, gated
        mixer, bias = (None, None) if mixing is None else mixing
        self._keep(dtype, mixer=None if mixer is None else mixer.mT)
        self._keep(dtype, bias=None if bias is None else bias.squeeze(-1))
        self._keep_norm(norm, dtype)

    def initial_state(self, batch: int) -> Tensor:
        """Return a state of zeros, as the layer's recurrence does.

        Args:
            batch: number of sequences B, at least 0.
        """
        return self.layer.initial_state(batch)

    def from_state(self, state: Tensor) -> Tensor:
        """Return the state of a block as that of this recurrence.

        Args:
            state: as the block's `initial_state`, `forward` or `step` returns it.

        Raises:
            ValueError: for the state of another layer.
        """
        return self.layer.from_state(state)

    def forward(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step, or a block of steps at once.

        Args:
            u_t: (B, H), or (B, H, T) for T >= 0 steps, in the recurrence's dtype.
            state: the state before these steps.

        Returns:
            The output, shaped like u_t, and the state after the last step.

        Raises:
            ValueError: for another shape or dtype of u_t, or the state of another
                layer.
        """
        # Its buffers and modules by key: a lookup as an attribute takes half the time
        # of an operation on one step.
        mixer, bias = self._buffers["mixer"], self._buffers["bias"]
        y, state = self.layer(self._normed(u_t) if self.prenorm else u_t, state)
        if mixer is None:
            return y, state
        y = gelu(y)
        if self.gated:
            u_t = u_t + glu(_mapped(y, mixer, bias), 1)
        elif bias is None and y.ndim == 2:
            u_t = torch.addmm(u_t, y, mixer)
        else:
            u_t = u_t + _mapped(y, mixer, bias)
        return u_t if self.prenorm else self._normed(u_t), state


class ModelRecurrence(_Frozen):
    """The frozen step of a `Model`. Its `recurrence(dtype)` makes it.

    It has buffers and no parameters. Its state is a tuple with the state of the
    recurrence of each layer.

    Args:
        blocks: the recurrences of the blocks.
        encoder: the matrix (H, channels) and the bias (H, 1) or None.
        decoder: the matrix (outputs, H) and the bias (outputs, 1).
        final: the norm before the decoder; None for none.
        tokens: whether inputs are tokens.
        dtype: of the buffers, float32 or float64.
    """

    encoder: Tensor
    encoder_bias: Tensor | None
    decoder: Tensor
    decoder_bias: Tensor | None

    def __init__(
        self,
        blocks: Sequence[BlockRecurrence],
        *,
        encoder: Affine,
        decoder: Affine,
        final: nn.Module | None,
        tokens: bool,
        dtype: torch.dtype,
    ):
        super().__init__()
        self.blocks, self.count = nn.ModuleList(blocks), len(blocks)
        self.tokens, self.channels = tokens, encoder[0].shape[1]
        for name, (weights, bias) in (("encoder", encoder), ("decoder", decoder)):
            bias = None if bias is None else bias.squeeze(-1)
            self._keep(dtype, **{name: weights.mT, f"{name}_bias": bias})
        self._keep_norm(final, dtype)

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """Return a state of zeros.

        Args:
            batch: number of sequences B, at least 0.

        Raises:
            TypeError: if batch is not an integer.
            ValueError: for batch < 0.
        """
        return tuple(block.initial_state(batch) for block in self._blocks())

    def from_state(self, state: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the state of a model as that of this recurrence.

        Args:
            state: as `Model.initial_state`, `prefill` or `step` returns it.

        Raises:
            ValueError: for the state of another model.
        """
        state = one_per_layer(state, self.count)
        pairs = zip(self._blocks(), state, strict=True)
        return tuple(block.from_state(own) for block, own in pairs)

    def forward(
        self, x_t: Tensor, state: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Compute one step, or a block of steps at once.

        Args:
            x_t: (B, channels), or (B, channels, T) for T >= 1 steps, in the
                recurrence's dtype; for tokens int64 (B,), or (B, T).
            state: the state before these steps, as `initial_state` or `from_state`
                returns it.

        Returns:
            The outputs (B, outputs), or (B, outputs, T), and the state after the last
            step.

        Raises:
            ValueError: for another shape or dtype of x_t, or the state of another
                model.
        """
        self._check_input(x_t)
        after = []
        u = self._encoded(x_t)
        state = one_per_layer(state, self.count)
        for block, own in zip(self.blocks, state, strict=True):
            u, own = block(u, own)
            after.append(own)
        u, own = self._normed(u), self._buffers
        return _mapped(u, own["decoder"], own["decoder_bias"]), tuple(after)

    def _encoded(self, x_t: Tensor) -> Tensor:
        encoder = self._buffers["encoder"]
        if not self.tokens:
            return _mapped(x_t, encoder, self._buffers["encoder_bias"])
        assert encoder is not None
        u = embedding(x_t, encoder)
        return u if u.ndim == 2 else u.mT

    def _blocks(self) -> list[BlockRecurrence]:
        return [block for block in self.blocks if isinstance(block, BlockRecurrence)]

    def _check_input(self, x_t: Tensor) -> None:
        decoder = self._buffers["decoder"]
        assert decoder is not None
        dtype = torch.int64 if self.tokens else decoder.dtype
        if self.tokens:
            right = x_t.ndim in (1, 2)
        else:
            right = x_t.ndim in (2, 3) and x_t.shape[1] == self.channels
        if not right or x_t.dtype != dtype:
            shapes = "(B,) or (B, T)"
            if not self.tokens:
                shapes = f"(B, {self.channels}) or (B, {self.channels}, T)"
            raise ValueError(
                f"x_t must have shape {shapes} and {dtype}, got {tuple(x_t.shape)} and "
                f"{x_t.dtype}"
            )
        if self.tokens:
            _checks.within("tokens of x_t", x_t, 0, self.channels - 1)


def one_per_layer(state: Sequence[Tensor], count: int) -> tuple[Tensor, ...]:
    """Return a state as a tuple; raise ValueError unless it has a tensor per layer."""
    if not isinstance(state, tuple | list):
        raise ValueError(
            f"state must be a tuple of {count} tensors, one per layer, got "
            f"{type(state).__name__}"
        )
    if len(state) != count or not all(map(torch.is_tensor, state)):
        raise ValueError(
            f"state must be this model's own, a tuple of {count} tensors, one per "
            f"layer, got {len(state)} values"
        )
    return tuple(state)
