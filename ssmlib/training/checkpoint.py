"""The checkpoint of a fit: written whole or not at all, read back for the same fit."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch
from torch import Tensor

from ssmlib.tasks.split import Split


def digest(data: Split) -> str:
    """SHA-256 of a split's shapes and values."""
    content_hash = hashlib.sha256()
    for name, value in data.tensors().items():
        content_hash.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        content_hash.update(value.detach().cpu().contiguous().numpy().tobytes())
    return content_hash.hexdigest()


def save(path: str | Path, setting: dict[str, str], parts: dict, progress) -> None:
    """Write beside the file first, so that an interruption leaves the last one."""
    alive, survived, history = progress
    content = {
        "setting": setting,
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "alive": alive,
        "survived": survived,
        "history": torch.stack(history),
    }
    beside = Path(f"{path}.part")
    torch.save(content, beside)
    os.replace(beside, path)


def load(
    path: str | Path, setting: dict[str, str], parts: dict, device
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Put the saved state into the parts; ValueError where it is another fit's."""
    content = torch.load(path, map_location=device, weights_only=True)
    other = [key for key in setting if content["setting"].get(key) != setting[key]]
    if other:
        raise ValueError(
            f"checkpoint {path} is of another fit: it differs in {', '.join(other)}; "
            "name another file, or remove this one"
        )
    for name, part in parts.items():
        part.load_state_dict(content["parts"][name])
    history = list(content["history"].cpu())
    return content["alive"], content["survived"], history
