"""The pictures of the Pathfinder of the Long Range Arena, from their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssmlib._imports import optional
from ssmlib.tasks import _folders


def read(name: str, place: Path) -> tuple[Tensor, Tensor]:
    """Return all pictures of a folder and their labels.

    Args:
        name: of the data set.
        place: contains the folders metadata and imgs.

    Returns:
        (n, size * size) uint8, and labels (n,) int64.

    Raises:
        ModuleNotFoundError: if Pillow is missing.
        FileNotFoundError: if a file or the folder is missing.
        ValueError: for a line of another form, an incomplete picture, a picture that is
            listed twice, pictures that are not square or differ in size, or fewer than
            ten pictures.
    """
    images, labels = [], []
    listed: set[Path] = set()
    files = list(place.glob("metadata/*.npy"))
    if not files:
        _file(name, place, "metadata/0.npy")
    for file in files:
        if not file.stem.isdecimal():
            raise ValueError(f"{file} must have a number as its name, as 0.npy")
    for file in sorted(files, key=lambda file: int(file.stem)):
        for line in _folders.lines(_file(name, place, f"metadata/{file.name}")):
            words = line.split()
            if len(words) < 4 or not words[2].isdecimal() or words[3] not in ("0", "1"):
                raise ValueError(
                    f"{file} must hold a folder, a file, a number and a label 0 or 1 "
                    f"a line, got {line[:60]!r}"
                )
            path = _file(name, place, f"{words[0]}/{words[1]}")
            if path.resolve() in listed:
                raise ValueError(
                    f"{file} must list each picture once, got {words[0]}/{words[1]} "
                    "again: it could be in two parts of the split"
                )
            listed.add(path.resolve())
            images.append(_picture(path))
            labels.append(int(words[3]))
    if len(labels) < 10:
        raise ValueError(
            f"{place} must hold at least 10 pictures, listed in metadata/*.npy; got "
            f"{len(labels)}"
        )
    shapes = sorted({image.shape for image in images})
    if len(shapes) != 1 or shapes[0][0] != shapes[0][1]:
        raise ValueError(f"{place} must hold square pictures of one size, got {shapes}")
    x = torch.from_numpy(np.stack(images)).flatten(1)
    return x, torch.tensor(labels, device="cpu")


def _file(name: str, place: Path, inside: str) -> Path:
    (path,) = _folders.files(name, place.parent, [f"{place.name}/{inside}"])
    return path


def _picture(path: Path) -> np.ndarray:
    """Return gray values (height, width) uint8; raise ValueError for other files."""
    Image = optional("PIL.Image", "data")
    try:
        with Image.open(path) as image:
            if image.mode not in ("1", "L", "RGB"):  # 16 bits would be clipped
                raise ValueError(f"its mode is {image.mode}")
            return np.asarray(image.convert("L"), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{path} must be a complete picture, grey or RGB of 8 bits: {error}"
        ) from error
