"""The traces that a lost transform, or another initialization, leaves in dt and A."""

from __future__ import annotations

import math

import torch

from ssmlib.adapters.laws import Law
from ssmlib.adapters.registry import Site
from ssmlib.initialization.schemes import count

#: the floor of dt in Mamba's code
_FLOOR = 1e-4
#: a logarithm or frequency up to it in all modes is a draw around 0, as N(0, 0.02^2)
_NEAR_0 = 0.2
#: relative rounding allowed to values that went through a wrong transform
_LOOSE = 1e-2


def is_counted(site: Site) -> bool:
    """Return whether the decay rates of heads are 1, 2, .., H, which is no draw.

    Args:
        site: the layer.
    """
    A = -site.modes.A.real
    heads, n = A.shape
    counted = site.adapter.A_name == "A_log" and n == 1 and heads > 3
    return counted and torch.allclose(A[:, 0], count(heads) + 1, rtol=1e-2)


def of_dt(site: Site, law: Law) -> str:
    """Return the cause of times per step that do not follow a law, "" for none known.

    Args:
        site: the layer.
        law: the usual law of its kind.
    """
    name = site.adapter.dt_name
    if name is None or law.dt is None:
        return ""
    raw = site.p[name]
    first = float(raw.flatten()[0])
    if bool((raw == first).all()):
        if first == 1:
            return (
                f"{name} is 1 everywhere: the draw of dt never happened "
                "(huggingface/transformers#43717)"
            )
        if first == 0 and site.adapter.dt_transform == "softplus":
            return (
                f"{name} is 0 everywhere: a wrapper set all biases to 0 after the "
                "layer was initialized (athms/mad-lab#3)"
            )
        if first == 0:
            return (
                f"{name} is 0 everywhere: its initialization was skipped, or another "
                "one was applied over it"
            )
        if math.isclose(float(site.modes.dt[0, 0]), _FLOOR, rel_tol=1e-2):
            return f"every dt is the floor {_FLOOR:g}: dt was drawn without exp"
        return ""
    dt = site.modes.dt
    if law.fits_dt(torch.exp(-dt), _LOOSE):
        return f"dt is -log of the law's: {name} is the inverse softplus of -log dt"
    if law.fits_dt(dt.sqrt(), _LOOSE):
        return (
            f"dt is the square of the law's: {name} is the inverse softplus of log dt"
        )
    if bool((raw > 0).all()) and law.fits_dt(raw.reshape(dt.shape), _LOOSE):
        return f"{name} is dt itself, not its inverse {site.adapter.dt_transform}"
    most = float(raw.abs().max())
    if site.adapter.dt_transform == "exp" and most <= _NEAR_0:
        return (
            f"{name} is near 0 everywhere: its initialization was skipped, or another "
            "one was applied over it"
        )
    if site.adapter.dt_transform == "softplus" and most <= 1.001:
        return (
            f"{name} is spread about 0, by at most {most:.2g}: "
            "another initialization was applied over the layer's own (athms/mad-lab#3)"
        )
    return ""


def of_frequencies(site: Site, law: Law) -> str:
    """Return the cause of frequencies that are lost, "" if they are not.

    Args:
        site: the layer.
        law: the usual law of its kind.
    """
    A = site.modes.A
    if not law.pairs or A.shape[-1] < 2 or float(A.imag.abs().max()) > _NEAR_0:
        return ""
    # A real scheme of somebody's choice has other modes than one.
    alike = float(A.real.max() - A.real.min()) <= _NEAR_0 * float(A.real.abs().max())
    if bool((A.imag == 0).all()) and not alike:
        return ""
    return (
        "the frequencies are near 0 everywhere: their initialization was skipped, or "
        "another one was applied over it"
    )


def of_A(site: Site, law: Law) -> str:
    """Return the cause of decay rates that do not follow a law, "" for none known.

    Args:
        site: the layer.
        law: the usual law of its kind.
    """
    name = site.adapter.A_name
    if name is None:
        return ""
    raw, A = site.p[name], site.modes.A
    if is_counted(site):
        return (
            f"A = -1 ... -{len(raw)} over heads: the law of Mamba 1 over its modes, in "
            "place of a draw for each head (fla-org/flash-linear-attention#739)"
        )
    if float(raw.abs().max()) <= _NEAR_0:
        return (
            f"{name} is near 0 everywhere: its initialization was skipped, or another "
            "one was applied over it"
        )
    if not law.pairs and law.fits_A(1 / A, _LOOSE):
        return f"{name} has the wrong sign: it is log(1 / -A) of the law"
    if not law.pairs and bool((raw > 0).all()):
        stored = (-raw).reshape(A.shape).to(A.dtype)
        if law.fits_A(stored, _LOOSE):
            return f"{name} is -A itself, not its logarithm"
    shrunk = _shrunk(site, law)
    if shrunk is not None:
        return (
            f"{name} is {shrunk:.3g} times that of the law: weight decay acts on it "
            "(athms/mad-lab#5)"
        )
    return ""


def _shrunk(site: Site, law: Law) -> float | None:
    """The factor by which log(-A) is smaller than under the law, if that explains it.

    It is the slope of the sorted values against those of the law, if at least 80 % of
    the deviation are due to it.
    """
    raw = site.p[site.adapter.A_name or ""]
    H, n = site.modes.A.shape
    if n > 1:
        wanted = torch.log(
            -law.draw(H, n, torch.Generator("cpu").manual_seed(0)).A.real
        )
        x, y = wanted.flatten(), raw.expand(H, n).flatten()
    else:
        many = law.draw(2**12, 1, torch.Generator("cpu").manual_seed(0)).A.real
        shares = (count(H) + 0.5) / H
        x = torch.quantile(torch.log(-many[:, 0]), shares)
        y = raw.flatten().sort().values
        if H < 8 or float(x.min()) < -3:  # a law that reaches 0 has no scale
            return None
    slope = float((x * y).sum() / (x * x).sum())
    moved, left = (y - x).square().sum(), (y - slope * x).square().sum()
    shrinks = 0.05 < slope < 0.9998 and float(left) <= 0.2 * float(moved)
    # Decay pulls all logarithms to 0, and none beyond.
    return slope if shrinks and float(y.min()) >= float(x.min()) - 0.1 else None
