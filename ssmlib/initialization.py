"""Every initialization of a diagonal SSM: one function, one line in the registry.

N is the real state size. N/2 modes are stored, one of each conjugate pair, with
A_n = real part + i frequency; a kernel is twice the real part of their sum.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from ssmlib import _checks, hippo

DAMPING = -0.5
#: S4D's range of the time a step
DT = (1e-3, 1e-1)

Range = float | tuple[float, float]


def _index(N: int) -> Tensor:
    return torch.arange(N // 2, dtype=torch.float64)


def _modes(frequency: Tensor, real: float | Tensor = DAMPING) -> Tensor:
    real = torch.as_tensor(real, dtype=torch.float64).expand(frequency.shape)
    return torch.complex(real.contiguous(), frequency)


def _uniform(n: int, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator, dtype=torch.float64)


def _legs(N: int) -> Tensor:
    return _modes(hippo.legs_frequencies(N))


def _inv_at(n: Tensor, N: int) -> Tensor:
    return N / math.pi * (N / (2 * n + 1) - 1)


def _inv(N: int) -> Tensor:
    return _modes(_inv_at(_index(N), N))


def _inv2(N: int) -> Tensor:
    return _modes(N / math.pi * (N / (_index(N) + 1) - 1))


def _lin(N: int) -> Tensor:
    return _modes(math.pi * _index(N))


def _quad(N: int) -> Tensor:
    return _modes((1 + 2 * _index(N)) ** 2 / math.pi)


def _real(N: int) -> Tensor:
    n = _index(N)
    return _modes(torch.zeros_like(n), -(n + 1))


def _random_imag(N: int, generator: torch.Generator) -> Tensor:
    return _modes(math.pi * (N / 2) * _uniform(N // 2, generator))


def _random_inv(N: int, generator: torch.Generator) -> Tensor:
    return _modes(_inv_at(N / 2 * _uniform(N // 2, generator), N))


def _random_real(N: int, generator: torch.Generator) -> Tensor:
    return _modes(math.pi * _index(N), -_uniform(N // 2, generator))


def _rand(N: int, generator: torch.Generator) -> Tensor:
    normal = torch.randn(N // 2, generator=generator, dtype=torch.float64)
    return _modes(torch.exp(normal))


def _dss(N: int) -> Tensor:
    # DSS counts complex entries: N/2 of them are the positive half of LegS at N.
    return _legs(N)


# name: (function, what it is, source)
SCHEMES: dict[str, tuple[Callable[..., Tensor], str, str]] = {
    "legs": (_legs, "normal part of HiPPO-LegS", "S4D"),
    "inv": (_inv, "inverse law fitted to LegS", "S4D"),
    "inv2": (_inv2, "inverse law over all N", "S4D"),
    "lin": (_lin, "equally spaced, pi n", "S4D"),
    "quad": (_quad, "quadratic", "S4D"),
    "real": (_real, "real, -(n+1)", "S4D"),
    "random_imag": (_random_imag, "lin at a uniform index", "S4 code"),
    "random_inv": (_random_inv, "inv at a uniform index", "S4 code"),
    "random_real": (_random_real, "lin, real part -U(0,1)", "S4 code"),
    "rand": (_rand, "frequency exp of a normal", "S4 code"),
    "dss": (_dss, "LegS modes as DSS takes them", "DSS"),
}


def names() -> tuple[str, ...]:
    """The names `initialize` knows."""
    return tuple(SCHEMES)


def is_random(name: str) -> bool:
    """Whether a scheme draws its modes, and so takes a seed; ValueError if unknown."""
    _checks.one_of("name", name, SCHEMES)
    return "generator" in inspect.signature(SCHEMES[name][0]).parameters


def _check_options(name: str, real: float | None, imag_scale: float, B: str) -> None:
    _checks.one_of("name", name, SCHEMES)
    if real is not None and not (math.isfinite(real) and real <= 0):
        raise ValueError(f"real must be finite and <= 0, got {real}")
    if not math.isfinite(imag_scale):
        raise ValueError(f"imag_scale must be finite, got {imag_scale}")
    _checks.one_of("B", B, ("one", "hippo"))
    if B == "hippo" and name not in ("legs", "dss"):
        raise ValueError(f"B='hippo' goes with legs and dss only, not with {name!r}")


def _check_state_size(name: str, N: int) -> None:
    _checks.integer(name, N, least=2)
    if N % 2:
        raise ValueError(f"{name} must be even: modes come in conjugate pairs; got {N}")


def initialize(
    name: str,
    N: int,
    *,
    real: float | None = None,
    imag_scale: float = 1.0,
    B: str = "one",
    seed: int | torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """(A, B) of a diagonal SSM, complex128, each (N/2,).

    name: one of `names()`. N: the real state size, even. real: replaces every
    real part, at most 0 (0 is allowed: a mode that never decays). imag_scale
    multiplies the frequencies. B: "one", or "hippo" for the input weights of LegS
    in its eigenbasis (`legs` and `dss` only), each mode's phase chosen so that
    B > 0. seed: an integer, or the generator to draw from, only where the scheme is
    random; 0 by default there.
    Raises ValueError for an unknown name, odd N, real > 0, imag_scale not finite,
    B="hippo" or a seed where the scheme has none.
    Sources: S4D (arXiv 2206.11893), DSS (arXiv 2203.14343), and chapter
    `initialization-schemes`.
    """
    _check_options(name, real, imag_scale, B)
    _check_state_size("N", N)
    random = is_random(name)
    if seed is not None and not random:
        raise ValueError(f"seed goes with random schemes only; {name!r} is not random")
    scheme = SCHEMES[name][0]
    if random and not isinstance(seed, torch.Generator):
        seed = torch.Generator("cpu").manual_seed(seed or 0)
    A = scheme(N, seed) if random else scheme(N)
    weights = hippo.legs_input_weights(A.imag) if B == "hippo" else torch.ones(N // 2)
    A = torch.complex(
        A.real if real is None else torch.full_like(A.real, real), A.imag * imag_scale
    )
    return A, weights.to(torch.complex128)


def _check_dt(name: str, dt: Range) -> None:
    """A positive number, or a tuple (low, high) of two, low <= high."""
    ends = dt if isinstance(dt, tuple) and len(dt) == 2 else (dt, dt)
    if not all(isinstance(v, Real) and not isinstance(v, bool) for v in ends):
        raise TypeError(
            f"{name} must be a number or a range (low, high) of numbers, got {dt!r}"
        )
    low, high = ends
    if not 0 < low <= high < math.inf:
        raise ValueError(
            f"{name} must be positive and finite, low <= high in a range, got {dt!r}"
        )


@dataclass(frozen=True)
class Initialization:
    """How an SSM layer begins: its modes, and its time a step.

    scheme: a name of `names()`, or the modes themselves, a pair (A, B) of n complex
    numbers or tensors (n,). real, imag_scale, B: as `initialize` takes them, for a
    name only. dt: time a step, a number for one and the same everywhere, or a range
    (low, high) in which each feature draws its own, uniformly in the logarithm.
    Equal objects give equal layers, if they draw alike.
    Raises ValueError or TypeError for options its scheme does not have, for a real
    part above 0, and for a dt that is not positive and finite or an empty range.
    """

    scheme: str | tuple = "lin"
    real: float | None = None
    imag_scale: float = 1.0
    B: str = "one"
    dt: Range = DT

    def __post_init__(self):
        _check_dt("dt", self.dt)
        if isinstance(self.scheme, str):
            _check_options(self.scheme, self.real, self.imag_scale, self.B)
            return
        if (self.real, self.imag_scale, self.B) != (None, 1.0, "one"):
            raise ValueError(
                "real, imag_scale and B go with a scheme's name, not with a pair (A, B)"
            )
        # Numbers, not tensors, so that two of these can be compared.
        object.__setattr__(self, "scheme", _pair(self.scheme))

    @property
    def fixed_dt(self) -> float:
        """dt as one number; ValueError if it is a range."""
        if isinstance(self.dt, tuple):
            raise ValueError(f"dt must be one number here, got the range {self.dt}")
        return float(self.dt)

    def modes(self, N: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(A, B), complex128 (N/2,) each; a random scheme draws from the generator."""
        _check_state_size("d_state", N)
        if isinstance(self.scheme, str):
            options = {"real": self.real, "imag_scale": self.imag_scale, "B": self.B}
            seed = generator if is_random(self.scheme) else None
            return initialize(self.scheme, N, seed=seed, **options)
        A, B = (torch.tensor(part, dtype=torch.complex128) for part in self.scheme)
        if len(A) != N // 2:
            raise ValueError(
                f"init must hold {N // 2} modes for d_state {N}, got {len(A)}"
            )
        return A, B

    def log_dt(self, H: int, generator: torch.Generator) -> Tensor:
        """Logarithms of the time a step, (H,), float64."""
        ends = self.dt if isinstance(self.dt, tuple) else (self.dt, self.dt)
        low, high = map(math.log, ends)
        return low + (high - low) * _uniform(H, generator)


def _pair(pair) -> tuple[tuple[complex, ...], tuple[complex, ...]]:
    """(A, B) as complex numbers, checked."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise TypeError(
            "init must be a name, a pair (A, B) of tensors or an Initialization, got "
            f"{type(pair).__name__}"
        )
    A, B = (torch.as_tensor(part).detach().to("cpu", torch.complex128) for part in pair)
    if A.ndim != 1 or A.shape != B.shape:
        raise ValueError(
            "init must be a pair (A, B) of one shape (n,), got "
            f"{tuple(A.shape)} and {tuple(B.shape)}"
        )
    _checks.stable("A of init", A)
    _checks.finite("B of init", B)
    return tuple(A.tolist()), tuple(B.tolist())


def as_initialization(init, dt: Range | None = None, **options) -> Initialization:
    """An `Initialization` from what a layer's `init` may be, and dt beside it.

    init: a name, a pair (A, B), or the object itself, which holds its own dt and
    options: ValueError if any is given beside it.
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


def lattice(n: int, spacing: float, *, real: float = DAMPING, first: int = 0) -> Tensor:
    """n equally spaced modes real + i spacing (first + k), k < n: (n,) complex128.

    spacing pi is S4D-Lin. Raises ValueError for n < 1 or a real part > 0.
    """
    _checks.integer("n", n)
    if not (math.isfinite(real) and real <= 0):
        raise ValueError(f"real must be finite and <= 0, got {real}")
    k = torch.arange(first, first + n, dtype=torch.float64)
    return _modes(spacing * k, real)


def window_spacing(dt: float, L: int) -> float:
    """The spacing 2 pi / (dt L) at which undamped modes repeat after L steps.

    What a mode does within a window then depends on neither dt nor L. Over pi, it is
    `imag_scale` of S4D-Lin.
    """
    _checks.positive("dt", dt)
    return 2 * math.pi / (dt * _checks.integer("L", L))


def window_grid(dt: float, L: int) -> Initialization:
    """Undamped modes on the grid of a window of L steps, with one dt.

    Within the window dt is then the size of the output and nothing else. Raises as
    `window_spacing`.
    """
    spacing = window_spacing(dt, L)
    return Initialization(real=0.0, imag_scale=spacing / math.pi, dt=dt)


def spectrum(A: Tensor) -> Tensor:
    """The distinct eigenvalues behind stored modes: A and its conjugates.

    A (n,) complex; a real mode is counted once, a repeated one too. Sorted by
    imaginary part, then real part. This is what `theory` works with.
    """
    if not A.is_complex() or A.ndim != 1:
        raise TypeError(
            f"A must be complex of shape (n,), got {A.dtype} {tuple(A.shape)}"
        )
    pairs = torch.view_as_real(torch.cat([A, A.conj()]).resolve_conj())
    pairs = torch.where(pairs == 0, torch.zeros_like(pairs), pairs)  # -0 is 0
    distinct = torch.unique(pairs.flip(-1), dim=0).flip(-1)
    return torch.view_as_complex(distinct.contiguous())
