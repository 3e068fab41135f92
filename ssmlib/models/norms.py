"""Normalization within a block, over features or over a batch, padding left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssmlib import _checks

NORMS = ("layer", "batch")
MOMENTUM, EPS = 0.1, 1e-5


class Norm(nn.Module):
    """u (B, H, L) -> scale * (u - mean) / std + shift, scale and shift (H, 1).

    kind: "layer", mean and std over the features of each step; or "batch", over
    sequences and steps: in training those of the batch, whose running means (momentum
    0.1, as PyTorch's BatchNorm1d) serve in evaluation. Steps of padding count in none.
    """

    def __init__(self, kind: str, d_model: int):
        super().__init__()
        self.kind = _checks.one_of("norm", kind, NORMS)
        self.scale = nn.Parameter(torch.ones(d_model, 1))
        self.shift = nn.Parameter(torch.zeros(d_model, 1))
        if kind == "batch":
            self.register_buffer("running_mean", torch.zeros(d_model, 1))
            self.register_buffer("running_var", torch.ones(d_model, 1))

    def extra_repr(self) -> str:
        return f"{self.kind!r}, {len(self.scale)}"

    def forward(self, u: Tensor, valid: Tensor | None = None) -> Tensor:
        """valid: (B, 1, L), True where a step counts; None where all do."""
        if self.kind == "layer":
            normal = nn.functional.layer_norm(u.mT, u.shape[1:2], eps=EPS).mT
            return normal * self.scale + self.shift
        if not self.training:
            mean, var = self.running_mean, self.running_var
        elif valid is None:
            scale, shift = self.scale.squeeze(-1), self.shift.squeeze(-1)
            normal, mean, rate = torch.native_batch_norm(
                u, scale, shift, None, None, True, MOMENTUM, EPS
            )
            var = (rate.detach() ** -2 - EPS).unsqueeze(-1)
            self._keep(mean.detach().unsqueeze(-1), var, u.shape[0] * u.shape[2])
            return normal
        else:
            weight = valid.to(u)
            count = weight.sum()
            mean = ((u * weight).sum((0, 2)) / count).unsqueeze(-1)  # (H, 1)
            var = (((u - mean).square() * weight).sum((0, 2)) / count).unsqueeze(-1)
            self._keep(mean.detach(), var.detach(), count)
        return (u - mean) / torch.sqrt(var + EPS) * self.scale + self.shift

    @torch.no_grad()
    def _keep(self, mean: Tensor, var: Tensor, count: int | Tensor) -> None:
        """Move the running moments; count: of what they are moments of."""
        unbiased = var * count / torch.as_tensor(count - 1).clamp(min=1)
        pairs = ((self.running_mean, mean), (self.running_var, unbiased))
        for running, new in pairs:
            # What is not finite is a model that diverged, which stays as it is.
            moved = running + MOMENTUM * (new - running)
            running.copy_(torch.where(moved.isfinite(), moved, running))
