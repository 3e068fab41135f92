"""Copying and recall of keys: the targets by brute force, and what is refused."""

from functools import partial

import numpy as np
import pytest
import torch

from ssmlib.layers import Selective
from ssmlib.tasks import recall
from ssmlib.training import fit


def copied(row, vocabulary):
    """The targets of a string, a separator and the string again, token by token."""
    at = row.index(vocabulary + 1)
    string, answers = row[:at], [-100] * at
    for token in string:
        answers.append(token - 1)
    assert row[at + 1 :] == string[:-1]
    return answers


def recalled(row, pairs, keys):
    """The targets of pairs and then keys, by a dictionary."""
    told = dict(zip(row[: 2 * pairs : 2], row[1 : 2 * pairs : 2], strict=True))
    asked = row[2 * pairs :]
    assert len(told) == pairs
    assert sorted(asked) == sorted(told)
    assert all(1 <= key <= keys < value for key, value in told.items())
    return [-100] * (2 * pairs) + [told[key] - keys - 1 for key in asked]


def test_the_targets_of_copying():
    data = recall.copying(40, 5, 3, test_length=9, seed=2)
    for (_, x, y), length in zip(data.parts(), (5, 5, 9), strict=True):
        assert x.shape == y.shape == (40, 2 * length)
        for row, answers in zip(x.tolist(), y.tolist(), strict=True):
            assert answers == copied(row, 3)
        assert set(x[:, :length].unique().tolist()) == {1, 2, 3}


def test_the_targets_of_keys():
    data = recall.key_values(40, 3, 7, 4, test_pairs=6, seed=2)
    for (_, x, y), pairs in zip(data.parts(), (3, 3, 6), strict=True):
        assert x.shape == y.shape == (40, 3 * pairs)
        for row, answers in zip(x.tolist(), y.tolist(), strict=True):
            assert answers == recalled(row, pairs, 7)
        assert set(y.unique().tolist()) == {-100, 0, 1, 2, 3}
        # the order of the second part differs in most rows
        same = (x[:, : 2 * pairs : 2] == x[:, 2 * pairs :]).all(1)
        assert float(same.double().mean()) < 0.5


@pytest.mark.parametrize(
    "make",
    [
        partial(recall.copying, 30, 6, 4),
        partial(recall.key_values, 30, 4, 8, 5),
    ],
)
def test_a_seed_determines_the_data_and_the_parts_differ(make):
    one, same, other = make(seed=1), make(seed=1), make(seed=2)
    assert torch.equal(one.x_train, same.x_train)
    assert torch.equal(one.y_test, same.y_test)
    assert not torch.equal(one.x_train, other.x_train)
    assert not torch.equal(one.x_train, one.x_valid)
    assert not torch.equal(one.x_valid, one.x_test)
    longer = {"copying": "test_length", "key_values": "test_pairs"}
    far = make(**{longer[make.func.__name__]: 5}, seed=1)
    assert torch.equal(far.x_train, one.x_train)  # the test part is drawn last


def test_tokens_are_uniform():
    """Each of 4 values of 6,000: four standard errors are 0.022 of a share of 1/4."""
    data = recall.key_values(2000, 3, 6, 4)
    counts = np.bincount(data.y_train[data.y_train >= 0].numpy(), minlength=4)
    assert np.abs(counts / counts.sum() - 0.25).max() < 0.023
    first = np.bincount(data.x_train[:, 0].numpy(), minlength=7)[1:]
    assert np.abs(first / 2000 - 1 / 6).max() < 0.034  # four standard errors of 2,000


def test_a_model_is_tested_at_another_length():
    data = recall.copying(32, 3, 3, test_length=6)
    options = {"layer": Selective, "pooling": "none", "d_state": 4, "d_model": 4}
    found = fit(data, {"lr": [0.01]}, epochs=1, batch_size=16, **options)
    model = found.model.member(0)
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(model(data.x_test), data.y_test)
    # the same float32 sums in another order
    assert float(found.table.test_loss.iloc[0]) == pytest.approx(float(loss), rel=1e-5)


BAD = {
    "n": (lambda: recall.copying(0, 4, 4), ValueError, "n must be at least 1"),
    "length": (lambda: recall.copying(2, 0, 4), ValueError, "length must be at least"),
    "vocabulary": (lambda: recall.copying(2, 4, 1), ValueError, "vocabulary must be"),
    "test_length": (
        lambda: recall.copying(2, 4, 4, test_length=0),
        ValueError,
        "test_length must be at least 1",
    ),
    "type": (lambda: recall.copying(2, 4.0, 4), TypeError, "length must be an int"),
    "seed": (lambda: recall.copying(2, 4, 4, seed=-1), ValueError, "seed must be"),
    "pairs": (
        lambda: recall.key_values(2, 5, 4, 4),
        ValueError,
        "pairs must be at most 4, got 5",
    ),
    "keys": (
        lambda: recall.key_values(2, 1, 1, 4),
        ValueError,
        "keys must be at least",
    ),
    "values": (lambda: recall.key_values(2, 1, 4, 1), ValueError, "values must be"),
    "test_pairs": (
        lambda: recall.key_values(2, 2, 4, 4, test_pairs=5),
        ValueError,
        "test_pairs must be at most 4, got 5",
    ),
    "seed type": (lambda: recall.key_values(2, 2, 4, 4, seed=0.5), TypeError, "seed"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()
