"""Data and arguments at their edges: the right result, or an error that names them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ssmlib import _scalars
from ssmlib.initialization import Initialization
from ssmlib.tasks.split import Split, evenly
from ssmlib.training import Configuration, configurations, fit, loop
from tests.ssmlib.test_training_options import recall, task

OPTIONS = {"d_model": 2, "d_state": 4, "epochs": 1, "batch_size": 16}
DATA, STEPS = task(), recall()
LENGTHS = dict.fromkeys(
    ("lengths_train", "lengths_valid", "lengths_test"), torch.full((48,), 7)
)


def regression(dtype=torch.float32):
    y = {f"y_{name}": x.mean(1).to(dtype) for name, x, _ in DATA.parts()}
    return replace(DATA, **y)


def ignored(data, name):
    y = getattr(data, f"y_{name}")
    return replace(data, **{f"y_{name}": torch.full_like(y, -100)})


def y_as(dtype):
    return replace(DATA, **{f"y_{n}": y.to(dtype) for n, _, y in DATA.parts()})


BAD_DATA = {
    "x of two dtypes": (
        replace(DATA, x_valid=DATA.x_valid.double()),
        "x_valid must have the dtype of x_train, torch.float32, got torch.float64",
    ),
    "tokens and values": (
        replace(DATA, x_test=DATA.x_test.long().abs()),
        "x_test must have the dtype of x_train, torch.float32, got torch.int64",
    ),
    "x int32": (replace(DATA, x_train=DATA.x_train.int()), "x_train must be floating"),
    "x complex": (
        replace(DATA, x_test=DATA.x_test.cfloat()),
        "x_test must be floating point",
    ),
    "no step": (replace(DATA, x_train=torch.zeros(48, 0)), "with no axis of size 0"),
    "no sequence": (
        replace(DATA, x_valid=torch.zeros(0, 16), y_valid=torch.zeros(0).long()),
        "x_valid must be .* no axis of size 0",
    ),
    "x beyond float32": (
        replace(DATA, **{f"x_{n}": 1e300 * x.double() for n, x, _ in DATA.parts()}),
        "x_train must be within the range of float32",
    ),
    "NaN in y": (
        replace(regression(), y_valid=torch.full((48,), math.nan)),
        "y_valid must be finite",
    ),
    "y without axes": (
        replace(DATA, y_train=torch.tensor(1)),
        r"y_train must be \(n, ...\)",
    ),
    "y without features": (
        replace(DATA, **{f"y_{n}": torch.zeros(48, 0) for n, _, _ in DATA.parts()}),
        "y_train must be .* no axis of size 0",
    ),
    "y int32": (y_as(torch.int32), "y_train must be int64 .* got torch.int32"),
    "y uint8": (y_as(torch.uint8), "y_train must be int64 .* got torch.uint8"),
    "y bool": (y_as(torch.bool), "y_train must be int64 .* or floating point"),
    "a negative class": (
        replace(DATA, y_test=DATA.y_test - 1),
        "y_test must hold classes numbered from 0, got -1",
    ),
    "-100 for a sequence": (
        ignored(DATA, "valid"),
        "y_valid must hold classes numbered from 0, got -100",
    ),
    "one class": (
        replace(DATA, y_train=torch.ones(48).long()),
        "y_train must hold at least two classes, got 1 alone",
    ),
    "length 0": (
        replace(DATA, **LENGTHS | {"lengths_test": torch.zeros(48).long()}),
        "lengths_test must be in 1 .. 16",
    ),
    "length beyond L": (
        replace(DATA, **LENGTHS | {"lengths_valid": torch.full((48,), 17)}),
        "lengths_valid must be in 1 .. 16",
    ),
    "another device": (
        replace(DATA, y_test=DATA.y_test.to("meta")),
        "y_test must be a dense tensor with values",
    ),
    "sparse": (
        replace(DATA, x_train=DATA.x_train.to_sparse()),
        "x_train must be a dense tensor",
    ),
}


@pytest.fixture
def untrained(monkeypatch):
    """No step of training may be taken."""
    monkeypatch.setattr(loop.Steps, "take", None)


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_is_named_before_training(untrained, name):
    data, message = BAD_DATA[name]
    with pytest.raises(ValueError, match=message):
        fit(data, [{}], **OPTIONS)


@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_a_part_without_targets_is_named(untrained, name):
    with pytest.raises(ValueError, match=f"y_{name} must hold a class, got -100 alone"):
        fit(ignored(STEPS, name), [{}], pooling="none", **OPTIONS)


def test_a_batch_without_targets_is_no_divergence(untrained):
    y = STEPS.y_train.clone()
    y[:20] = -100
    data = replace(STEPS, y_train=y)
    options = OPTIONS | {"pooling": "none", "epochs": 50, "batch_size": 2}
    with pytest.raises(ValueError, match=r"y_train must hold targets in every batch"):
        fit(data, [{}], **options)
    with pytest.raises(ValueError, match="in one of epoch 1 of seed 4"):
        fit([STEPS, data], [{}], seeds=[3, 4], **options | {"batch_size": 1})


def test_a_few_sequences_without_targets_are_trained():
    y = STEPS.y_train.clone()
    y[:3] = -100
    options = OPTIONS | {"pooling": "none", "batch_size": 16}
    found = fit(replace(STEPS, y_train=y), [{}], **options)
    assert (found.table.status == "finished").all()


def test_lengths_for_some_splits_are_no_lengths(untrained):
    for pair in ([DATA, replace(DATA, **LENGTHS)], [replace(DATA, **LENGTHS), DATA]):
        with pytest.raises(ValueError, match="lengths must be given for each of the"):
            fit(pair, [{}], seeds=[0, 1], **OPTIONS)


@pytest.mark.parametrize("data", [None, "digits", {"x": 1}, 5, [DATA.x_train], [None]])
def test_data_is_a_split(untrained, data):
    with pytest.raises(TypeError, match="data must be a Split"):
        fit(data, [{}], **OPTIONS)


def of(x, y):
    return Split(*[x, y] * 3)


EDGES = {
    "one step": of(DATA.x_train[:, :1], DATA.y_train),
    "one sequence": of(DATA.x_train[:1], DATA.x_train[:1].mean(1)),
    "one sequence to choose on": replace(
        DATA, x_valid=DATA.x_valid[:1], y_valid=DATA.y_valid[:1]
    ),
    "a class that training lacks": replace(DATA, y_test=DATA.y_test + 1),
    "a constant": of(torch.ones(5, 9), torch.ones(5)),
    "tokens all 0": of(torch.zeros(4, 5).long(), torch.tensor([0, 1, 0, 1])),
    "y float64": regression(torch.float64),
    "y bfloat16": regression(torch.bfloat16),
    "x float64": replace(DATA, **{f"x_{n}": x.double() for n, x, _ in DATA.parts()}),
    "x float16": replace(DATA, **{f"x_{n}": x.half() for n, x, _ in DATA.parts()}),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges_are_trained(tmp_path, name):
    options = OPTIONS | {"batch_size": 1000, "checkpoint": tmp_path / "fit.pt"}
    found = fit(EDGES[name], [{}, {"lr": 0.0, "ssm_lr": 0.0}], **options).table
    assert (found.status == "finished").all()
    assert np.isfinite(found[["train_loss", "valid_loss", "test_loss"]]).all(None)


def test_views_and_gradients_change_nothing():
    expected = fit(DATA, [{}], **OPTIONS)
    wide = DATA.map_x(lambda x: torch.stack([x, -x], -1)[..., 0])
    grown = DATA.map_x(lambda x: x.clone().requires_grad_() * 1)
    for data in (wide, grown):
        found = fit(data, [{}], **OPTIONS | {"epochs": 1})
        assert found.table.equals(expected.table)
    assert not wide.x_train.is_contiguous()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"nlayers": 2}, TypeError, "'nlayers': did you mean n_layers?"),
        ({"zzz": 2}, TypeError, "'zzz': options are d_model, d_state"),
        ({"init": "lin"}, TypeError, "'init': init is a key of grid"),
        ({"frozen": ("A",)}, TypeError, "'frozen': frozen is a key of grid"),
        ({"tokens": True}, TypeError, "'tokens': options are"),
        ({"seed": 1}, TypeError, "'seed'"),
        ({"seeds": np.arange(2)}, TypeError, "seeds must be a sequence of ints"),
        ({"seeds": iter([1])}, TypeError, "seeds must be a sequence of ints"),
        ({"seeds": "12"}, TypeError, "seeds must be a sequence of ints"),
        ({"seeds": [0.0]}, TypeError, "seeds must be an int"),
        ({"seeds": [True]}, TypeError, "seeds must be an int"),
        ({"seeds": [2**64]}, ValueError, r"seeds must be below 2\*\*64"),
        ({"epochs": 1.0}, TypeError, "epochs must be an int"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": None}, TypeError, "batch_size must be an int"),
        ({"warmup": "0.1"}, TypeError, "warmup must be a number, got '0.1'"),
        ({"warmup": math.nan}, ValueError, r"warmup must be in \[0, 1\), got nan"),
        ({"optimizer": torch.optim.SGD}, ValueError, "optimizer must be one of adamw"),
        ({"optimizer": ["sgd"]}, ValueError, r"optimizer must be .* got \['sgd'\]"),
        ({"pooling": None}, ValueError, "pooling must be one of"),
        ({"pooling": ["last"]}, ValueError, r"pooling must be .* got \['last'\]"),
        ({"device": "gpu"}, ValueError, "device must be one that this PyTorch has"),
        ({"device": "cuda:77"}, ValueError, "device must be one that this PyTorch"),
        ({"device": "meta"}, ValueError, "device must hold values, got 'meta'"),
        ({"device": None}, ValueError, "device must be one that this PyTorch has"),
        ({"device": "foo"}, ValueError, "has, as 'cpu', 'cuda' or 'cuda:0', got 'foo'"),
        ({"layer": None}, TypeError, "layer must be a class .* got None"),
        ({"layer": 3}, TypeError, "layer must be a class .* got 3"),
        ({"layer": nn.Linear(2, 2)}, TypeError, "layer must be a class .* got Linear"),
        ({"layer": lambda *a, **o: 3}, TypeError, "layer must return a module, got in"),
        ({"d_model": "a"}, TypeError, "d_model must be an int, got str"),
    ],
)
def test_arguments_are_named_before_training(untrained, arguments, error, message):
    with pytest.raises(error, match=message):
        fit(DATA, [{}], **OPTIONS | arguments)


@pytest.mark.parametrize("largest", [10**8, 10**9, 2**62, 2**63 - 1])
@pytest.mark.parametrize("name", ["y_train", "y_valid", "x_train", "x_test"])
@pytest.mark.parametrize("memory", [1e9, 1e30])
def test_huge_ids_are_refused_before_allocation(
    untrained, monkeypatch, name, largest, memory
):
    monkeypatch.setattr(_scalars, "_memory", lambda: memory)
    data = DATA if name[0] == "y" else DATA.map_x(lambda x: (x > 0).long())
    ids = getattr(data, name).clone()
    ids.view(-1)[0] = largest
    what = "classes of y" if name[0] == "y" else "tokens of x"
    with pytest.raises(ValueError, match=f"{what} must be numbered .* got {largest} "):
        fit(replace(data, **{name: ids}), [{}], **OPTIONS)


def test_ids_that_do_not_fit_into_memory_are_refused(untrained, monkeypatch):
    monkeypatch.setattr(_scalars, "_memory", lambda: 1e5)
    y = DATA.y_train.clone()
    y[0] = 5000
    with pytest.raises(ValueError, match=r"classes of y must be .* got 5000 .* memory"):
        fit(replace(DATA, y_train=y), [{}], **OPTIONS)


def test_ids_that_fit_into_memory_may_have_gaps():
    y = DATA.y_train.clone()
    y[y == 1] = 5000
    table = fit(replace(DATA, y_train=y), [{}], **OPTIONS).table
    assert table.status.tolist() == ["finished"]


@pytest.mark.parametrize("layer", ["gru", "lstm", "cnn", "transformer"])
@pytest.mark.parametrize("key", ["C_lr", "ssm_lr"])
def test_rates_of_parameters_that_no_layer_has_are_refused(layer, key):
    with pytest.raises(ValueError, match=f"{key} (goes with|needs)"):
        fit(DATA, {key: [0.1, 0.5]}, layer=layer, **OPTIONS)


@pytest.mark.parametrize(
    ("grid", "error", "message"),
    [
        (None, TypeError, "grid must be a mapping of lists or a list of mappings"),
        ("lin", TypeError, "grid must be a mapping of lists or a list of mappings"),
        (iter([{}]), TypeError, "grid must be a mapping of lists"),
        (["lin"], TypeError, "grid must be a list of mappings, got an entry 'lin'"),
        ([], ValueError, "at least one configuration"),
        ({"dt": []}, ValueError, "at least one configuration"),
        ({"lr": ["0.1"]}, TypeError, "lr must be a number, got '0.1'"),
        ({"lr": [None]}, TypeError, "lr must be a number, got None"),
        ({"lr": [True]}, TypeError, "lr must be a number, got True"),
        ({"lr": [torch.tensor(0.1)]}, TypeError, "lr must be a number"),
        ({"ssm_lr": [math.nan]}, ValueError, "ssm_lr must be finite and >= 0, got nan"),
        ({"weight_decay": [None]}, TypeError, "weight_decay must be a number"),
        ({"dropout": ["0.1"]}, TypeError, "dropout must be a number"),
        ({"learning_rate": [0.1]}, ValueError, "grid key must be one of B, C_lr"),
        ({1: [0.1]}, ValueError, "grid key must be one of .* got 1"),
    ],
)
def test_a_grid_is_checked(grid, error, message):
    with pytest.raises(error, match=message):
        configurations(grid)


def test_numbers_of_numpy_are_numbers():
    values = [np.float64(0.1), np.float32(0.5), np.int64(1)]
    found = configurations({"lr": values, "dt": [np.float64(0.1)]})
    assert [c.lr for c in found] == [0.1, 0.5, 1.0]
    twice = configurations({"lr": [0.1, 0.1]})
    assert twice == [Configuration(Initialization(), lr=0.1)] * 2
    expected = fit(DATA, [{"lr": 0.1}], seeds=[3], **OPTIONS).table
    for seeds in ([np.int64(3)], range(3, 4)):
        table = fit(DATA, {"lr": np.float64(0.1)}, seeds=seeds, **OPTIONS).table
        assert table.equals(expected)


def test_a_configuration_needs_an_initialization():
    with pytest.raises(TypeError, match="init must be an Initialization, got str"):
        Configuration("lin")


def test_no_power_and_tokens_have_no_unit_power():
    assert DATA.unit_power().x_train.square().mean() == pytest.approx(1.0, rel=1e-5)
    with pytest.raises(ValueError, match="finite mean square above 0, got its root 0"):
        DATA.map_x(torch.zeros_like).unit_power()
    with pytest.raises(ValueError, match=r"x must be floating point, got torch.int64"):
        DATA.map_x(torch.Tensor.long).unit_power()


def test_evenly_takes_the_first_and_the_last():
    x = torch.arange(2**24 + 3)
    assert evenly(x, 3).tolist() == [0, 2**23 + 1, 2**24 + 2]
    assert evenly(x[:5], 10).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        evenly(x, 0)
