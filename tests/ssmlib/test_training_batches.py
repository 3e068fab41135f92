"""Data that do not fit on the device: batch by batch, with the same bits."""

import pytest
import torch

from ssmlib.tasks.split import Split
from ssmlib.training import batches, fit, loop, losses
from tests.ssmlib.test_training_options import OPTIONS, recall, task

GRID = [{"dt": 0.1, "dropout": 0.2}, {"dt": 0.02}]


def with_lengths():
    data = task()
    lengths = torch.arange(48) % 16 + 1
    return Split(
        **data.tensors(), **{f"lengths_{n}": lengths for n, *_ in data.parts()}
    )


def tokens():
    data = recall()
    return data.map_x(lambda x: x.argmax(1))


CASES = {
    "one split": (task, {}),
    "one per seed": (lambda: [task(1), task(2)], {}),
    "lengths": (with_lengths, {}),
    "targets per step": (recall, {"pooling": "none"}),
    "tokens": (tokens, {"pooling": "none"}),
    "regression": (
        lambda: Split(*(t.float() for t in task().tensors().values())),
        {},
    ),
    "slices": (task, {"batch_size": 7}),
    "norm": (task, {"norm": "batch", "n_layers": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_batch_by_batch_gives_the_same_bits(name, monkeypatch):
    make, options = CASES[name]
    if name == "slices":
        monkeypatch.setattr("ssmlib.training.slices.WORKING_SET", 1)

    def run():
        return fit(make(), GRID, seeds=[3, 4], **OPTIONS | options)

    whole, moved = run(), []

    def copied(device, value):
        moved.append(value.shape[1])
        return value.clone(memory_format=torch.contiguous_format)

    monkeypatch.setattr(batches, "fits", lambda *_: False)
    for module in (loop, losses):
        monkeypatch.setattr(module, "on", copied)
    monkeypatch.setattr(batches, "on", None)  # the data are not moved as a whole
    found = run()
    assert max(moved) <= OPTIONS["batch_size"]
    assert found.table.equals(whole.table)
    assert found.curves.equals(whole.curves)
    for a, b in zip(found.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("free", "expected"), [(4, True), (3.99, False)])
def test_a_quarter_of_the_free_memory_is_the_limit(monkeypatch, free, expected):
    data = task()
    size = sum(t.numel() * t.element_size() for t in data.tensors().values())
    memory = lambda device: (free * size, 1000 * size)  # noqa: E731
    monkeypatch.setattr(torch.cuda, "mem_get_info", memory)
    assert batches.fits(data, torch.device("cuda")) is expected
    assert batches.fits(data, torch.device("cpu"))
    monkeypatch.setattr(batches, "on", lambda device, value: value.to("meta"))
    found = batches.placed(data, torch.device("cuda"))
    assert found.x_train.is_meta is expected
    if not expected:
        assert found is data
