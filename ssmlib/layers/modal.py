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
    """Keyword arguments, except `init`, of a layer that only has zero-order hold."""

    dt: Range | None
    bidirectional: bool
    n_ssm: int | None
    real_transform: RealTransformName
    frozen: Sequence[Part]
    skip: bool
    seed: int | None
    dtype: torch.dtype
    device: torch.device | str | None


class ModalOptions(ZohOptions, total=False):
    """The keyword arguments of `ModalSSM`, except `init`."""

    discretization: Discretization


class ModalSSM(SSM):
    """An `SSM` whose trained parameters are A, B and C of N/2 modes, and dt.

    This class is abstract: `S4D` makes a diagonal system of the modes, `S4` a dense
    one. `S4D` describes the parameters and the real transforms.

    Args:
        d_model: number of features H, at least 1.
        d_state: real state size N, even.
        init: the initialization: a name of `initialization.names()`, a pair (A, B) of
            complex (N/2,) tensors, or an `Initialization`.
        dt: time per step, a number or a range (low, high); None for the default of
            `Initialization`. It must be None if init is an `Initialization`, which
            contains dt.
        discretization: "zoh" or "bilinear".
        bidirectional: whether a second kernel runs backward in time.
        n_ssm: number of copies of A and B, a divisor of H; None for H. Feature h uses
            copy h mod n_ssm.
        real_transform: the real part of A as a function of A_re: "free", "exp",
            "softplus", "relu" or "stable".
        frozen: those of "A", "B" and "dt" that are not trained; they are buffers.
        skip: whether there is a skip term D, drawn from N(0, 1).
        seed: of the random numbers of all parameters, a non-negative integer; None
            draws one from torch's generator, which `torch.manual_seed` sets.
        dtype: of the parameters, float32 or float64.
        device: where the parameters are, as in torch.nn; on "meta" nothing is
            allocated.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument outside these values.
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
        seed: int | None = 0,
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
        """Return the sizes and options that `repr` shows."""
        return (
            f"{super().extra_repr()}, n_ssm={self.n_ssm}, "
            f"real_transform={self.real_transform!r}"
        )

    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw log dt and C first, so that no scheme changes them."""
        log_dt = self.init.log_dt(self.d_model, generator)
        C = self.draw_C(generator)
        values = {"log_dt": log_dt} | self._begin(generator)
        return values | {"C_re": C.real, "C_im": C.imag}

    def _begin(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial values of A and B: copies of the scheme's."""
        if self.init.discrete and self.discretization != "zoh":
            raise ValueError(
                "a discrete init needs discretization 'zoh', by which its poles are "
                f"exp(A), got {self.discretization!r}"
            )
        A, B = self.init.modes(self.d_state, generator, self.n_ssm)
        return self._copies("A", A) | self._copies("B", B)

    def _copies(self, letter: str, modes: Tensor) -> dict[str, Tensor]:
        re, im = (part.expand(self.n_ssm, -1) for part in (modes.real, modes.imag))
        if letter == "A":
            if not self._transform.zero and bool((re == 0).any()):
                raise ValueError(
                    f"real_transform {self.real_transform!r} cannot make the real part "
                    f"0 that init {self.init.scheme!r} has: use 'free' or 'relu'"
                )
            if bool((re < self._transform.least).any()):
                raise ValueError(
                    f"real_transform {self.real_transform!r} has real parts of at "
                    f"least {self._transform.least:g}, and init {float(re.min()):g}"
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
        """Return the stored eigenvalues (H, N/2), complex128, real parts <= 0."""
        real = self._transform.value(self.A_re)
        return self._of_features(as_complex(real, self.A_im))

    @property
    def B(self) -> Tensor:
        """Return the stored input weights (H, N/2), complex128."""
        return self._of_features(as_complex(self.B_re, self.B_im))

    @property
    def C(self) -> Tensor:
        """Return the stored output weights (H, N/2) or (2, H, N/2), complex128."""
        return as_complex(self.C_re, self.C_im)

    @property
    def dt(self) -> Tensor:
        """Return the time per step (H, 1), float64."""
        return torch.exp(self.log_dt.double()).unsqueeze(-1)


def as_complex(re: Tensor, im: Tensor) -> Tensor:
    """Return a complex128 tensor: a rounded A_bar would turn the phase by L * 6e-8.

    Args:
        re: real parts, any real dtype.
        im: imaginary parts, of the same shape.
    """
    return torch.complex(re.double(), im.double())
