"""The verdict on a layer: as published, off, broken, or a choice of one's own.

Faults are looked for in the order of the evidence that they leave: values that are not
finite, memory that was never initialized, zeros, then known wrong transforms of a law,
then a structure that somebody chose. The rest was trained or overwritten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssmlib.adapters import causes, traces
from ssmlib.adapters._modes import generator, median
from ssmlib.adapters.base import ROUNDING
from ssmlib.adapters.laws import Law
from ssmlib.adapters.registry import Site

PUBLISHED, OFF, BROKEN = "as published", "off", "broken"
OWN = "no published law"

#: the relative rounding of a value in float32, after a few operations
_EPS = 1e-4
#: heads from which the median memory of a law is computed
_DRAWS = 4096


@dataclass(frozen=True)
class Verdict:
    """The verdict on a layer.

    Attributes:
        verdict: "as published", "off", "broken" or "no published law".
        law: the law that the layer follows, or else the usual one of its kind.
        off: how far the layer is from the law, in words; "" if it is not.
        cause: the likeliest cause, with a public thread where there is one; "" if none
            is needed.
        expected: the median memory under the law, in tokens; NaN without a law.
    """

    verdict: str
    law: str
    off: str
    cause: str
    expected: float


def judge(site: Site) -> Verdict:
    """Return the verdict on a layer.

    Args:
        site: the layer.
    """
    broken = causes.broken(site)
    # Laws that depend on values, as the LRU's ring, would be those of broken values.
    H, n = site.modes.A.shape
    # The names still tell one law of a kind from another.
    kept = {name: site.p[name] for name in site.adapter.used if name in site.p}
    laws = site.laws if broken is None else site.adapter.laws(H, n, kept)
    usual = laws[0] if laws else None
    expected = _expected(site, usual)
    stated = f"{usual} ({usual.source})" if usual else ""
    if broken is not None:
        return Verdict(BROKEN, stated, _ratio(site, expected), broken, expected)
    followed = next((law for law in laws if _fits(site, law) == (True, True)), None)
    if followed is not None:
        stated, expected = f"{followed} ({followed.source})", _expected(site, followed)
        if rounded := causes.rounded(site):
            return Verdict(OFF, stated, *rounded, expected)
        return Verdict(PUBLISHED, stated, "", "", expected)
    if usual is not None:
        fits = [_fits(site, law) for law in laws]
        dt_fits, A_fits = (any(own) for own in zip(*fits, strict=True))
        cause = causes.known(site, usual, dt_fits, A_fits)
        if cause:
            return Verdict(OFF, stated, _ratio(site, expected), cause, expected)
    if chosen := causes.chosen(site):
        return Verdict(OWN, chosen, "", "", math.nan)
    if usual is None:
        return Verdict(OWN, "values without a simple law", "", "", math.nan)
    cause = causes.unexplained(dt_fits, A_fits)
    return Verdict(OFF, stated, _ratio(site, expected), cause, expected)


def rounding(raw: Tensor) -> float:
    """Return the relative rounding of exp of a parameter.

    Args:
        raw: the parameter as it is stored.
    """
    if causes.is_bfloat16(raw):
        return ROUNDING[torch.bfloat16]
    return ROUNDING.get(raw.dtype, _EPS)


def _fits(site: Site, law: Law) -> tuple[bool, bool]:
    """Whether dt and A follow a law."""
    adapter, names = site.adapter, list(site.raw)
    dt_name, A_name = adapter.dt_name or names[0], adapter.A_name or names[0]
    dt = law.fits_dt(site.modes.dt, rounding(site.raw[dt_name]))
    A = law.fits_A(site.modes.A, rounding(site.raw[A_name]))
    return dt, A and not traces.is_counted(site)


def _expected(site: Site, law: Law | None) -> float:
    if law is None:
        return math.nan
    H, n = site.modes.A.shape
    if site.adapter.A_name == "time_decay":  # of as many channels as there are
        return median(law.draw(H, n, generator(0)).memory)
    return median(law.draw(max(1, _DRAWS // n), n, generator(0)).memory)


def _ratio(site: Site, expected: float) -> str:
    """How the median memory compares with that of the law."""
    found = median(site.modes.memory)
    if not (math.isfinite(found) and math.isfinite(expected) and found > 0):
        return f"median memory {found:.3g} tokens, {expected:.3g} under the law"
    times, word = found / expected, "longer"
    if times < 1:
        times, word = 1 / times, "shorter"
    return f"median memory {found:.3g} tokens, {times:.3g} times {word} than the law's"
