"""The parameters and buffers of a model by name, and the names that share one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn


def named(model: nn.Module) -> dict[str, Tensor]:
    """Return each parameter and each buffer, those in no state dict included.

    A tensor with several names occurs under each of them. The tensors of a module with
    several names occur under its first name.

    Args:
        model: the tree of modules.
    """
    return {
        f"{path}.{name}".lstrip("."): value
        for path, part in model.named_modules()
        for name, value in {**part._parameters, **part._buffers}.items()
        if value is not None
    }


def groups(model: nn.Module) -> list[tuple[str, ...]]:
    """Return the names that stand for the same tensor, one tuple per tensor.

    Args:
        model: the tree of modules.

    Raises:
        ValueError: for a tensor that is a parameter and a buffer, or for two tensors
            that share memory.
    """
    tensors, found = named(model), defaultdict(list)
    for name, value in tensors.items():
        found[id(value)].append(name)
    buffers = {name for name, _ in model.named_buffers(remove_duplicate=False)}
    for names in found.values():
        if len({name in buffers for name in names}) > 1:
            raise ValueError(
                f"models must not hold one tensor as a parameter and as a buffer, got "
                f"{' and '.join(names)}"
            )
    _check_apart({names[0]: tensors[names[0]] for names in found.values()})
    return [tuple(names) for names in found.values()]


def _check_apart(tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that share memory: their stacks would not."""
    stored = defaultdict(list)
    for name, value in tensors.items():
        if value.layout == torch.strided and not value.is_meta and value.numel():
            stored[value.untyped_storage().data_ptr()].append(name)
    for names in stored.values():
        if len(names) == 1:
            continue
        used: dict[int, str] = {}
        for name in names:
            own = set(_bytes(tensors[name]).flatten().tolist())
            for other in {used[at] for at in own & used.keys()}:
                raise ValueError(
                    f"models must not hold two tensors that share memory, got {other} "
                    f"and {name}: to tie them, assign the same parameter to both names"
                )
            used |= dict.fromkeys(own, name)


def _bytes(value: Tensor) -> Tensor:
    """The places of a tensor's bytes in its storage."""
    size = value.element_size()
    places = torch.arange(value.untyped_storage().nbytes(), device="cpu")
    strides = (*(size * step for step in value.stride()), 1)
    return places.as_strided(
        (*value.shape, size), strides, size * value.storage_offset()
    )


def put(model: nn.Module, names: Iterable[str], value: Tensor, trained: bool) -> None:
    """Put a tensor in place of the parameter or buffer of some names.

    Args:
        model: the tree of modules.
        names: names that stand for one tensor.
        value: the new tensor, which is not copied.
        trained: whether it becomes a parameter, or else a buffer.
    """
    for name in names:
        module, last = _owner(model, name)
        before = getattr(module, last)
        passing = last in module._non_persistent_buffers_set
        delattr(module, last)
        if not trained:
            module.register_buffer(last, value, persistent=not passing)
            continue
        if not isinstance(value, nn.Parameter):
            fixed = isinstance(before, nn.Parameter) and not before.requires_grad
            value = nn.Parameter(value, not fixed)
        module.register_parameter(last, value)


def assign(
    model: nn.Module, name: str, value: Tensor, rows: slice = slice(None)
) -> None:
    """Give a buffer the value that a layer assigned to it in `forward`.

    Args:
        model: the tree of modules.
        name: of the buffer.
        value: its new value.
        rows: those that receive the value.

    Raises:
        ValueError: for a parameter, or a value of another shape or dtype, or one with
            a gradient.
    """
    module, last = _owner(model, name)
    before = module._buffers.get(last)
    if before is None:
        raise ValueError(f"layers must not assign a parameter in forward, got {name}")
    if (value.shape, value.dtype) != (before[rows].shape, before.dtype):
        raise ValueError(
            f"layers must not change the shape or dtype of a buffer in forward: {name} "
            f"was {before.dtype} {tuple(before.shape[1:])}, got {value.dtype} "
            f"{tuple(value.shape[1:])}"
        )
    if value.requires_grad:
        raise ValueError(
            f"layers must assign values without gradient to a buffer, but {name} has "
            "one: assign its detach()"
        )
    with torch.inference_mode(False):  # training may go on from it
        # Not in place: a gradient that is still to be computed may need `before`.
        module._buffers[last] = found = before.clone()
        found[rows] = value


def check_no_more(model: nn.Module, before: Mapping[str, Tensor]) -> None:
    """Refuse parameters and buffers that a layer made in `forward`.

    Args:
        model: the tree of modules.
        before: its tensors by name, before the call.

    Raises:
        ValueError: for a tensor that was not there, or one that is there no more.
    """
    for name in named(model).keys() ^ before.keys():
        raise ValueError(
            f"layers must make all parameters and buffers in __init__, but {name} "
            "appeared or disappeared in forward"
        )


def _owner(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    owner, _, last = name.rpartition(".")
    return model.get_submodule(owner), last
