"""S4D and S4, by the parameter names of state-spaces/s4 and of code derived from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import (
    Adapter,
    Parameters,
    Refused,
    as_complex,
    copies,
    log_decay,
    shaped,
)
from ssmlib.adapters.laws import Law, near
from ssmlib.adapters.mamba import DT
from ssmlib.initialization import Initialization, initialize

#: the schemes of S4D's paper and code, the usual one first
SCHEMES = ("lin", "inv", "legs", "quad", "real", "inv2")


def of_scheme(scheme: str, source: str, title: str = "", pairs: bool = True) -> Law:
    """Return the law of a scheme whose modes are the same in each feature.

    Args:
        scheme: a name of `initialization.names()` that is not random.
        source: the file that states it.
        title: the scheme's name there.
        pairs: as `Law`.
    """

    def modes(n: int) -> Tensor:
        return initialize(scheme, 2 * n)[0]

    def sorted_parts(A: Tensor) -> Tensor:
        """The modes in the order of their frequencies, whose sign is free."""
        order = A.imag.abs().sort(-1).indices
        A = A.gather(-1, order)
        if not bool(A.imag.any()):  # of one frequency: in the order of the decay
            A = torch.complex(A.real.sort(-1).values, A.imag)
        return torch.stack([A.real, A.imag.abs()])

    def fits(A: Tensor, eps: float) -> bool:
        found, wanted = sorted_parts(A), sorted_parts(modes(A.shape[-1])[None])
        return all(near(x, y, eps) for x, y in zip(found, wanted, strict=True))

    return Law(
        title or f"S4D-{scheme.capitalize()}",
        source,
        DT,
        lambda H, n, g: modes(n).expand(H, n),
        fits,
        pairs,
        init=Initialization(scheme),
    )


class S4D(Adapter):
    """The minimal S4D of state-spaces/s4, `models/s4/s4d.py`.

    A = -exp(log_A_real) + i A_imag, (H, N/2), dt = exp(log_dt), (H,), and B = 1.
    """

    kind = "s4d"
    names = ("log_A_real", "A_imag", "log_dt")
    dt_name = "log_dt"
    A_name = "log_A_real"
    uses = ("A", "dt")

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the modes."""
        shaped(self.kind, p, log_A_real=(None, None))
        shape = tuple(p["log_A_real"].shape)
        shaped(self.kind, p, A_imag=shape, log_dt=(shape[0],))
        A = torch.complex(-torch.exp(p["log_A_real"]), p["A_imag"])
        return Modes(A, torch.exp(p["log_dt"]).unsqueeze(-1), pairs=True)

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return log_A_real, A_imag and log_dt."""
        if modes.B is not None and bool((modes.B != 1).any()):
            raise Refused(
                f"{self.kind} has no input weights, and B of init is not 1: the "
                'nearest possible is B="one", with C times B as output weights'
            )
        return {
            "log_A_real": log_decay(self.kind, modes.A),
            "A_imag": modes.A.imag,
            "log_dt": torch.log(modes.dt[:, 0]),
        }

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the laws of S4D's schemes."""
        source = "state-spaces/s4, models/s4/s4d.py and dplr.py; S4D"
        return tuple(of_scheme(scheme, source) for scheme in SCHEMES)


class S4DKernel(Adapter):
    """S4D as `SSMKernelDiag` of state-spaces/s4, version 4.

    A = -exp(A_real) - i A_imag, (n_ssm, N/2), dt = exp(inv_dt), (H, 1), and B (1,
    n_ssm, N/2, 2). The transforms are the default ones, which no file records.
    """

    kind = "s4d-kernel"
    names = ("inv_dt", "A_real", "A_imag", "B", "C")
    dt_name = "inv_dt"
    A_name = "A_real"

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the modes, in the frequencies' positive sign."""
        H = len(p["inv_dt"])
        shaped(self.kind, p, inv_dt=(H, 1), A_real=(None, None))
        S, n = p["A_real"].shape
        shaped(self.kind, p, A_imag=(S, n), B=(1, S, n, 2))
        if H % S:
            raise ValueError(f"{self.kind} must have a divisor of {H} copies, got {S}")
        A = torch.complex(-torch.exp(p["A_real"]), p["A_imag"])
        B = as_complex(p["B"])[0].conj().resolve_conj()
        A, B = (part.repeat(H // S, 1) for part in (A, B))
        return Modes(A, torch.exp(p["inv_dt"]), pairs=True, B=B)

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return A_real, A_imag, B and inv_dt, of each copy."""
        S = len(p["A_real"])
        B = modes.B if modes.B is not None else torch.ones_like(modes.A)
        A, B = (copies(self.kind, part, S) for part in (modes.A, B))
        if bool((A.imag < 0).any()):
            raise Refused(
                f"{self.kind} stores frequencies of one sign, and those of init go "
                f"down to {float(A.imag.min()):g}: the nearest possible are their "
                "conjugates"
            )
        B = torch.view_as_real(B.conj().resolve_conj())
        return {
            "inv_dt": torch.log(modes.dt),
            "A_real": log_decay(self.kind, A),
            "A_imag": A.imag,
            "B": B.unsqueeze(0),
        }

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the laws of S4D's schemes."""
        source = "state-spaces/s4, models/s4/s4.py; S4D"
        return tuple(of_scheme(scheme, source) for scheme in SCHEMES)


class S4Kernel(S4DKernel):
    """S4 as `SSMKernelDPLR` of state-spaces/s4, version 4: diag(A) - P P*."""

    kind = "s4"
    names = (*S4DKernel.names, "P")
    note = "The modes are those of the normal part, without the low-rank term P P*."

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the modes of the normal part."""
        found = super().read(p, options)
        S, n = p["A_real"].shape
        shaped(self.kind, p, P=(1, S, n, 2))
        P = as_complex(p["P"])[0].conj().resolve_conj().repeat(len(found.A) // S, 1)
        return Modes(found.A, found.dt, True, found.B, P)

    def modes(
        self, init: Initialization, now: Modes, p: Parameters, g: torch.Generator
    ) -> Modes:
        """Return the modes of a HiPPO matrix, with its low-rank term."""
        H, n = now.A.shape
        dt = torch.exp(init.log_dt(H, g)).unsqueeze(-1)
        try:
            parts = init.hippo(2 * n)
        except ValueError as error:
            raise Refused(
                f"{self.kind} holds diag(A) - P P* of a HiPPO matrix, and {error}: the "
                'nearest possible is Initialization("legs")'
            ) from error
        A, B, P = (part.expand(H, n) for part in parts)
        return Modes(A, dt, True, B, P)

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return the values of `S4DKernel`, and P."""
        values = super().write(modes, p, options)
        assert modes.P is not None  # `modes` gives one
        P = modes.P[: len(p["A_real"])].conj().resolve_conj()
        return values | {"P": torch.view_as_real(P).unsqueeze(0)}

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the laws of S4-LegS and S4-FouT."""
        source = "state-spaces/s4, models/s4/s4.py and dplr.py"
        return of_scheme("legs", source, "S4-LegS"), of_fout(source)


def of_fout(source: str) -> Law:
    """Return the law of S4-FouT, whose real part 0 its authors set to -1e-4.

    Args:
        source: the file that states it.
    """
    law = of_scheme("fout", source, "S4-FouT")

    def fits(A: Tensor, eps: float) -> bool:
        lin = torch.complex(torch.zeros_like(A.real), A.imag)
        return bool((A.real.abs() <= 1.1e-4).all()) and law.fits_A(lin, eps)

    return Law(law.words, source, DT, law.A, fits, pairs=True)
