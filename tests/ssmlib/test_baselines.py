"""Baselines against their formulas, and on tasks whose answers are known."""

import math

import numpy as np
import pytest
import torch

from ssmlib.tasks.baselines import baselines
from ssmlib.tasks.split import Split

GENERATOR = torch.Generator().manual_seed(0)


def split(x, y, n):
    parts = zip(x.split(n), y.split(n), strict=True)
    return Split(*(t for pair in parts for t in pair))


def test_regression():
    """A linear target with noise of variance 1/100, 2 on average."""
    x = torch.randn(600, 5, generator=GENERATOR)
    noise = 0.1 * torch.randn(600, generator=GENERATOR)
    data = split(x, 2 + x[:, 0] - x[:, 3] + noise, 200)
    found = baselines(data).test_loss
    spread = (data.y_test - data.y_train.mean()).square().mean()
    assert found["mean"] == pytest.approx(float(spread), rel=1e-4)
    last = (data.x_test[:, -1] - data.y_test).square().mean()
    assert found["last"] == pytest.approx(float(last), rel=1e-5)
    assert found["linear"] == pytest.approx(0.01, rel=0.4)


def test_a_walk_is_its_last_value():
    walk = torch.randn(900, 9, generator=GENERATOR).cumsum(1)
    found = baselines(split(walk[:, :-1], walk[:, -1], 300)).test_loss
    assert found["last"] == pytest.approx(1, rel=0.3)
    assert found["linear"] == pytest.approx(found["last"], rel=0.1)
    assert found["mean"] > 3


def test_classes():
    """Two classes, three to one, told apart by a sign."""
    y = (torch.rand(1200, generator=GENERATOR) < 0.25).long()
    x = torch.randn(1200, 1, 3, generator=GENERATOR)
    x[:, 0, 1] = (2 * y - 1) * (1 + x[:, 0, 1].abs())
    data = split(x, y, 400)
    found = baselines(data)
    p = float((data.y_train == 1).double().mean())
    q = float((data.y_test == 1).double().mean())
    entropy = -(q * math.log(p) + (1 - q) * math.log(1 - p))
    assert found.test_loss["prior"] == pytest.approx(entropy, rel=1e-6)
    assert found.test_accuracy["prior"] == pytest.approx(1 - q)
    assert found.test_accuracy["linear"] == 1
    assert found.test_loss["linear"] < 0.05


def test_a_class_that_training_lacks_is_infinitely_unlikely():
    y = torch.tensor([0, 1] * 10 + [0, 1] * 10 + [0, 2] * 10)
    x = torch.randn(60, 4, generator=GENERATOR)
    assert np.isinf(baselines(split(x, y, 20)).test_loss).all()


def test_a_target_a_step_is_refused():
    x = torch.randn(30, 4, generator=GENERATOR)
    with pytest.raises(ValueError, match="y_train must be int64"):
        baselines(split(x, torch.randint(2, (30, 4)), 10))


def test_what_comes_after_each_length_counts_nowhere():
    generator = torch.Generator().manual_seed(0)
    x, lengths = torch.randn(90, 1, 6, generator=generator), torch.arange(90) % 6 + 1
    counts = torch.arange(6) < lengths[:, None]
    last = x[:, 0].gather(1, lengths[:, None] - 1)[:, 0]
    found = []
    for beyond in (0.0, 1e6):
        own = torch.where(counts[:, None], x, beyond)
        found.append(baselines(Split(*(own, last) * 3, *[lengths] * 3)).test_loss)
    assert found[0].equals(found[1])
    assert found[0]["last"] == 0
