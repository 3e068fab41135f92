"""S4's kernel by its structure: for a short step, blocks plus a matrix of low rank.

The state matrix times the step is A = M - p p^T, where M has one 2 x 2 block per mode.
Then exp(A) = exp(M) - sum_{k, j} A^k p (p^T M^j) / (k + j + 1)!, and a step of the full
length takes a few squarings.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssmlib.kernels.squared import Factors, squared_kernel
from ssmlib.kernels.tables import recorded
from ssmlib.layers.chunks import toeplitz

#: by dtype of the kernel: the terms m of both sums, and the largest norm R of a step.
#: The remainder is below R^(m + 1) / (m + 1)!: 7e-11 and 6e-22. Rounding errors grow
#: by exp(R) at most, and then by as many doublings as there are.
_SERIES = {torch.float32: (24, 4.0), torch.float64: (32, 3.0)}
_MOST = 32


def _reciprocal_factorials(first: int) -> Tensor:
    """Return 1 / (k + j + first)!, (32, 32)."""
    values = [1 / math.factorial(k + first) for k in range(2 * _MOST)]
    rows = [values[k : k + _MOST] for k in range(_MOST)]
    return torch.tensor(rows, dtype=torch.float64, device="cpu")


_EXP, _PHI = _reciprocal_factorials(1), _reciprocal_factorials(2)


def _parts(z: Tensor) -> Tensor:
    """Return the real parts, then the imaginary parts: (..., n) -> (..., 2n)."""
    return torch.cat([z.real, z.imag], -1)


def _joined(v: Tensor) -> Tensor:
    n = v.shape[-1] // 2
    return torch.complex(v[..., :n], v[..., n:])


def _times_row(x: Tensor, T: Tensor) -> Tensor:
    """Return x T for x (H, m) and T (H, m, k)."""
    return (x.unsqueeze(1) @ T).squeeze(1)


def _powers(z: Tensor, m: int) -> Tensor:
    """Return z^j for j < m: (H, n) -> (H, m, n)."""
    one = torch.ones_like(z).unsqueeze(1)
    return torch.cat([one, z.unsqueeze(1).expand(-1, m - 1, -1)], 1).cumprod(1)


def _inverse_series(c: Tensor) -> Tensor:
    """Return the coefficients (H, m) of 1 / (1 + c_0 x + c_1 x^2 + ...)."""
    one = nn.functional.pad(torch.ones_like(c[:, :1]), (0, c.shape[-1] - 1))
    T = toeplitz(torch.cat([one[:, :1], c[:, :-1]], -1))
    return torch.linalg.solve_triangular(
        T, one.unsqueeze(1), upper=True, left=False, unitriangular=True
    ).squeeze(1)


def _weighted(E: Tensor, weights: Tensor) -> Tensor:
    """Return sum_j weights_j E_j: (H, m, n) complex -> (H, n)."""
    rows = torch.view_as_real(E).flatten(-2)
    return torch.view_as_complex(
        _times_row(weights.expand(len(E), -1), rows).unflatten(-1, (-1, 2))
    )


def _hold(z: Tensor, p: Tensor, b: Tensor, m: int) -> tuple[Tensor, ...]:
    """Return the four factors, and what the gradient needs of their calculation.

    With E_j = z^j, the rows of V are M^j p, and those of U are p^T M^j. With c_j =
    p^T M^j p, g the coefficients of 1 / (1 + c_0 x + c_1 x^2 + ...) and T their
    Toeplitz matrix, row k of T^T V is A^k p.
    """
    E = _powers(z, m)
    to_exp, to_phi = _EXP[:m, :m].to(E.real), _PHI[:m, :m].to(E.real)
    V, U = _parts(E * p.unsqueeze(1)), _parts(E.conj() * p.unsqueeze(1))
    g = _inverse_series((V @ _parts(p).unsqueeze(-1)).squeeze(-1))
    T, w = toeplitz(g), U @ _parts(b).unsqueeze(-1)
    S = T @ torch.cat([to_exp.expand(len(T), m, m), to_phi @ w], -1)
    W = -(S[..., :m] @ U)
    entered = _parts(_weighted(E, to_exp[0]) * b) - (S[..., m:].mT @ V).squeeze(1)
    return torch.exp(z), V, W, entered, E, U, g, T, S, w


class _Hold(torch.autograd.Function):
    """The factors of `_hold`, with their gradient in closed form."""

    @staticmethod
    def forward(ctx, z: Tensor, p: Tensor, b: Tensor, m: int):  # pyright: ignore[reportIncompatibleMethodOverride]
        z_bar, V, W, entered, *rest = _hold(z, p, b, m)
        ctx.m = m
        ctx.save_for_backward(z, p, b, z_bar, V, *rest)
        return z_bar, V, W, entered

    @staticmethod
    def backward(ctx, *G: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        if torch.is_grad_enabled():

            def plain(z, p, b):
                return _hold(z, p, b, ctx.m)[:4]

            return *recorded(plain, ctx.saved_tensors[:3], G), None
        return *_hold_gradient(*ctx.saved_tensors, *G), None


def _hold_gradient(
    z: Tensor,
    p: Tensor,
    b: Tensor,
    z_bar: Tensor,
    V: Tensor,
    E: Tensor,
    U: Tensor,
    g: Tensor,
    T: Tensor,
    S: Tensor,
    w: Tensor,
    d_z_bar: Tensor,
    d_V: Tensor,
    d_W: Tensor,
    d_entered: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of z, p and b: each line is that of one line of `_hold`."""
    m = E.shape[1]
    to_exp, to_phi = _EXP[:m, :m].to(V), _PHI[:m, :m].to(V)
    left, last = S[..., :m], S[..., m:]
    row, entered = d_entered.unsqueeze(1), _joined(d_entered)
    phi = _weighted(E, to_exp[0])
    d_b, d_phi = entered * phi.conj(), entered * b.conj()
    d_V = torch.baddbmm(d_V, last, row, alpha=-1)
    d_last, d_left = -(V @ row.mT), -(d_W @ U.mT)
    d_U = -(left.mT @ d_W)
    d_T = d_left @ to_exp.mT + d_last @ (to_phi @ w).mT
    d_w = to_phi.mT @ (T.mT @ d_last)  # (H, m, 1)
    d_U = torch.baddbmm(d_U, d_w, _parts(b).unsqueeze(1))
    d_b = d_b + _joined((d_w.mT @ U).squeeze(1))
    d_g = _diagonal_sums(d_T)
    # The derivative of 1 / (1 + x c) is -x / (1 + x c)^2.
    later = nn.functional.pad(d_g[:, 1:], (0, 1)).unsqueeze(-1)
    d_c = -(toeplitz(_times_row(g, T)) @ later)  # (H, m, 1)
    d_V = torch.baddbmm(d_V, d_c, _parts(p).unsqueeze(1))
    d_x, d_y = _joined(d_V), _joined(d_U)
    d_p = _joined((d_c.mT @ V).squeeze(1)) + (d_x * E.conj() + d_y * E).sum(1)
    d_E = d_x * p.conj().unsqueeze(1) + d_y.conj() * p.unsqueeze(1)
    d_E = d_E + to_exp[0].unsqueeze(-1) * d_phi.unsqueeze(1)
    j = torch.arange(1, m, device=V.device, dtype=V.dtype).unsqueeze(-1)
    d_z = (E[:, :-1].conj() * d_E[:, 1:] * j).sum(1)
    return d_z + d_z_bar * z_bar.conj(), d_p, d_b


def _diagonal_sums(T: Tensor) -> Tensor:
    """Return the sums of the upper diagonals: (H, m, m) -> (H, m)."""
    m = T.shape[-1]
    flat = nn.functional.pad(T, (0, m)).flatten(1)
    return nn.functional.pad(flat, (0, m)).unflatten(-1, (m, 2 * m + 1))[..., :m].sum(1)


def _bilinear(z: Tensor, p: Tensor, b: Tensor) -> Factors:
    """Return the factors of (1 - A/2)^-1 (1 + A/2) and (1 - A/2)^-1 b, by Woodbury."""
    d = 1 / (1 - z / 2)
    V, U = _parts(d * p), _parts(d.conj() * p)
    scale = 2 + (V * _parts(p)).sum(-1, keepdim=True)
    entered = _parts(d * b) - V * ((U * _parts(b)).sum(-1, keepdim=True) / scale)
    W = -2 * U / scale
    return Factors(2 * d - 1, V.unsqueeze(1), W.unsqueeze(1), entered)


def low_rank_kernel(
    A: Tensor,
    P: Tensor,
    B: Tensor,
    C: Tensor,
    dt: Tensor,
    method: str,
    L: int,
    dtype: torch.dtype,
) -> Tensor | None:
    """Return the kernel of the state matrix diag(A) - P P*, discretized.

    Args:
        A: (H, N/2) complex128, real parts at most 0.
        P: (H, N/2) complex128.
        B: (H, N/2) complex128.
        C: (H, N/2) complex128, or (2, H, N/2) for both directions.
        dt: (H, 1) float64, time per step.
        method: "zoh" or "bilinear".
        L: length of the kernel, at least 1.
        dtype: of the result, float32 or float64.

    Returns:
        (H, L) or (2, H, L); None for values that are not finite.
    """
    C = 2 * _parts(C.conj())
    if method == "bilinear":
        factors = _bilinear(A * dt, P * (2 * dt).sqrt(), B * dt)
        return squared_kernel(factors, C, (), L, dtype)
    m, most = _SERIES[dtype]
    with torch.no_grad():
        size = A.abs().amax(-1) + 2 * P.abs().square().sum(-1)
        halvings = (size * dt.squeeze(-1) / most).clamp(min=1).log2().ceil()
        if not bool(halvings.isfinite().all()):
            return None
        halvings, order = halvings.sort(descending=True)
        counts = [int((halvings > k).sum()) for k in range(int(halvings[0]))]
    A, P, B, dt = (part.index_select(0, order) for part in (A, P, B, dt))
    dt = dt * torch.exp2(-halvings).unsqueeze(-1)
    factors = Factors(*_Hold.apply(A * dt, P * (2 * dt).sqrt(), B * dt, m))
    K = squared_kernel(factors, C.index_select(-2, order), counts, L, dtype)
    return K.index_select(-2, order.argsort())
