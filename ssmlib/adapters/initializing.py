"""Initialize the layers of any model, whoever wrote them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.adapters import pytrees
from ssmlib.adapters._modes import Modes, generator, quantiles
from ssmlib.adapters.base import Refused
from ssmlib.adapters.registry import Layers, Site, find
from ssmlib.initialization import Initialization, as_initialization
from ssmlib.layers.base import Init
from ssmlib.layers.state import set_

#: in place of an initialization: each layer's published law
PUBLISHED = "published"


@dataclass(frozen=True)
class Report:
    """What `initialize_` did; `str` gives it as text.

    Attributes:
        changed: by path of a layer: its kind, the names of the parameters that were
            set, and the median of its memory, in tokens.
        refused: by path, why a layer was left as it was.
        unknown: by path, why no adapter knows a layer that looks like one.
    """

    changed: Mapping[str, tuple[str, tuple[str, ...], float]]
    refused: Mapping[str, str]
    unknown: Mapping[str, str]

    def __str__(self) -> str:
        lines = [
            f"{path or 'the model'} ({kind}): set {', '.join(names)}; median memory "
            f"{memory:.3g} tokens"
            for path, (kind, names, memory) in self.changed.items()
        ]
        lines += [f"{path}: not changed, {why}" for path, why in self._left.items()]
        return "\n".join(lines)

    @property
    def _left(self) -> dict[str, str]:
        return {**self.refused, **self.unknown}


@overload
def initialize_(
    model: nn.Module,
    init: Init,
    *,
    kind: str | None = None,
    strict: bool = False,
    seed: int | torch.Generator = 0,
) -> Report: ...
@overload
def initialize_(
    model: Mapping,
    init: Init,
    *,
    kind: str | None = None,
    strict: bool = False,
    seed: int | torch.Generator = 0,
) -> Any: ...
def initialize_(
    model,
    init,
    *,
    kind: str | None = None,
    strict: bool = False,
    seed: int | torch.Generator = 0,
) -> Any:
    """Initialize A, B and dt of all SSM layers of a model.

    Layers are found by the names and shapes of their parameters. Output weights,
    projections and other layers are not changed. All values are computed before the
    first one is set.

    Args:
        model: a torch module, which is changed in place; or a pytree, a nested mapping
            of arrays, which is not changed.
        init: the initialization: a name of `initialization.names()` or of its discrete
            schemes, a pair (A, B), an `Initialization`, or "published" for the law that
            each layer's authors published.
        kind: the only kind of layers to initialize; None for all.
        strict: whether to refuse a model with a layer that cannot hold the
            initialization, or that no adapter knows. Otherwise such a layer is left as
            it is, with a warning, if another one can be initialized.
        seed: of all random numbers, or the generator to draw from.

    Returns:
        A `Report` for a module. For a pytree, one with new arrays of the same types.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for a model without such layers, an unknown kind, a bad init, or one
            that no layer can hold; the error names the nearest possible. With strict,
            also for one that some layer cannot hold.
    """
    _checks.boolean("strict", strict)
    if not isinstance(seed, torch.Generator):
        seed = _checks.integer("seed", seed, -(2**63), 2**64 - 1)
    chosen = None
    if not (isinstance(init, str) and init == PUBLISHED):
        chosen = as_initialization(init)
    layers = find(model, kind)
    values, modes, refused = _values(layers, chosen, generator(seed))
    _check(layers, values, refused, strict)
    changed = {
        site.path: (site.adapter.kind, tuple(values[site.path]), found)
        for site in layers.sites
        if site.path in values
        for found in [quantiles(modes[site.path].memory)[1]]
    }
    if not isinstance(model, nn.Module):
        flat = {
            f"{path}.{name}" if path else name: value
            for path, own in values.items()
            for name, value in own.items()
        }
        return pytrees.replaced(model, flat)
    _set(layers, values, chosen)
    return Report(changed, refused, layers.unknown)


def _values(
    layers: Layers, init: Initialization | None, g: torch.Generator
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Modes], dict[str, str]]:
    """The new values and modes by path, and why other layers are refused."""
    values, modes, refused = {}, {}, {}
    for site in layers.sites:
        try:
            modes[site.path] = _modes(site, init, g)
            found = site.adapter.write(modes[site.path], site.p, site.options)
            values[site.path] = {k: _stored(site, k, v) for k, v in found.items()}
        except ValueError as error:
            refused[site.path] = str(error)
    return values, modes, refused


def _modes(site: Site, init: Initialization | None, g: torch.Generator) -> Modes:
    adapter = site.adapter
    if init is None:
        if not site.laws:
            raise Refused(f"{adapter.kind} has no published law")
        law, (H, n) = site.laws[0], site.modes.A.shape
        if law.init is None:
            return law.draw(H, n, g)
        return adapter.modes(law.init, site.modes, site.p, g)
    found = adapter.modes(init, site.modes, site.p, g)
    if "B" in adapter.uses or init.discrete or found.B is None:
        return found
    if bool((found.B != 1).any()):
        raise Refused(
            f"{adapter.kind} has no input weights B that init could set: the nearest "
            'possible is B="one"'
        )
    return found


def _stored(site: Site, name: str, value: Tensor) -> Tensor:
    """A value, if the dtype of its parameter can hold it."""
    raw = site.raw[name]
    if value.shape != raw.shape and value.is_complex() == raw.is_complex():
        value = value.reshape(raw.shape)
    _checks.finite(f"{name} in {raw.dtype}", value.to(raw.dtype))
    return value


def _check(layers: Layers, values, refused: dict[str, str], strict: bool) -> None:
    """Raise, or warn, about the layers that are not initialized."""
    left = {**refused, **layers.unknown}
    if not left:
        return
    text = "; ".join(f"{path or 'the model'}: {why}" for path, why in left.items())
    if strict or not values:
        raise Refused(f"init cannot be applied to {text}")
    warnings.warn(f"{len(left)} layers are not changed: {text}", stacklevel=3)


@torch.no_grad()
def _set(layers: Layers, values, init: Initialization | None) -> None:
    for site in layers.sites:
        for name, value in values.get(site.path, {}).items():
            set_(site.raw[name], value)
        if init is not None and site.path in values and site.module is not None:
            site.adapter.changed(site.module, init)
