"""Find the layers of a model by the names and shapes of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import Adapter, Parameters
from ssmlib.adapters.deltanet import GatedDeltaNet
from ssmlib.adapters.dss import DSS
from ssmlib.adapters.laws import Law
from ssmlib.adapters.lru import LRU
from ssmlib.adapters.mamba import FalconMamba, Mamba
from ssmlib.adapters.mamba2 import Mamba2
from ssmlib.adapters.own import Own, options_of
from ssmlib.adapters.own_shared import OwnS5, Selective
from ssmlib.adapters.rwkv import Rwkv
from ssmlib.adapters.s4d import S4D, S4DKernel, S4Kernel
from ssmlib.adapters.s5 import S5
from ssmlib.layers import SSM

#: tried in this order: a kind whose parameters another one also has comes first
_ADAPTERS: list[Adapter] = [
    Own(),
    OwnS5(),
    Selective(),
    S4Kernel(),
    S4DKernel(),
    S4D(),
    DSS(),
    S5(),
    LRU(),
    FalconMamba(),
    Mamba(),
    Mamba2(),
    GatedDeltaNet(),
    Rwkv(),
]


def kinds() -> tuple[str, ...]:
    """Return the kinds of layers that have an adapter."""
    return tuple(adapter.kind for adapter in _ADAPTERS)


def register(adapter: Adapter) -> None:
    """Add an adapter of one's own, which is tried before all others.

    Args:
        adapter: of a kind that has none yet.

    Raises:
        TypeError: if it is no `Adapter`.
        ValueError: if its kind has an adapter.
    """
    if not isinstance(adapter, Adapter):
        raise TypeError(f"adapter must be an Adapter, got {type(adapter).__name__}")
    if adapter.kind in kinds():
        raise ValueError(f"adapter must be of a new kind, got {adapter.kind!r}")
    _ADAPTERS.insert(0, adapter)


def unregister(kind: str) -> None:
    """Remove the adapter of a kind.

    Args:
        kind: one of `kinds()`.

    Raises:
        ValueError: for another kind.
    """
    _checks.one_of("kind", kind, kinds())
    _ADAPTERS[:] = [adapter for adapter in _ADAPTERS if adapter.kind != kind]


@dataclass(frozen=True)
class Site:
    """A layer that was found.

    Attributes:
        path: where it is in the model.
        adapter: of its kind.
        raw: its parameters by name, as they are stored.
        p: the same, float64 or complex128, on the CPU.
        modes: of its features.
        module: the module, None in a file or pytree.
        options: as `Adapter.read`.
    """

    path: str
    adapter: Adapter
    raw: Parameters
    p: Parameters
    modes: Modes
    module: nn.Module | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def laws(self) -> tuple[Law, ...]:
        """Return the published laws of the layer, the usual one first."""
        if isinstance(self.adapter, Own) and isinstance(self.module, SSM):
            return self.adapter.law_of(self.module)
        H, n = self.modes.A.shape
        return self.adapter.laws(H, n, self.p)


@dataclass(frozen=True)
class Layers:
    """What a search found.

    Attributes:
        sites: the layers that an adapter knows.
        unknown: by path, the reason why no adapter knows a layer that looks like one.
    """

    sites: tuple[Site, ...]
    unknown: Mapping[str, str]


def find(model: nn.Module | Mapping, kind: str | None = None) -> Layers:
    """Find the layers of a model, state dict or pytree.

    Args:
        model: a module, or a mapping of names to tensors or arrays, nested or not.
        kind: the only kind to look for; None for all.

    Raises:
        TypeError: if the model is neither.
        ValueError: for an unknown kind, or a model without such layers.
    """
    if kind is not None:
        _checks.one_of("kind", kind, kinds())
    adapters = [a for a in _ADAPTERS if kind in (None, a.kind)]
    tensors = dict(_tensors(model))
    sites: dict[str, Site] = {}
    unknown: dict[str, list[ValueError]] = {}
    for adapter in adapters:
        for path in _paths(tensors, adapter.names[0]):
            if path in sites:
                continue
            try:
                sites[path] = _site(model, path, adapter, tensors)
            except ValueError as error:
                unknown.setdefault(path, []).append(error)
    if not sites and not unknown:
        sought = "; ".join(f"{a.kind} ({', '.join(a.names)})" for a in adapters)
        raise ValueError(
            f"model must have a layer of a known kind, looked for {sought}"
        )
    left = {k: _reason(v) for k, v in unknown.items() if k not in sites}
    order = {path: k for k, path in enumerate(_in_order(tensors))}
    found = sorted(sites.values(), key=lambda site: order.get(site.path, 0))
    return Layers(tuple(found), left)


class _Missing(ValueError):
    """A layer without a parameter of a kind."""


def _reason(errors: list[ValueError]) -> str:
    """Why no adapter knows a layer: those that found all names say most."""
    told = [e for e in errors if not isinstance(e, _Missing)] or errors
    return "; ".join(map(str, told))


def _in_order(tensors: Mapping[str, Any]) -> Iterator[str]:
    """Each path at its first parameter, in the order of the model."""
    seen: set[str] = set()
    for name in tensors:
        parts = name.split(".")
        for depth in range(len(parts)):
            path = ".".join(parts[:depth])
            if path not in seen:
                seen.add(path)
                yield path


def _paths(tensors: Mapping[str, Any], name: str) -> list[str]:
    return [
        key[: -len(name)].removesuffix(".")
        for key in tensors
        if key == name or key.endswith(f".{name}")
    ]


def _site(model, path: str, adapter: Adapter, tensors: Mapping[str, Any]) -> Site:
    prefix = f"{path}." if path else ""
    names = [n for n in (*adapter.names, *adapter.used) if prefix + n in tensors]
    if missing := [n for n in adapter.names if n not in names]:
        raise _Missing(f"{adapter.kind} must have {', '.join(missing)}")
    raw = {name: _as_tensor(prefix + name, tensors[prefix + name]) for name in names}
    p = {name: _wide(value) for name, value in raw.items()}
    module, options = None, {}
    if isinstance(model, nn.Module):
        module = model.get_submodule(path)
        options = options_of(module)
    elif metadata := getattr(model, "_metadata", None):  # of a state dict
        options = metadata.get(path, {}).get("options", {})
    return Site(path, adapter, raw, p, adapter.read(p, options), module, options)


def _as_tensor(name: str, value) -> Tensor:
    if not isinstance(value, Tensor):
        array = np.array(value)  # a copy: an array of JAX cannot be written
        if array.dtype.name == "bfloat16":  # of the package ml_dtypes
            return torch.from_numpy(array.astype(np.float32)).bfloat16()
        if array.dtype.kind not in "fcui":
            raise ValueError(f"{name} must hold numbers, got {array.dtype}")
        value = torch.from_numpy(array)
    if value.is_meta:
        raise ValueError(f"{name} has no values: it is on the meta device")
    return value.detach()


def _wide(value: Tensor) -> Tensor:
    dtype = torch.complex128 if value.is_complex() else torch.float64
    return value.to("cpu", dtype, copy=True)


def _tensors(model, path: str = "") -> Iterator[tuple[str, Any]]:
    """All tensors and arrays by their path, in the order of the model."""
    if isinstance(model, nn.Module):
        yield from model.named_parameters(remove_duplicate=False)
        yield from model.named_buffers(remove_duplicate=False)
    elif isinstance(model, Mapping):
        for key, value in model.items():
            yield from _tensors(value, f"{path}.{key}" if path else str(key))
    elif isinstance(model, list | tuple):
        for k, value in enumerate(model):
            yield from _tensors(value, f"{path}.{k}" if path else str(k))
    elif hasattr(model, "shape") and path:
        yield path, model
    elif not path:
        raise TypeError(
            "model must be a torch module, or a mapping of names to tensors or arrays, "
            f"got {type(model).__name__}"
        )
