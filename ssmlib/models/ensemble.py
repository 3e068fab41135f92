"""Many models of the same shape as one module."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils._pytree import tree_map

from ssmlib import _checks, _sameness
from ssmlib.models import tensors
from ssmlib.models.inputs import checked_masks
from ssmlib.models.model import LayerInputs, Model

ALL = slice(None)


class Ensemble(nn.Module):
    """E models as one module: x (G, B, channels, L) -> (E, B, outputs).

    `stacked` is a model in which each parameter and buffer has E in front. If a part is
    frozen in only some of the models, it is a parameter in `stacked`, and a training
    step must not change its entries for the models in which it is frozen. A parameter
    that has two names in the models has them in `stacked`. A buffer that a layer
    changes or assigns in `forward` is changed for each model. The models are copied.
    They may differ in the values of their parameters, in their frozen parts, and in the
    `init` and `seed` of their layers. Every other attribute of every module must be the
    same, and so must shapes, dtypes and devices.

    Args:
        models: E models, at least one.

    Raises:
        TypeError: if models is not a sequence of `Model`.
        ValueError: for E = 0, for models with dropout, for models that differ in more
            (the error names the attributes), for an attribute that cannot be copied or
            refers to a parameter or buffer, or for two tensors that share memory.
    """

    def __init__(self, models: Sequence[Model]):
        super().__init__()
        _check_models(models)
        _check_alike(models)
        self.size = len(models)
        self.stacked = _copied(models[0])
        self._beginnings = [
            [(m.seed, getattr(m, "init", None)) for m in _seeded(model)]
            for model in models
        ]
        self._arguments = [model._arguments for model in models]
        self._buffers_of = [
            {n for n, _ in model.named_buffers(remove_duplicate=False)}
            for model in models
        ]
        each = [tensors.named(model) for model in models]
        with torch.inference_mode(False):  # for whatever is trained later
            for names in tensors.groups(models[0]):
                stack = torch.stack([own[names[0]].detach() for own in each])
                trained = any(names[0] not in own for own in self._buffers_of)
                tensors.put(self.stacked, names, stack, trained)

    def forward(
        self,
        x: Tensor,
        masks: Sequence[Tensor] | None = None,
        lengths: Tensor | None = None,
        members: slice = ALL,
    ) -> Tensor:
        """Return the outputs of all models, or of some that follow each other.

        Args:
            x: (G, B, channels, L), or (G, B, L) for tokens: one batch for all models (G
                = 1), or one for each G-th part of the ensemble, in order. G divides E.
            masks: as `Model.forward`, each with E in front.
            lengths: (G, B), as `Model.forward`.
            members: the models to run, a slice of 0 .. E-1 with step 1. E is then their
                number, here and in the shape of the result.

        Returns:
            (E, B, outputs), or (E, B, outputs, L) with pooling "none".

        Raises:
            TypeError: as `Model.forward`.
            ValueError: as `Model.forward`; for a G that does not divide E; or for a
                layer that draws random numbers or changes the shape, dtype or number of
                its buffers.
        """
        return self._each(self.stacked, x, masks, lengths, members)

    def layer_inputs(self, x: Tensor) -> list[Tensor]:
        """Return the input of each SSM layer of each model, as `Model.layer_inputs`.

        Args:
            x: as `forward`, of any floating-point dtype or int64 for tokens.

        Returns:
            (E, B, H, L) float64 per layer.

        Raises:
            ValueError: for x of another shape.
        """
        model = copy.deepcopy(self.stacked).double()
        with torch.no_grad():
            return self._each(LayerInputs(model), x.double())

    def _each(
        self, module: nn.Module, x: Tensor, masks=None, lengths=None, members=ALL
    ) -> Any:
        model, size = self.stacked, self._count(members)
        _checks.is_tensor("x", x)
        shape = () if model.tokens else (model.channels,)
        uneven = not len(x) or size % len(x)
        if x.shape[2:-1] != shape or x.ndim != 3 + len(shape) or uneven:
            axes = "(G, B, L)" if model.tokens else f"(G, B, {model.channels}, L)"
            raise ValueError(
                f"x must have shape {axes} with G a divisor of {size}, got "
                f"{tuple(x.shape)}"
            )
        whole = tensors.named(module)
        own = whole if members == ALL else {n: p[members] for n, p in whole.items()}
        given = {} if masks is None else {"masks": _masks(masks, size)}
        batch = {"x": x, "rest": {} if lengths is None else {"lengths": lengths}}
        try:
            out, assigned = self._called(module, own, given, batch)
        except RuntimeError as error:
            if "randomness" not in str(error):  # the word of `vmap` for this refusal
                raise
            raise ValueError(
                "layers must draw no random numbers in forward, since a seed would not "
                f"determine them, but {_drawing(error, module)} does. For dropout, use "
                "a model without it and `dropout` in the grid of `fit`, or `masks`"
            ) from error
        tensors.check_no_more(module, whole)
        for name, value in assigned.items():
            tensors.assign(module, name, value, members)
        return out

    def _count(self, members: slice) -> int:
        """The number of models to run."""
        if not isinstance(members, slice):
            raise TypeError(f"members must be a slice, got {members!r}")
        found = range(self.size)[members]
        if not found or found.step != 1:
            raise ValueError(
                f"members must be a slice of 0 .. {self.size - 1} with at least one "
                f"model and step 1, got {members}"
            )
        return len(found)

    def _called(self, module: nn.Module, own: dict, given: dict, batch: dict) -> tuple:
        """The outputs, and the buffers that `forward` assigned, by name."""

        def call(own: dict, given: dict, batch: dict) -> tuple:
            after = dict(own)  # receives the assigned tensors
            x, options = batch["x"], given | batch["rest"]
            out = functional_call(module, after, (x,), options, tie_weights=False)
            return out, {n: p for n, p in after.items() if p is not own[n]}

        if not self.stacked.vmaps:
            return self._one_by_one(call, own, given, batch)
        each = vmap(call, in_dims=(0, 0, None))
        G = len(batch["x"])
        if G == 1:
            return each(own, given, _first(batch))
        grouped = {n: p.unflatten(0, (G, -1)) for n, p in own.items()}
        given = {
            n: [m.unflatten(0, (G, -1)) for m in many] for n, many in given.items()
        }
        found = vmap(each)(grouped, given, batch)  # (G, E / G, ...)
        return tree_map(lambda part: part.flatten(0, 1), found)

    def _one_by_one(self, call, own: dict, given: dict, batch: dict) -> tuple:
        """For layers that `vmap` has no rule for."""
        found, size = [], len(next(iter(own.values())))
        for k in range(size):
            group = k * len(batch["x"]) // size
            part = {"x": batch["x"][group]}
            part["rest"] = {n: value[group] for n, value in batch["rest"].items()}
            mine = {n: [m[k] for m in many] for n, many in given.items()}
            found.append(call({n: p[k] for n, p in own.items()}, mine, part))
        return tree_map(lambda *parts: torch.stack(parts), *found)

    def member(self, k: int) -> Model:
        """Return a copy of one model as an ordinary module.

        It has the current parameters. Its frozen parts are buffers again.

        Args:
            k: index of the model, in 0 .. E-1.

        Raises:
            TypeError: if k is not an integer.
            ValueError: for k outside 0 .. E-1.
        """
        if not 0 <= _checks.integer("k", k, least=-(2**62)) < self.size:
            raise ValueError(f"k must be in 0 .. {self.size - 1}, got {k}")
        model = copy.deepcopy(self.stacked)
        with torch.inference_mode(False):
            own = tensors.named(self.stacked)
            for names in tensors.groups(self.stacked):
                value = own[names[0]].detach()[k].clone()
                trained = names[0] not in self._buffers_of[k]
                tensors.put(model, names, value, trained)
        beginnings = zip(_seeded(model), self._beginnings[k], strict=True)
        for module, (module.seed, init) in beginnings:  # for reset_parameters
            if init is not None:
                module.init = init
        model._arguments = copy.deepcopy(self._arguments[k])
        return model


def _seeded(model: nn.Module) -> list[nn.Module]:
    """The modules within that draw their parameters from a seed of their own."""
    return [m for m in model.modules() if hasattr(m, "seed")]


def _check_models(models: Sequence[Model]) -> None:
    if isinstance(models, str) or not isinstance(models, Sequence | nn.ModuleList):
        raise TypeError(
            f"models must be a sequence of models, got {type(models).__name__}: give "
            "a list"
        )
    if not len(models):
        raise ValueError("models must hold at least one model, got E = 0")
    for k, model in enumerate(models):
        if not isinstance(model, Model):
            raise TypeError(
                f"models must hold objects of Model, got {type(model).__name__} at {k}"
            )
        if model.dropout:
            raise ValueError(
                f"models must have dropout=0 in an ensemble, got {model.dropout} at "
                f"{k}: use `dropout` in the grid of `fit`, or `masks`"
            )


def _copied(model: Model) -> Model:
    """A deep copy; ValueError that names the attribute that has none."""
    try:
        return copy.deepcopy(model)
    except Exception as error:
        reason = error
    for path, part in model.named_modules():
        for name, value in vars(part).items():
            if name == "_modules":
                continue
            try:
                copy.deepcopy(value, {id(m): m for m in model.modules()})
            except Exception as error:
                at = f"{path}.{name}".lstrip(".")
                raise ValueError(
                    f"models are copied, but {at}, of the class "
                    f"{type(value).__name__}, cannot be ({error}): make it a global "
                    "of the layer's module"
                ) from None
    raise ValueError(f"models are copied, but one cannot be ({reason})") from None


def _check_alike(models: Sequence[Model]) -> None:
    tied = [set(map(frozenset, tensors.groups(model))) for model in models]
    options = {"but": ("init", "seed", "_arguments"), "strict": False, "classes": {}}
    first = _sameness.structure(models[0], **options)
    for k, model in enumerate(models[1:], 1):
        found = _sameness.differences(first, _sameness.structure(model, **options))
        if found:
            raise ValueError(
                "models must differ in their parameters' values, init, seed and what "
                f"is frozen only: models 0 and {k} differ in {', '.join(found)}"
            )
        apart = sorted({name for names in tied[0] ^ tied[k] for name in names})
        if apart:
            raise ValueError(
                "models must use one tensor under the same names: models 0 and "
                f"{k} differ in which of {', '.join(apart)} are one tensor"
            )


def _drawing(error: RuntimeError, module: nn.Module) -> str:
    """The innermost module in which an error was raised, by path and class."""
    paths = {id(m): path for path, m in module.named_modules()}
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    parts = [frame.f_locals.get("self") for frame in frames]
    within = [part for part in parts if paths.get(id(part))]
    return f"{paths[id(within[-1])]} ({type(within[-1]).__name__})"


def _masks(masks: Sequence[Tensor], size: int) -> list[Tensor]:
    """The masks, if each has the size in front; `Model` checks the rest."""
    masks = checked_masks(masks)
    for mask in masks:
        if not mask.ndim or len(mask) != size:
            raise ValueError(
                f"masks must have {size} in front, one for each model, got "
                f"{tuple(mask.shape)}"
            )
    return masks


def _first(batch: dict) -> dict:
    """The one batch that all share."""
    return {"x": batch["x"][0], "rest": {n: v[0] for n, v in batch["rest"].items()}}
