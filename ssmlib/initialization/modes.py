"""The modes of a scheme by its name, equally spaced modes, and all eigenvalues."""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.initialization.arguments import (
    check_hippo,
    check_options,
    check_state_size,
    checked_real,
)
from ssmlib.initialization.schemes import DAMPING, HIPPO, SCHEMES, is_random, modes_at


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
        A.real if real is None else torch.full_like(A.real, checked_real(real)),
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
    spacing, real = _checks.number("spacing", spacing), checked_real(real)
    k = torch.arange(first, first + n, dtype=torch.float64, device="cpu")
    return _checks.finite("spacing times the index", modes_at(spacing * k, real))


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
