"""The checkpoint of a fit: written after every epoch, read back for the same fit."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import ssmlib
from ssmlib import _sameness
from ssmlib.models import Ensemble
from ssmlib.tasks.split import Split
from ssmlib.training import files

#: the first line of the file; the SHA-256 of the rest is the second
FORMAT = b"checkpoint of ssmlib.training.fit, format 4\n"
#: relative difference of initial values that another rounding explains
ROUNDING = 1e-4


@dataclass(frozen=True)
class Setting:
    """A description of a fit: equal for two calls that train the same.

    Attributes:
        texts: options and structure as text, by name.
        values: a norm and a weighted sum of each initial parameter.
    """

    texts: dict[str, str]
    values: Tensor


def setting(model: Ensemble, data: Split, device, options: dict) -> Setting:
    """Describe a fit before its first step.

    Args:
        model: the ensemble as it was initialized, on the CPU.
        data: the prepared split.
        device: where it is trained.
        options: further options by name, compared by value.

    Returns:
        The description that its checkpoint must match.

    Raises:
        ValueError: for an option, or an attribute of a layer, that cannot be compared.
    """
    try:
        texts = {name: _sameness.text(value) for name, value in options.items()}
        texts |= _sameness.structure(model.stacked, ("_arguments",))
    except ValueError as error:
        raise ValueError(
            f"checkpoint needs layers that can be compared with those of an earlier "
            f"fit: {error}"
        ) from None
    texts |= {
        "data": digest(data),
        "device": repr(str(device)),
        "version of ssmlib": str(ssmlib.__version__),
        "version of torch": str(torch.__version__),
    }
    if torch.device(device).type == "cpu":
        texts["threads"] = str(torch.get_num_threads())
    values = [_in_short(value) for value in model.state_dict().values()]
    return Setting(texts, torch.stack(values))


def unsaved(model: Ensemble) -> dict[str, str]:
    """Describe the state of a fit that no checkpoint stores.

    Args:
        model: the ensemble while it is trained.

    Returns:
        Texts of the attributes that are neither parameters nor buffers, of the buffers
        that are in no state dict, and of the global random states, by name.
    """
    random_states = {
        "the random state of torch": torch.get_rng_state(),
        "the random state of NumPy": np.random.get_state(legacy=False),  # noqa: NPY002
        "the random state of Python": random.getstate(),
    }
    # Training and evaluation take turns.
    attributes = _sameness.structure(model.stacked, ("training",))
    return attributes | {n: _sameness.text(v) for n, v in random_states.items()}


def check_unchanged(before: dict[str, str], model: Ensemble) -> None:
    """Raise ValueError if training changed something that no checkpoint stores.

    Args:
        before: the description by `unsaved` before the first step.
        model: the ensemble.
    """
    after = unsaved(model)
    changed = [n for n in before | after if before.get(n) != after.get(n)]
    if changed:
        raise ValueError(
            "checkpoint needs layers that change nothing but their parameters and the "
            "buffers of their state dict in training, since it stores nothing else; "
            f"got changes of {', '.join(changed)}. Make each such attribute a buffer, "
            "or train without a checkpoint"
        )


def _in_short(value: Tensor) -> Tensor:
    """A tensor's norm, and its sum with weights that depend on the place."""
    value = torch.view_as_real(value) if value.is_complex() else value
    value = value.detach().double().flatten()
    weights = torch.cos(torch.arange(len(value), dtype=torch.float64))
    return torch.stack([value.norm(), value @ weights])


def digest(data: Split) -> str:
    """Return the SHA-256 of the shapes and values of a split."""
    content_hash = hashlib.sha256()
    for name, value in data.tensors().items():
        content_hash.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        flat = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        content_hash.update(flat.numpy().tobytes())
    return content_hash.hexdigest()


def save(path: Path, setting: Setting, parts: dict, progress) -> None:
    """Write a checkpoint to a temporary file, then move it to its place.

    An interruption therefore leaves the previous checkpoint.

    Args:
        path: the file.
        setting: the description of this fit.
        parts: objects with a `state_dict`, by name.
        progress: which models are alive, the epochs each survived, and the curves so
            far.
    """
    alive, survived, history = progress
    content = {
        "setting": setting.texts,
        "values": setting.values,
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "alive": alive,
        "survived": survived,
        "history": torch.stack(history),
    }
    files.write(path, FORMAT, content)


def load(
    path: Path, setting: Setting, parts: dict, device
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Load the saved state into the parts.

    Args:
        path: the file.
        setting: the description of this fit; the file must have the same.
        parts: objects with a `load_state_dict`, by name.
        device: of the tensors.

    Returns:
        Which models are alive, the epochs each survived, and the curves so far.

    Raises:
        ValueError: for a damaged file, one that `save` did not write, or one of another
            fit; it names the differences.
    """
    content = files.read(path, FORMAT, device)
    found = _sameness.differences(content["setting"], setting.texts)
    if not found and not _close(content["values"].cpu(), setting.values):
        found = ["the initial values of the parameters"]
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise ValueError(
            f"checkpoint {path} is of another fit: it differs in "
            f"{', '.join(found[:5])}{more} (in brackets: the file's value and this "
            "fit's); repeat the fit as it was, name another file, or remove this one"
        )
    for name, part in parts.items():
        part.load_state_dict(content["parts"][name])
    history = list(content["history"].cpu())
    return content["alive"], content["survived"], history


def _close(one: Tensor, other: Tensor) -> bool:
    """Whether initial values agree to rounding, as another processor may round."""
    size = ROUNDING * other[:, :1] + 1e-12
    return one.shape == other.shape and bool(((one - other).abs() <= size).all())
