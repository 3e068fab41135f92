"""DSS: a diagonal state without input weights, whose modes all features share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import Adapter, Parameters, Refused, log_decay, shaped
from ssmlib.adapters.laws import Law
from ssmlib.adapters.s4d import of_scheme
from ssmlib.initialization import Initialization


class DSS(Adapter):
    """DSS-exp of its authors' `DSSKernel`.

    A = -exp(Lambda_log_neg_re) + i Lambda_im, (N,), shared by all features, and dt =
    exp(log_dt), (H,), or (H, 2) for one each of the real and the imaginary part. The
    kernel is the real part of the sum over N complex modes.
    """

    kind = "dss"
    names = ("Lambda_log_neg_re", "Lambda_im", "log_dt", "W")
    dt_name = "log_dt"
    A_name = "Lambda_log_neg_re"
    readout = "complex"
    uses = ("A", "dt")

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the modes; a dt of the imaginary part of its own is put into A."""
        n, dt = len(p["Lambda_im"]), torch.exp(p["log_dt"])
        shaped(self.kind, p, Lambda_log_neg_re=(n,), Lambda_im=(n,))
        if dt.ndim == 2:
            shaped(self.kind, p, log_dt=(None, 2))
        elif dt.ndim != 1:
            shaped(self.kind, p, log_dt=(None,))
        dt = dt.reshape(len(dt), -1)
        turn = dt[:, -1:] / dt[:, :1]
        A = torch.complex(
            -torch.exp(p["Lambda_log_neg_re"]).expand(len(dt), n), turn * p["Lambda_im"]
        )
        return Modes(A, dt[:, :1], pairs=True)

    def modes(
        self, init: Initialization, now: Modes, p: Parameters, g: torch.Generator
    ) -> Modes:
        """Return the modes of an initialization with B = 1, of all features."""
        found = super().modes(init, now, p, g)
        assert found.B is not None  # of an initialization
        if not torch.equal(found.A, found.A[:1].expand_as(found.A)):
            raise Refused(
                f"{self.kind} shares its modes among all features, and init has others "
                "in each: the nearest possible is a scheme in continuous time"
            )
        if bool((found.B != 1).any()):
            raise Refused(
                f"{self.kind} has no input weights, and B of init is not 1: the "
                'nearest possible is B="one", with W times B as output weights'
            )
        return found

    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return the parameters of A and dt."""
        log_dt = torch.log(modes.dt).expand(-1, p["log_dt"][:1].numel())
        return {
            "Lambda_log_neg_re": log_decay(self.kind, modes.A[0]),
            "Lambda_im": modes.A.imag[0],
            "log_dt": log_dt.reshape(p["log_dt"].shape),
        }

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the law of the authors, and S4D-Lin, an option of their code."""
        source = "DSS (arXiv 2203.14343) and its authors' code"
        legs = of_scheme("legs", source, "normal part of HiPPO-LegS")
        return legs, of_scheme("lin", source, "S4D-Lin")
