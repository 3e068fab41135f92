"""A checkpoint is refused for a layer whose state it does not store."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from ssmlib.training import fit, loop
from ssmlib.training.checkpoint import save
from tests.ssmlib.test_training_options import task

OPTIONS = {"d_model": 2, "d_state": 4, "batch_size": 24, "epochs": 3}
CALLS = {"count": 0}


class Layer(nn.Module):
    """A layer whose map depends on the number of its calls."""

    def __init__(self, d_model, d_state, init=None, seed=0):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model, 1))
        self.prepare()

    def prepare(self):
        pass

    def count(self):
        return 0.0

    def forward(self, u, valid=None):
        return u * self.weight * (1 + 0.1 * self.count())


class Number(Layer):
    calls = 0

    def count(self):
        self.calls += 1
        return self.calls


class List(Layer):
    def prepare(self):
        self.calls = []

    def count(self):
        self.calls.append(0)
        return len(self.calls)


class OfClass(Layer):
    calls = 0

    def count(self):
        OfClass.calls += 1
        return OfClass.calls


class Global(Layer):
    def count(self):
        CALLS["count"] += 1
        return CALLS["count"]


class Tensors(Layer):
    def prepare(self):
        self.calls = torch.zeros(())

    def count(self):
        self.calls += 1
        return self.calls


class Passing(Layer):
    persistent = False

    def prepare(self):
        self.register_buffer("calls", torch.zeros(()), persistent=self.persistent)

    def count(self):
        self.calls.add_(1)
        return self.calls


class Assigned(Passing):
    def count(self):
        self.calls = self.calls + 1
        return self.calls


class Generator(Layer):
    def prepare(self):
        self.source = np.random.default_rng(0)

    def count(self):
        return self.source.random()


class OfNumPy(Layer):
    def count(self):
        return np.random.random()  # noqa: NPY002


class OfPython(Layer):
    def count(self):
        return random.random()


REFUSED = {
    Number: "ssms.0.calls",
    List: "ssms.0.calls",
    OfClass: "ssms.0",
    Global: "ssms.0",
    Tensors: "ssms.0.calls",
    Passing: "ssms.0.calls",
    Assigned: "ssms.0.calls",
    Generator: "ssms.0.source",
    OfNumPy: "the random state of NumPy",
    OfPython: "the random state of Python",
}


@pytest.mark.parametrize("layer", REFUSED, ids=lambda c: c.__name__)
def test_a_change_that_no_checkpoint_stores_is_refused(tmp_path, layer):
    assert len(fit(task(), [{}], layer=layer, **OPTIONS).table) == 1
    path = tmp_path / "fit.pt"
    with pytest.raises(ValueError, match=rf"got changes of .*{REFUSED[layer]}"):
        fit(task(), [{}], layer=layer, checkpoint=path, **OPTIONS)
    assert not path.exists()


class Stored(Passing):
    persistent = True


class StoredAssigned(Assigned):
    persistent = True


@pytest.mark.parametrize("layer", [Layer, Stored, StoredAssigned])
def test_a_change_of_a_stored_buffer_is_continued(tmp_path, monkeypatch, layer):
    grid, path = [{"lr": 0.01}, {"lr": 0.1}], tmp_path / "fit.pt"
    whole = fit(task(), grid, layer=layer, **OPTIONS)

    def stop(*args):
        save(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        fit(task(), grid, layer=layer, checkpoint=path, **OPTIONS)
    monkeypatch.undo()
    resumed = fit(task(), grid, layer=layer, checkpoint=path, **OPTIONS)
    assert whole.table.equals(resumed.table)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name])
