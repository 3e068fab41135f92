"""Tensors and plain values in one file of the safetensors format.

A file is the length of its header (8 bytes, little endian), the header as JSON, and the
bytes of the tensors. The header has the dtype, shape and place of each tensor, and in
`__metadata__` texts: here the values as JSON, and the SHA-256 of the bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

#: the name of the values in the metadata
KEY = "ssmlib.models"
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
#: a header of more bytes is not read
_LONGEST = 100_000_000


def a_path(path: str | Path) -> str:
    """Return a path as text; raise TypeError for something else."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a path, got {path!r}")
    return os.fspath(path)


def write(path: str | Path, values: Mapping[str, Tensor], content: Mapping) -> None:
    """Write tensors and plain values, whole or not at all.

    Args:
        path: the file.
        values: the tensors, on any device.
        content: values that JSON can hold.

    Raises:
        TypeError: for something else than a path.
        ValueError: for a place that cannot be written to, a tensor of another dtype, or
            a value that JSON cannot hold.
    """
    file = Path(a_path(path)).resolve()
    parts, entries, place = [], {}, 0
    for name, value in values.items():
        if value.dtype not in _NAMES:
            raise ValueError(f"{name} has the dtype {value.dtype}, which no file holds")
        raw = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        raw = raw.numpy().tobytes()
        entries[name] = {
            "dtype": _NAMES[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [place, place + len(raw)],
        }
        place += len(raw)
        parts.append(raw)
    data = b"".join(parts)
    try:
        text = json.dumps(content)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"config must have numbers, texts and lists of them, to be stored in a "
            f"file: {error}"
        ) from None
    metadata = {"format": "pt", KEY: text, "sha256": hashlib.sha256(data).hexdigest()}
    header = json.dumps({"__metadata__": metadata, **entries}).encode()
    header += b" " * (-len(header) % 8)
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as out:
            out.write(len(header).to_bytes(8, "little") + header + data)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except OSError as error:
        raise ValueError(
            f"path must be a file in a folder that can be written to, got {path} "
            f"({error.strerror})"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors, on the CPU, and the values of a file that `write` wrote.

    Args:
        file: the file.

    Raises:
        ValueError: for a file that cannot be read, is damaged, or of another kind.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ValueError(f"path {file} cannot be read ({error.strerror})") from None
    length = int.from_bytes(raw[:8], "little")
    header = None
    if len(raw) > 8 and length <= min(_LONGEST, len(raw) - 8):
        try:
            header = json.loads(raw[8 : 8 + length])
        except ValueError:  # no JSON, or no UTF-8
            header = None
    if not isinstance(header, dict):
        raise ValueError(
            f"path {file} is not a file of Model.save: it is no safetensors file, or "
            "its beginning is damaged"
        )
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or KEY not in metadata:
        raise ValueError(
            f"path {file} is not a file of Model.save: it has no configuration; make "
            "the model, and load its tensors by load_state_dict"
        )
    data = raw[8 + length :]
    if hashlib.sha256(data).hexdigest() != metadata.get("sha256"):
        raise ValueError(
            f"path {file} is damaged: its content does not match its checksum; use a "
            "copy of the file, or save the model again"
        )
    try:
        values = {name: _tensor(entry, data) for name, entry in header.items()}
        content = json.loads(metadata[KEY])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"path {file} is damaged: its header says {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"path {file} is damaged: its metadata are no mapping")
    return values, content


def _tensor(entry: dict, data: bytes) -> Tensor:
    begin, end = entry["data_offsets"]
    dtype, shape = DTYPES[entry["dtype"]], [int(size) for size in entry["shape"]]
    right = 0 <= begin <= end <= len(data) and all(size >= 0 for size in shape)
    if not right or end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"a tensor of {shape} at {begin} to {end}")
    if begin == end:
        return torch.zeros(shape, dtype=dtype, device="cpu")
    part = torch.frombuffer(bytearray(data[begin:end]), dtype=dtype)
    return part.reshape(shape)
