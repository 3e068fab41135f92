"""A stack of SSM layers with encoder and decoder, and many of them as one."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ssmlib import _checks
from ssmlib.initialization import Initialization, Range, as_initialization
from ssmlib.layers import S4D, SSM

POOLING = ("last", "mean", "none")


class Model(nn.Module):
    """x (B, channels, L) -> (B, outputs), or (B, outputs, L) without pooling.

    A linear encoder without bias (a constant added to the input would ask for
    dt ~ 1/L), `n_layers` blocks u + mix(gelu(SSM(u))), layer norm after each if
    `norm`, a linear decoder. linear=True leaves the blocks as SSMs alone. pooling:
    "last" decodes the last step, for which the last block needs one product with its
    kernel; "mean" the mean over time; "none" every step.

    layer: a class of SSM layers, or a function of (d_model, d_state, init=, seed=)
    that returns one. init: as the layer takes it; later_dt: the dt of the layers
    after the first, init's own if None. seed draws all parameters.
    Raises ValueError or TypeError for arguments outside these, norm with linear, x
    of another shape.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        layer: Callable[..., SSM] = S4D,
        init: str | tuple | Initialization = "lin",
        later_dt: Range | None = None,
        d_model: int = 16,
        d_state: int = 32,
        n_layers: int = 1,
        pooling: str = "last",
        linear: bool = False,
        norm: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        for name, value in (("channels", channels), ("outputs", outputs)):
            _checks.integer(name, value)
        _checks.integer("n_layers", n_layers)
        _checks.one_of("pooling", pooling, POOLING)
        if linear and norm:
            raise ValueError("norm=True goes with linear=False only: it is not linear")
        self.channels, self.d_model = channels, d_model
        self.pooling, self.linear, self.norm = pooling, linear, norm

        generator = torch.Generator("cpu").manual_seed(
            _checks.integer("seed", seed, least=0)
        )

        def dense(*shape: int) -> nn.Parameter:
            drawn = torch.randn(shape, generator=generator, device="cpu")
            return nn.Parameter(drawn / math.sqrt(shape[1]))

        self.encoder = dense(d_model, channels)
        self.decoder = dense(outputs, d_model)
        self.decoder_bias = nn.Parameter(torch.zeros(outputs, 1))
        blocks = range(n_layers)
        self.mixers = nn.ParameterList(
            dense(d_model, d_model) for _ in blocks if not linear
        )
        self.norms = nn.ParameterList(
            torch.stack([torch.ones(d_model, 1), torch.zeros(d_model, 1)])
            for _ in blocks
            if norm
        )  # (2, H, 1) each: scale and shift
        first = as_initialization(init)
        later = first if later_dt is None else replace(first, dt=later_dt)
        seeds = torch.randint(2**32, (n_layers,), generator=generator, device="cpu")
        self.ssms = nn.ModuleList(
            layer(d_model, d_state, init=later if k else first, seed=int(seeds[k]))
            for k in blocks
        )

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, {len(self.decoder)}, pooling={self.pooling!r}, "
            f"linear={self.linear}, norm={self.norm}"
        )

    def mask_shapes(self, B: int, L: int) -> list[tuple[int, int, int]]:
        """The shapes of `forward`'s masks for B sequences of L steps, one a block."""
        last = 1 if self.pooling == "last" else L
        steps = [L] * (len(self.ssms) - 1) + [last]
        return [(B, self.d_model, count) for count in steps]

    def forward(self, x: Tensor, masks: Sequence[Tensor] | None = None) -> Tensor:
        """masks: what each block's GELU is multiplied by, of `mask_shapes`."""
        if x.ndim != 3 or x.shape[1] != self.channels or not x.shape[2]:
            raise ValueError(
                f"x must have shape (B, {self.channels}, L), got {tuple(x.shape)}"
            )
        if self.pooling == "last":
            u = self._last(x, masks)
        else:
            u = self._blocks(self._encode(x), len(self.ssms), masks)
            if self.pooling == "mean":
                u = u.mean(-1, keepdim=True)
        out = _mix(self.decoder, u) + self.decoder_bias
        return out if self.pooling == "none" else out.squeeze(-1)

    def _last(self, x: Tensor, masks: Sequence[Tensor] | None) -> Tensor:
        """The last block's output at the last step: (B, H, 1)."""
        *_, ssm = self.ssms
        w = ssm.last_weights(x.shape[-1])  # (H, L)
        if len(self.ssms) == 1:
            # Encoder and kernel are linear and make one matrix, so that no (B, H, L)
            # tensor is ever formed.
            w = (self.encoder.unsqueeze(-1) * w.unsqueeze(1)).flatten(1)  # (H, c L)
            y = (w @ x.flatten(1).mT).mT.unsqueeze(-1)
            u = self._encode(x[..., -1:])
        else:
            u = self._blocks(self._encode(x), len(self.ssms) - 1, masks)
            y = (u * w).sum(-1, keepdim=True)
            u = u[..., -1:]
        return self._block(len(self.ssms) - 1, u, y, masks)

    def layer_inputs(self, x: Tensor) -> list[Tensor]:
        """What each SSM layer reads when the model reads x: (B, H, L) a layer.

        In float64, whatever the model's dtype. No gradient is kept.
        """
        with torch.no_grad():
            return _LayerInputs(copy.deepcopy(self).double())(x.double())

    def _encode(self, x: Tensor) -> Tensor:
        return _mix(self.encoder, x)

    def _blocks(self, u: Tensor, count: int, masks: Sequence[Tensor] | None) -> Tensor:
        for k in range(count):
            u = self._block(k, u, self.ssms[k](u), masks)
        return u

    def _block(
        self, k: int, u: Tensor, y: Tensor, masks: Sequence[Tensor] | None = None
    ) -> Tensor:
        """From a block's input and its SSM's output to the block's output."""
        if self.linear:
            return y
        active = nn.functional.gelu(y)
        if masks is not None:
            active = active * masks[k]
        u = u + _mix(self.mixers[k], active)
        if self.norm:
            scale, shift = self.norms[k].unbind(0)
            u = nn.functional.layer_norm(u.mT, (self.d_model,)).mT * scale + shift
        return u


class _LayerInputs(nn.Module):
    """A model, called for what its SSM layers read."""

    def __init__(self, model: Model):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> list[Tensor]:
        inputs = [self.model._encode(x)]
        for k, ssm in enumerate(list(self.model.ssms)[:-1]):
            inputs.append(self.model._block(k, inputs[-1], ssm(inputs[-1])))
        return inputs


def _mix(weights: Tensor, u: Tensor) -> Tensor:
    """(o, h) and (B, h, L) -> (B, o, L)"""
    return torch.einsum("oh,bhl->bol", weights, u)


class Ensemble(nn.Module):
    """E models of one shape as one: x (G, B, channels, L) -> (E, B, outputs).

    `stacked` is a model whose every parameter carries the E in front. x may be one
    batch for all (G = 1), or one for each G-th part of the ensemble, in order.
    `models` are copied. Raises ValueError for E = 0, for models that differ in more
    than the values of their parameters, for x of another shape.
    """

    def __init__(self, models: Sequence[Model]):
        super().__init__()
        if not models:
            raise ValueError("models must hold at least one model, got E = 0")
        if len({repr(model) for model in models}) > 1:
            raise ValueError("models must differ in their parameters' values only")
        self.size = len(models)
        self.stacked = copy.deepcopy(models[0])
        self._beginnings = [[(m.init, m.seed) for m in model.ssms] for model in models]
        parts = [dict(model.named_parameters()) for model in models]
        for name in parts[0]:
            stack = torch.stack([part[name].detach() for part in parts])
            owner, _, last = name.rpartition(".")
            setattr(self.stacked.get_submodule(owner), last, nn.Parameter(stack))

    def forward(self, x: Tensor, masks: Sequence[Tensor] | None = None) -> Tensor:
        """masks: `Model.forward`'s, each with the E in front."""
        return self._each(self.stacked, x, masks)

    def layer_inputs(self, x: Tensor) -> list[Tensor]:
        """`Model.layer_inputs` of each: (E, B, H, L) a layer."""
        model = copy.deepcopy(self.stacked).double()
        with torch.no_grad():
            return self._each(_LayerInputs(model), x.double())

    def _each(self, module: nn.Module, x: Tensor, masks=None):
        channels = self.stacked.channels
        if x.ndim != 4 or x.shape[2] != channels or self.size % x.shape[0]:
            raise ValueError(
                f"x must have shape (G, B, {channels}, L) with G a divisor of "
                f"{self.size}, got {tuple(x.shape)}"
            )
        parameters = dict(module.named_parameters())

        def call(own: dict[str, Tensor], masks: list[Tensor], batch: Tensor):
            return functional_call(module, own, (batch, masks) if masks else (batch,))

        each = vmap(call, in_dims=(0, 0, None))
        G = len(x)
        masks = masks or []
        if G == 1:
            return each(parameters, masks, x[0])
        grouped = {n: p.unflatten(0, (G, -1)) for n, p in parameters.items()}
        masks = [mask.unflatten(0, (G, -1)) for mask in masks]
        out = vmap(each)(grouped, masks, x)  # (G, E / G, ...)
        if isinstance(out, Tensor):
            return out.flatten(0, 1)
        return [part.flatten(0, 1) for part in out]

    def member(self, k: int) -> Model:
        """Model k as it stands, as an ordinary module; its parameters are copies.

        Raises ValueError for k outside 0 .. E-1.
        """
        if not 0 <= k < self.size:
            raise ValueError(f"k must be in 0 .. {self.size - 1}, got {k}")
        model = copy.deepcopy(self.stacked)
        for module in model.modules():
            for name, p in module.named_parameters(recurse=False):
                setattr(module, name, nn.Parameter(p.detach()[k].clone()))
        for ssm, beginning in zip(model.ssms, self._beginnings[k], strict=True):
            ssm.init, ssm.seed = beginning  # for reset_parameters
        return model
