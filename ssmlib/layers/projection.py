"""Set parameters that an optimizer moved out of their range back to its edge.

The map of most layers uses min(A_re, 0), and the stored parameter must not drift away
from it. PyTorch
calls `_after_step` after each step of every `torch.optim.Optimizer`. Layers add
themselves to a weak set when they are made or copied. With an optimizer that is not a
`torch.optim.Optimizer`, call `layer.project_()` after each step.
"""

from __future__ import annotations

from threading import Lock
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

_ALIVE: WeakSet[Projected] = WeakSet()
_LOCK = Lock()  # a set must not grow while another thread reads it
#: how `torch.nn.utils.prune` and `weight_norm` name the parameters of a tensor
SUFFIXES = ("", "_orig", "_g", "_v")


class Projected(nn.Module):
    """A module with parameters that each optimizer step sets back into a range.

    Attributes:
        nonpositive: the names of those that are set back to <= 0.
    """

    nonpositive: tuple[str, ...] = ()

    def __new__(cls, *_: Any, **__: Any):
        """List the module among those that an optimizer step projects."""
        module = super().__new__(cls)  # a copy and a pickle pass here as well
        with _LOCK:
            _ALIVE.add(module)
        return module

    def parameters_of(self, name: str) -> list[Tensor]:
        """Return the parameters that a tensor is computed from.

        In most layers this is the tensor itself. With `torch.nn.utils.parametrize` or
        `prune` it is not.

        Args:
            name: name of the tensor.
        """
        if parametrize.is_parametrized(self, name):
            return list(self._parametrization(name).parameters())
        named = (self._parameters.get(name + suffix) for suffix in SUFFIXES)
        return [parameter for parameter in named if parameter is not None]

    def _parametrization(self, name: str) -> nn.ModuleList:
        """The modules that `torch.nn.utils.parametrize` computes a tensor by."""
        modules: Any = self.parametrizations
        return modules[name]

    def limits(self) -> dict[str, tuple[Any, Any]]:
        """Return the limits that `project_` sets parameters back to.

        Returns:
            By name, the smallest and the largest value, None for no limit.
        """
        return dict.fromkeys(self.nonpositive, (None, 0.0))

    def projected_by(self) -> tuple[str, ...]:
        """Return the names of the parameters whose step is followed by `project_`."""
        return self.nonpositive

    @torch.no_grad()
    def project_(self) -> None:
        """Set the parameters back into their `limits`, in place.

        A tensor under `torch.nn.utils.parametrize` is set through the parametrization's
        `right_inverse`. Without a `right_inverse` it is not changed.
        """
        for name, (low, high) in self.limits().items():
            if not parametrize.is_parametrized(self, name):
                pruned = self._parameters.get(f"{name}_orig")
                own = getattr(self, name) if pruned is None else pruned
                own.copy_(own.clamp(low, high))
            elif all(hasattr(p, "right_inverse") for p in self._parametrization(name)):
                value = getattr(self, name)
                within = value.clamp(low, high)
                if bool((value != within).any()):
                    setattr(self, name, within)


def leave_projection_to(optimizer: Optimizer) -> None:
    """Exclude an optimizer, whose caller calls `project_` at another time.

    Args:
        optimizer: changed in place.
    """
    vars(optimizer)["projects_itself"] = True


def _after_step(optimizer: Optimizer, *_: Any) -> None:
    if getattr(optimizer, "projects_itself", False):
        return
    groups = optimizer.param_groups
    stepped = {id(p) for group in groups for p in group["params"]}
    with _LOCK:
        alive = list(_ALIVE)
    for module in alive:
        if "_parameters" in vars(module) and any(
            id(p) in stepped
            for name in module.projected_by()
            for p in module.parameters_of(name)
        ):
            module.project_()


register_optimizer_step_post_hook(_after_step)
