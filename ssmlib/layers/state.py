"""Options that a state dict stores, because they decide the meaning of its numbers.

Two layers may have parameters of the same names and shapes and still be different maps:
with real_transform "exp" the parameter A_re is log(-Re A), with "free" it is Re A. The
keys of a state dict do not show the difference, so its metadata store the options, and
loading compares them.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn


class Described(nn.Module):
    """A module that stores the options which give its parameters their meaning.

    `meaning` names the attributes that are stored. They are in the metadata of the
    state dict, which `torch.save` stores and which adds no key. Loading a state dict
    with another value of one of them raises the RuntimeError of `load_state_dict`, and
    leaves the module's own parameters as they are. A state dict without metadata (a
    plain dict, a safetensors file, a file written before they were stored) is loaded
    without this check.
    """

    meaning: ClassVar[tuple[str, ...]] = ()

    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.meaning}

    def _save_to_state_dict(self, destination, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        metadata = getattr(destination, "_metadata", None)
        if metadata is not None:
            metadata.setdefault(prefix[:-1], {})["options"] = self._options()

    def _load_from_state_dict(
        self,
        state_dict,
        prefix,
        local_metadata,
        strict,
        missing_keys,
        unexpected_keys,
        error_msgs,
    ) -> None:
        own, stored = self._options(), local_metadata.get("options", {})
        other = [n for n in own if n in stored and stored[n] != own[n]]
        if other:
            pairs = [f"{n}={stored[n]!r}, not {own[n]!r}" for n in other]
            place = f" at {prefix[:-1]!r}" if prefix else ""
            error_msgs.append(
                f"{type(self).__name__}{place}: the state dict is of "
                f"{'; '.join(pairs)}, so its numbers mean something else here. Make "
                "the module with the stored options; load_state_dict(dict(state)) "
                "loads the numbers without this check."
            )
            return
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )


@torch.no_grad()
def set_(own: Tensor, value: Tensor) -> None:
    """Copy an initial value into a parameter or buffer of the same shape.

    Of a tensor that is sharded over processes, each process copies its own part: all of
    them have drawn the same value.

    Args:
        own: the parameter or buffer, changed in place.
        value: a tensor of the same shape.

    Raises:
        ValueError: for another shape: the parameters of many models in one tensor would
            all become those of one model.
    """
    if own.shape != value.shape:
        raise ValueError(
            f"a parameter of shape {tuple(own.shape)} cannot be set to the initial "
            f"value of shape {tuple(value.shape)}: of an ensemble, reset each member"
        )
    if hasattr(own, "device_mesh"):  # a `DTensor`, whose module is slow to import
        from torch.distributed.tensor import distribute_tensor

        sharded: Any = own
        place = {"device_mesh": sharded.device_mesh, "placements": sharded.placements}
        value = value.to(sharded.device, own.dtype)
        value = distribute_tensor(value, **place, src_data_rank=None)
    own.copy_(value)
