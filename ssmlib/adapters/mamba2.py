"""Mamba 2: one real mode per head, with a bias of dt."""

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
from ssmlib.adapters.laws import Law, Uniform, Values
from ssmlib.adapters.mamba import DT


def uniform_heads(low: float, high: float, source: str, dt: Values = DT) -> Law:
    """Return the law of heads whose decay rates are uniform in a range.

    Args:
        low: of -A.
        high: of -A.
        source: the file that states it.
        dt: the law of dt.
    """
    rates = Uniform(low, high)

    def fits(A: Tensor, eps: float) -> bool:
        return bool((A.imag == 0).all()) and rates.fits(-A.real, eps)

    def draw(H: int, n: int, g: torch.Generator) -> Tensor:
        return (-rates.draw(H * n, g)).reshape(H, n).to(torch.complex128)

    return Law(f"-A {rates.words} over heads", source, dt, draw, fits)


class Mamba2(Adapter):
    """Mamba 2, of `mamba_ssm`, `transformers`, `mambapy` and others.

    A = -exp(A_log) and dt = softplus(x + dt_bias), one each per head, (H,).
    """

    kind = "mamba2"
    names = ("A_log", "dt_bias", "conv1d.weight", "D")
    selective = True
    dt_name = "dt_bias"
    dt_transform = "softplus"
    A_name = "A_log"
    uses = ("A", "dt")

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return one mode per head, at the dt of the bias."""
        shaped(self.kind, p, A_log=(None,), dt_bias=(len(p["A_log"]),))
        A = (-torch.exp(p["A_log"])).to(torch.complex128).unsqueeze(-1)
        dt = softplus(p["dt_bias"]).unsqueeze(-1)
        return Modes(A, dt, pairs=False, B_bar=dt)

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return A_log and dt_bias."""
        bias = inverse_softplus(modes.dt[:, 0])
        return {"A_log": log_decay(self.kind, modes.A)[:, 0], "dt_bias": bias}

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the authors' law."""
        return (uniform_heads(1, 16, "state-spaces/mamba, mamba2.py"),)
