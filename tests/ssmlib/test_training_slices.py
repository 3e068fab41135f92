"""A fit of slices of an ensemble is the fit of the whole ensemble."""

import pytest
import torch
from torch.nn import functional

from ssmlib.models import OTHER_LAYERS, Ensemble, Model
from ssmlib.tasks.split import Split
from ssmlib.training import fit, slices
from tests.ssmlib import test_ensemble_tensors as layers
from tests.ssmlib.test_training_options import OPTIONS, recall, task

GRID = [{"dt": 0.1}, {"dt": 0.02, "lr": 1e-3}, {"dt": 0.3, "frozen": ("A",)}]
WHOLE, CPU = 2**60, torch.device("cpu")


def with_lengths(data):
    generator = torch.Generator().manual_seed(5)
    parts = {
        f"lengths_{name}": torch.randint(
            3, 17, (len(getattr(data, f"x_{name}")),), generator=generator
        )
        for name in ("train", "valid", "test")
    }
    return Split(**data.tensors(), **parts)


def tokens():
    data = recall()
    parts = {n: t.argmax(1) if n[0] == "x" else t for n, t in data.tensors().items()}
    return Split(**parts)


MEAN = {"pooling": "mean", "n_layers": 2}
CASES = {
    "last": (task(), {}),
    "mean, norm": (task(), MEAN | {"norm": True}),
    "batch norm, gate": (task(), MEAN | {"norm": "batch", "mix": "glu"}),
    "one split per seed": ([task(1), task(2)], MEAN),
    "lengths": (with_lengths(task()), MEAN),
    "target per step": (recall(), {"pooling": "none"}),
    "tokens": (tokens(), {"pooling": "none", "n_layers": 2}),
    "linear, sgd": (task(), {"linear": True, "optimizer": "sgd"}),
    **{name: (task(), MEAN | {"layer": name}) for name in OTHER_LAYERS},
    **{
        layer.__name__: (task(L=8), {"layer": layer, "n_layers": 2})
        for layer in (layers.Assigned, layers.InPlace, layers.Slow, layers.TiedAssigned)
    },
}


def run(monkeypatch, size, data, grid=GRID, seeds=(3, 4), **options):
    monkeypatch.setattr(slices, "WORKING_SET", size)
    return fit(data, grid, seeds=seeds, **OPTIONS | {"epochs": 1} | options)


def bytes_per_model(options, L=16):
    options = {"d_model": 4, "d_state": 8} | options
    options.pop("optimizer", None)
    return 4 * Model(1, 2, **options).feature_values(16, L)


#: PyTorch sums gradients of a table, and products of a convolution, in another order
ROUNDED = {"tokens", *OTHER_LAYERS}
SIZES = [(name, 2) for name in CASES] + [
    (name, members) for name in list(CASES)[:2] for members in (1, 3)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "members"), SIZES)
def test_slices_change_no_bit(monkeypatch, name, members):
    """Slices of one model, of parts of a seed, and of whole seeds."""
    data, options = CASES[name]
    grid = GRID if "layer" not in options else [{"lr": r} for r in (0.1, 0.01, 1e-3)]
    length = (data[0] if isinstance(data, list) else data).x_train.shape[-1]
    size = members * bytes_per_model(options, length)
    whole, parts = (run(monkeypatch, s, data, grid, **options) for s in (WHOLE, size))
    if name in ROUNDED:
        for column in ("train_loss", "valid_loss", "test_loss"):
            assert parts.table[column].to_numpy() == pytest.approx(
                whole.table[column].to_numpy(), rel=1e-4
            )
        return
    assert parts.table.equals(whole.table)
    assert parts.curves.equals(whole.curves)
    own = parts.model.state_dict()
    for key, value in whole.model.state_dict().items():
        assert torch.equal(own[key], value), key


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2, 5, 10])
def test_slices_draw_the_same_dropout(monkeypatch, members):
    grid = [{"dropout": p} for p in (0.0, 0.2, 0.4, 0.4, 0.6)]
    options = MEAN | {"mix": "glu"}
    whole = run(monkeypatch, WHOLE, task(), grid, **options)
    size = members * bytes_per_model(options)
    parts = run(monkeypatch, size, task(), grid, **options)
    assert parts.curves.equals(whole.curves)
    assert whole.table.train_loss.nunique() == 8  # two of each seed are the same


@pytest.mark.parametrize("most", [1, 2, 3, 4, 7, 12, 100])
@pytest.mark.parametrize("seeds", [1, 2, 3, 6, 12])
def test_slices_are_all_members_in_order(monkeypatch, seeds, most):
    model = Ensemble([Model(1, 1, d_model=2, d_state=2, pooling="mean")] * 12)
    own = 12 // seeds
    monkeypatch.setattr(slices, "WORKING_SET", most * 4 * (5 + 1) * 2 * 8 + 3)
    found = slices.slices(model, seeds, 5, 8, CPU)
    if most >= 12:
        assert found == [slices.ALL]
        return
    every = [range(12)[part.members] for part in found]
    assert [k for members in every for k in members] == list(range(12))
    for part, members in zip(found, every, strict=True):
        assert 1 <= len(members) <= most
        assert {k // own for k in members} == set(range(seeds)[part.seeds])
        assert len(part) == 1 or len(members) % own == 0 or len(members) < own
    assert max(map(len, every)) - min(map(len, every)) <= max(1, own)


def test_a_slice_has_no_more_models_in_a_larger_ensemble(monkeypatch):
    """Memory for features is that of a slice, whatever the ensemble's size."""
    seen, forward = [], Ensemble.forward

    def watch(self, x, masks=None, lengths=None, members=slice(None)):
        out = forward(self, x, masks, lengths, members)
        seen.append((len(out), len(x)))
        return out

    monkeypatch.setattr(Ensemble, "forward", watch)
    for count in (4, 16):
        seen.clear()
        size = 2 * bytes_per_model(MEAN)
        run(monkeypatch, size, task(), [{}], seeds=range(count), **MEAN)
        assert {outputs for outputs, _ in seen} == {2}
        assert {inputs for _, inputs in seen} == {1, 2}  # 1 in evaluation


def test_shallow_models_and_other_devices_have_one_slice():
    """A model whose last step alone is decoded forms no features (B, H, L)."""
    shallow = Ensemble([Model(1, 10, d_model=8)] * 128)
    assert slices.slices(shallow, 4, 250, 784, CPU) == [slices.ALL]
    deep = Ensemble([Model(1, 10, n_layers=3, norm=True, pooling="mean")] * 32)
    assert len(slices.slices(deep, 4, 50, 784, CPU)) >= 8
    assert slices.slices(deep, 4, 50, 784, torch.device("cuda")) == [slices.ALL]


@pytest.mark.parametrize("groups", [1, 2])
def test_some_members_are_rows_of_all(groups):
    model = Ensemble([Model(1, 3, d_model=4, seed=k) for k in range(6)])
    x = torch.randn(groups, 5, 1, 9, generator=torch.Generator().manual_seed(0))
    y = torch.arange(5) % 3
    parameters = list(model.parameters())

    def gradients(out):
        target = y.repeat(len(out))
        loss = functional.cross_entropy(out.flatten(0, 1), target, reduction="sum")
        return torch.autograd.grad(loss, parameters)

    whole = model(x)
    parts = [
        model(x[g : g + 1], members=slice(6 // groups * g, 6 // groups * (g + 1)))
        for g in range(groups)
    ]
    torch.testing.assert_close(torch.cat(parts), whole)
    summed = [sum(g) for g in zip(*map(gradients, parts), strict=True)]
    for one, other in zip(summed, gradients(whole), strict=True):
        torch.testing.assert_close(one, other)
    (first, *_) = gradients(model(x[:1], members=slice(1, 3)))
    assert [bool(row.any()) for row in first] == [False, True, True] + [False] * 3


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        (2, TypeError, "members must be a slice, got 2"),
        (slice(2, 2), ValueError, "at least one model and step 1, got slice.2, 2"),
        (slice(0, 4, 2), ValueError, r"members must be a slice of 0 \.\. 3"),
        (slice(0, 3), ValueError, r"x must have .* G a divisor of 3, got \(2, 5"),
    ],
)
def test_other_members_are_refused(members, error, message):
    model = Ensemble([Model(1, 3, d_model=4)] * 4)
    with pytest.raises(error, match=message):
        model(torch.zeros(2, 5, 1, 9), members=members)
