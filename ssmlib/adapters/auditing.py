"""Audit the SSM layers of any model: what they remember, and whether that is meant."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.adapters import measure
from ssmlib.adapters.found import Audit
from ssmlib.adapters.registry import find
from ssmlib.adapters.verdicts import judge


def audit(
    model: nn.Module | Mapping,
    L: int = 1024,
    inputs: Tensor | None = None,
    *,
    kind: str | None = None,
) -> Audit:
    """Measure the SSM layers of a model, and compare them with their published laws.

    The model may be fresh or trained. A layer whose dt, B and C depend on the input is
    evaluated at the dt of its bias, and the table says so. Nothing is changed.

    Args:
        model: a torch module, a state dict, or a pytree of arrays.
        L: length of the sequences that the model reads, in tokens.
        inputs: a series (T,), or sequences (n, T), T >= L, of which the energy of the
            output is computed by their autocorrelation; None for white noise of
            variance 1. A layer inside a model sees other inputs than the model does.
        kind: the only kind of layers to look for; None for all.

    Returns:
        The rows, warnings and figure of an `Audit`.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for a model without such layers, L < 1, an unknown kind, or inputs
            of another shape or shorter than L.
    """
    _checks.integer("L", L)
    row = _row(L, inputs)
    layers = find(model, kind)
    verdicts = tuple(judge(site) for site in layers.sites)
    energies = tuple(
        measure.energy(site.modes, row, site.adapter.readout) for site in layers.sites
    )
    return Audit(L, layers.sites, verdicts, energies, dict(layers.unknown))


def _row(L: int, inputs: Tensor | None) -> Tensor:
    """The autocorrelation at the lags 0 to L - 1, over all products of a lag."""
    _checks.fits("L", L, 8 * L)
    row = torch.zeros(L, dtype=torch.float64, device="cpu")
    if inputs is None:
        row[0] = 1
        return row
    x = inputs
    if isinstance(x, Tensor) and x.ndim == 1:
        x = x.unsqueeze(0)
    x = _checks.sequences("inputs", x).detach().cpu().double()
    T = x.shape[-1]
    if T < L:
        raise ValueError(f"inputs must have at least L = {L} steps, got {T}")
    spectrum = torch.fft.rfft(x, n=2 * T).abs().square().mean(0)
    lags = torch.fft.irfft(spectrum, n=2 * T)[:L]
    return lags / (T - torch.arange(L, dtype=torch.float64, device="cpu"))
