"""The base of `S4D`, `S4` and others: SSM layers that train the modes of a state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypedDict

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._literals import Discretization, Part, RealTransformName
from ssmlib.initialization import Range
from ssmlib.layers.base import SSM, Init
from ssmlib.layers.transforms import REAL_TRANSFORMS, RealTransform


class ZohOptions(TypedDict, total=False):
    """Keyword arguments of a layer with the zero-order hold alone, but `init`."""

    dt: Range | None
    bidirectional: bool
    n_ssm: int | None
    real_transform: RealTransformName
    frozen: Sequence[Part]
    skip: bool
    seed: int
    dtype: torch.dtype
    device: torch.device | str | None


class ModalOptions(ZohOptions, total=False):
    """The keyword arguments of `ModalSSM`, but `init`."""

    discretization: Discretization


class ModalSSM(SSM):
    """An `SSM` whose trained parameters are A, B and C of N/2 modes, and dt.

    An abstract class: `S4D` makes a diagonal system of them, `S4` a dense one. `S4D`
    says what the parameters and the arguments mean.
    """

    meaning: ClassVar[tuple[str, ...]] = (*SSM.meaning, "n_ssm", "real_transform")

    A_re: Tensor
    A_im: Tensor
    B_re: Tensor
    B_im: Tensor
    C_re: Tensor
    C_im: Tensor
    log_dt: Tensor

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: Init = "lin",
        dt: Range | None = None,
        discretization: Discretization = "zoh",
        bidirectional: bool = False,
        n_ssm: int | None = None,
        real_transform: RealTransformName = "free",
        frozen: Sequence[Part] = (),
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
        self.real_transform: RealTransformName = real_transform
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


def as_complex(re: Tensor, im: Tensor) -> Tensor:
    """Complex128: a rounded A_bar would turn the state's phase by L * 6e-8."""
    return torch.complex(re.double(), im.double())
