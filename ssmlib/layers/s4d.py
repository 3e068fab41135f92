"""S4D: a diagonal state for every feature, all of it trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.initialization import Initialization, Range
from ssmlib.layers.base import SSM
from ssmlib.layers.transforms import REAL_TRANSFORMS, RealTransform


class S4D(SSM):
    """Diagonal SSM, N/2 stored modes a feature: (B, H, L) -> (B, H, L).

    Parameters are real tensors: log_dt (H,); A_re, A_im, B_re, B_im (n_ssm, N/2); C_re
    and C_im (H, N/2), or (2, H, N/2) if bidirectional; D (H,). All copies of A and B
    begin equal, C ~ CN(0, 1), log dt uniform in its range.

    n_ssm: how many copies of A and B there are, H by default; feature h uses copy
    h mod n_ssm. real_transform: what Re A is of A_re. "free": A_re itself, at most 0:
    the map uses min(A_re, 0) and passes the gradient through, and the parameter is put
    back after every step of a `torch.optim` optimizer, so that 0 can be reached and
    left. Any other optimizer calls `project_` after its step. "exp": -exp(A_re);
    "softplus": -log(1 + exp(A_re)); "relu": -max(A_re, 0). B is trained; frozen=("B",)
    leaves it at its initial value.

    Weights of another implementation are copied in part by part: the `log_A_real` of
    the authors' code is A_re with real_transform="exp", its `A_imag` A_im, its B and C
    the pairs here, up to their leading dimensions.

    Other arguments and errors as `SSM`; ValueError for an n_ssm that does not divide
    H, and for a real part of 0 with "exp" or "softplus". Source: S4D
    (arXiv 2206.11893); chapter `state-space-models`.
    """

    ssm_parameters: ClassVar = {
        "A": ("A_re", "A_im"),
        "B": ("B_re", "B_im"),
        "dt": ("log_dt",),
    }
    readout_parameters = ("C_re", "C_im")
    meaning: ClassVar = (*SSM.meaning, "n_ssm", "real_transform")

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: str | tuple[Tensor, Tensor] | Initialization = "lin",
        dt: Range | None = None,
        discretization: str = "zoh",
        bidirectional: bool = False,
        n_ssm: int | None = None,
        real_transform: str = "free",
        frozen: Sequence[str] = (),
        skip: bool = True,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ):
        _checks.integer("d_model", d_model)
        self.n_ssm = d_model if n_ssm is None else _checks.integer("n_ssm", n_ssm)
        if d_model % self.n_ssm:
            raise ValueError(
                f"n_ssm must divide d_model, {d_model}, got {self.n_ssm}: features "
                "share its copies evenly"
            )
        _checks.one_of("real_transform", real_transform, REAL_TRANSFORMS)
        self.real_transform = real_transform
        self.nonpositive = ("A_re",) if self._transform.projected else ()
        super().__init__(
            d_model,
            d_state,
            init=init,
            dt=dt,
            discretization=discretization,
            bidirectional=bidirectional,
            frozen=frozen,
            skip=skip,
            seed=seed,
            dtype=dtype,
            device=device,
        )

    @property
    def _transform(self) -> RealTransform:
        return REAL_TRANSFORMS[self.real_transform]

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, n_ssm={self.n_ssm}, "
            f"real_transform={self.real_transform!r}"
        )

    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """log dt and C are drawn first: they are the same whatever the scheme."""
        log_dt = self.init.log_dt(self.d_model, generator)
        C = self.draw_C(generator)
        values = {"log_dt": log_dt} | self._begin(generator)
        return values | {"C_re": C.real, "C_im": C.imag}

    def _begin(self, generator: torch.Generator) -> dict[str, Tensor]:
        """What A and B begin as: copies of the scheme's."""
        A, B = self.init.modes(self.d_state, generator)
        return self._copies("A", A) | self._copies("B", B)

    def _copies(self, letter: str, modes: Tensor) -> dict[str, Tensor]:
        re, im = (part.expand(self.n_ssm, -1) for part in (modes.real, modes.imag))
        if letter == "A":
            if not self._transform.zero and bool((re == 0).any()):
                raise ValueError(
                    f"real_transform {self.real_transform!r} cannot make the real part "
                    f"0 that init {self.init.scheme!r} has: use 'free' or 'relu'"
                )
            re = self._transform.parameter(re)
        return {f"{letter}_re": re, f"{letter}_im": im}

    def _of_features(self, copies: Tensor) -> Tensor:
        """(n_ssm, n) -> (H, n): feature h has copy h mod n_ssm."""
        if self.n_ssm == self.d_model:
            return copies
        return copies.repeat(self.d_model // self.n_ssm, 1)

    @property
    def A(self) -> Tensor:
        """Stored eigenvalues (H, N/2), complex128, real parts <= 0."""
        real = self._transform.value(self.A_re)
        return self._of_features(as_complex(real, self.A_im))

    @property
    def B(self) -> Tensor:
        """Stored input weights (H, N/2), complex128."""
        return self._of_features(as_complex(self.B_re, self.B_im))

    @property
    def C(self) -> Tensor:
        """Stored output weights (H, N/2), or (2, H, N/2), complex128."""
        return as_complex(self.C_re, self.C_im)

    @property
    def dt(self) -> Tensor:
        """Time a step (H, 1), float64."""
        return torch.exp(self.log_dt.double()).unsqueeze(-1)

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """(log A_bar, B_bar, C), complex128."""
        return *self.discretize(self.A, self.B, self.dt), self.C


def as_complex(re: Tensor, im: Tensor) -> Tensor:
    """Complex128: a rounded A_bar would turn the state's phase by L * 6e-8."""
    return torch.complex(re.double(), im.double())
