"""Mamba 1 and its relatives: N real modes per feature, dt from the input and a bias."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import (
    Adapter,
    Parameters,
    inverse_softplus,
    log_decay,
    shaped,
    softplus,
)
from ssmlib.adapters.laws import Law, Uniform, near
from ssmlib.initialization.schemes import count

DT = Uniform(1e-3, 1e-1, log=True)


def counted(n: int) -> Tensor:
    """Return -1, -2, .., -n, complex128.

    Args:
        n: how many.
    """
    return (-(count(n) + 1)).to(torch.complex128)


class Mamba(Adapter):
    """Mamba 1, of `mamba_ssm`, `transformers`, `mambapy` and others.

    A = -exp(A_log), (d_inner, N), and dt = softplus(dt_proj(x)) with the bias of
    dt_proj, (d_inner,). B and C come from the input.
    """

    kind = "mamba"
    names = ("A_log", "dt_proj.bias", "dt_proj.weight")
    used = ("D",)
    selective = True
    dt_name = "dt_proj.bias"
    dt_transform = "softplus"
    A_name = "A_log"
    uses = ("A", "dt")

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the modes at the dt of the bias."""
        H = len(p["dt_proj.bias"])
        shaped(self.kind, p, A_log=(H, None), dt_proj__weight=(H, None))
        A = (-torch.exp(p["A_log"])).to(torch.complex128)
        dt = softplus(p["dt_proj.bias"]).unsqueeze(-1)
        return Modes(A, dt, pairs=False, B_bar=dt)

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return A_log and the bias of dt_proj."""
        bias = inverse_softplus(modes.dt[:, 0])
        return {"A_log": log_decay(self.kind, modes.A), "dt_proj.bias": bias}

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return Mamba's law: the modes of S4D-Real."""
        law = Law(
            f"A = -1 ... -{n} in each feature",
            "state-spaces/mamba, mamba_simple.py",
            DT,
            lambda H, n, g: counted(n).expand(H, n),
            lambda A, eps: near(A.real, counted(n).real, eps),
        )
        return (law,)


class FalconMamba(Mamba):
    """Falcon-Mamba of `transformers`: Mamba 1 whose dt, B and C are normalized."""

    kind = "falcon-mamba"
    names = (*Mamba.names, "b_layernorm.weight", "dt_layernorm.weight")

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the modes at the dt of the bias."""
        H = len(p["dt_proj.bias"])
        # Jamba's have the length of the projection, and a trained weight.
        shaped(self.kind, p, dt_layernorm__weight=(H,))
        return super().read(p, options)
