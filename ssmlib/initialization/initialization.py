"""The initialization of a layer as one object: its modes and its time per step."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.discretization import phi
from ssmlib.initialization.arguments import (
    check_hippo,
    check_options,
    check_state_size,
    pair,
)
from ssmlib.initialization.discrete import (
    DISCRETE,
    check_options_discrete,
    initialize_discrete,
    principal,
)
from ssmlib.initialization.modes import initialize, low_rank
from ssmlib.initialization.schemes import is_random, uniform

#: S4D's range of the time a step
DT = (1e-3, 1e-1)

Range = float | tuple[float, float]


def _check_dt(name: str, dt: Range) -> None:
    """A positive number, or a tuple (low, high) of two, low <= high."""
    ends = dt if isinstance(dt, tuple) and len(dt) == 2 else (dt, dt)
    if not all(isinstance(v, Real) and not isinstance(v, bool) for v in ends):
        raise TypeError(
            f"{name} must be a number or a range (low, high) of numbers, got {dt!r}"
        )
    low, high = ends
    if not 0 < low <= high <= sys.float_info.max:
        raise ValueError(
            f"{name} must be positive and finite, low <= high in a range, got {dt!r}"
        )


@dataclass(frozen=True)
class Initialization:
    """How an SSM layer is initialized: its modes and its timescale.

    Equal objects give equal layers when they draw the same random numbers.

    A scheme in continuous time has the same modes in every feature. A discrete scheme,
    a name of `DISCRETE` or a pair of (H, N/2) tensors, has poles of its own in each
    feature. It needs dt = 1, which is then the default, and zero-order hold.

    Args:
        scheme: one of `names()` or of `DISCRETE`; a pair (A, B) of n complex numbers or
            (n,) tensors; or log lambda and B_bar, (H, N/2) each, as
            `initialize_discrete` returns them.
        real: replaces every real part, at most 0; only for a named scheme.
        imag_scale: multiplies the frequencies; only for a named scheme.
        B: "one", "hippo", or None for the default of the layer: 1 in a diagonal layer,
            HiPPO's input weights in S4. Only for a named scheme.
        dt: time per step. A number is used for every feature. For a range (low, high),
            each feature draws its own dt, uniformly in the logarithm.
        options: of a name of `DISCRETE`, by name, as {"xi": 0.01} for "dfout".

    Raises:
        TypeError: if an option has the wrong type.
        ValueError: for an option that the scheme does not have, a real part above 0, a
            dt that is not positive and finite, or whose range is empty, or another dt
            than 1 for a discrete scheme.
    """

    scheme: str | tuple = "lin"
    real: float | None = None
    imag_scale: float = 1.0
    B: str | None = None
    dt: Range = DT
    options: Mapping | tuple = field(default=())

    def __post_init__(self):
        _check_dt("dt", self.dt)
        if not isinstance(self.scheme, str):
            # Numbers, not tensors, so that two of these can be compared.
            object.__setattr__(self, "scheme", pair(self.scheme))
        # Pairs, not a mapping, for the same reason.
        chosen = tuple(sorted(dict(self.options).items()))
        object.__setattr__(self, "options", chosen)
        if self.discrete:
            self._check_discrete()
            return
        if self.options:
            raise ValueError(
                f"options go with the schemes {', '.join(DISCRETE)}, got {chosen}"
            )
        if isinstance(self.scheme, str):
            check_options(self.scheme, self.real, self.imag_scale, self.B or "one")
            return
        if (self.real, self.imag_scale, self.B) != (None, 1.0, None):
            raise ValueError(
                "real, imag_scale and B go with a scheme's name, not with a pair (A, B)"
            )

    @property
    def discrete(self) -> bool:
        """Return whether it is stated in discrete time, for each feature."""
        if isinstance(self.scheme, str):
            return self.scheme in DISCRETE
        return isinstance(self.scheme[0][0], tuple)

    def _check_discrete(self) -> None:
        if isinstance(self.scheme, str):
            check_options_discrete(self.scheme, dict(self.options))
        elif self.options:
            raise ValueError(f"options go with a scheme's name, got {self.options}")
        if (self.real, self.imag_scale, self.B) != (None, 1.0, None):
            raise ValueError(
                "real, imag_scale and B do not go with a discrete scheme, whose poles "
                "and weights are its own"
            )
        if self.dt == DT:
            object.__setattr__(self, "dt", 1.0)
        if self.dt != 1:
            raise ValueError(f"a discrete scheme needs dt = 1, got {self.dt}")

    @property
    def fixed_dt(self) -> float:
        """Return the time per step as one number.

        Raises:
            ValueError: if dt is a range.
        """
        if isinstance(self.dt, tuple):
            raise ValueError(f"dt must be one number here, got the range {self.dt}")
        return float(self.dt)

    def modes(
        self, N: int, generator: torch.Generator, H: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Return the modes (A, B) in continuous time.

        Args:
            N: the real state size, even.
            generator: source of randomness of a random scheme.
            H: number of features, for a discrete scheme.

        Returns:
            A and B, complex128, (N/2,) each; (H, N/2) for a discrete scheme.

        Raises:
            TypeError: if N is not an integer.
            ValueError: if N is odd, or the pair (A, B) does not have N/2 modes, or
                those of H features.
        """
        check_state_size("d_state", N)
        if self.discrete:
            return self._of_poles(N, generator, H)
        if isinstance(self.scheme, str):
            options = {"real": self.real, "imag_scale": self.imag_scale}
            options["B"] = self.B or "one"
            seed = generator if is_random(self.scheme) else None
            return initialize(self.scheme, N, seed=seed, **options)
        A, B = (
            torch.tensor(part, dtype=torch.complex128, device="cpu")
            for part in self.scheme
        )
        if len(A) != N // 2:
            raise ValueError(
                f"init must hold {N // 2} modes for d_state {N}, got {len(A)}"
            )
        return A, B

    def _of_poles(
        self, N: int, generator: torch.Generator, H: int
    ) -> tuple[Tensor, Tensor]:
        """(A, B), whose zero-order hold with dt = 1 has the poles and the weights."""
        A, B_bar = self.poles(N, generator, H)
        A = principal(A)
        return A, B_bar / phi(A)

    def poles(
        self, N: int, generator: torch.Generator, H: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Return the poles and the weights of a discrete scheme.

        Args:
            N: the real state size, even.
            generator: source of randomness of a random scheme.
            H: number of features that have poles of their own.

        Returns:
            log lambda and B_bar, complex128, (H, N/2) each.

        Raises:
            TypeError: if N is not an integer.
            ValueError: if the scheme is not discrete, N is odd, or a pair has another
                shape.
        """
        check_state_size("d_state", N)
        if not self.discrete:
            raise ValueError(
                f"init must be stated in discrete time, one of {', '.join(DISCRETE)} "
                f"or a pair of (H, N/2) tensors, got {self.scheme!r}"
            )
        if isinstance(self.scheme, str):
            options = dict(self.options)
            return initialize_discrete(self.scheme, N, H, seed=generator, **options)
        A, B_bar = (
            torch.tensor(x, dtype=torch.complex128, device="cpu") for x in self.scheme
        )
        if A.shape != (H, N // 2):
            raise ValueError(
                f"init must hold the poles of {H} features, ({H}, {N // 2}) for "
                f"d_state {N}, got {tuple(A.shape)}"
            )
        return A, B_bar

    def hippo(self, N: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return (A, B, P): the HiPPO matrix is diag(A) - P P* in its eigenbasis.

        Args:
            N: the real state size, even.

        Returns:
            A, B and P, complex128, (N/2,) each.

        Raises:
            TypeError: if N is not an integer.
            ValueError: if N is odd, or for every scheme except `legs` and `fout`.
        """
        scheme = check_hippo("a low-rank term", self.scheme)
        begin = replace(self, B=self.B or "hippo")
        return *begin.modes(N, torch.Generator("cpu")), low_rank(scheme, N)

    def log_dt(self, H: int, generator: torch.Generator) -> Tensor:
        """Return the logarithm of the time per step of each feature.

        Args:
            H: number of features.
            generator: source of randomness, used even if dt is one number.

        Returns:
            (H,) float64.
        """
        ends = self.dt if isinstance(self.dt, tuple) else (self.dt, self.dt)
        low, high = map(math.log, ends)
        return low + (high - low) * uniform(H, generator)


def as_initialization(init, dt: Range | None = None, **options) -> Initialization:
    """Return an `Initialization` for the values that a layer's `init` may have.

    Args:
        init: a name, a pair (A, B), or an `Initialization`.
        dt: time per step, if init is not an `Initialization`.
        **options: real, imag_scale and B, if init is not an `Initialization`.

    Raises:
        TypeError: if init or an option has the wrong type.
        ValueError: for a bad option, or if dt or options are given together with an
            `Initialization`, which contains its own.
    """
    if dt is not None:
        options["dt"] = dt
    if not isinstance(init, Initialization):
        return Initialization(init, **options)
    if options:
        raise ValueError(
            f"{', '.join(sorted(options))} cannot be given beside an Initialization, "
            f"which holds its own: use dataclasses.replace; got {init}"
        )
    return init


def window_spacing(dt: float, L: int) -> float:
    """Return the spacing 2 pi / (dt L) at which undamped modes repeat after L steps.

    What a mode does within a window then depends on neither dt nor L. Divided by pi,
    it is `imag_scale` of S4D-Lin.

    Args:
        dt: time per step, positive.
        L: steps in a window.

    Raises:
        TypeError: if dt is not a real number, or L not an integer.
        ValueError: for dt <= 0 or L < 1, or a spacing outside float64's range.
    """
    dt = _checks.positive("dt", _checks.number("dt", dt))
    found = 2 * math.pi / (dt * _checks.integer("L", L))
    return _checks.positive("2 pi / (dt L)", found)


def window_grid(dt: float, L: int) -> Initialization:
    """Return undamped modes on the grid of a window of L steps, with one dt.

    Within the window, dt then sets the size of the output and nothing else.

    Args:
        dt: as `window_spacing`.
        L: as `window_spacing`.

    Raises:
        TypeError: as `window_spacing`.
        ValueError: as `window_spacing`.
    """
    spacing = window_spacing(dt, L)
    return Initialization(real=0.0, imag_scale=spacing / math.pi, dt=dt)
