"""The LRU: one state of N modes in discrete time, inside a ring."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import Adapter, Parameters, Refused, shaped
from ssmlib.adapters.laws import ALARM, Law, as_uniform
from ssmlib.initialization import Initialization, initialize_discrete

#: rates below it are refused for a state of undamped or constant modes
_LEAST = "1e-6"


class LRU(Adapter):
    """The LRU of minimal-LRU and of PyTorch code with its names.

    lambda = exp(-exp(nu_log) + i exp(theta_log)), (N,). gamma_log = log sqrt(1 -
    ``|lambda|^2``) scales B, which is not changed, as C is not.
    """

    kind = "lru"
    names = ("nu_log", "theta_log", "gamma_log")
    used = ("B_re", "B_im")
    A_name = "nu_log"
    readout = "complex"

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the modes as one system with dt = 1."""
        N = len(p["nu_log"])
        shaped(self.kind, p, nu_log=(N,), theta_log=(N,), gamma_log=(N,))
        log = torch.complex(-torch.exp(p["nu_log"]), torch.exp(p["theta_log"]))[None]
        B = torch.exp(p["gamma_log"])
        if "B_re" in p:
            B = B * torch.complex(p["B_re"], p["B_im"]).abs().square().sum(-1).sqrt()
        one = torch.ones_like(log.real[:, :1])
        return Modes(log, one, pairs=True, B_bar=B[None])

    def modes(
        self, init: Initialization, now: Modes, p: Parameters, g: torch.Generator
    ) -> Modes:
        """Return the poles, a continuous scheme's by a dt for each mode."""
        N = now.A.shape[-1]
        dt = torch.exp(init.log_dt(N, g))[None]
        A, _ = (part.reshape(1, N) for part in init.modes(2 * N, g, 1))
        return Modes(A * dt, torch.ones_like(dt[:, :1]), pairs=True)

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return nu_log, theta_log and gamma_log."""
        log = modes.log[0]
        phase = torch.remainder(log.imag, 2 * math.pi)
        if bool((log.real >= 0).any()):
            raise Refused(
                f"{self.kind} stores log(-log |lambda|) and cannot hold |lambda| = 1: "
                f"the nearest possible is a damping of {_LEAST} per step"
            )
        if bool((phase == 0).any()):
            raise Refused(
                f"{self.kind} stores the logarithm of the phase (theta_log), which "
                "cannot hold the frequency 0 of init: the nearest possible is a phase "
                f'of {_LEAST} per step; Initialization("lru") has none of 0'
            )
        gamma = 0.5 * torch.log(-torch.expm1(2 * log.real))
        values = {"nu_log": torch.log(-log.real), "theta_log": torch.log(phase)}
        return values | {"gamma_log": gamma}

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the ring with the radii and the largest phase that the modes have.

        The authors choose r_min, r_max and max_phase for each task.
        """
        log = self.read(p, {}).log if "nu_log" in p else None
        # What cannot be a ring has none of its own, and fits no law.
        square, phase = (
            (torch.exp(2 * log.real), log.imag)
            if log is not None and bool(torch.isfinite(log.abs()).all())
            else (torch.tensor([0.0, 1.0]), torch.tensor([2 * math.pi]))
        )
        low, high, most = map(float, (square.min(), square.max(), phase.max()))

        def fits(A: Tensor, eps: float) -> bool:
            if A.shape[-1] < 3 or most > 2 * math.pi * (1 + eps):
                return A.shape[-1] < 3
            # Ends estimated from the extremes, which therefore take no part
            inner = A.real.exp().square().flatten().sort().values[1:-1]
            turns = A.imag.flatten().sort().values[:-1]
            shares = (inner - low) / max(high - low, 1e-300), turns / most
            return low < high and all(as_uniform(u) > ALARM for u in shares)

        def draw(H: int, n: int, g: torch.Generator) -> Tensor:
            options = {"r_min": low**0.5, "r_max": high**0.5, "max_phase": most}
            return initialize_discrete("lru", 2 * n, H, seed=g, **options)[0]

        words = (
            f"uniform on the ring of radii {low**0.5:.3f} to {high**0.5:.3f}, phases "
            f"up to {most:.3f}"
        )
        source = "LRU (arXiv 2303.06349); minimal-LRU, lru/model.py"
        return (Law(words, source, None, draw, fits, pairs=True),)
