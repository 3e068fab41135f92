"""Every initialization of a diagonal SSM: one function, one line in the registry.

N is the real state size. N/2 modes are stored, one of each conjugate pair, with
A_n = real part + i frequency; a kernel is twice the real part of their sum.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import torch
from torch import Tensor

from ssmlib import _checks, hippo

DAMPING = -0.5


def _index(N: int) -> Tensor:
    return torch.arange(N // 2, dtype=torch.float64, device="cpu")


def _modes(frequency: Tensor, real: float | Tensor = DAMPING) -> Tensor:
    real = torch.as_tensor(real, dtype=torch.float64, device=frequency.device)
    real = real.expand(frequency.shape)
    return torch.complex(real.contiguous(), frequency)


def uniform(n: int, generator: torch.Generator) -> Tensor:
    """Draw n numbers from U(0, 1).

    Args:
        n: number of draws.
        generator: source of randomness; its device is that of the result.

    Returns:
        (n,) float64.
    """
    device = generator.device
    return torch.rand(n, generator=generator, dtype=torch.float64, device=device)


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
    return _modes(math.pi * (N / 2) * uniform(N // 2, generator))


def _random_inv(N: int, generator: torch.Generator) -> Tensor:
    return _modes(_inv_at(N / 2 * uniform(N // 2, generator), N))


def _random_real(N: int, generator: torch.Generator) -> Tensor:
    real = -uniform(N // 2, generator)
    return _modes(math.pi * _index(N).to(real.device), real)


def _rand(N: int, generator: torch.Generator) -> Tensor:
    device = generator.device
    normal = torch.randn(
        N // 2, generator=generator, dtype=torch.float64, device=device
    )
    return _modes(torch.exp(normal))


def _fout(N: int) -> Tensor:
    return _modes(math.pi * _index(N), 0.0)


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
    "fout": (_fout, "normal part of HiPPO-FouT", "S4"),
}


def _legs_weights(N: int) -> tuple[Tensor, Tensor]:
    B = hippo.legs_input_weights(hippo.legs_frequencies(N))
    return B, B / math.sqrt(2)


def _fout_weights(N: int) -> tuple[Tensor, Tensor]:
    B = torch.ones(N // 2, dtype=torch.float64, device="cpu")
    B[0] = math.sqrt(0.5)  # one of the two states at frequency 0 has an input
    return B, B


# (B, P) of the HiPPO matrix V (diag(A) - P P*) V*, in the eigenbasis V of its normal
# part, the phase of each eigenvector chosen so that both are positive
HIPPO: dict[str, Callable[[int], tuple[Tensor, Tensor]]] = {
    "legs": _legs_weights,
    "fout": _fout_weights,
}


def names() -> tuple[str, ...]:
    """Return the names that `initialize` accepts."""
    return tuple(SCHEMES)


def is_random(name: str) -> bool:
    """Return whether a scheme draws its modes at random and accepts a seed.

    Args:
        name: one of `names()`.

    Raises:
        TypeError: if name is not a string.
        ValueError: for an unknown name.
    """
    _checks.one_of("name", name, SCHEMES)
    return "generator" in inspect.signature(SCHEMES[name][0]).parameters


def check_options(name: str, real: float | None, imag_scale: float, B: str) -> None:
    """Refuse options that neither `initialize` nor `Initialization` accepts.

    Args:
        name: one of `names()`.
        real: at most 0, or None.
        imag_scale: a finite number.
        B: "one", or "hippo" for `legs` and `fout`.

    Raises:
        TypeError: for a value of another type.
        ValueError: for a value outside these limits.
    """
    _checks.one_of("name", name, SCHEMES)
    if real is not None:
        _check_real(real)
    _checks.number("imag_scale", imag_scale)
    _checks.one_of("B", B, ("one", "hippo"))
    if B == "hippo":
        check_hippo("B='hippo'", name)


def _check_real(real: float) -> float:
    if _checks.number("real", real) > 0:
        raise ValueError(f"real must be at most 0, got {real}")
    return float(real)


def check_hippo(what: str, name) -> str:
    """Return the name of a HiPPO matrix's scheme, and refuse other schemes.

    Args:
        what: the option that needs such a scheme, for the message.
        name: the scheme.

    Raises:
        ValueError: for every scheme except `legs` and `fout`.
    """
    if not isinstance(name, str) or name not in HIPPO:
        known = " and ".join(HIPPO)
        raise ValueError(f"{what} goes with the schemes {known} only, not {name!r}")
    return name


def check_state_size(name: str, N: int) -> None:
    """Refuse all but a real state size.

    Args:
        name: the argument, for the message.
        N: an even integer, at least 2.

    Raises:
        TypeError: if N is not an integer.
        ValueError: if N is odd or less than 2.
    """
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
    """Return the modes (A, B) of a diagonal SSM.

    Args:
        name: one of `names()`.
        N: the real state size, even.
        real: replaces every real part, at most 0 (0 is a mode that never decays).
        imag_scale: multiplies the frequencies.
        B: "one", or "hippo" for HiPPO's input weights in the eigenbasis (`legs` and
            `fout` only), each mode's phase chosen so that B > 0.
        seed: an integer, or the generator to draw from, only where the scheme is
            random; 0 by default there.

    Returns:
        A and B, complex128, (N/2,) each.

    Raises:
        TypeError: if N, a number or the seed has another type.
        ValueError: for an unknown name, odd N, real > 0, numbers that are not finite,
            B="hippo" or a seed where the scheme has none, or modes that do not fit
            into memory.

    Source: S4D (arXiv 2206.11893) and chapter `initialization-schemes`.
    """
    check_options(name, real, imag_scale, B)
    check_state_size("N", N)
    _checks.fits("N", N, 4 * N)
    random = is_random(name)
    if seed is not None and not random:
        raise ValueError(f"seed goes with random schemes only; {name!r} is not random")
    scheme = SCHEMES[name][0]
    if random and not isinstance(seed, torch.Generator):
        seed = 0 if seed is None else _checks.integer("seed", seed, -(2**63), 2**64 - 1)
        seed = torch.Generator("cpu").manual_seed(seed)
    A = scheme(N, seed) if random else scheme(N)
    weights = HIPPO[name](N)[0] if B == "hippo" else torch.ones_like(A)
    A = torch.complex(
        A.real if real is None else torch.full_like(A.real, _check_real(real)),
        A.imag * _checks.number("imag_scale", imag_scale),
    )
    return _checks.finite("A", A), weights.to(torch.complex128)


def low_rank(name: str, N: int) -> Tensor:
    """Return P: the HiPPO matrix is diag(A) - P P* in its eigenbasis.

    Args:
        name: "legs" or "fout", whose A and B="hippo" `initialize` gives.
        N: the real state size, even.

    Returns:
        (N/2,) complex128: one entry of each conjugate pair, as of A.

    Raises:
        TypeError: if N is not an integer.
        ValueError: for another name or odd N.

    Source: S4 (arXiv 2111.00396), and chapter `diagonal-is-enough`.
    """
    check_hippo("a low-rank term", name)
    check_state_size("N", N)
    _checks.fits("N", N, 4 * N)
    return HIPPO[name](N)[1].to(torch.complex128)


def lattice(n: int, spacing: float, *, real: float = DAMPING, first: int = 0) -> Tensor:
    """Return n equally spaced modes real + i spacing (first + k), k < n.

    Args:
        n: number of modes.
        spacing: of the frequencies; pi is S4D-Lin.
        real: the real part, at most 0.
        first: index of the lowest frequency.

    Returns:
        (n,) complex128.

    Raises:
        TypeError: if n or first is not an integer, or spacing or real not a number.
        ValueError: for n < 1, a real part > 0, numbers that are not finite, or modes
            that do not fit into memory.
    """
    _checks.fits("n", _checks.integer("n", n), 4 * n)
    _checks.integer("first", first, least=-(2**53), most=2**53)
    spacing, real = _checks.number("spacing", spacing), _check_real(real)
    k = torch.arange(first, first + n, dtype=torch.float64, device="cpu")
    return _checks.finite("spacing times the index", _modes(spacing * k, real))


def spectrum(A: Tensor) -> Tensor:
    """Return the distinct eigenvalues behind stored modes: A and its conjugates.

    A real mode is counted once, a repeated one too. `theory` works with these.

    Args:
        A: (n,) complex.

    Returns:
        Complex, in A's dtype, by imaginary part, then real part.

    Raises:
        TypeError: if A is not a complex tensor.
        ValueError: for another shape, or a value that is not finite.
    """
    _checks.is_complex("A", A)
    if A.ndim != 1 or not len(A):
        raise ValueError(f"A must have shape (n,), n >= 1, got {tuple(A.shape)}")
    _checks.finite("A", A)
    pairs = torch.view_as_real(torch.cat([A, A.conj()]).resolve_conj())
    pairs = torch.where(pairs == 0, torch.zeros_like(pairs), pairs)  # -0 is 0
    distinct = torch.unique(pairs.flip(-1), dim=0).flip(-1)
    return torch.view_as_complex(distinct.contiguous())
