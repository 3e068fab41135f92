"""MNIST and CIFAR-10 from files: what the tensors hold, and bad labels and formats."""

import gzip
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from ssmlib.tasks import image_files, images
from ssmlib.tasks.split import tenth
from tests.ssmlib import layouts
from tests.ssmlib.layouts import idx

pytestmark = pytest.mark.filterwarnings("ignore::ssmlib.tasks.files.UnpublishedWarning")


@pytest.fixture
def digits(tmp_path):
    layouts.mnist(tmp_path)
    return tmp_path


@pytest.fixture
def photos(tmp_path):
    layouts.cifar10(tmp_path)
    return tmp_path


def written(path, values):
    path.write_bytes(gzip.compress(idx(values)))


def test_mnist_has_the_pixels_in_the_order_of_the_files(digits):
    pixels = np.arange(12 * 784).reshape(12, 28, 28) % 256
    labels = np.arange(12) % 10
    written(digits / "train-images-idx3-ubyte.gz", pixels)
    written(digits / "train-labels-idx1-ubyte.gz", labels)
    data = image_files.mnist(digits)
    assert [len(x) for _, x, _ in data.parts()] == [10, 2, 20]
    x = torch.cat([data.x_train, data.x_valid])
    assert np.array_equal((255 * x).round().numpy().reshape(12, 28, 28), pixels)
    assert torch.cat([data.y_train, data.y_valid]).tolist() == labels.tolist()
    assert float(x.max()) == 1.0
    assert float(x.min()) == 0.0
    permuted = images.permute(data)
    order = np.random.default_rng(1).permutation(784)
    assert torch.equal(permuted.x_test, data.x_test[:, torch.from_numpy(order)])


LABELS = np.arange(20) % 10
BAD_MNIST = {
    "another label": ("train-labels-idx1", idx(LABELS + 1), "labels 0 to 9, got 10"),
    "a label too few": ("t10k-labels-idx1", idx(LABELS[1:]), "a label for each"),
    "labels as images": ("t10k-images-idx3", idx(LABELS), "images of 28 x 28"),
    "images as labels": (
        "t10k-labels-idx1",
        idx(np.zeros((20, 28, 28))),
        "a label for each",
    ),
    "another size": ("train-images-idx3", idx(np.zeros((20, 32, 32))), "28 x 28"),
    "numbers of 32 bits": (
        "train-labels-idx1",
        b"\0\0\x0c\1" + struct.pack(">I", 20) + bytes(80),
        "IDX format of bytes",
    ),
    "no image": ("train-images-idx3", idx(np.zeros((0, 28, 28))), "at least one byte"),
    "no axis": ("train-labels-idx1", b"\0\0\x08\0", "IDX format of bytes"),
    "a header that is cut": ("train-labels-idx1", b"\0\0\x08\1\0", "IDX format"),
    "a byte too many": ("train-labels-idx1", idx(LABELS) + b"\0", "20 as its header"),
    "a size beyond memory": (
        "train-labels-idx1",
        struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3),
        "as its header states, got 0",
    ),
}


@pytest.mark.parametrize("what", BAD_MNIST)
def test_bad_files_of_mnist(what, digits):
    name, content, message = BAD_MNIST[what]
    path = digits / f"{name}-ubyte.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match=message) as caught:
        image_files.mnist(digits)
    assert name.split("-")[0] in str(caught.value)


def test_files_of_mnist_that_are_no_gzip_or_too_few(digits):
    path = digits / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(idx(LABELS))  # unpacked
    with pytest.raises(ValueError, match=r"t10k-labels.* is no complete gzip file"):
        image_files.mnist(digits)
    written(path, LABELS)
    written(digits / "train-images-idx3-ubyte.gz", np.zeros((5, 28, 28)))
    written(digits / "train-labels-idx1-ubyte.gz", LABELS[:5])
    with pytest.raises(ValueError, match="at least 6 training images, got 5"):
        image_files.mnist(digits)


def test_gray_pixels_are_those_of_pillow(photos):
    data = image_files.cifar10(photos)
    content = np.frombuffer((photos / "test_batch.bin").read_bytes(), np.uint8)
    rows = content.reshape(-1, 3073)[:, 1:].reshape(-1, 3, 32, 32)
    light = [
        np.asarray(Image.fromarray(own.transpose(1, 2, 0).copy()).convert("L"))
        for own in rows
    ]
    expected = (np.stack(light).reshape(-1, 1024) / 255 - 122.6 / 255) / (61 / 255)
    assert data.x_test.shape == (20, 1024)
    assert torch.allclose(data.x_test.double(), torch.from_numpy(expected), atol=1e-5)
    assert data.y_test.tolist() == LABELS.tolist()


def test_color_is_standardized_by_channel(photos):
    data = image_files.cifar10(photos, gray=False)
    content = np.frombuffer((photos / "test_batch.bin").read_bytes(), np.uint8)
    rows = content.reshape(-1, 3073)[:, 1:].reshape(-1, 3, 1024) / 255
    mean = np.array([0.4914, 0.4822, 0.4465])[:, None]
    size = np.array([0.247, 0.243, 0.261])[:, None]
    assert data.x_train.shape == (90, 3, 1024)
    expected = torch.from_numpy((rows - mean) / size)
    assert torch.allclose(data.x_test.double(), expected, atol=1e-5)


def test_a_tenth_of_each_class_is_for_validation(photos):
    data = image_files.cifar10(photos, gray=False)
    assert torch.bincount(data.y_valid).tolist() == [1] * 10
    assert torch.bincount(data.y_train).tolist() == [9] * 10
    both = torch.cat([data.x_train, data.x_valid]).flatten(1)
    assert len(both.unique(dim=0)) == 100
    other = image_files.cifar10(photos, gray=False, seed=1)
    assert not torch.equal(other.x_valid, data.x_valid)
    assert torch.equal(other.x_test, data.x_test)


def test_a_tenth_is_rounded_up_and_never_all():
    y = torch.tensor([0] * 11 + [1] * 2 + [2])
    chosen = tenth(y, 0)
    assert torch.bincount(y[chosen], minlength=3).tolist() == [2, 1, 0]


def test_bad_files_of_cifar10(photos):
    path = photos / "data_batch_3.bin"
    content = bytearray(path.read_bytes())
    content[3073] = 10
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"batch_3\.bin must hold labels 0 to 9, got 10"
    ):
        image_files.cifar10(photos)
    path.write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"batch_3\.bin must hold images of 3,073 byt"):
        image_files.cifar10(photos)
    for k in range(1, 6):  # the python version has no ending
        (photos / f"data_batch_{k}.bin").rename(photos / f"data_batch_{k}")
    with pytest.raises(FileNotFoundError, match="the binary version"):
        image_files.cifar10(photos)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"seed": 1.0}, TypeError, "seed must be an int, got float"),
        ({"gray": "no"}, TypeError, "gray must be True or False, got 'no'"),
    ],
)
def test_bad_arguments(options, kind, message, photos):
    with pytest.raises(kind, match=message):
        image_files.cifar10(photos, **options)
