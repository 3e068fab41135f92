"""A stack of SSM layers with encoder and decoder, as many at once as one likes.

An SSM layer does not mix its features, so E models of H features are one layer of
E H features; everything that does mix carries the ensemble axis E in front.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.initialization import initialize, is_random
from ssmlib.layers import S4D, concatenate

READOUTS = ("last", "pooled", "sequence")


@dataclass(frozen=True)
class Start:
    """How one model begins.

    init: a name of `initialization.names()`; real, imag_scale: as `initialize`
    takes them. dt: time a step, one value, or a pair (low, high), the ends of a
    log-uniform range; later_dt: that of the layers after the first, dt if None.
    Raises TypeError for another dt.
    """

    init: str = "lin"
    real: float | None = None
    imag_scale: float = 1.0
    dt: float | tuple[float, float] = (1e-3, 1e-1)
    later_dt: float | tuple[float, float] | None = None

    def __post_init__(self):
        later = self.dt if self.later_dt is None else self.later_dt
        for name, dt in (("dt", self.dt), ("later_dt", later)):
            pair = isinstance(dt, tuple) and len(dt) == 2
            if not all(isinstance(v, Real) for v in (dt if pair else [dt])):
                raise TypeError(
                    f"{name} must be a number or a pair (low, high) of numbers, got "
                    f"{dt!r}"
                )

    def layer(
        self, d_model: int, d_state: int, generator: torch.Generator, depth: int = 0
    ) -> S4D:
        """The SSM layer at that depth; its seeds are drawn from the generator."""
        dt = self.dt if depth == 0 or self.later_dt is None else self.later_dt
        low, high = dt if isinstance(dt, tuple) else (dt, dt)
        own, modes = torch.randint(2**32, (2,), generator=generator).tolist()
        random = {"seed": modes} if is_random(self.init) else {}
        pair = initialize(
            self.init, d_state, real=self.real, imag_scale=self.imag_scale, **random
        )
        return S4D(d_model, d_state, init=pair, dt_min=low, dt_max=high, seed=own)


class Ensemble(nn.Module):
    """E independent models of one shape: x (G, B, channels, L) -> (E, B, outputs).

    Each: a linear encoder without bias (a constant added to the input would ask for
    dt ~ 1/L), `n_layers` blocks u + mix(gelu(SSM(u))), layer norm after each if
    `norm`, a linear decoder. linear=True leaves the blocks as SSMs alone. readout:
    "last" decodes the last step, where the last block needs no FFT but one product
    with its kernel; "pooled" the mean over time; "sequence" every step, giving
    (E, B, outputs, L).

    starts, seeds: one each a model. x may be one batch for all (G = 1), or one for
    each G-th part of the ensemble, in order. Raises ValueError for E = 0, seeds of
    another number, an unknown readout, norm with linear, x of another shape.
    """

    def __init__(
        self,
        starts: Sequence[Start],
        seeds: Sequence[int],
        channels: int,
        outputs: int,
        *,
        d_model: int = 16,
        d_state: int = 32,
        n_layers: int = 1,
        readout: str = "last",
        linear: bool = False,
        norm: bool = False,
    ):
        super().__init__()
        if not starts:
            raise ValueError("starts must hold at least one configuration, got E = 0")
        if len(seeds) != len(starts):
            raise ValueError(
                f"seeds must be one a start, {len(starts)}, got {len(seeds)}"
            )
        for name, value in (("channels", channels), ("outputs", outputs)):
            _checks.integer(name, value)
        _checks.integer("n_layers", n_layers)
        _checks.one_of("readout", readout, READOUTS)
        if linear and norm:
            raise ValueError("norm=True goes with linear=False only: it is not linear")
        self.size, self.d_model, self.channels = len(starts), d_model, channels
        self.readout, self.linear = readout, linear

        members = []
        for start, seed in zip(starts, seeds, strict=True):
            generator = torch.Generator().manual_seed(seed)
            layers = [
                start.layer(d_model, d_state, generator, depth)
                for depth in range(n_layers)
            ]
            shapes = [(d_model, channels), (outputs, d_model)]
            shapes += [(d_model, d_model)] * (0 if linear else n_layers)
            dense = [
                torch.randn(shape, generator=generator) / math.sqrt(shape[1])
                for shape in shapes
            ]
            members.append((layers, dense))
        layers, dense = zip(*members, strict=True)
        self.ssms = nn.ModuleList(
            concatenate(same) for same in zip(*layers, strict=True)
        )
        encoder, decoder, *mixers = (
            nn.Parameter(torch.stack(same)) for same in zip(*dense, strict=True)
        )
        E, H = self.size, d_model
        self.encoder = encoder  # (E, H, channels)
        self.decoder = decoder  # (E, outputs, H)
        self.decoder_bias = nn.Parameter(torch.zeros(E, outputs, 1))
        self.mixers = nn.ParameterList(mixers)  # (E, H, H) each
        self.norms = nn.ParameterList(
            torch.stack([torch.ones(E, H, 1), torch.zeros(E, H, 1)], 1)
            for _ in range(n_layers if norm else 0)
        )  # (E, 2, H, 1) each: scale and shift

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[2] != self.channels or self.size % x.shape[0]:
            raise ValueError(
                f"x must have shape (G, B, {self.channels}, L) with G a divisor of "
                f"{self.size}, got {tuple(x.shape)}"
            )
        if self.readout == "last" and len(self.ssms) == 1:
            u, y = self._encode(x[..., -1:]), self._encoded_last(x)
            u = self._block(0, u, y)
        else:
            u = self._encode(x)
            for k, ssm in enumerate(self.ssms):
                if self.readout == "last" and k == len(self.ssms) - 1:
                    y = (u * ssm.kernel(u.shape[-1]).flip(-1)).sum(-1, keepdim=True)
                    u = u[..., -1:]
                    y = y + ssm.D[:, None] * u
                else:
                    y = ssm(u)
                u = self._block(k, u, y)
        u = self._split(u)
        if self.readout == "pooled":
            u = u.mean(-1, keepdim=True)
        out = (
            torch.einsum("eoh,beht->ebot", self.decoder, u) + self.decoder_bias[:, None]
        )
        return out if self.readout == "sequence" else out.squeeze(-1)

    @torch.no_grad()
    def layer_inputs(self, x: Tensor) -> list[Tensor]:
        """What each SSM layer reads when the model reads x: (E, B, H, L) a layer.

        x as for a call. In float64, whatever the model's dtype: where an input begins
        with zeros a float32 Fourier transform leaves 1e-7 in place of 0, and a layer
        norm multiplies it by up to 316. No gradient is kept.
        """
        model = copy.deepcopy(self).double()
        u, inputs = model._encode(x.double()), []
        for k, ssm in enumerate(model.ssms):
            inputs.append(model._split(u).transpose(0, 1))
            u = model._block(k, u, ssm(u))
        return inputs

    def _split(self, u: Tensor) -> Tensor:
        """(B, E H, T) -> (B, E, H, T)"""
        return u.unflatten(1, (self.size, self.d_model))

    def _encode(self, x: Tensor) -> Tensor:
        """(G, B, channels, T) -> (B, E H, T)"""
        weights = self.encoder.unflatten(0, (x.shape[0], -1))
        return torch.einsum("gchd,gbdt->bgcht", weights, x).flatten(1, 3)

    def _encoded_last(self, x: Tensor) -> Tensor:
        """The first SSM's last step on the encoded x: (B, E H, 1).

        Encoder and kernel are linear, so that they make one matrix; no (B, E H, L)
        tensor is ever formed.
        """
        G, B, d, L = x.shape
        (ssm,) = self.ssms
        K = ssm.kernel(L).flip(-1)  # (E H, L)
        K = torch.cat([K[:, :-1], K[:, -1:] + ssm.D[:, None]], -1)
        weights = self.encoder.flatten(0, 1)[..., None] * K[:, None]  # (E H, d, L)
        y = x.flatten(2) @ weights.reshape(G, -1, d * L).mT  # (G, B, E H / G)
        return y.transpose(0, 1).reshape(B, -1, 1)

    def _block(self, k: int, u: Tensor, y: Tensor) -> Tensor:
        """From a block's input and its SSM's output to the block's output."""
        if self.linear:
            return y
        z = self._split(nn.functional.gelu(y))
        u = self._split(u) + torch.einsum("ehk,bekt->beht", self.mixers[k], z)
        if len(self.norms):
            scale, shift = self.norms[k].unbind(1)
            u = nn.functional.layer_norm(u.mT, (self.d_model,)).mT * scale + shift
        return u.flatten(1, 2)
