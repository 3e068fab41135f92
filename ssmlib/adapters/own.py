"""The layers of `ssmlib`: S4D, S4, DSS, S4DReal and others with their parameters."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import Adapter, Parameters, Refused, copies, shaped
from ssmlib.adapters.laws import Constant, Law, Uniform, near
from ssmlib.adapters.s4d import SCHEMES, of_scheme
from ssmlib.discretization import METHODS
from ssmlib.initialization import Initialization
from ssmlib.layers import REAL_TRANSFORMS, SSM

_NEEDED = ("real_transform", "n_ssm", "discretization")


class Own(Adapter):
    """A layer of `ssmlib` that trains modes: `S4D`, `S4`, `DSS`, `S4DReal`.

    What A_re means depends on the layer's options. A module and a file of `torch.save`
    have them, a safetensors file does not.
    """

    kind = "ssmlib"
    names = ("A_re", "log_dt")
    used = ("A_im", "B_re", "B_im", "P_re", "P_im")
    dt_name = "log_dt"

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the modes, those of the normal part of S4."""
        if missing := [name for name in _NEEDED if name not in options]:
            raise ValueError(
                f"{self.kind} layers must come with {', '.join(missing)}, which this "
                "file does not have: load it into its model, and audit that"
            )
        H, S = len(p["log_dt"]), options["n_ssm"]
        shaped(self.kind, p, log_dt=(None,), A_re=(S, None))
        re = REAL_TRANSFORMS[options["real_transform"]].value(p["A_re"])
        pairs = "A_im" in p
        A = _complex(re, p.get("A_im")).repeat(H // S, 1)
        B = torch.ones_like(A)
        if "B_re" in p:
            B = _complex(p["B_re"], p.get("B_im")).repeat(H // S, 1)
        P = _complex(p["P_re"], p["P_im"]).repeat(H // S, 1) if "P_re" in p else None
        dt = torch.exp(p["log_dt"]).unsqueeze(-1)
        log, B_bar = METHODS[options["discretization"]](A, B, dt)
        return Modes(A, dt, pairs, B, P, B_bar, log)

    def modes(
        self, init: Initialization, now: Modes, p: Parameters, g: torch.Generator
    ) -> Modes:
        """Return the modes of an initialization, with the low-rank term of S4."""
        if now.P is None:
            return super().modes(init, now, p, g)
        H, n = now.A.shape
        dt = torch.exp(init.log_dt(H, g)).unsqueeze(-1)
        try:
            parts = init.hippo(2 * n)
        except ValueError as error:
            raise Refused(
                f"S4 of {self.kind} holds diag(A) - P P* of a HiPPO matrix, and "
                f'{error}: the nearest possible is Initialization("legs")'
            ) from error
        return Modes(
            parts[0].expand(H, n), dt, True, *(x.expand(H, n) for x in parts[1:])
        )

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return the parameters of A, B, P and dt."""
        S, name = options["n_ssm"], options["real_transform"]
        transform = REAL_TRANSFORMS[name]
        A = copies(self.kind, modes.A, S)
        if not transform.zero and bool((A.real == 0).any()):
            raise Refused(
                f"real_transform {name!r} of {self.kind} cannot hold the real part 0 "
                "of init: the nearest possible is a small one, such as real=-1e-4"
            )
        if bool((A.real < transform.least).any()):
            raise Refused(
                f"real_transform {name!r} of {self.kind} cannot hold real parts below "
                f"{transform.least:g}, and init has {float(A.real.min()):g}: the "
                f"nearest possible is {transform.least:g}"
            )
        values = {"A_re": transform.parameter(A.real), "log_dt": modes.dt[:, 0].log()}
        if "A_im" in p:
            values["A_im"] = A.imag
        for letter, part in (("B", modes.B), ("P", modes.P)):
            if part is not None and f"{letter}_re" in p:
                part = copies(self.kind, part, S)
                values |= {f"{letter}_re": part.real, f"{letter}_im": part.imag}
            elif part is not None and bool((part != 1).any()):
                raise Refused(
                    f"DSS of {self.kind} has no input weights, and B of init is not 1: "
                    'the nearest possible is B="one"'
                )
        return {key: value for key, value in values.items() if key in p}

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the laws of S4D's schemes, for a file without an initialization."""
        return tuple(of_scheme(s, "S4D (arXiv 2206.11893)") for s in SCHEMES)

    def law_of(self, module: SSM) -> tuple[Law, ...]:
        """Return the law of a module: the initialization that it has itself.

        Args:
            module: the layer.
        """
        fresh = copy.deepcopy(module)
        fresh.reset_parameters()
        A, dt = fresh.A.detach().cpu(), module.init.dt
        return (
            Law(
                f"its own init {module.init.scheme!r:.40}",
                f"ssmlib, {type(module).__name__}",
                Uniform(*dt, log=True)
                if isinstance(dt, tuple)
                else Constant(float(dt)),
                lambda H, n, g: A[torch.arange(H) % len(A)],
                lambda found, eps: (
                    near(found.real, A.real, eps) and near(found.imag, A.imag, eps)
                ),
                pairs="A_im" in fresh.state_dict(),
                init=module.init,
            ),
        )

    def changed(self, module: nn.Module, init: Initialization) -> None:
        """Let `reset_parameters` draw from the new initialization."""
        if isinstance(module, SSM):
            module.init = init


def options_of(module: nn.Module) -> dict[str, Any]:
    """Return what a layer of ours knows beside its numbers; {} for other modules.

    Args:
        module: any module.
    """
    if not isinstance(module, SSM):
        return {}
    return {name: getattr(module, name) for name in _NEEDED if hasattr(module, name)}


def _complex(re: Tensor, im: Tensor | None) -> Tensor:
    return torch.complex(re, torch.zeros_like(re) if im is None else im)
