"""`S5` and `Selective` of `ssmlib`, by the adapters of the layers that they follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import Parameters, shaped
from ssmlib.adapters.mamba2 import Mamba2
from ssmlib.adapters.s5 import S5
from ssmlib.discretization import METHODS
from ssmlib.initialization import Initialization
from ssmlib.layers import SSM


class OwnS5(S5):
    """`layers.S5`: the parameters of S5, Re and Im of B apart, dt of each mode."""

    kind = "ssmlib-s5"
    names = ("A_re", "A_im", "log_dt", "B_re", "B_im")
    used = ("C_re",)
    dt_name = "log_dt"

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the P modes as one system, in the layer's discretization."""
        P = len(p["log_dt"])
        shaped(self.kind, p, A_re=(P,), A_im=(P,), log_dt=(P,))
        shaped(self.kind, p, B_re=(P, None), B_im=tuple(p["B_re"].shape))
        found = super().read(_theirs(p), options)
        if options.get("discretization", "zoh") == "zoh":
            return found
        B = torch.ones_like(found.A) if found.B is None else found.B
        log, B_bar = METHODS[options["discretization"]](found.A, B, found.dt)
        return replace(found, log_bar=log, B_bar=B_bar)

    def modes(
        self, init: Initialization, now: Modes, p: Parameters, g: torch.Generator
    ) -> Modes:
        """Return the modes, each with a dt of its own."""
        return super().modes(init, now, _theirs(p), g)

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return A_re, A_im, log_dt, B_re and B_im."""
        theirs = super().write(modes, _theirs(p), options)
        B = theirs["B"]
        return {
            "A_re": theirs["Lambda_re"],
            "A_im": theirs["Lambda_im"],
            "log_dt": theirs["log_step"],
            "B_re": B[..., 0],
            "B_im": B[..., 1],
        }

    def changed(self, module: nn.Module, init: Initialization) -> None:
        """Let `reset_parameters` draw from the new initialization."""
        if isinstance(module, SSM):
            module.init = init


class Selective(Mamba2):
    """`layers.Selective`: the decay rates and the bias of dt of Mamba 2."""

    kind = "ssmlib-selective"
    names = ("A_log", "dt_bias", "W_delta")


def _theirs(p: Parameters) -> dict[str, Tensor]:
    """The parameters under the names of lindermanlab/S5."""
    A_re = p["A_re"].clamp(max=0)  # as the layer reads it
    names = {"Lambda_re": A_re, "Lambda_im": p["A_im"], "log_step": p["log_dt"]}
    return names | {"B": torch.stack([p["B_re"], p["B_im"]], -1)}
