"""A split from loaders: read once, in their order, and refused where unclear."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from ssmlib.tasks.split import PARTS, Split
from ssmlib.training import fit
from tests.ssmlib.test_training_options import OPTIONS, recall, task


def loaders(data, size, make=DataLoader):
    return [make(TensorDataset(x, y), batch_size=size) for _, x, y in data.parts()]


def same(one, other):
    a, b = one.tensors(), other.tensors()
    return a.keys() == b.keys() and all(
        a[n].dtype == b[n].dtype and torch.equal(a[n], b[n]) for n in a
    )


@pytest.mark.parametrize("data", [task(), recall()], ids=["last", "per step"])
@pytest.mark.parametrize("size", [1, 7, 48])
def test_batches_are_put_together_in_their_order(data, size):
    assert same(Split.from_loaders(*loaders(data, size)), data)


def test_a_fit_of_loaders_is_that_of_the_tensors():
    data = task()
    found = fit(Split.from_loaders(*loaders(data, 7)), [{"dt": 0.1}], **OPTIONS)
    assert found.table.equals(fit(data, [{"dt": 0.1}], **OPTIONS).table)


def test_a_loader_is_read_once_in_its_own_order():
    data = task()
    reads = []

    class Reversed:
        def __iter__(self):
            reads.append(self)
            order = torch.arange(len(data.x_train)).flip(0)
            for own in order.split(10):
                yield [data.x_train[own], data.y_train[own]]

    found = Split.from_loaders(Reversed(), *loaders(data, 16)[1:])
    assert len(reads) == 1
    assert torch.equal(found.x_train, data.x_train.flip(0))
    assert torch.equal(found.y_train, data.y_train.flip(0))


def test_a_loader_that_uses_its_memory_again_is_copied():
    data = task()

    def reusing(x, y):
        buffers = torch.empty_like(x[:16]), torch.empty_like(y[:16])
        for own in zip(x.split(16), y.split(16), strict=True):
            for buffer, values in zip(buffers, own, strict=True):
                buffer.copy_(values)
            yield buffers

    found = Split.from_loaders(*(reusing(x, y) for _, x, y in data.parts()))
    assert same(found, data)


class Items(Dataset):
    """Single sequences with labels as Python's integers."""

    def __init__(self, x, y):
        self.x, self.y = x.numpy(), y.tolist()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, k):
        return self.x[k], self.y[k]


def test_a_data_set_of_single_sequences_is_read_in_order():
    data, state = task(n=300), torch.random.get_rng_state()
    found = Split.from_loaders(*(Items(x, y) for _, x, y in data.parts()))
    assert same(found, data)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("per_step", [False, True])
def test_sequences_with_lengths_are_padded_to_the_longest(per_step):
    x = [torch.ones(2, 1, 3), torch.ones(3, 1, 5)]
    lengths = [torch.tensor([1, 3]), torch.tensor([5, 2, 1])]
    y = [torch.zeros(len(u), dtype=torch.int64) for u in x]
    if per_step:
        y = [torch.zeros(len(u), u.shape[-1], dtype=torch.int64) for u in x]
    short = list(zip(x, y, lengths, strict=True))
    found = Split.from_loaders(short, short[:1], short[1:])
    assert [len(getattr(found, f"x_{name}")) for name in PARTS] == [5, 2, 3]
    for name in PARTS:
        assert getattr(found, f"x_{name}").shape[1:] == (1, 5)
    assert torch.equal(found.x_train[:, 0].sum(1), torch.tensor([3.0, 3, 5, 5, 5]))
    assert found.lengths_train.tolist() == [1, 3, 5, 2, 1]
    if per_step:
        assert (found.y_train == -100).sum(1).tolist() == [2, 2, 0, 0, 0]
    else:
        assert found.y_train.shape == (5,)


X, Y = torch.zeros(4, 6), torch.zeros(4, dtype=torch.int64)
LENGTHS = torch.full((4,), 6)
BAD = {
    "not iterable": (3, TypeError, "must be a loader, an iterable of batches or a"),
    "none": ([], ValueError, "must have at least one batch"),
    "one tensor": ([X], TypeError, r"batch 0 of \w+ must be \(x, y\) .* got Tensor"),
    "the tensors alone": ((X, Y), TypeError, r"batch 0 of \w+ must be \(x, y\)"),
    "a dict": ([{"x": X, "y": Y}], TypeError, "got dict"),
    "an array": ([(X.numpy(), Y)], TypeError, "got tuple of ndarray, Tensor"),
    "one of four": ([(X, Y, LENGTHS, Y)], ValueError, "got 4 tensors"),
    "other sizes": ([(X, Y[:3])], ValueError, r"one entry per .*\(4, 6\), \(3,\)"),
    "no steps": ([(X[:, 0], Y)], ValueError, "steps on its last axis"),
    "no batch axis": ([(X, Y[0])], ValueError, "one entry per sequence"),
    "another dtype": (
        [(X, Y), (X, Y), (X.double(), Y)],
        ValueError,
        r"x of batch 2 of \w+ must be torch.float32",
    ),
    "another length": ([(X, Y), (X[:, :5], Y)], ValueError, "need lengths"),
    "other targets": ([(X, Y), (X, Y[:, None])], ValueError, "y of batch 1"),
    "lengths once": ([(X, Y, LENGTHS), (X, Y)], ValueError, "must have 3 tensors"),
    "lengths later": ([(X, Y), (X, Y, LENGTHS)], ValueError, "must have 2 tensors"),
    "beyond": ([(X, Y, LENGTHS + 1)], ValueError, r"lengths of batch 0 .* 1 \.\. 6"),
    "length 0": ([(X, Y, LENGTHS - 6)], ValueError, r"lengths of batch 0 .* 1 \.\. 6"),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", BAD)
def test_bad_batches_are_named(name, part):
    bad, kind, message = BAD[name]
    parts = {own: [(X, Y)] for own in PARTS} | {part: bad}
    with pytest.raises(kind, match=message) as error:
        Split.from_loaders(**parts)
    assert part in str(error.value)


def test_an_iterator_that_was_read_is_named():
    batches = iter([(X, Y)])
    with pytest.raises(ValueError, match="valid must have at least one batch"):
        Split.from_loaders(batches, batches, [(X, Y)])
