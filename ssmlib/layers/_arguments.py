"""What a layer accepts: its input, one step of it, and its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor, nn

from ssmlib import _checks

if TYPE_CHECKING:
    from ssmlib.layers.parameters import Parametrized
    from ssmlib.layers.stepping import Stepping


def check_input(layer: Parametrized, u: Tensor) -> None:
    """Raise TypeError or ValueError for all but real (B, H, L), L >= 1."""
    check_exporter(layer, real=True)
    _checks.is_tensor("u", u)
    if u.ndim != 3 or u.shape[1] != layer.d_model or u.shape[2] == 0:
        raise ValueError(
            f"u must have shape (B, {layer.d_model}, L) with L >= 1, got "
            f"{tuple(u.shape)}"
        )
    if not u.is_floating_point():
        raise TypeError(f"u must be real floating point, got {u.dtype}")


def check_exporter(layer: nn.Module, *, real: bool = False) -> None:
    """Raise TypeError while TorchScript, or ONNX unless a form is real, traces a layer.

    Args:
        layer: the layer or a model.
        real: whether the form that is called has real numbers only.
    """
    script = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    if not torch.compiler.is_compiling() and script:
        refuse_script(layer)
    if not real and _to_onnx():
        raise TypeError(
            f"ONNX has no complex numbers and no matrix exponential, which this form "
            f"of {type(layer).__name__} needs: export its recurrence(), which is real"
        )


def _to_onnx() -> bool:
    """Whether ONNX exports; a compiler that traces this would find False."""
    return torch.onnx.is_in_onnx_export()


# As `torch.compiler.assume_constant_result`, whose call imports the whole compiler.
setattr(_to_onnx, "_dynamo_marked_constant", True)  # noqa: B010


def refuse_script(layer: nn.Module) -> NoReturn:
    """Raise TypeError that says what TorchScript can do."""
    raise TypeError(
        f"TorchScript cannot compile {type(layer).__name__}: trace its recurrence(), "
        "as torch.jit.trace(frozen, (u_t, state)), which ONNX exports too; or use "
        "torch.export for the whole sequence"
    )


def check_step(layer: Parametrized, u_t: Tensor) -> None:
    """Raise TypeError or ValueError for all but real (B, H)."""
    check_exporter(layer)
    if u_t.ndim != 2 or u_t.shape[1] != layer.d_model:
        raise ValueError(
            f"u_t must have shape (B, {layer.d_model}), got {tuple(u_t.shape)}"
        )
    if not u_t.is_floating_point():
        raise TypeError(f"u_t must be real floating point, got {u_t.dtype}")


def check_causal(layer: Stepping) -> None:
    """Raise ValueError for a bidirectional layer."""
    if layer.bidirectional:
        raise ValueError("a bidirectional layer has no state, step or recurrence")


def state_shape(layer: Stepping, batch: int) -> tuple[int, ...]:
    """Return the shape of a state: of each feature, or one that the features share."""
    features = () if layer.mixes_features else (layer.d_model,)
    return batch, *features, layer.state_size


def check_state(layer: Stepping, state: Tensor, batch: int) -> None:
    """Raise ValueError for all but a state of this layer for `batch` sequences."""
    check_causal(layer)
    shape = state_shape(layer, batch)
    dtype = layer.state_form.state_dtype
    if state.shape != shape or state.dtype != dtype:
        raise ValueError(
            f"state must be this layer's own, {dtype} of shape {shape}, got "
            f"{state.dtype} {tuple(state.shape)}"
        )


def check_frozen_step(
    H: int, u_t: Tensor, state: Tensor, shape: tuple, dtype: torch.dtype
) -> None:
    """Raise ValueError for all but (B, H), (B, H, T), and a recurrence's own state."""
    if u_t.ndim not in (2, 3) or u_t.shape[1] != H or u_t.dtype != dtype:
        raise ValueError(
            f"u_t must have shape (B, {H}), or (B, {H}, T) for a block of steps, and "
            f"{dtype}, got {tuple(u_t.shape)} and {u_t.dtype}"
        )
    if state.shape != shape or state.dtype != dtype:
        raise ValueError(
            f"state must be this recurrence's own, {dtype} of shape {shape}, got "
            f"{state.dtype} {tuple(state.shape)}"
        )


def check_layer_state(state: Tensor, dtype: torch.dtype, shape: tuple) -> None:
    """Raise ValueError for what is not a layer's state (B, *shape), at any B."""
    own = state.ndim == 1 + len(shape) and state.shape[1:] == shape
    if not own or state.dtype != dtype:
        sizes = ", ".join(map(str, ("B", *shape)))
        raise ValueError(
            f"state must be that of the layer, {dtype} of shape ({sizes}), got "
            f"{state.dtype} {tuple(state.shape)}"
        )
