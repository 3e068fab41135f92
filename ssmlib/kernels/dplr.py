"""S4's kernel as its paper has it: Cauchy sums at the roots of unity, Woodbury."""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.kernels.tables import conjugate


def _pairs(z: Tensor) -> Tensor:
    """Stored modes with their conjugates: (..., n) -> (..., 2n)."""
    return torch.cat([z, conjugate(z)], -1)


def dplr_kernel_reference(
    A: Tensor, P: Tensor, B: Tensor, C: Tensor, dt: Tensor, L: int
) -> Tensor:
    """Return the kernel of x' = (diag(A) - P P*) x + B u, y = C x, bilinear rule.

    With z on the unit circle,

        sum_l K_l z^l = 2 (k_CB - (1 + z) k_CP k_PB / (1 + (1 + z) k_PP)),
        k_XY = sum_n X_n Y_n / (2 (1 - z) / dt - A_n (1 + z)),

    where C stands for C (1 - A_bar^L) and P on the left for its conjugate: a Cauchy
    sum for each of L values of z, and one Fourier transform. Time and memory O(N L).

    C (1 - A_bar^L) and the poles cancel where an eigenvalue a of A_bar has a^L near 1:
    a mode that is hardly damped and has turned a whole number of times in L steps, or
    that hardly moves in them. The error relative to the largest value is then about
    2e-16 over ``|1 - a^L|``, which is 1e-2 for a^L = 1 - 2e-14. `dense_kernel` has no
    such loss.

    Args:
        A: eigenvalues, one of each conjugate pair, complex (..., N/2), real parts
            below 0: an undamped mode may be a pole.
        P: complex (..., N/2), leading dimensions broadcasting.
        B: as P.
        C: as P.
        dt: time per step, positive: (..., 1).
        L: length of the kernel.

    Returns:
        (..., L) float64.

    Raises:
        TypeError: if A, P, B or C is not complex, or L not an integer.
        ValueError: for L < 1, dt <= 0, a real part that is not below 0, values that
            are not finite, shapes that do not broadcast, a matrix of the bilinear rule
            that is singular, a kernel outside float64's range, or terms that do not
            fit into memory.

    Source: S4 (arXiv 2111.00396), Section 3 and Appendix C; derived in chapter
    `diagonal-is-enough`.
    """
    _checks.integer("L", L)
    parts = {"A": A, "P": P, "B": B, "C": C}
    for name, part in parts.items():
        _checks.finite(name, _checks.is_complex(name, part))
    _checks.positive("dt", dt)
    dt = torch.as_tensor(dt, dtype=torch.float64, device=A.device)
    dt = dt.reshape(dt.shape or (1,))
    shapes = {name: part.shape for name, part in parts.items()}
    _checks.broadcast(**shapes, dt=dt.shape)
    if not A.ndim or not A.numel():
        raise ValueError(f"A must have shape (..., N/2), got {tuple(A.shape)}")
    most = float(A.real.detach().max())
    if not most < 0:
        raise ValueError(f"A must have real parts below 0, got {most:g}")
    _checks.fits("L", L, 4 * A.numel() * L)
    A, P, B, C = (_pairs(part.to(torch.complex128)) for part in (A, P, B, C))
    dense = torch.diag_embed(A) - P.unsqueeze(-1) * conjugate(P).unsqueeze(-2)
    half = dense * dt.unsqueeze(-1) / 2
    one = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    try:
        A_bar = torch.linalg.solve(one - half, one + half)
    # PyTorch documents the name, but does not list it among those of the module.
    except torch.linalg.LinAlgError as error:  # pyright: ignore[reportPrivateImportUsage]
        raise ValueError(
            "A, P and dt must make 1 - dt (diag(A) - P P*) / 2 invertible: it is "
            "singular in float64"
        ) from error
    power = torch.linalg.matrix_power(A_bar, L)
    C = (C.unsqueeze(-2) @ (one - power)).squeeze(-2)
    angle = -2 * torch.pi * torch.arange(L, device=A.device, dtype=torch.float64) / L
    z = torch.complex(torch.cos(angle), torch.sin(angle))  # (L,)
    pole = 2 * (1 - z) / dt.unsqueeze(-1) - A.unsqueeze(-1) * (1 + z)  # (..., N, L)

    def k(X: Tensor, Y: Tensor) -> Tensor:
        return ((X * Y).unsqueeze(-1) / pole).sum(-2)

    P_left = conjugate(P)
    low_rank = (1 + z) * k(C, P) * k(P_left, B) / (1 + (1 + z) * k(P_left, P))
    return _checks.finite(
        "the kernel of A, P, B, C and dt",
        torch.fft.ifft(2 * (k(C, B) - low_rank)).real,
    )
