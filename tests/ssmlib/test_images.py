"""Data sets of images: their sizes, and maps of all their pixels."""

import gzip
import hashlib
import math
from dataclasses import replace

import pytest
import torch

from ssmlib import autocorrelation as ac
from ssmlib.tasks import images
from ssmlib.tasks.datasets import DATASETS, File
from ssmlib.tasks.split import Split


def test_unit_power_is_that_of_the_training_part():
    data = images.digits().unit_power()
    assert float(data.x_train.square().mean()) == pytest.approx(1, rel=1e-6)
    ratio = data.x_test.sum() / images.digits().x_test.sum()
    assert float(data.x_train.sum() / images.digits().x_train.sum()) == pytest.approx(
        float(ratio), rel=1e-5
    )


def test_fashion_mnist_is_read_from_a_folder(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"lacks train-images.* or Debian's"):
        images.fashion_mnist(tmp_path)
    contents, entry = {}, DATASETS["fashion_mnist"]
    for name in (file.path for file in entry.files):
        head, size = (16, 784) if "images" in name else (8, 1)
        contents[name] = bytes(head) + bytes(range(3)) * size
        with gzip.open(tmp_path / name, "wb") as file:
            file.write(contents[name])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz is not the file"):
        images.fashion_mnist(tmp_path)
    known = tuple(
        File("", n, hashlib.sha256(c).hexdigest()) for n, c in contents.items()
    )
    monkeypatch.setitem(DATASETS, "fashion_mnist", replace(entry, files=known))
    found = images.fashion_mnist(tmp_path)
    assert found.x_train.shape == found.x_test.shape == (3, 784)
    assert found.x_valid.shape == (0, 784)  # the last 10,000 of 60,000
    assert found.y_test.tolist() == [0, 1, 2]
    assert float(found.x_train[0, 2]) == pytest.approx(2 / 255)


def test_mnist_split():
    found = images.mnist()
    assert found.x_train.shape == (3000, 784)
    assert found.x_valid.shape == (1000, 784)
    assert found.x_test.shape == (1000, 784)
    assert torch.bincount(found.y_test).tolist() == [100] * 10
    assert torch.bincount(found.y_valid).tolist() == [100] * 10
    assert 0 <= float(found.x_train.min()) < float(found.x_train.max()) <= 1
    assert torch.equal(images.mnist().x_train, found.x_train)
    assert not torch.equal(images.mnist(seed=1).x_train, found.x_train)


def test_digits_and_patches():
    small, photos = images.digits(), images.patches()
    assert small.x_train.shape[1] == 64
    assert [len(y) for _, _, y in small.parts()] == [1079, 359, 359]
    assert len(torch.cat([x for _, x, _ in small.parts()]).unique(dim=0)) == 1797
    assert photos.x_train.shape[1] == 1024
    assert photos.y_train.unique().tolist() == list(range(8))
    for _, _, labels in photos.parts():
        assert labels.unique().tolist() == list(range(8))


def test_permutation_is_one_for_all_and_keeps_the_largest_eigenvalue():
    found = images.digits()
    moved = images.permute(found)
    assert torch.equal(moved.x_train.sort(-1).values, found.x_train.sort(-1).values)
    assert not torch.equal(moved.x_train, found.x_train)
    assert ac.largest_eigenvalue(moved.x_train) == pytest.approx(
        ac.largest_eigenvalue(found.x_train), rel=1e-6
    )


def test_whitening_without_a_binding_floor_is_white():
    x = torch.randn(500, 6, generator=torch.Generator().manual_seed(0)).double()
    x = x @ torch.diag(torch.linspace(1, 3, 6).double()) + 5
    whitened = images.whitening(x, 1e-6)(x)
    assert torch.allclose(ac.second_moment(whitened), torch.eye(6).double(), atol=1e-10)


def test_decorrelated_has_unit_power_and_is_fitted_on_training_images_only():
    found = images.digits()
    white = images.decorrelate(found, 1e-2)
    assert float(white.x_train.double().square().mean()) == pytest.approx(1, rel=1e-5)
    transform = images.whitening(found.x_train, 1e-2)
    assert torch.equal(white.x_test, transform(found.x_test))
    assert torch.equal(white.x_valid, transform(found.x_valid))
    eigenvalues = torch.linalg.eigvalsh(ac.second_moment(white.x_train.double()))
    top = float(eigenvalues[-1])
    assert int((eigenvalues > top * (1 - 1e-4)).sum()) == transform.rank


@pytest.mark.parametrize("floor", [0.0, -1.0, 1.5, math.nan])
def test_bad_floors_are_refused(floor):
    with pytest.raises(ValueError, match="floor must be in"):
        images.whitening(torch.randn(5, 3), floor)


def of(x, y, lengths=None):
    return Split(x, y, x, y, x, y, lengths, lengths, lengths)


@pytest.mark.parametrize("shape", [(40, 6), (40, 3, 6)])
@pytest.mark.parametrize("beyond", [0.0, 1e30, math.nan])
def test_unit_power_counts_the_steps_within_lengths(shape, beyond):
    generator = torch.Generator().manual_seed(0)
    x, lengths = torch.randn(shape, generator=generator), torch.arange(40) % 6 + 1
    counts = (torch.arange(6) < lengths[:, None]).view(40, *[1] * (x.ndim - 2), 6)
    x = torch.where(counts, x, beyond)
    found = of(x, torch.ones(40), lengths).unit_power().x_train
    assert found[counts.expand_as(x)].square().mean() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        *((torch.float16, s) for s in (1e-6, 1.0, 1e4, 6e4)),
        *((torch.float32, s) for s in (1e-40, 1e-30, 1.0, 1e30, 3e38)),
        *((torch.float64, s) for s in (1e-310, 1e-200, 1e200, 1.7e308)),
    ],
)
def test_unit_power_of_any_size(dtype, scale):
    x = torch.linspace(-1, 1, 60, dtype=torch.float64).view(10, 6)
    found = of((scale * x).to(dtype), torch.ones(10)).unit_power().x_train
    assert found.dtype == dtype
    rel = 0.05 if scale == 1e-6 else 2e-3
    assert found.double().square().mean() == pytest.approx(1, rel=rel)
    if dtype == torch.float32 and scale == 1:
        x = x.float()
        assert torch.equal(found, x / x.square().mean().sqrt())


@pytest.mark.parametrize(
    "change", [images.permute, lambda s: images.decorrelate(s, 0.1)]
)
def test_a_map_over_all_steps_takes_no_lengths(change):
    x, y = torch.rand(40, 6), torch.arange(40) % 2
    change(of(x, y))
    with pytest.raises(ValueError, match="images must be of sequences whose steps all"):
        change(of(x, y, torch.arange(40) % 6 + 1))
