"""MNIST and CIFAR-10 in full, from the files that their authors publish."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.tasks import _folders
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.split import Split, tenth

#: bytes of an image of CIFAR-10: its label, and red, green and blue
_RECORD = 1 + 3 * 1024
#: mean and standard deviation of brightness, as the authors of S4 round them
_GRAY = 122.6 / 255, 61.0 / 255
#: means and standard deviations of red, green and blue, as usually rounded
_COLOR = (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)


def mnist(folder: str | Path | None = None) -> Split:
    """Return MNIST in full as sequences of 784 pixels in [0, 1], 10 classes.

    The last 10,000 of the 60,000 training images are validation data. For permuted
    MNIST, pass the result to `images.permute`, whose order is fixed by its seed. A file
    whose content is not the published one causes an `UnpublishedWarning`.

    Args:
        folder: contains the four .gz files in the IDX format. None for the folder mnist
            below SSMLIB_DATA.

    Returns:
        Pixels (n, 784) float32 and digits (n,) int64.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        TypeError: if folder is not a path.
        ValueError: for a file that is truncated or has another format, fewer than 6
            training images, or if neither folder nor SSMLIB_DATA is given.
    """
    where = _folders.place("mnist_full", folder)
    names = [file.path for file in DATASETS["mnist_full"].files]
    paths = _folders.files("mnist_full", where, names)
    parts = []
    for pixels, classes in (paths[:2], paths[2:]):
        images, labels = _idx(pixels), _idx(classes)
        parts.append(_labelled(pixels, classes, images, labels))
    (x, y), test = parts
    if len(y) < 6:
        raise ValueError(f"{where} must hold at least 6 training images, got {len(y)}")
    cut = len(y) - len(y) // 6
    return Split(x[:cut], y[:cut], x[cut:], y[cut:], *test)


def _idx(path: Path) -> np.ndarray:
    """The array of a gzip file in the IDX format, of bytes."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is no complete gzip file: {error}") from error
    _folders.compare("mnist_full", path, content)
    axes = content[3] if content[:3] == b"\0\0\x08" and content[3:] else 0
    start = 4 + 4 * axes
    if not axes or len(content) < start:
        raise ValueError(f"{path} must have the IDX format of bytes, got another one")
    shape = np.frombuffer(content[4:start], dtype=">u4").astype(int).tolist()
    size = int(np.prod(shape, dtype=object))
    if len(content) != start + size or not size:
        raise ValueError(
            f"{path} must hold at least one byte, and {' x '.join(map(str, shape))} as "
            f"its header states, got {len(content) - start:,}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _labelled(
    pixels: Path, classes: Path, images: np.ndarray, labels: np.ndarray
) -> tuple[Tensor, Tensor]:
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{pixels} must hold images of 28 x 28 pixels, and {classes.name} a label "
            f"for each, got shapes {images.shape} and {labels.shape}"
        )
    if labels.max() > 9:
        raise ValueError(f"{classes} must hold labels 0 to 9, got {labels.max()}")
    x = torch.from_numpy(images.reshape(-1, 784).astype(np.float32)) / 255
    return x, torch.from_numpy(labels.astype(np.int64))


def cifar10(
    folder: str | Path | None = None, *, gray: bool = True, seed: int = 0
) -> Split:
    """Return CIFAR-10 as sequences of 1,024 pixels, 10 classes.

    A tenth of each class of the training images is validation data. Gray pixels are
    those of the task Image of the Long Range Arena, and red, green and blue those of
    sequential CIFAR, both standardized as by the authors of S4: brightness, of 256
    values, minus 122.6 / 255 and divided by 61 / 255; red, green and blue minus 0.4914,
    0.4822 and 0.4465 and divided by 0.247, 0.243 and 0.261. A file whose content is not
    the published one causes an `UnpublishedWarning`.

    Args:
        folder: contains data_batch_1.bin to data_batch_5.bin and test_batch.bin of the
            "binary version". None for the folder cifar-10-batches-bin below
            SSMLIB_DATA.
        gray: whether to return brightness instead of red, green and blue.
        seed: draws the validation data.

    Returns:
        Pixels float32, (n, 1024) in gray and (n, 3, 1024) in color, and classes (n,)
        int64.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        TypeError: if folder is not a path, gray not a bool, or seed not an integer.
        ValueError: for a truncated or empty file, a label above 9, a negative seed, or
            if neither folder nor SSMLIB_DATA is given.
    """
    _checks.boolean("gray", gray)
    _checks.integer("seed", seed, least=0)
    where = _folders.place("cifar10", folder)
    names = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]
    *train, test = map(_batch, _folders.files("cifar10", where, names))
    rows = np.concatenate(train)
    valid = tenth(_classes(rows), seed).numpy()
    parts = rows[~valid], rows[valid], test
    return Split(*(a for own in parts for a in (_pixels(own, gray), _classes(own))))


def _batch(path: Path) -> np.ndarray:
    """The records of a file, (n, 3073) uint8."""
    content = path.read_bytes()
    if not content or len(content) % _RECORD:
        raise ValueError(
            f"{path} must hold images of {_RECORD:,} bytes each, at least one, got "
            f"{len(content):,} bytes"
        )
    _folders.compare("cifar10", path, content)
    rows = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    if rows[:, 0].max() > 9:
        raise ValueError(f"{path} must hold labels 0 to 9, got {rows[:, 0].max()}")
    return rows


def _classes(rows: np.ndarray) -> Tensor:
    return torch.from_numpy(rows[:, 0].astype(np.int64))


def _pixels(rows: np.ndarray, gray: bool) -> Tensor:
    pixels = rows[:, 1:].reshape(-1, 3, 1024)
    if gray:
        # ITU-R 601-2 in integers, as Pillow has it: 16 bits, rounded.
        light = np.full((len(rows), 1024), 2**15, dtype=np.int32)
        for c, weight in enumerate((19595, 38470, 7471)):
            light += pixels[:, c] * np.int32(weight)
        x, (mean, size) = (light >> 16).astype(np.float32), _GRAY
    else:
        x = pixels.astype(np.float32)
        mean, size = (np.array(own, dtype=np.float32)[:, None] for own in _COLOR)
    x /= 255
    x -= mean
    x /= size
    return torch.from_numpy(x)
