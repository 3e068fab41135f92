"""Read the tensors of a checkpoint, without running any code that it may hold."""

from __future__ import annotations

import json
import math
import mmap
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

#: by the name in a safetensors file
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "C64": torch.complex64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
#: the format's own limit of the header, in bytes
_MOST = 100_000_000
_PICKLES = (".pt", ".pth", ".bin", ".ckpt")


def read(path: str | Path) -> Mapping[str, Any]:
    """Return the tensors of a checkpoint by name.

    Args:
        path: a .safetensors file, or a .pt, .pth, .bin or .ckpt file of `torch.save`.
            The latter is read with weights_only=True, which refuses pickled code. A
            training checkpoint is reduced to its "state_dict" or "model", if it has
            one.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for another suffix, or a file that is no such checkpoint, is
            truncated, or contains code.
    """
    path = Path(path)
    if path.suffix not in (".safetensors", *_PICKLES):
        raise ValueError(
            f"a checkpoint must end in .safetensors, {', '.join(_PICKLES)}, got {path}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    found = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    for key in ("state_dict", "model_state_dict", "model"):
        inner = found.get(key)
        if isinstance(inner, Mapping) and inner:
            return inner
    return found


def _torch(path: Path) -> Mapping[str, Any]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} contains objects other than tensors, or is no file of torch.save; "
            "it was not read, and none of its code was run: save model.state_dict()"
        ) from error
    except Exception as error:  # arbitrary bytes raise all kinds
        raise ValueError(f"{path} is truncated, or no checkpoint: {error}") from error
    if not isinstance(found, Mapping):
        raise ValueError(
            f"{path} must hold tensors by name, got {type(found).__name__}: save "
            "model.state_dict()"
        )
    return found


def _safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors as views of the file, which is mapped and not read as a whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= length <= min(_MOST, size - 8):
            raise ValueError(f"{path} is truncated, or no safetensors file")
        try:
            header = json.loads(file.read(length).decode("utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{path} is no safetensors file: {error}") from error
        if not isinstance(header, dict):
            raise ValueError(f"{path} is no safetensors file: its header is no object")
        header.pop("__metadata__", None)
        entries = {name: _entry(path, name, e) for name, e in header.items()}
        _check_offsets(path, entries, size - 8 - length)
        if not entries or size == 8 + length:
            return {n: torch.empty(s, dtype=d) for n, (d, s, *_) in entries.items()}
        # Private to this process: a write would not reach the file.
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return {
        name: _view(data, dtype, shape, 8 + length + first)
        for name, (dtype, shape, first, _) in entries.items()
    }


def _view(data, dtype: torch.dtype, shape: list[int], first: int) -> Tensor:
    count = math.prod(shape)
    if count == 0:
        return torch.empty(shape, dtype=dtype, device="cpu")
    return torch.frombuffer(data, dtype=dtype, count=count, offset=first).reshape(shape)


def _entry(path: Path, name: str, entry) -> tuple[torch.dtype, list[int], int, int]:
    """The dtype, shape and ends of a tensor, checked against each other."""
    try:
        dtype, shape = _DTYPES[entry["dtype"]], entry["shape"]
        first, last = entry["data_offsets"]
        sizes = [*shape, first, last]
        if not all(type(v) is int and v >= 0 for v in sizes):
            raise ValueError("sizes must be integers, at least 0")
        if last - first != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{last - first} bytes for the shape {shape} of {dtype}")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has a bad entry {name!r}: {error}") from error
    return dtype, list(shape), first, last


def _check_offsets(path: Path, entries, size: int) -> None:
    """Refuse tensors that leave the file, overlap, or leave a gap."""
    end = 0
    for name, (*_, first, last) in sorted(entries.items(), key=lambda e: e[1][2:]):
        if first != end:
            raise ValueError(f"{path} has a gap or an overlap before {name!r}")
        end = last
    if end != size:
        raise ValueError(
            f"{path} must hold {end} bytes of data, got {size}: truncated?"
        )
