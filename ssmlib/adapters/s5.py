"""S5: one state of P modes for all features, each mode with a dt of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssmlib import hippo
from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import Adapter, Parameters, Refused, as_complex, shaped
from ssmlib.adapters.laws import Law, near
from ssmlib.adapters.mamba import DT
from ssmlib.initialization import Initialization, initialize

#: standard deviation of a standard normal that is cut at twice its own
_CUT = 0.87962566103423978


def eigenvectors(N: int) -> Tensor:
    """Return those of HiPPO-LegS' normal part for the frequencies above 0, descending.

    Args:
        N: the state size, even.

    Returns:
        (N, N/2) complex128, the order of `initialize("legs", N)`.
    """
    *_, V = hippo.legs_nplr(N)  # by imaginary part, ascending
    return V[:, N // 2 :].flip(-1)


class S5(Adapter):
    """S5 of lindermanlab/S5, with conjugate symmetry.

    A = Lambda_re + i Lambda_im, (P,), dt = exp(log_step), (P, 1), and B (P, H, 2).
    Under "legs", B is V^-1 times a real matrix, whose entries have variance 1 / (2 P),
    with HiPPO's eigenvectors V. C is not changed.
    """

    kind = "s5"
    names = ("Lambda_re", "Lambda_im", "log_step", "B")
    used = ("C",)
    dt_name = "log_step"

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the P modes as one system, in the stored order."""
        P = len(p["Lambda_re"])
        shaped(self.kind, p, Lambda_re=(P,), Lambda_im=(P,), B=(P, None, 2))
        shaped(self.kind, p, log_step=(P, *p["log_step"].shape[1:]))
        A = torch.complex(p["Lambda_re"], p["Lambda_im"])[None]
        im = A.imag
        # Without conjugate symmetry both signs of each frequency are stored.
        both = bool((im > 0).any()) and bool((im < 0).any())
        dt = torch.exp(p["log_step"]).reshape(1, P)
        # Of all H inputs together, if they are independent
        B = as_complex(p["B"]).abs().square().sum(-1).sqrt().to(A.dtype)[None]
        return Modes(A, dt, pairs=not both, B=B)

    def modes(
        self, init: Initialization, now: Modes, p: Parameters, g: torch.Generator
    ) -> Modes:
        """Return the modes, each with a dt of its own."""
        if not now.pairs:
            raise Refused(
                f"{self.kind} without conjugate symmetry is not supported: the nearest "
                "possible is conj_sym=True, with half the modes"
            )
        P = now.A.shape[-1]
        dt = torch.exp(init.log_dt(P, g))[None]
        A, B = (part.reshape(1, P) for part in init.modes(2 * P, g, 1))
        real = torch.empty(2 * P, p["B"].shape[1], dtype=torch.float64, device="cpu")
        sigma = (2 * P) ** -0.5 / _CUT
        nn.init.trunc_normal_(real, 0, sigma, -2 * sigma, 2 * sigma, generator=g)
        if init.scheme == "legs":
            drawn = eigenvectors(2 * P).mH @ real.to(A.dtype)  # V^-1 B
        else:
            # Of the same variance: each mode's row of a unitary V has length 1.
            drawn = torch.complex(real[:P], real[P:]) * 0.5**0.5
        if init.B == "hippo" or init.discrete:
            drawn = drawn * B[0, :, None]
        return Modes(A, dt, True, B=drawn)

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return Lambda_re, Lambda_im, log_step and B."""
        values = {
            "Lambda_re": modes.A.real[0],
            "Lambda_im": modes.A.imag[0],
            "log_step": torch.log(modes.dt[0]).reshape(p["log_step"].shape),
        }
        if modes.B is not None:
            values["B"] = torch.view_as_real(modes.B.resolve_conj())
        return values

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the authors' law: blocks of HiPPO-LegS' normal part."""

        def blocks(count: int) -> Tensor:
            return initialize("legs", 2 * n // count)[0].repeat(count)

        def fits(A: Tensor, eps: float) -> bool:
            im = A.imag.abs().sort().values
            # The eigenvalues of each block are those of a smaller HiPPO matrix.
            divisors = [k for k in range(1, n + 1) if n % k == 0]
            return near(A.real, torch.full_like(A.real, -0.5), eps) and any(
                near(im, blocks(k).imag.sort().values, eps) for k in divisors
            )

        law = Law(
            "normal part of HiPPO-LegS, in equal blocks",
            "lindermanlab/S5, s5/ssm_init.py",
            DT,
            lambda H, n, g: blocks(1).expand(H, n),
            fits,
            pairs=True,
            per_mode=True,
            init=Initialization("legs"),
        )
        return (law,)
