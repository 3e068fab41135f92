"""What changed in a layer between two audits of one model."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ssmlib.adapters._modes import median
from ssmlib.adapters.registry import Site

#: a root mean square of a change of a logarithm that rounding explains
_STILL = 1e-5


def between(before: Site, after: Site) -> dict[str, Any]:
    """Return what changed in a layer, as `Audit.compare` describes it.

    Args:
        before: the layer.
        after: the same layer of the other audit, with as many features and modes.
    """
    a, b = before.modes, after.modes
    dt = torch.log(b.dt / a.dt)
    A = torch.log(b.A.real / a.A.real)
    frequencies = (b.log.imag - a.log.imag).abs()
    return {
        "layer": before.path,
        "dt_ratio": median(b.dt) / median(a.dt),
        "memory_ratio": median(b.memory) / median(a.memory),
        "dt_moved": _rms(dt),
        "A_moved": _rms(A),
        "frequency_moved": float(frequencies.max()),
        "what": _what(before, after, _rms(dt), _rms(A), float(frequencies.max())),
    }


def _rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())


def _what(before: Site, after: Site, dt: float, A: float, turned: float) -> str:
    """A sentence on the change, by the traces that faults leave."""
    if math.isnan(dt) or math.isnan(A) or math.isinf(A) or math.isinf(dt):
        return "one of the two is not finite"
    if _drawn_again(before, after, dt):
        return (
            "dt was drawn again: it has no relation to its former values "
            "(huggingface/transformers#45591)"
        )
    if max(dt, A, turned) <= _STILL:
        return "nothing moved"
    if factor := _decayed(before, after):
        return f"{before.adapter.A_name} was multiplied by {factor:.3g}: weight decay"
    moved = [f"dt by {dt:.3g}", f"A by {A:.3g}", f"frequencies by {turned:.3g}"]
    still = (dt, A, turned)
    return "moved " + ", ".join(
        text for text, by in zip(moved, still, strict=True) if by > _STILL
    )


def _drawn_again(before: Site, after: Site, dt: float) -> bool:
    """Whether dt has the spread that it had and nearly no correlation with it."""
    x, y = (torch.log(s.modes.dt).flatten() for s in (before, after))
    spread = min(float(x.std()), float(y.std())) if len(x) > 3 else 0.0
    if spread < 0.1 or dt < 0.5 * spread:
        return False
    r = float(torch.corrcoef(torch.stack([x, y]))[0, 1])
    # Three standard errors of the correlation of independent values
    return abs(r) < min(0.8, 3 / math.sqrt(len(x)))


def _decayed(before: Site, after: Site) -> float | None:
    """The factor by which the logarithm of the decay rates was multiplied, if one."""
    name = before.adapter.A_name
    if name is None or name not in before.p:
        return None
    x, y = before.p[name].flatten(), after.p[name].flatten()
    if not bool(x.any()):
        return None
    slope = float((x * y).sum() / (x * x).sum())
    moved, left = (y - x).square().sum(), (y - slope * x).square().sum()
    return slope if 0 < slope < 0.9999 and float(left) <= 0.05 * float(moved) else None
