"""Normalization in a block, over features or over a batch, without padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ssmlib import _checks
from ssmlib.models.padding import within

NORMS = ("layer", "batch")
MOMENTUM, EPS = 0.1, 1e-5


class Norm(nn.Module):
    """A normalization u (B, H, L) -> scale * (u - mean) / std + shift.

    Scale and shift are (H, 1) parameters. The values at steps of padding have no
    effect.

    Args:
        kind: "layer" for mean and std over the features of each step, or "batch" for
            mean and std over sequences and steps, which is a `BatchNorm`.
        d_model: number of features H, at least 1.

    Raises:
        TypeError: if d_model is not an integer.
        ValueError: for another kind, or d_model < 1.
    """

    def __new__(cls, kind: str = "layer", *_: Any, **__: Any):
        # A copy and a pickle call this without arguments, from the class itself.
        """Return a `BatchNorm` for the kind "batch"."""
        kinds: dict[str, type] = {"batch": BatchNorm} if cls is Norm else {}
        return super().__new__(kinds.get(kind, cls))

    def __init__(self, kind: str, d_model: int):
        nn.Module.__init__(self)
        self.kind = _checks.one_of("norm", kind, NORMS)
        shape = (_checks.integer("d_model", d_model), 1)
        self.scale = nn.Parameter(torch.ones(shape, dtype=torch.float32))
        self.shift = nn.Parameter(torch.zeros(shape, dtype=torch.float32))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if type(self) is Norm and self.kind == "batch":  # an old pickle
            self.__class__ = BatchNorm

    def extra_repr(self) -> str:
        """Return the options that `repr` shows."""
        return f"{self.kind!r}, {len(self.scale)}"

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Set scale to 1 and shift to 0, as at construction."""
        self.scale.fill_(1)
        self.shift.zero_()

    def forward(
        self, u: Tensor, valid: Tensor | None = None, clean: bool = False
    ) -> Tensor:
        """Return the normalized sequences.

        Args:
            u: (B, H, L).
            valid: (B, 1, L) bool, True where a step counts; None if all count.
            clean: whether u is already 0 at all other steps.

        Returns:
            (B, H, L).
        """
        u = u if clean else within(u, valid)
        normal = nn.functional.layer_norm(u.mT, u.shape[1:2], eps=EPS).mT
        return normal * self.scale + self.shift


class BatchNorm(Norm, _BatchNorm):
    """A `Norm` over sequences and steps, with the protocol of `torch.nn.BatchNorm1d`.

    In training, mean and std are those of the batch. Their running means, with momentum
    0.1, are used in evaluation. `torch.optim.swa_utils.update_bn`, `momentum = None` (a
    plain average over batches), `track_running_stats = False`, and moments set to None
    act as in PyTorch. `num_batches_tracked`, an int that is in no state dict, counts
    the batches seen with `momentum = None`.
    `torch.nn.SyncBatchNorm.convert_sync_batchnorm` is refused, because it does not
    support padding.

    Args:
        kind: "batch".
        d_model: number of features H, at least 1.
    """

    momentum: float | None = MOMENTUM
    eps = EPS
    affine = track_running_stats = True
    # PyTorch's own is a buffer, which would be in the state dict.
    num_batches_tracked: Any = 0

    def __init__(self, kind: str, d_model: int):
        Norm.__init__(self, kind, d_model)
        for name, fill in (("running_mean", 0.0), ("running_var", 1.0)):
            value = torch.full((d_model, 1), fill, dtype=torch.float32)
            self.register_buffer(name, value)

    def __getattr__(self, name: str) -> Any:
        if name == "num_features":  # read by `convert_sync_batchnorm`
            raise AttributeError(
                "norm='batch' has no num_features and cannot become a SyncBatchNorm, "
                "which knows no padding: use norm='layer', or train in one process"
            )
        return super().__getattr__(name)

    # PyTorch's would add the key num_batches_tracked, which was never stored.
    _load_from_state_dict = nn.Module._load_from_state_dict

    def reset_running_stats(self) -> None:
        """Set the running moments to their initial values."""
        self.num_batches_tracked = 0
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)

    def reset_parameters(self) -> None:
        """Set scale, shift and the running moments to their initial values."""
        super().reset_parameters()
        self.reset_running_stats()

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # of _BatchNorm
        self, u: Tensor, valid: Tensor | None = None, clean: bool = False
    ) -> Tensor:
        """Return the normalized sequences; in training, update the running moments.

        Args:
            u: (B, H, L).
            valid: (B, 1, L) bool, True where a step counts; None if all count.
            clean: whether u is already 0 at all other steps.

        Returns:
            (B, H, L).
        """
        u = u if clean else within(u, valid)
        if not (torch.compiler.is_compiling() or u.numel()):
            return u * self.scale + self.shift  # an empty batch has no moments
        mean, var = self.running_mean, self.running_var
        if not self.training and mean is not None and var is not None:
            pass
        elif valid is None:
            scale, shift = self.scale.squeeze(-1), self.shift.squeeze(-1)
            normal, mean, rate = torch.native_batch_norm(
                u, scale, shift, None, None, True, MOMENTUM, self.eps
            )
            var = (rate.detach() ** -2 - self.eps).unsqueeze(-1)
            self._keep(mean.detach().unsqueeze(-1), var, u.shape[0] * u.shape[2])
            return normal
        else:
            weight = valid.to(u)
            count = weight.sum()
            mean = ((u * weight).sum((0, 2)) / count).unsqueeze(-1)  # (H, 1)
            var = (((u - mean).square() * weight).sum((0, 2)) / count).unsqueeze(-1)
            self._keep(mean.detach(), var.detach(), count)
        return (u - mean) / torch.sqrt(var + self.eps) * self.scale + self.shift

    @torch.no_grad()
    def _keep(self, mean: Tensor, var: Tensor, count: int | Tensor) -> None:
        """Update the running moments; count is the number of values behind them."""
        if not (self.training and self.track_running_stats):
            return
        own_mean, own_var = self.running_mean, self.running_var
        if own_mean is None or own_var is None:
            return
        rate = self.momentum
        if rate is None:
            self.num_batches_tracked += 1
            rate = 1 / self.num_batches_tracked
        least = torch.ones((), dtype=var.dtype, device=var.device)
        unbiased = var * count / torch.maximum(least * (count - 1), least)
        pairs = ((own_mean, mean), (own_var, unbiased))
        for running, new in pairs:
            # What is not finite is a model that diverged, which stays as it is.
            moved = running + rate * (new - running)
            running.copy_(torch.where(moved.isfinite(), moved, running))
