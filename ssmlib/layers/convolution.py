"""Convolutions of an input with a kernel, by the Fourier transform.

A causal output is exactly 0 where the input has been 0 so far. A Fourier transform
alone would leave about 1e-7 of the largest value of the sequence there, which a layer
norm would scale to order 1. It would also carry a NaN to every step, so `finite_part`
takes NaN and infinity out of the input first.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]

from ssmlib import _lags
from ssmlib.kernels.tables import one_by_one, plain_autograd, recorded


class _Silence(torch.autograd.Function):
    """Set y to 0 where `silent`, but leave its derivative, for u may change there."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor, silent: Tensor) -> Tensor:
        return y.masked_fill(silent, 0)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, grad: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        return grad, None

    @staticmethod
    def jvp(ctx, tangent: Tensor, _):  # pyright: ignore[reportIncompatibleMethodOverride]
        return tangent.clone()


def silent(u: Tensor) -> Tensor:
    """Return the steps up to which u has always been 0.

    Args:
        u: (..., L), real.

    Returns:
        (..., L) bool, True where u is 0 at this step and at all steps before it.
    """
    return _steps(u) < _first(u != 0)


def _steps(u: Tensor) -> Tensor:
    return torch.arange(u.shape[-1], device=u.device, dtype=torch.int32)


def _first(found: Tensor) -> Tensor:
    """Return the first step that is True, or L: (..., L) -> (..., 1).

    Inductor generates faster code for a minimum than for `argmax`.
    """
    return torch.where(found, _steps(found), found.shape[-1]).amin(-1, keepdim=True)


def silenced(y: Tensor, u: Tensor) -> Tensor:
    """Return y, exactly 0 where u has been 0 so far, with the derivatives of y.

    Args:
        y: (..., L).
        u: (..., L), real, broadcasting against y.
    """
    if _begins(u):
        return y
    if one_by_one():
        return y - torch.where(silent(u), y, 0).detach()
    return _Silence.apply(y, silent(u))


def finite_part(u: Tensor, causal: bool = True) -> tuple[Tensor, Tensor | None]:
    """Replace NaN and infinity by 0, and return which outputs depend on them.

    Args:
        u: (..., L) real.
        causal: whether an output depends on the steps up to it, or on all.

    Returns:
        u, or u with zeros in place of NaN and infinity; and where the output is to be
        NaN, (..., L) bool, or None if u is known to be finite.
    """
    if _known_finite(u):
        return u, None
    bad = ~u.isfinite()
    broken = _steps(u) >= _first(bad) if causal else bad.any(-1, keepdim=True)
    return torch.where(bad, 0, u), broken.expand_as(u)


def _known_finite(u: Tensor) -> bool:
    """One sum on a CPU. Elsewhere, and while tracing, the values are not read."""
    if _traced():
        return False
    while _functorch.is_functorch_wrapped_tensor(u):  # `vmap`: all members at once
        u = _functorch.get_unwrapped(u)
    if type(u) not in (Tensor, nn.Parameter) or u.device.type != "cpu":
        return False
    return math.isfinite(u.detach().sum())


def _begins(u: Tensor) -> bool:
    """Whether no sequence is known to be 0 at its first step. Only a CPU is asked."""
    if not plain_autograd(u) or u.device.type != "cpu":
        return False
    return bool(u.detach()[..., 0].all())


def _traced() -> bool:
    tracing = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    return torch.compiler.is_compiling() or tracing


def _transform_length(L: int) -> int:
    """2 L or a little more; while tracing, a plain formula of a length left open."""
    return 2 * L if _traced() else _lags.fast_length(2 * L)


def causal(u: Tensor, K: Tensor) -> Tensor:
    """Return y_l = sum_{k <= l} K_k u_{l-k}.

    Args:
        u: (B, H, L), real.
        K: (H, L), real.

    Returns:
        (B, H, L).
    """
    L = u.shape[-1]
    if _empty(u):
        return u * K
    n = _transform_length(L)
    convolve = _Convolution.apply if plain_autograd(u, K) else convolved
    return silenced(convolve(u, K, n), u)


def convolved(u: Tensor, K: Tensor, n: int) -> Tensor:
    """Return the first L steps of the convolution of u and K, by plain operations.

    Args:
        u: (..., L), real.
        K: (..., L), real, broadcasting against u.
        n: length of the transforms, at least 2 L - 1.
    """
    product = torch.fft.rfft(u, n=n) * torch.fft.rfft(K, n=n)
    return torch.fft.irfft(product, n=n)[..., : u.shape[-1]]


class _Convolution(torch.autograd.Function):
    """`convolved` with its gradient in closed form, by real transforms only.

    PyTorch differentiates a real transform by a complex one of the full length.
    """

    @staticmethod
    def forward(ctx, u: Tensor, K: Tensor, n: int):  # pyright: ignore[reportIncompatibleMethodOverride]
        U, F = torch.fft.rfft(u, n=n), torch.fft.rfft(K, n=n)
        ctx.save_for_backward(u, K, U, F)
        ctx.n = n
        return torch.fft.irfft(U * F, n=n)[..., : u.shape[-1]]

    @staticmethod
    def backward(ctx, G: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        u, K, U, F = ctx.saved_tensors
        n, L = ctx.n, u.shape[-1]
        if torch.is_grad_enabled():
            return *recorded(lambda u, K: convolved(u, K, n), (u, K), G), None
        transform = torch.fft.rfft(G, n=n)

        def of(other: Tensor, own: Tensor) -> Tensor:
            product = (transform * other.conj()).sum_to_size(own.shape)
            return torch.fft.irfft(product, n=n)[..., :L]

        d_u = of(F, U) if ctx.needs_input_grad[0] else None
        d_K = of(U, F) if ctx.needs_input_grad[1] else None
        return d_u, d_K, None


def two_sided(u: Tensor, K: Tensor) -> Tensor:
    """Return the sum of the causal map by K[0] and of a map backward in time by K[1].

    The second map starts at the next step.

    Args:
        u: (B, H, L), real.
        K: (2, H, L), real.

    Returns:
        (B, H, L).
    """
    L = u.shape[-1]
    if _empty(u):
        return u * K.sum(0)
    n = _transform_length(L)
    both = nn.functional.pad(K[0], (0, n - L))
    both = both + nn.functional.pad(K[1].flip(-1), (n - L, 0))
    product = torch.fft.rfft(u, n=n) * torch.fft.rfft(both, n=n)
    return torch.fft.irfft(product, n=n)[..., :L]


def _empty(u: Tensor) -> bool:
    """Whether there is no sequence: a Fourier transform refuses an empty batch."""
    return not torch.compiler.is_compiling() and u.shape[0] == 0
