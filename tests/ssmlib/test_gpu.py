"""Results on a GPU are those on the CPU.

Without a GPU, the same tests compare the CPU with itself, which executes their code.
"""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from ssmbook.cli.main import app
from ssmlib import published
from ssmlib.kernels import (
    dense_final_state,
    dense_kernel,
    dplr_kernel_reference,
    final_states,
    log_vandermonde,
    log_vandermonde_reference,
)
from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.models import POOLING, Model
from ssmlib.reproduction import Name, Training, run
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.split import Split
from ssmlib.theory import memory
from ssmlib.training import batches, fit
from tests.ssmlib import layouts
from tests.ssmlib.test_devices import CASES, run_ensemble, run_functions, run_layer
from tests.ssmlib.test_reproduction import NAME, made, small

GPU = (
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
)
#: float32 on two devices, whose sums have another order; relative to the largest value
ROUNDING = 1e-4
LAYERS = {
    **{f"S4D, {name}": partial(S4D, **options) for name, options in CASES.items()},
    "S4D, shared": partial(S4D, n_ssm=1),
    "S4, zoh": S4,
    "S4, bilinear": partial(S4, discretization="bilinear"),
    "S4, bidirectional": partial(S4, bidirectional=True),
    "DSS, softmax": partial(DSS, length=500),
    "DSS, exp": partial(DSS, variant="exp"),
    "S4DReal": S4DReal,
}
WITH_STATE = {k: made for k, made in LAYERS.items() if "bidirectional" not in k}


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=GPU)])
def device(request) -> str:
    """The device of a test. The CPU executes the code of the test on every machine."""
    return request.param


def noise(*shape, seed=0, dtype=torch.float32):
    return torch.randn(
        shape, generator=torch.Generator().manual_seed(seed), dtype=dtype
    )


def assert_same(found, expected, rounding=ROUNDING):
    """On the CPU: equal but for rounding, of the largest value."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        one, other = one.detach().cpu(), other.detach().cpu()
        assert one.shape == other.shape
        assert (one - other).abs().max() <= rounding * other.abs().max()


def with_gradients(module: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The output and all gradients of a module."""
    module.zero_grad()
    if x.is_floating_point():
        x = x.detach().requires_grad_()
    y = module(x)
    assert y.device.type == x.device.type
    y.backward(noise(*y.shape, seed=1).to(y.device))
    parts = [x, *module.parameters()]
    return [y, *(p.grad for p in parts if p.grad is not None)]


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer(name, device):
    layer, u = LAYERS[name](3, 8, seed=0), noise(2, 3, 500)
    moved = with_gradients(copy.deepcopy(layer).to(device), u.to(device))
    assert_same(moved, with_gradients(layer, u))
    made_there = LAYERS[name](3, 8, seed=0, device=device)
    assert_same(list(made_there.parameters()), list(layer.parameters()), 1e-6)


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_every_form_of_a_layer_stays_on_its_device(options, device):
    run_layer(device, **options)


def test_functions_stay_on_the_device_of_their_tensors(device):
    run_functions(device)


@pytest.mark.parametrize("name", WITH_STATE)
def test_steps_and_the_recurrence(name, device):
    layer, u = LAYERS[name](3, 8, seed=0, device=device), noise(2, 3, 20).to(device)
    frozen = layer.recurrence()
    states = [layer.initial_state(2), frozen.initial_state(2)]
    outputs = [[], []]
    with torch.no_grad():
        for u_t in u.unbind(-1):
            for k, step in enumerate((layer.step, frozen)):
                y_t, states[k] = step(u_t, states[k])
                outputs[k].append(y_t)
        block, after = frozen(u, frozen.initial_state(2))
        whole, _ = layer(u, layer.initial_state(2))
        expected = LAYERS[name](3, 8, seed=0)(u.cpu())
    found = [torch.stack(parts, -1) for parts in outputs]
    assert {t.device.type for t in (*found, *states, block, after, whole)} == {device}
    assert_same([*found, block, whole], [expected] * 4)
    assert_same([after], [states[1]])


def complex_noise(*shape, seed):
    return noise(*shape, seed=seed, dtype=torch.complex64)


A = torch.complex(-noise(3, 4).abs() - 0.1, 3 * noise(3, 4, seed=1))
V, P = complex_noise(3, 4, seed=2), complex_noise(3, 4, seed=3)
A_BAR, B_BAR = noise(3, 4, 4, seed=4) / 8, noise(3, 4, seed=5)
KERNELS = {
    "log_vandermonde": (partial(log_vandermonde, L=200), V, A / 50),
    "log_vandermonde_reference": (
        partial(log_vandermonde_reference, L=200),
        V,
        A / 50,
    ),
    "final_states": (final_states, noise(2, 3, 200), A / 50),
    "dense_kernel": (partial(dense_kernel, L=200), A_BAR, B_BAR, noise(3, 4)),
    "dense_final_state": (
        dense_final_state,
        A_BAR,
        B_BAR,
        noise(2, 3, 200),
        noise(2, 3, 4),
    ),
    "dplr_kernel_reference": (
        partial(dplr_kernel_reference, L=200),
        A,
        P,
        V,
        V,
        torch.full((3, 1), 0.05),
    ),
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel(name, device):
    kernel, *tensors = KERNELS[name]

    def values(place):
        given = [t.to(place).detach().requires_grad_() for t in tensors]
        y = kernel(*given)
        assert y.device.type == place
        y.abs().square().sum().backward()
        return [y, *(t.grad for t in given if t.grad is not None)]

    assert_same(values(device), values("cpu"))


#: functions that compute on the CPU, and return to the device of the eigenvalues
ON_CPU = {
    memory.memory_function: 4,
    memory.finite_memory_function: 4,
    memory.coloured_memory_function: torch.tensor([1.0, 0.5]),
}


@pytest.mark.parametrize("function", ON_CPU)
def test_a_function_that_computes_on_the_cpu_returns(function, device):
    eigenvalues = torch.tensor([0.5 + 0.1j, 0.2], dtype=torch.complex128)
    found = function(eigenvalues.to(device), ON_CPU[function])
    assert found.device.type == device
    assert torch.equal(found.cpu(), function(eigenvalues, ON_CPU[function]))


MODELS = {
    **{f"pooling {name}": {"pooling": name} for name in POOLING},
    "S4, layer norm": {"layer": S4, "init": "legs", "norm": "layer"},
    "DSS": {"layer": partial(DSS, length=40), "norm": "batch", "prenorm": True},
    "GLU": {"mix": "glu", "bias": True},
    "tokens": {"tokens": True, "pooling": "mean"},
    "published": {},
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model(name, device):
    x = noise(4, 3, 40)
    if name == "published":
        model = small().model()
    else:
        model = Model(3, 5, d_model=4, d_state=8, n_layers=2, **MODELS[name])
        if name == "tokens":
            x = noise(4, 40).abs().long().clamp(max=2)
    moved = with_gradients(copy.deepcopy(model).to(device), x.to(device))
    assert_same(moved, with_gradients(model, x), 1e-3)


def test_an_ensemble_stays_on_its_device(device):
    run_ensemble(device, n_layers=2, norm=True)


CLASSES = noise(64, 50)
SPLIT = Split(*[CLASSES, (CLASSES.mean(1) > 0).long()] * 3)
GRID = {"dt": [0.01, 0.1]}
OPTIONS = {"epochs": 2, "batch_size": 16, "d_model": 4, "d_state": 8}


def test_fit(device, tmp_path):
    on_cpu = fit(SPLIT, GRID, **OPTIONS)
    checkpoint = tmp_path / "fit.pt"
    found = [
        fit(SPLIT, GRID, device=device, checkpoint=checkpoint, **OPTIONS)
        for _ in range(2)  # the second call reads it back
    ]
    assert found[0].table.equals(found[1].table)
    for name in ("train_loss", "valid_loss"):
        gap = (found[0].curves[name] - on_cpu.curves[name]).abs()
        assert gap.max() < 1e-2
    assert (found[0].table.test_loss - on_cpu.table.test_loss).abs().max() < 1e-2
    member = found[0].model.member(0)
    assert member(CLASSES[:, None].to(device)).device.type == device


def test_a_fit_takes_its_batches_to_the_device(device, monkeypatch):
    whole = fit(SPLIT, GRID, device=device, **OPTIONS)
    monkeypatch.setattr(batches, "fits", lambda *_: False)
    found = fit(SPLIT, GRID, device=device, **OPTIONS)
    for column in ("train_loss", "valid_loss", "test_loss"):
        expected = whole.table[column].to_numpy()
        assert found.table[column].to_numpy() == pytest.approx(expected, rel=1e-4)


def test_a_model_saved_on_a_device_is_read_on_the_cpu(device, tmp_path):
    model = fit(SPLIT, GRID, device=device, **OPTIONS).model.member(0)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    read = torch.load(tmp_path / "model.pt", map_location="cpu", weights_only=True)
    on_cpu = copy.deepcopy(model).cpu()
    for p in on_cpu.parameters():
        p.detach().zero_()
    on_cpu.load_state_dict(read)
    x = CLASSES[:, None]
    assert_same([model(x.to(device))], [on_cpu(x)], 1e-3)


def test_a_reproduction_begun_on_a_device_continues_on_the_cpu(device, tmp_path):
    row = small()
    whole = run(NAME, Training(row, made(row)), tmp_path / "whole")
    parts = tmp_path / "parts"
    assert run(NAME, Training(row, made(row), device=device), parts, steps=6) is None
    found = run(NAME, Training(row, made(row)), parts)
    assert whole is not None
    assert found is not None
    losses = [[own["train_loss"] for own in r["history"]] for r in (whole, found)]
    torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-3, atol=1e-4)


def test_the_command_reproduce(device, tmp_path, monkeypatch):
    layouts.cifar10(tmp_path / DATASETS["cifar10"].folder)
    row = small("cifar-ablation", length=1024, epochs=1)
    monkeypatch.setattr(published, "configuration", lambda name, version: row)
    command = ["reproduce", "cifar-ablation", "--data", str(tmp_path)]
    command += ["--out", str(tmp_path / "out"), "--device", device]
    planned = CliRunner().invoke(app, [*command, "--plan"])
    assert "hours per epoch" in planned.output
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    stem = Name("cifar-ablation", "paper", "S4D-LegS", 0).stem
    text = (tmp_path / "out" / f"{stem}.json").read_text(encoding="utf-8")
    assert f'"device": "{device}"' in text
