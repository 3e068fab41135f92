"""What all loaders of published files share: their folder, and files that are bad."""

import gzip
import hashlib
import re
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ssmlib.models import Model
from ssmlib.published import Pair
from ssmlib.tasks import audio, lra, medical, text
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.files import UnpublishedWarning
from ssmlib.tasks.preparation import prepared
from tests.ssmlib.layouts import LAYOUTS

ignored = pytest.mark.filterwarnings("ignore::ssmlib.tasks.files.UnpublishedWarning")


@pytest.fixture(params=LAYOUTS)
def name(request):
    return request.param


@pytest.fixture
def folder(name, tmp_path):
    """A tiny data set where SSMLIB_DATA would have it."""
    made = tmp_path / DATASETS[name].folder
    LAYOUTS[name](made)
    return made


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv("SSMLIB_DATA", raising=False)


def load(name, folder=None, **options):
    return DATASETS[name].function()(folder, **options)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_every_data_set_in_a_folder_has_a_layout():
    in_folders = {n for n, entry in DATASETS.items() if entry.kind == "folder"}
    assert set(LAYOUTS) == in_folders - {"fashion_mnist"}  # in test_images.py


@ignored
def test_the_folder_is_an_argument_or_below_that_of_the_variable(
    name, folder, tmp_path, monkeypatch
):
    found = load(name, folder)
    assert all(value.device.type == "cpu" for value in found.tensors().values())
    assert found.x_train.dtype in (torch.float32, torch.int64)
    monkeypatch.setenv("SSMLIB_DATA", str(tmp_path))
    for other in (load(name), DATASETS[name].load(), load(name, str(folder))):
        for key, value in found.tensors().items():
            assert torch.equal(value, other.tensors()[key]), key
    monkeypatch.setenv("SSMLIB_DATA", "~")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert torch.equal(load(name).x_test, found.x_test)


@ignored
def test_a_model_can_be_trained_on_it(name, folder):
    """Pairs of documents are for `published.Pair`, which `training` does not train."""
    data = load(name, folder)
    if name == "lra_retrieval":
        pair = Pair(Model(98, 4, d_model=4, n_layers=1, tokens=True), 2)
        assert pair(data.x_train).shape == (2, 2)
        return
    ready, outputs = prepared(data, sequence=False)
    kind = ready.y_train.is_floating_point()
    assert outputs == (1 if kind else int(data.y_train.max()) + 1)


@ignored
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_defaults_of_torch_change_nothing(name, folder, dtype):
    expected = load(name, folder).tensors()
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("meta"):
            found = load(name, folder).tensors()
    finally:
        torch.set_default_dtype(before)
    assert set(found) == set(expected)
    for key, value in found.items():
        assert value.dtype == expected[key].dtype, key
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize("value", [None, ""])
def test_neither_a_folder_nor_the_variable(name, value, monkeypatch):
    if value is not None:
        monkeypatch.setenv("SSMLIB_DATA", value)
    with pytest.raises(ValueError, match="SSMLIB_DATA must name a folder") as caught:
        load(name)
    assert DATASETS[name].folder in str(caught.value)
    with pytest.raises(ValueError, match="SSMLIB_DATA must name a folder"):
        DATASETS[name].load()


def test_a_folder_that_is_none(name, folder, monkeypatch):
    with pytest.raises(FileNotFoundError, match="none does not exist: get ") as caught:
        load(name, folder / "none")
    assert DATASETS[name].folder in str(caught.value)
    path = files(folder)[0]
    with pytest.raises(ValueError, match="must be a folder, got a file"):
        load(name, path)
    with pytest.raises(TypeError, match="folder must be a path, got int"):
        load(name, 3)
    monkeypatch.setenv("SSMLIB_DATA", str(folder / "none"))
    with pytest.raises(FileNotFoundError, match="does not exist: get "):
        load(name)


def test_an_empty_folder(name, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r": get .*, for a folder such as "):
        load(name, tmp_path / "empty")


#: data sets of many files, of which the loader asks for none by its name
MANY = ("imdb", "spoken_digits")


def each_kind(folder):
    """A file of each folder and each ending, those that no loader reads left out."""
    chosen = {(path.parent, path.suffix, path.stem[:5]): path for path in files(folder)}
    read = [p for p in chosen.values() if "_background_noise_" not in p.parts]
    return [p for p in read if "HR" not in p.name and "SpO2" not in p.name]


@ignored
def test_a_file_that_is_missing_is_named(name, folder):
    for path in each_kind(folder):
        content = path.read_bytes()
        path.unlink()
        if name not in MANY and (name, path.suffix) != ("speech_commands", ".wav"):
            with pytest.raises(FileNotFoundError, match=re.escape(path.name)):
                load(name, folder)
        path.write_bytes(content)
    load(name, folder)


@ignored
def test_a_file_that_is_empty_is_named(name, folder):
    for path in each_kind(folder):
        content = path.read_bytes()
        path.write_bytes(b"")
        with pytest.raises(ValueError, match=r"must (hold|have|be|name) "):
            load(name, folder)
        path.write_bytes(content)
    load(name, folder)


@ignored
@pytest.mark.parametrize(
    "name", [n for n in LAYOUTS if n not in ("imdb", "lra_retrieval")]
)
def test_a_file_that_is_cut_is_named(name, folder):
    """A text that is cut is still a text, so two data sets are left out."""
    for path in each_kind(folder):
        if path.suffix in (".txt", ".npy"):
            continue
        content = path.read_bytes()
        path.write_bytes(content[: 6 * len(content) // 10 - 3])
        with pytest.raises(ValueError, match=re.escape(path.name)):
            load(name, folder)
        path.write_bytes(content)


@ignored
def test_a_folder_in_the_place_of_a_file(name, folder):
    for path in each_kind(folder):
        if name in MANY or (name == "speech_commands" and path.suffix == ".wav"):
            continue
        content = path.read_bytes()
        path.unlink()
        path.mkdir()
        with pytest.raises(ValueError, match="must be a file, got a folder"):
            load(name, folder)
        path.rmdir()
        path.write_bytes(content)


def test_other_files_than_the_published_ones_cause_a_warning(name, folder):
    """A caller can record it, and it names the caller's line."""
    with pytest.warns(UnpublishedWarning, match="not the published") as caught:
        load(name, folder)
    assert {Path(warning.filename).name for warning in caught} == {Path(__file__).name}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnpublishedWarning)
        with pytest.raises(UnpublishedWarning):
            load(name, folder)


SIZES = [
    (audio, "_DIGITS", 90),
    (audio, "_COMMANDS", {"train": 2, "valid": 2, "test": 2}),
    (text, "_REVIEWS", 11),
    (lra, "_EXPRESSIONS", (2, 2, 2)),
    (lra, "_DOCUMENTS", (2, 2, 2)),
    (lra, "_PICTURES", 10),
    (medical, "_WINDOWS", {"RR": (14, 6)}),
]


def test_the_published_files_cause_no_warning(name, folder, monkeypatch):
    for module, constant, size in SIZES:
        monkeypatch.setattr(module, constant, size)
    if name in ("mnist_full", "cifar10"):
        monkeypatch.setitem(DATASETS, name, known(name, folder))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(name, folder)


def known(name, folder):
    """The entry of a data set with the checksums of the files in a folder."""
    entry, found = DATASETS[name], []
    for file in entry.files:
        path = folder / file.path
        if path.exists():
            content = path.read_bytes()
            if path.suffix == ".gz":
                content = gzip.decompress(content)
            sha256 = hashlib.sha256(content).hexdigest() if file.sha256 else ""
            md5 = hashlib.md5(content).hexdigest() if file.md5 else ""
            found.append(replace(file, sha256=sha256, md5=md5))
    return replace(entry, files=tuple(found))
