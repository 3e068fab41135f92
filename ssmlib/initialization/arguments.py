"""Checks of what an initialization is asked for."""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.initialization.schemes import HIPPO, SCHEMES


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
        checked_real(real)
    _checks.number("imag_scale", imag_scale)
    _checks.one_of("B", B, ("one", "hippo"))
    if B == "hippo":
        check_hippo("B='hippo'", name)


def checked_real(real: float) -> float:
    """Return the real part of modes as a float.

    Args:
        real: at most 0.

    Raises:
        TypeError: if it is not a real number.
        ValueError: if it is above 0 or not finite.
    """
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


def pair(given) -> tuple[tuple, tuple]:
    """Return (A, B) as complex numbers, of one feature or of several.

    Args:
        given: two sequences of complex numbers or tensors, (n,) or (H, n).

    Raises:
        TypeError: for another type.
        ValueError: for other shapes, values that are not finite, or an unstable A.
    """
    if not isinstance(given, tuple) or len(given) != 2:
        raise TypeError(
            "init must be a name, a pair (A, B) of tensors or an Initialization, got "
            f"{type(given).__name__}"
        )
    A, B = map(_numbers, given)
    if A.ndim not in (1, 2) or A.shape != B.shape:
        raise ValueError(
            "init must be a pair (A, B) of one shape (n,) or (H, n), got "
            f"{tuple(A.shape)} and {tuple(B.shape)}"
        )
    _checks.stable("A of init", A)
    _checks.finite("B of init", B)
    return _nested(A), _nested(B)


def _nested(part: Tensor) -> tuple:
    rows = part.tolist()
    return tuple(map(tuple, rows)) if part.ndim == 2 else tuple(rows)


def _numbers(part) -> Tensor:
    """One of the pair in complex128, of numbers or of a tensor, on the CPU."""
    if isinstance(part, Tensor):
        return part.detach().to("cpu", torch.complex128)
    try:
        return torch.tensor(part, dtype=torch.complex128, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"init must be a pair (A, B) of complex numbers or tensors, got {part!r}"
        ) from error
