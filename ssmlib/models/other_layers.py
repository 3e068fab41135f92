"""Layers other than SSMs for the same stack, made of PyTorch's own modules.

Each maps (B, H, L) to (B, H, L). Its argument `valid`, (B, 1, L) or None, is True at
the steps that count. The values at other steps change neither an output that counts nor
a gradient. `vmaps` is True if `torch.func.vmap` has a rule for the layer. `whole` is
True if the layer is a complete block, with the parts that the stack puts around other
layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ssmlib import _checks
from ssmlib.layers.state import set_
from ssmlib.models.padding import within

#: PyTorch's modules would otherwise follow the default dtype and device.
WHERE = {"dtype": torch.float32, "device": "cpu"}


@contextmanager
def _drawn_from(seed: int) -> Iterator[None]:
    """Let PyTorch modules draw from a seed, and restore the global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class OtherLayer(nn.Module):
    """A layer whose parameters are drawn in float32 on the CPU, from the seed alone.

    Args:
        d_model: number of features H.
        seed: of the random numbers of all parameters; None draws one from torch's
            generator.
    """

    vmaps: bool = True
    whole: bool = False

    def __init__(self, d_model: int, *, seed: int | None = 0):
        super().__init__()
        self.d_model, self.seed = d_model, _checks.seed_or_drawn(seed)
        with _drawn_from(self.seed):
            self._build()
        self.to(torch.get_default_device())

    def _build(self) -> None:
        """Make the modules within; a subclass defines it."""
        raise NotImplementedError

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Set the parameters to their initial values, drawn from `seed`."""
        with torch.device("cpu"):
            fresh = type(self)(self.d_model, seed=self.seed)
        for name, value in fresh.named_parameters():
            set_(self.get_parameter(name), value)


class _Recurrent(OtherLayer):
    """A recurrent layer; `vmap` has no rule for PyTorch's."""

    vmaps = False
    kind: type[nn.Module]

    def _build(self) -> None:
        self.cell = self.kind(self.d_model, self.d_model, batch_first=True, **WHERE)

    def forward(self, u: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the output of the recurrent layer.

        Args:
            u: (B, H, L).
            valid: (B, 1, L) bool, True where a step counts; None if all count.

        Returns:
            (B, H, L).
        """
        if not len(u):  # which PyTorch's recurrent layers refuse
            return u.clone()
        return self.cell(within(u, valid).mT)[0].mT


class LSTM(_Recurrent):
    """One layer of `torch.nn.LSTM` with a state of d_model.

    Args:
        d_model: number of features H.
        seed: of the random numbers of all parameters; None draws one.
    """

    kind = nn.LSTM


class GRU(_Recurrent):
    """One layer of `torch.nn.GRU` with a state of d_model.

    Args:
        d_model: number of features H.
        seed: of the random numbers of all parameters; None draws one.
    """

    kind = nn.GRU


class CNN(OtherLayer):
    """Causal dilated convolutions of width 3 that reach 81 steps back.

    The dilations are 1, 3, 9 and 27.

    Args:
        d_model: number of features H.
        seed: of the random numbers of all parameters; None draws one.
    """

    width, dilations = 3, (1, 3, 9, 27)

    def _build(self) -> None:
        self.convolutions = nn.ModuleList(
            nn.Conv1d(self.d_model, self.d_model, self.width, dilation=d, **WHERE)
            for d in self.dilations
        )

    def forward(self, u: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the output of the convolutions.

        Args:
            u: (B, H, L).
            valid: (B, 1, L) bool, True where a step counts; None if all count.

        Returns:
            (B, H, L).
        """
        u = within(u, valid)
        for k, (d, convolution) in enumerate(
            zip(self.dilations, self.convolutions, strict=True)
        ):
            u = nn.functional.gelu(u) if k else u
            u = convolution(nn.functional.pad(u, (d * (self.width - 1), 0)))
        return u


class Transformer(OtherLayer):
    """A `torch.nn.TransformerEncoderLayer` in which every step attends to every step.

    The norm precedes the attention. There are 4 heads if d_model allows it, otherwise
    one, and a hidden layer of 2 d_model. Sines and cosines of the position are added
    before it, as in every layer of the Universal Transformer (arXiv 1807.03819), so
    that any length is possible.

    Args:
        d_model: number of features H.
        seed: of the random numbers of all parameters; None draws one.
    """

    whole = True

    def _build(self) -> None:
        self.attention = nn.TransformerEncoderLayer(
            self.d_model,
            4 if self.d_model % 4 == 0 else 1,
            2 * self.d_model,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
            **WHERE,
        )

    def train(self, mode: bool = True) -> Transformer:
        """Set the mode, but leave the attention in training mode.

        In evaluation PyTorch takes a fused form that `torch.func.vmap` has no rule for.
        The map is the same, because it has no dropout.

        Args:
            mode: True for training, False for evaluation.
        """
        super().train(mode)
        self.attention.train()  # the same map, for there is no dropout in it
        return self

    def forward(self, u: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the output of the attention block.

        Args:
            u: (B, H, L).
            valid: (B, 1, L) bool, True where a step counts; None if all count.

        Returns:
            (B, H, L).
        """
        if not len(u):  # which PyTorch's attention refuses
            return u.clone()
        u = within(u, valid) + positions(u)
        # What attends to nothing would be NaN: a float mask, finite throughout.
        mask = None
        if valid is not None:
            mask = torch.where(valid, 0.0, -1e9).to(u)  # (B, 1, L)
            heads = self.attention.self_attn.num_heads
            mask = mask.expand(-1, u.shape[-1], -1).repeat_interleave(heads, 0)
        with sdpa_kernel(SDPBackend.MATH):  # the one that `vmap` has a rule for
            return self.attention(u.mT, src_mask=mask).mT


def positions(u: Tensor) -> Tensor:
    """Return sines and cosines of the position, of wavelengths 2 pi to 20,000 pi.

    Args:
        u: (..., H, L); only its size, dtype and device are used.

    Returns:
        (H, L) in the dtype of u.
    """
    H, L = u.shape[-2:]
    half = -(-H // 2)
    like = {"device": u.device, "dtype": torch.float32}
    rate = torch.exp(-math.log(1e4) * torch.arange(half, **like) / half)
    angle = rate[:, None] * torch.arange(L, device=u.device)
    return torch.cat([torch.sin(angle), torch.cos(angle)])[:H].to(u)


OTHER_LAYERS: dict[str, type[OtherLayer]] = {
    "lstm": LSTM,
    "gru": GRU,
    "cnn": CNN,
    "transformer": Transformer,
}
