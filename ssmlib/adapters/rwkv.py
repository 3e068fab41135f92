"""RWKV-4: one decay per channel, in discrete time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import Adapter, Parameters, log_decay, shaped
from ssmlib.adapters.laws import Law, near
from ssmlib.initialization import Initialization
from ssmlib.initialization.schemes import count


class Rwkv(Adapter):
    """RWKV-4, of RWKV-LM and of `transformers`.

    The weighted sums decay by exp(-exp(time_decay)) per step, (H,).
    """

    kind = "rwkv4"
    names = ("time_decay", "time_first")
    selective = True
    A_name = "time_decay"
    note = "The weight exp(k) of a token also depends on the input."

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return one mode per channel with dt = 1."""
        H = len(p["time_decay"])
        shaped(self.kind, p, time_decay=(H,), time_first=(H,))
        A = (-torch.exp(p["time_decay"])).to(torch.complex128).unsqueeze(-1)
        one = torch.ones_like(A.real)
        return Modes(A, one, pairs=False, B_bar=one)

    def modes(
        self, init: Initialization, now: Modes, p: Parameters, g: torch.Generator
    ) -> Modes:
        """Return the modes of all channels, with dt as a factor of A."""
        found = super().modes(init, now, p, g)
        return Modes(found.log, torch.ones_like(found.dt), pairs=False)

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return time_decay."""
        return {"time_decay": log_decay(self.kind, modes.log)[:, 0]}

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the authors' law, with the exponent of the layer's depth.

        The exponent is 0.7 in the first layer and 2 in the last one.
        """
        share = count(H) / max(1, H - 1)

        def decay(power: float) -> Tensor:
            rate = torch.exp(-5 + 8 * share**power)
            return (-rate).to(torch.complex128).unsqueeze(-1)

        def fits(A: Tensor, eps: float) -> bool:
            speed = (torch.log(-A.real[:, 0]) + 5) / 8
            inner = (speed > 0.01) & (speed < 0.99) & (share > 0) & (share < 1)
            power = 1.0
            if bool(inner.any()):
                x, y = share[inner].log(), speed[inner].log()
                power = float((x * y).sum() / (x * x).sum())
            # eps is that of exp(time_decay), which the dtype rounds by its size.
            return 0.69 < power < 2.01 and near(A.real, decay(power).real, 10 * eps)

        law = Law(
            "time_decay = -5 + 8 (h / (H - 1))^p, p from 0.7 to 2 by depth",
            "BlinkDL/RWKV-LM, RWKV-v4/src/model.py",
            None,
            lambda H, n, g: decay(1.35).expand(H, n),
            fits,
        )
        return (law,)
