"""The likeliest cause of a fault, by the traces that it leaves in the parameters."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib.adapters import traces
from ssmlib.adapters._modes import median
from ssmlib.adapters.laws import Law, Uniform, as_uniform
from ssmlib.adapters.registry import Site

#: a magnitude that no law and no training gives to a logarithm or a bias
_GARBAGE = 1e3
#: the same of other parameters, as frequencies
_HUGE = 1e12
#: standard deviations between the ends of a uniform draw: sqrt(12) on average. A bell
#: of 64 values has more than 4, as after training.
_WIDEST = 3.8
#: a median memory, in tokens, that nobody chooses
_SHORTEST = 0.5


def is_bfloat16(raw: Tensor) -> bool:
    """Return whether each of at least eight values is one of bfloat16.

    Zeros, ones and the like say nothing: at least four values must differ.

    Args:
        raw: the parameter as it is stored.
    """
    if raw.dtype == torch.bfloat16:
        return True
    if raw.dtype != torch.float32 or raw.numel() < 8 or len(raw.unique()) < 4:
        return False
    return torch.equal(raw.bfloat16().float(), raw)


def _own(site: Site) -> list[str]:
    """The names of the parameters that hold dt and A."""
    adapter = site.adapter
    named = [name for name in (adapter.dt_name, adapter.A_name) if name]
    return named if adapter.A_name else [*adapter.names]


def broken(site: Site) -> str | None:
    """Return why no layer could work with such values, None if one could.

    Args:
        site: the layer.
    """
    names = _own(site)
    for name in dict.fromkeys([*names, *site.adapter.names]):
        value = site.p[name]
        lost = int((~torch.isfinite(value.abs())).sum())
        if not lost:
            continue
        where = f"{name} is not finite in {lost} of {value.numel()} values"
        if name == site.adapter.A_name and bool((value == -math.inf).any()):
            return (
                f"{where}: -inf is the logarithm of a decay rate 0, as a uniform draw "
                "in bfloat16 can be (huggingface/transformers#47831)"
            )
        if name == site.adapter.dt_name and bool(value.isnan().all()):
            return f"{where}: all are NaN, as the inverse softplus of log dt"
        return f"{where}: memory that was never initialized, or a diverged training"
    values = torch.cat([site.p[name].abs().flatten() for name in names])
    tiny = (values > 0) & (values < 1e-30)
    most = _GARBAGE if site.adapter.A_name else _HUGE
    if bool((values > most).any()) or bool(tiny.any()):
        worst = values[tiny].min() if bool(tiny.any()) else values.max()
        return (
            f"{' or '.join(names)} has the magnitude {float(worst):.3g}: memory that "
            "was never initialized, as after to_empty (fla-org/flame#9)"
        )
    if all(not bool(site.p[name].any()) for name in names):
        are = "are" if len(names) > 1 else "is"
        return (
            f"{' and '.join(names)} {are} 0: the initialization was skipped, as on "
            "several devices or after a meta device (fla-org/flame#42)"
        )
    if bool((site.modes.log.real > 0).any()):
        return "an eigenvalue is outside the unit circle: the state grows without limit"
    return None


def rounded(site: Site) -> tuple[str, str] | None:
    """Return how far and why, for decay rates that bfloat16 has rounded; else None.

    Args:
        site: a layer that follows a law.
    """
    name = site.adapter.A_name
    if name is None or not is_bfloat16(site.raw[name]):
        return None
    size = site.p[name].abs().max().clamp(min=1e-30)
    step = 2.0 ** (math.floor(math.log2(float(size))) - 8)  # half a unit
    off = f"-A by up to {math.expm1(step):.2%}"
    return (
        off,
        f"{name} is stored in bfloat16: keep it in float32 (state-spaces/mamba#923)",
    )


def known(site: Site, law: Law, dt_fits: bool, A_fits: bool) -> str:
    """Return the causes that are known from public threads, "" for none.

    Args:
        site: the layer.
        law: the usual law of its kind.
        dt_fits: whether dt follows a law.
        A_fits: whether A follows a law.
    """
    found = []
    if not dt_fits and law.dt is not None:
        found.append(traces.of_dt(site, law))
    if not A_fits:
        found += [traces.of_frequencies(site, law), traces.of_A(site, law)]
    if dt_fits and not A_fits and law.dt is not None and not any(found):
        found.append(_redrawn(site))
    return "; ".join(filter(None, found))


def _redrawn(site: Site) -> str:
    """The cause if dt follows its law while the rest was trained."""
    structured = chosen(site)
    if structured or site.modes.dt.numel() < 8:
        return ""
    return (
        f"{site.adapter.dt_name} is a fresh draw of its law and A is not: dt was drawn "
        "again after a trained model was loaded (huggingface/transformers#45591)"
    )


def unexplained(dt_fits: bool, A_fits: bool) -> str:
    """Return the cause of values without structure.

    Args:
        dt_fits: whether dt follows a law.
        A_fits: whether A follows a law.
    """
    which = {(False, False): "A and dt", (True, False): "A", (False, True): "dt"}
    moved = which.get((dt_fits, A_fits), "the combination of A and dt")
    return f"training moved {moved}, or another initialization was applied"


def chosen(site: Site) -> str:
    """Describe values that follow a simple law of somebody's own, "" for others.

    Args:
        site: the layer.
    """
    modes = site.modes
    if median(modes.memory) < _SHORTEST:
        return ""
    dt = "" if site.adapter.dt_name is None else _words(modes.dt)
    A = _words(-modes.A.real)
    if not A or (not dt and site.adapter.dt_name is not None):
        return ""
    im = modes.A.imag
    if bool((im != 0).any()):
        if not torch.allclose(im, im[:1].expand_as(im), rtol=1e-3):
            return ""
        spread = f"{float(im.min()):.4g} to {float(im.max()):.4g}"
        A += f", frequencies {spread} in each feature"
    return f"-A {A}" + (f"; dt {dt}" if dt else "")


def _words(x: Tensor) -> str:
    """Positive values in words, if they are equal, counted or drawn from a range."""
    if not bool((x >= 0).all()) or not bool(torch.isfinite(x).all()):
        return ""
    first = float(x.flatten()[0])
    if torch.allclose(x, torch.full_like(x, first), rtol=1e-3):
        return f"{first:.4g} for all"
    if x.shape[1] > 1 and torch.allclose(x, x[:1].expand_as(x), rtol=1e-3):
        ends = f"{float(x[0].min()):.4g} to {float(x[0].max()):.4g}"
        return f"{ends} in each feature"
    low, high = float(x.min()), float(x.max())
    if x.numel() < 16 or low <= 0:
        return ""
    inner = x.flatten().sort().values[1:-1]  # the ends are estimated
    for log in (True, False):
        y, a, b = (
            (inner.log(), math.log(low), math.log(high)) if log else (inner, low, high)
        )
        spread = float((x.log() if log else x).std())
        if b - a <= _WIDEST * spread and as_uniform((y - a) / (b - a)) > 0.01:
            return Uniform(low, high, log).words
    return ""
