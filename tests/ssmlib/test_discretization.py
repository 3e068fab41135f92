import math

import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete

from ssmlib import discretization
from ssmlib.discretization import bilinear, dense_parts, phi, zoh


def complex_pairs(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    A = torch.randn(*shape, dtype=torch.complex128, generator=generator)
    return torch.complex(-A.real.abs(), 5 * A.imag), torch.ones(shape) + 0j


@pytest.mark.parametrize("method", [zoh, bilinear])
def test_each_rule_is_the_textbook_s(method):
    A, B = complex_pairs(6)
    found = method(A, B.to(A.dtype), 0.3)
    system = np.diag(A.numpy()), np.ones((6, 1)), np.ones((1, 6)), np.zeros((1, 1))
    A_bar, B_bar, *_ = cont2discrete(system, 0.3, method.__name__)
    assert found[0].numpy() == pytest.approx(A_bar.diagonal(), rel=1e-12)
    assert found[1].numpy() == pytest.approx(B_bar[:, 0], rel=1e-12)


def test_zoh_is_the_matrix_exponential_of_the_augmented_system():
    A, B = complex_pairs(6)
    dt = 0.3
    A_bar, B_bar = zoh(A, B.to(A.dtype), dt)
    for n in range(6):
        block = torch.tensor([[A[n], 1.0], [0.0, 0.0]], dtype=torch.complex128)
        exact = torch.linalg.matrix_exp(block * dt)
        assert torch.allclose(torch.stack([A_bar[n], B_bar[n]]), exact[0], rtol=1e-13)


def test_bilinear_agrees_with_zoh_to_second_order():
    A, B = complex_pairs(6)
    B = B.to(A.dtype)
    errors = [
        float((zoh(A, B, h)[0] - bilinear(A, B, h)[0]).abs().max())
        for h in (1e-2, 5e-3)
    ]
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.1)  # local error dt^3


def test_bilinear_keeps_undamped_modes_on_the_circle():
    A = torch.complex(torch.zeros(5), torch.linspace(0, 400, 5)).to(torch.complex128)
    A_bar, B_bar = bilinear(A, torch.ones_like(A), 0.1)
    assert torch.allclose(A_bar.abs(), torch.ones(5).double(), rtol=1e-14)
    assert bool((B_bar.abs() <= 0.1 + 1e-15).all())


def test_phi_against_multiprecision():
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 40
    points = [0j, 1e-300j, 1e-12 + 1e-9j, -0.3 + 0.2j, -0.49999, 0.5j, -2 + 9j, -700]
    for z in points:
        exact = complex(mpmath.expm1(z) / z) if z else 1.0
        found = complex(phi(torch.tensor(z, dtype=torch.complex128)))
        assert abs(found - exact) <= 4e-16 * max(1, abs(exact)) * 4, z


@pytest.mark.parametrize("method", [zoh, bilinear])
def test_gradients_are_exact_at_A_zero(method):
    A = torch.tensor([0j, 0j, -0.1 + 3j, 1e-9j, 0.49j], dtype=torch.complex128)
    B = torch.ones_like(A).requires_grad_()
    A.requires_grad_()
    dt = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(method, (A, B, dt))


def test_derivative_at_zero_is_half_dt_squared():
    A = torch.zeros(1, dtype=torch.complex128, requires_grad=True)
    _, B_bar = zoh(A, torch.ones_like(A), 0.2)
    B_bar.real.sum().backward()
    assert float(A.grad.real) == pytest.approx(0.2**2 / 2, rel=1e-15)


def test_a_mode_that_bilinear_sends_to_zero_stays_finite():
    A = torch.tensor([-2.0 + 0j], dtype=torch.complex128)
    A_bar, _ = bilinear(A, torch.ones_like(A), 1.0)
    assert float(A_bar.abs()) < 1e-300


@pytest.mark.parametrize("dt", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("method", [zoh, bilinear])
def test_bad_dt_is_refused(method, dt):
    A, B = complex_pairs(3)
    for value in (dt, torch.tensor([dt], dtype=torch.float64)):
        with pytest.raises(ValueError, match="dt must be"):
            method(A, B.to(A.dtype), value)


def test_mismatched_shapes_and_dtypes_are_refused():
    A, _ = complex_pairs(3)
    with pytest.raises(ValueError, match="must broadcast"):
        zoh(A, torch.ones(4, dtype=A.dtype), 0.1)
    with pytest.raises(TypeError, match="share one dtype"):
        zoh(A, torch.ones(3), 0.1)
    with pytest.raises(ValueError, match="A must be finite"):
        zoh(A * math.nan, torch.ones_like(A), 0.1)


@pytest.mark.parametrize("method", [zoh, bilinear])
def test_dense_systems_are_discretized_as_the_textbook_does(method):
    """For a matrix without inverse too, and one step per feature."""
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(2, 3, 3, generator=generator).double()
    A[1] = 0
    B = torch.randn(2, 3, generator=generator).double()
    dt = torch.tensor([[0.3], [0.7]], dtype=torch.float64)
    found = dense_parts(A, B, dt, method.__name__)
    for h in range(2):
        system = A[h].numpy(), B[h, :, None].numpy(), np.ones((1, 3)), np.zeros((1, 1))
        exact = cont2discrete(system, float(dt[h, 0]), method.__name__)
        assert found[0][h].numpy() == pytest.approx(exact[0], rel=1e-12, abs=1e-12)
        assert found[1][h].numpy() == pytest.approx(exact[1][:, 0], rel=1e-12)


#: A and dt whose product is large, or leaves float64's range
LARGE = [
    (-1e300 + 0j, 1e300),
    (-1e300 + 1e300j, 1e300),
    (-1e155 + 1j, 1e200),
    (-1e-5 + 3j, 1e300),
    (-1e10 + 1e5j, 1e10),
    (-3e6 + 1e3j, 0.5),
]


@pytest.mark.parametrize(("pole", "dt"), LARGE)
@pytest.mark.parametrize(("method", "end", "share"), [(zoh, 0, 1), (bilinear, -1, 2)])
def test_a_large_step_gives_the_limit_with_its_gradient(method, end, share, pole, dt):
    """Next to a mode that is not far, whose values do not change."""
    A = torch.tensor([pole, -1e-300 / dt + 0j], dtype=torch.complex128)
    B = torch.tensor([2 + 0j, 1], dtype=torch.complex128)
    step = torch.tensor(dt, dtype=torch.float64)
    for part in (A, B, step):
        part.requires_grad_()
    A_bar, B_bar = method(A, B, step)
    A_bar_0, B_bar_0 = complex(A_bar.detach()[0]), complex(B_bar.detach()[0])
    near = 5 / abs(pole) / dt
    assert A_bar_0 == pytest.approx(end, abs=near)
    assert B_bar_0 == pytest.approx(-share * 2 / pole, rel=1e-15 + near)
    assert A_bar[1] == 1
    assert B_bar[1] == dt
    of_A, of_B, of_step = torch.autograd.grad(B_bar.real[0], (A, B, step))
    # torch has the conjugate of the derivative, and no digits below 1e-308.
    slope = (share * 2 / pole / pole).conjugate()
    assert complex(of_A[0]) == pytest.approx(slope, rel=1e-14 + near, abs=1e-300)
    assert complex(of_B[0]) == pytest.approx(
        (-share / pole).conjugate(), rel=1e-15 + near
    )
    assert abs(float(of_step)) <= near
    assert of_A[1] == of_B[1] == 0


@pytest.mark.parametrize("method", [zoh, bilinear])
def test_both_forms_agree_where_they_meet(method, monkeypatch):
    A, B = complex_pairs(6)
    A, B = 300 * A, (B * (1 + 2j)).to(A.dtype)
    plain = method(A, B, 0.7)
    monkeypatch.setattr(discretization, "_FAR_RADIUS", 500.0)
    assert 0 < int((A.abs() * 0.7 > 500).sum()) < 6
    for found, expected in zip(method(A, B, 0.7), plain, strict=True):
        assert torch.allclose(found, expected, rtol=1e-13)
    for part in (A, B):
        part.requires_grad_()
    dt = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(method, (A, B, dt), eps=1e-5, rtol=1e-3)


@pytest.mark.parametrize("method", [zoh, bilinear])
@pytest.mark.parametrize(
    ("pole", "weight", "dt", "dtype"),
    [
        (1e300j, 1, 1e300, torch.complex128),
        (800, 1, 1e300, torch.complex128),
        (-1, 1, 1e300, torch.complex64),
        (-1, 1, 1e-60, torch.complex64),
        (-1e-300, 1e200, 1e200, torch.complex128),
        (0, 1e200, 1e200, torch.complex128),
        (-1e-300, 1e100, 1e308, torch.complex128),
    ],
)
def test_what_has_no_limit_in_range_is_refused(method, pole, weight, dt, dtype):
    A = torch.tensor([pole], dtype=dtype)
    if method is bilinear and complex(pole).real >= 0 and pole != 0:
        A_bar, B_bar = method(A, torch.full_like(A, weight), dt)  # it has a limit
        assert complex(A_bar[0]) == pytest.approx(-1)
        assert bool(B_bar.isfinite().all())
        return
    with pytest.raises(ValueError, match=r"dt must .*range"):
        method(A, torch.full_like(A, weight), dt)
