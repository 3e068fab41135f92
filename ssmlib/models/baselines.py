"""What else maps a sequence to a sequence: PyTorch's own modules in the same stack.

Each maps (B, H, L) to (B, H, L), and is given which steps count, (B, 1, L), or None.
`vmaps`: whether `torch.func.vmap` knows it; `whole`: whether it is a block of its own,
with what the stack would put around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def _drawn_from(seed: int) -> Iterator[None]:
    """PyTorch's modules draw from the global state: it is put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class _Recurrent(nn.Module):
    """A recurrent layer; `vmap` has no rule for PyTorch's."""

    vmaps = False
    whole = False
    kind: type[nn.Module]

    def __init__(self, d_model: int, *, seed: int = 0):
        super().__init__()
        with _drawn_from(seed):
            self.cell = self.kind(d_model, d_model, batch_first=True)

    def forward(self, u: Tensor, valid: Tensor | None = None) -> Tensor:
        return self.cell(u.mT)[0].mT


class LSTM(_Recurrent):
    """`torch.nn.LSTM` of one layer with a state of d_model."""

    kind = nn.LSTM


class GRU(_Recurrent):
    """`torch.nn.GRU` of one layer with a state of d_model."""

    kind = nn.GRU


class CNN(nn.Module):
    """Causal dilated convolutions of width 3, dilations 1, 3, 9, 27: 81 steps back."""

    vmaps = True
    whole = False
    width, dilations = 3, (1, 3, 9, 27)

    def __init__(self, d_model: int, *, seed: int = 0):
        super().__init__()
        with _drawn_from(seed):
            self.convolutions = nn.ModuleList(
                nn.Conv1d(d_model, d_model, self.width, dilation=d)
                for d in self.dilations
            )

    def forward(self, u: Tensor, valid: Tensor | None = None) -> Tensor:
        for k, (d, convolution) in enumerate(
            zip(self.dilations, self.convolutions, strict=True)
        ):
            u = nn.functional.gelu(u) if k else u
            u = convolution(nn.functional.pad(u, (d * (self.width - 1), 0)))
        return u


class Transformer(nn.Module):
    """`torch.nn.TransformerEncoderLayer`, every step attending to every other.

    Norm first, 4 heads where d_model allows, else one, a hidden layer of 2 d_model.
    Sines and cosines of the position are added before it, as in every layer of the
    Universal Transformer (arXiv 1807.03819), so that no length is left out.
    """

    vmaps = True
    whole = True

    def __init__(self, d_model: int, *, seed: int = 0):
        super().__init__()
        with _drawn_from(seed):
            self.attention = nn.TransformerEncoderLayer(
                d_model,
                4 if d_model % 4 == 0 else 1,
                2 * d_model,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )

    def train(self, mode: bool = True) -> Transformer:
        """In evaluation PyTorch takes a fused form that `vmap` has no rule for."""
        super().train(mode)
        self.attention.train()  # the same map, for there is no dropout in it
        return self

    def forward(self, u: Tensor, valid: Tensor | None = None) -> Tensor:
        u = u + positions(u)
        # What attends to nothing would be NaN: a float mask, finite throughout.
        mask = None
        if valid is not None:
            mask = torch.where(valid, 0.0, -1e9).to(u)  # (B, 1, L)
            heads = self.attention.self_attn.num_heads
            mask = mask.expand(-1, u.shape[-1], -1).repeat_interleave(heads, 0)
        with sdpa_kernel(SDPBackend.MATH):  # the one that `vmap` has a rule for
            return self.attention(u.mT, src_mask=mask).mT


def positions(u: Tensor) -> Tensor:
    """Sines and cosines of the position, (H, L), wavelengths 2 pi to 20,000 pi."""
    H, L = u.shape[-2:]
    half = -(-H // 2)
    rate = torch.exp(-math.log(1e4) * torch.arange(half, device=u.device) / half)
    angle = rate[:, None] * torch.arange(L, device=u.device)
    return torch.cat([torch.sin(angle), torch.cos(angle)])[:H].to(u)


BASELINES = {"lstm": LSTM, "gru": GRU, "cnn": CNN, "transformer": Transformer}
