"""The loss of a linear layer under white input against sums over a long past."""

import math
from functools import partial

import pytest
import torch

from ssmlib.initialization import initialize, spectrum
from ssmlib.theory import learning, memory

T = 3000  # .985^6000 is 1e-39


def drawn(n, *, seed=0, batch=(), low=0.0, high=0.985):
    """(eigenvalues, weights, teacher), whose teacher spans 12 delays."""
    generator = torch.Generator().manual_seed(seed)
    options = {"generator": generator, "dtype": torch.float64}
    radius = low + (high - low) * torch.rand(*batch, n, **options)
    x = torch.polar(radius, 2 * math.pi * torch.rand(*batch, n, **options))
    w = torch.complex(
        torch.randn(*batch, n, **options), torch.randn(*batch, n, **options)
    )
    return x, w, torch.randn(12, **options)


def brute(x, w, teacher):
    """The sum itself, powers by repeated products, differentiable."""
    powers = [torch.ones_like(x)]
    for _ in range(T - 1):
        powers.append(powers[-1] * x)
    gamma = (torch.stack(powers) * w).real.sum(-1)
    beta = torch.nn.functional.pad(teacher, (0, T - len(teacher)))
    return (gamma - beta.view(-1, *[1] * (gamma.ndim - 1))).square().sum(0)


def real(*values):
    return [torch.view_as_real(v).clone().requires_grad_() for v in values]


def of_parts(loss, teacher):
    return lambda *parts: loss(*map(torch.view_as_complex, parts), teacher)


@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
def test_it_is_the_sum_over_the_past(batch):
    x, w, teacher = drawn(5, batch=batch)
    found = learning.population_loss(x, w, teacher)
    assert found.shape == batch
    assert torch.allclose(found, brute(x, w, teacher), rtol=1e-12)


@pytest.mark.parametrize("name", ["lin", "real"])
def test_a_layer_and_a_delay(name):
    """The mean over white input of what a layer's kernel misses of a delay."""
    A, _ = initialize(name, 8)
    x, w = torch.exp(0.05 * A), torch.ones(4, dtype=torch.complex128)
    teacher = torch.zeros(31, dtype=torch.float64)
    teacher[30] = 1
    found = float(learning.population_loss(x, w, teacher))
    assert found == pytest.approx(float(brute(x, w, teacher)), rel=1e-12)


@pytest.mark.slow
def test_derivatives_are_those_of_the_sum():
    x, w, teacher = drawn(3)
    x[0] = 0.0  # where a power has no logarithm
    parts = real(x, w)
    exact = torch.autograd.grad(of_parts(brute, teacher)(*parts), parts)
    loss = of_parts(learning.population_loss, teacher)
    found = torch.autograd.grad(loss(*parts), parts)
    for a, b in zip(found, exact, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-10)
    hessian = torch.autograd.functional.hessian
    for row, exact_row in zip(
        hessian(loss, tuple(parts)),
        hessian(of_parts(brute, teacher), tuple(parts)),
        strict=True,
    ):
        for a, b in zip(row, exact_row, strict=True):
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_the_gradient_is_autograd_s(batch):
    x, w, teacher = drawn(4, batch=batch)
    x.requires_grad_(), w.requires_grad_()
    learning.population_loss(x, w, teacher).sum().backward()
    to_weights, to_eigenvalues = learning.loss_gradient(x, w, teacher)
    assert torch.allclose(to_weights, w.grad, rtol=1e-12)
    assert torch.allclose(to_eigenvalues, x.grad, rtol=1e-12)
    silent = w.detach().clone()
    silent[..., 1] = 0  # what no weight reads has no gradient
    assert bool((learning.loss_gradient(x, silent, teacher)[1][..., 1] == 0).all())


def test_the_least_loss_of_a_delay_is_what_memory_lacks():
    x, w, _ = drawn(4)
    for delay in (0, 1, 7):
        teacher = torch.zeros(delay + 1, dtype=torch.float64)
        teacher[delay] = 1
        loss = of_parts(partial(learning.population_loss, x), teacher)
        (start,) = real(torch.zeros_like(w))
        slope = torch.autograd.functional.jacobian(loss, start).flatten()
        curvature = torch.autograd.functional.hessian(loss, start).reshape(8, 8)
        least = 1 - slope @ torch.linalg.solve(curvature, slope) / 2
        held = memory.memory_function(torch.cat([x, x.conj()]), delay + 1)[delay]
        assert float(least) == pytest.approx(1 - float(held), abs=1e-10)


def test_a_step_of_the_readout_moves_the_kernel_by_K():
    x, w, teacher = drawn(4)
    lags = torch.arange(T)
    K = learning.readout_kernel(x, T)

    def gamma(w):
        return (w[:, None] * x[:, None] ** lags).real.sum(0)

    error = gamma(w) - torch.nn.functional.pad(teacher, (0, T - 12))
    slope, _ = learning.loss_gradient(x, w, teacher)
    moved = gamma(w - slope) - gamma(w)
    assert torch.allclose(moved, -2 * K @ error, rtol=1e-9, atol=1e-10)
    size = slope.abs().square().sum()
    assert float(4 * error @ K @ error) == pytest.approx(float(size), rel=1e-10)


def test_whitened_coordinates():
    """A state of covariance 1, whose kernel is the projector with MF along it."""
    poles, T = spectrum(initialize("legs", 8)[0] * 0.1).exp(), 500  # e^-50 remains
    alpha = memory.whitened_kernels(poles, T)
    eye = torch.eye(8, dtype=torch.complex128)
    assert torch.allclose(alpha @ alpha.mH, eye, atol=1e-12)
    V = poles[:, None] ** torch.arange(T)
    mapped = V @ alpha.mH  # the modes in these coordinates
    assert torch.allclose(mapped @ alpha, V, atol=1e-10)
    stored = poles[poles.imag > 0]
    K = learning.readout_kernel(stored, T, whitened=True)
    held = memory.memory_function(poles, T)
    assert torch.allclose(K.diagonal(), held, atol=1e-12)
    assert torch.allclose(K @ K, K, atol=1e-12)
    trained = learning.readout_kernel(stored, T)
    assert torch.allclose(K @ trained, trained, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eigenvalues": torch.tensor([0.1, 1.0 + 0j])}, r"\|lambda\| < 1, got 1"),
        ({"eigenvalues": torch.tensor([0.5])}, "eigenvalues must be complex"),
        ({"weights": torch.ones(2)}, "weights must be complex"),
        ({"weights": torch.ones(3) + 0j}, "must be as many"),
        ({"weights": torch.tensor([math.nan + 0j])}, "weights must be finite"),
        ({"teacher": torch.ones(2) + 0j}, "teacher must be real, .K,. with K >= 1"),
        ({"teacher": torch.ones(2, 2)}, "teacher must be real"),
        ({"teacher": torch.ones(0)}, "teacher must be real"),
        ({"teacher": torch.tensor([math.inf])}, "teacher must be finite"),
    ],
)
def test_what_it_refuses(change, message):
    given = {
        "eigenvalues": torch.tensor([0.5 + 0j, 0.5j]),
        "weights": torch.ones(2) + 0j,
        "teacher": torch.ones(3),
    }
    for function in (learning.population_loss, learning.loss_gradient):
        with pytest.raises(ValueError, match=message):
            function(**given | change)
