"""One residual block with a layer of the user's choice."""

from __future__ import annotations

from typing import ClassVar, overload

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib._literals import Mix, NormName
from ssmlib.layers import SSM
from ssmlib.layers.parameters import DTYPES
from ssmlib.layers.state import Described, set_
from ssmlib.models import blocks, steps
from ssmlib.models.frozen import BlockRecurrence
from ssmlib.models.norms import Norm
from ssmlib.models.options import (
    MIXING,
    check_sizes,
    check_switches,
    checked_dropout,
    checked_norm,
)
from ssmlib.models.parts import Place, drawn, mixing, reset


class Block(Described):
    """A residual block u (B, H, L) -> u + mix(gelu(layer(u))), as those of `Model`.

    A state dict stores the options in `meaning`, as in `layers.SSM`.

    Args:
        d_model: number of features H, at least 1.
        layer: a module (B, H, L) -> (B, H, L): an `SSM`, or a module that is called
            with u and a mask (B, 1, L) of the steps that count, or None if all count.
        norm: "layer" (or True), "batch", or False for no normalization. It follows the
            block.
        prenorm: whether the norm precedes the layer.
        mix: "linear" for one matrix, or "glu" for two of which one gates the other.
        bias: whether the mixing has a bias.
        dropout: share of the features and steps that are set to 0 in training after
            the GELU, and with mix="glu" also after the gate, in [0, 1). The masks are
            drawn from torch's generator.
        tied_dropout: whether the masks are the same at all steps.
        seed: of the random numbers of the mixing; None draws one from torch's
            generator.
        dtype: of the mixing and the norm, float32 or float64.
        device: where they are; None for torch's default device.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument outside these values, a layer with another number
            of features, or a layer "transformer", which is a block of its own.
    """

    meaning: ClassVar = ("mix", "prenorm")

    def __init__(
        self,
        d_model: int,
        *,
        layer: nn.Module,
        norm: bool | NormName = False,
        prenorm: bool = False,
        mix: Mix = "linear",
        bias: bool = False,
        dropout: float = 0.0,
        tied_dropout: bool = False,
        seed: int | None = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ):
        super().__init__()
        check_sizes(d_model=d_model)
        check_switches(prenorm=prenorm, bias=bias, tied_dropout=tied_dropout)
        _checks.one_of("mix", mix, MIXING)
        named = checked_norm(norm, mix=mix, linear=False, prenorm=prenorm)
        _check_layer(layer, d_model)
        place = Place(device, _checks.a_dtype(dtype, DTYPES))
        self.d_model, self.mix, self.prenorm = d_model, mix, prenorm
        self.tied_dropout = tied_dropout
        self.dropout = checked_dropout(dropout, mixes=True)
        self.seed = _checks.seed_or_drawn(seed)
        generator = torch.Generator("cpu").manual_seed(self.seed)
        self.layer = layer
        self.mixer, self.mixer_bias = mixing(d_model, mix, bias, generator, place)
        self.norm = None
        if named:
            self.norm = Norm(named, d_model).to(**place.options())

    def extra_repr(self) -> str:
        """Return the sizes and options that `repr` shows."""
        return (
            f"{self.d_model}, mix={self.mix!r}, prenorm={self.prenorm}, "
            f"dropout={self.dropout}, tied_dropout={self.tied_dropout}"
        )

    @property
    def _parts(self) -> blocks.Parts:
        return blocks.Parts(
            layer=self.layer,
            mixer=self.mixer,
            bias=self.mixer_bias,
            norm=self.norm,
            prenorm=self.prenorm,
            gated=self.mix == "glu",
        )

    @overload
    def forward(self, u: Tensor, state: None = None) -> Tensor: ...
    @overload
    def forward(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]: ...
    def forward(
        self, u: Tensor, state: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the output and, if a state is given, the state after u.

        Args:
            u: (B, H, L), floating point, L >= 1.
            state: the state before u, as `initial_state` returns it; None for zeros.

        Returns:
            (B, H, L); with a state, the output and the state after u.

        Raises:
            TypeError: if u is not a tensor.
            ValueError: for u of another shape; with a state also for a state of
                another layer, or a block that has no step.
        """
        _checks.is_tensor("u", u)
        if u.ndim != 3 or u.shape[1] != self.d_model or not u.shape[2]:
            raise ValueError(
                f"u must have shape (B, {self.d_model}, L) with L >= 1, got "
                f"{tuple(u.shape)}"
            )
        part = self._parts
        if state is not None:
            steps.check(self, [part])
            return steps.several(part, u, state)
        masks = ()
        if self.training and self.dropout:
            shape = (*u.shape[:2], 1 if self.tied_dropout else u.shape[2])
            masks = blocks.drawn_masks([shape] * part.masks, self.dropout, self.mixer)
        y = blocks.called(part, blocks.enter(part, u, None), None)
        return blocks.leave(part, u, y, masks)

    def initial_state(self, batch: int) -> Tensor:
        """Return the state of zeros of the layer.

        Args:
            batch: number of sequences B, at least 0.

        Raises:
            TypeError: if batch is not an integer.
            ValueError: for batch < 0, or a layer that has no step.
        """
        return steps.initial_state(self._parts, batch)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step.

        Args:
            u_t: (B, H), floating point: the input of this step.
            state: the state before this step, as `initial_state` returns it.

        Returns:
            The output (B, H), and the state after this step.

        Raises:
            ValueError: for u_t of another shape, a state of another layer or batch
                size, a layer that has no step, or a block in training mode with
                dropout or norm="batch".
        """
        if u_t.ndim != 2 or u_t.shape[1] != self.d_model:
            raise ValueError(
                f"u_t must have shape (B, {self.d_model}), got {tuple(u_t.shape)}"
            )
        part = self._parts
        steps.check(self, [part])
        y, state = steps.one(part, u_t.unsqueeze(-1), state)
        return y.squeeze(-1), state

    @torch.no_grad()
    def recurrence(self, dtype: torch.dtype | None = None) -> BlockRecurrence:
        """Return the step with the current parameters, frozen, in real arithmetic.

        It is that of evaluation mode.

        Args:
            dtype: float32 or float64; None for that of the mixing.

        Raises:
            TypeError: for another dtype.
            ValueError: for a block that has no step, as `step`.
        """
        dtype = self.mixer.dtype if dtype is None else dtype
        part = self._parts
        steps.check(self, [part])
        return steps.recurrence(part, _checks.a_dtype(dtype, DTYPES))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Set all parameters, also of the layer, to their initial values."""
        generator = torch.Generator("cpu").manual_seed(self.seed)
        set_(self.mixer, drawn(self.mixer.shape, self.d_model, generator))
        if self.mixer_bias is not None:
            self.mixer_bias.zero_()
        for part in (self.norm, self.layer):
            if part is not None:
                reset(part)


def _check_layer(layer: nn.Module, d_model: int) -> None:
    if not isinstance(layer, nn.Module):
        raise TypeError(
            f"layer must be a module, such as S4D({d_model}), got "
            f"{getattr(layer, '__name__', type(layer).__name__)}"
        )
    if getattr(layer, "whole", False):
        raise ValueError(
            f"layer must not be a block of its own, got {type(layer).__name__}"
        )
    own = layer.d_model if isinstance(layer, SSM) else None
    if own not in (None, d_model):
        raise ValueError(f"layer must have d_model = {d_model}, got {own}")
