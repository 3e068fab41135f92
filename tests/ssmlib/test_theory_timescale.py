import functools
import math

import pytest
import torch

from ssmlib import inputs
from ssmlib.theory import timescale as theory

L, DT = 60, 0.05


def s4d_lin(m=8, real=0.0):
    v = math.pi * torch.arange(m, dtype=torch.float64)
    return torch.complex(torch.full_like(v, real), v)


def dense(row):
    lag = torch.arange(row.numel())
    return row[(lag[:, None] - lag).abs()]


def brute_energy(A, dt, R, readout, B):
    """E|y_L|^2 from the impulse responses themselves, R in time order."""
    beta = B * torch.where(A == 0, dt + 0j, (torch.exp(A * dt) - 1) / A)
    age = torch.arange(R.shape[0] - 1, -1, -1)  # of each input at the last step
    response = beta[:, None] * torch.exp(A[:, None] * dt * age)  # (m, L)
    if readout == "real":
        return float((response.real @ R * response.real).sum())
    total = float(((response.conj() @ (R + 0j)) * response).sum().real)
    return total / 2 if readout == "complex" else 2 * total


@pytest.mark.parametrize("readout", theory.READOUTS)
@pytest.mark.parametrize("real", [0.0, -0.5])
@pytest.mark.parametrize("dt", [1e-3, DT, 1.0])
def test_energy_against_impulse_responses(readout, real, dt):
    A = s4d_lin(real=real)
    B = torch.linspace(0.5, 2, 8).double() * (1 + 0.3j)
    for process in (inputs.white(), inputs.ar1(0.9), inputs.constant()):
        R = process.moment(L)
        exact = brute_energy(A, dt, dense(R), readout, B)
        for moment in (R, dense(R)):
            found = theory.output_energy(A, dt, moment, B=B, readout=readout)
            assert float(found) == pytest.approx(exact, rel=1e-9)


def test_a_dense_moment_is_read_in_time_order():
    """Power only in the last input, which is not damped."""
    R = torch.zeros(L, L, dtype=torch.float64)
    R[-1, -1] = 1.0
    A = s4d_lin(1, real=-0.5)
    recent = float(theory.output_energy(A, 0.5, R))
    assert recent == pytest.approx(brute_energy(A, 0.5, R, "complex", torch.ones(1)))
    assert float(theory.output_energy(A, 0.5, R.flip(0, 1))) < 1e-9 * recent


@functools.cache
def simulated(n, A, process):
    """n final states and readouts."""
    generator = torch.Generator().manual_seed(0)
    h = theory.final_state(A, DT, process.sample(n, L, generator))
    return h, torch.randn(2, n, 8, generator=generator, dtype=torch.float64)


SLOW_MODES, PROCESS = s4d_lin(real=-0.1), inputs.ar1(0.7)


@pytest.mark.parametrize("readout", theory.READOUTS)
def test_energy_against_simulation(readout):
    n, A, process = 40_000, SLOW_MODES, PROCESS
    h, c = simulated(n, A, process)
    if readout == "real":
        y = (c[0] * h.real).sum(-1)
    else:
        y = (torch.complex(*c) / math.sqrt(2) * h).sum(-1).real
        y = 2 * y if readout == "pairs" else y
    error = float(y.square().std()) / math.sqrt(n)
    exact = theory.output_energy(A, DT, process.moment(L), readout=readout)
    assert abs(float(y.square().mean() - exact)) < 4 * error


def test_final_state_is_the_recurrence():
    A = s4d_lin(3, real=-0.2)
    x = torch.randn(2, 9, generator=torch.Generator().manual_seed(0)).double()
    beta = torch.where(A == 0, DT + 0j, (torch.exp(A * DT) - 1) / A)
    h = torch.zeros(2, 3, dtype=torch.complex128)
    for l in range(9):
        h = torch.exp(A * DT) * h + beta * x[:, l, None]
    assert torch.allclose(theory.final_state(A, DT, x), h, rtol=1e-12)


@pytest.mark.parametrize("readout", theory.READOUTS)
@pytest.mark.parametrize("real", [0.0, -0.01, -0.5])
def test_both_bounds_hold_and_the_finer_is_finer(readout, real):
    A, dt = s4d_lin(real=real), torch.logspace(-4, 1, 12).double()
    for process in (inputs.white(), inputs.power_law(0.5), inputs.constant()):
        R = process.moment(L)
        energy = theory.output_energy(A, dt, R, readout=readout)
        coarse = theory.bound(A, dt, R, readout=readout)
        finer = theory.damped_bound(A, dt, R, readout=readout)
        slack = 1 + 1e-12
        assert bool((energy <= finer * slack).all())
        assert bool((finer <= coarse * slack).all())
        if real == 0:
            assert torch.allclose(finer, coarse, rtol=1e-12)


def test_bound_is_met_where_mode_and_input_agree():
    A, R = s4d_lin(1), inputs.constant().moment(L)
    energy, bound = theory.output_energy(A, DT, R), theory.bound(A, DT, R)
    assert float(energy) == pytest.approx(float(bound), rel=1e-12)
    assert float(bound) == pytest.approx(0.5 * DT**2 * L**2, rel=1e-12)


def test_white_input_and_damping_in_closed_form():
    a, dt, steps = 0.5, 1e-4, 4000
    A, R = s4d_lin(1, real=-a), inputs.white().moment(steps)
    x = 2 * a * dt * steps
    ratio = theory.output_energy(A, dt, R) / theory.bound(A, dt, R)
    assert float(ratio) == pytest.approx((1 - math.exp(-x)) / x, rel=1e-7)


def test_constant_input_in_closed_form():
    A, dt = s4d_lin(), 0.01
    v = A.imag[1:]
    exact = 2 * (torch.sin(v * dt * L / 2) / v).square().sum() + dt**2 * L**2 / 2
    found = theory.output_energy(A, dt, inputs.constant().moment(L))
    assert float(found) == pytest.approx(float(exact), rel=1e-12)


def test_stationary_formula_is_the_limit():
    A, ar = s4d_lin(32), inputs.ar1(0.9)
    for steps, tolerance in ((1024, 3e-3), (16384, 2e-4)):
        dt = 1 / math.sqrt(steps)
        exact = float(theory.output_energy(A, dt, ar.moment(steps)))
        limit = theory.stationary_energy(A, dt, steps, ar.density)
        assert limit == pytest.approx(exact, rel=tolerance)


@pytest.mark.parametrize(
    ("process", "power"),
    [(inputs.white(), -0.5), (inputs.constant(), -1.0)],
    ids=lambda value: getattr(value, "name", value),
)
def test_critical_dt_of_the_extremes(process, power):
    A = s4d_lin(1)
    found = [theory.critical_dt(A, process.moment(n)) for n in (256, 4096)]
    assert math.log(found[1] / found[0]) / math.log(16) == pytest.approx(
        power, abs=1e-9
    )
    energy = theory.output_energy(A, found[0], process.moment(256))
    assert float(energy) == pytest.approx(1, rel=1e-9)


def test_tail_of_a_fixed_state_is_normal():
    states = torch.full((10, 1), 3 * math.sqrt(2) + 0j, dtype=torch.complex128)
    found = theory.tail_probability(states, torch.tensor([3.0, 6.0]).double())
    assert found.tolist() == pytest.approx([0.31731050786, 0.0455002639], rel=1e-9)


R = inputs.white().moment(5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((s4d_lin(real=0.1), DT, R), ValueError, "real parts <= 0"),
        ((s4d_lin(), 0.0, R), ValueError, "dt must be positive"),
        ((s4d_lin(), math.nan, R), ValueError, "dt must be finite"),
        ((s4d_lin().real, DT, R), TypeError, "A must be complex"),
        ((s4d_lin(), DT, torch.ones(3, 4)), ValueError, "R must be real"),
        ((s4d_lin(), DT, R * math.nan), ValueError, "R must be finite"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    for function in (theory.output_energy, theory.bound, theory.damped_bound):
        with pytest.raises(error, match=message):
            function(*arguments)


def test_other_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="readout must be one of"):
        theory.output_energy(s4d_lin(), DT, R, readout="imaginary")
    with pytest.raises(ValueError, match="B must have A's shape"):
        theory.output_energy(s4d_lin(), DT, R, B=torch.ones(3))
    with pytest.raises(ValueError, match="real parts 0"):
        theory.stationary_energy(s4d_lin(real=-1.0), DT, 5, inputs.white().density)
    with pytest.raises(ValueError, match="R must be symmetric"):
        theory.bound(s4d_lin(), DT, torch.ones(3, 3).triu())
    with pytest.raises(ValueError, match="R must not be zero"):
        theory.critical_dt(s4d_lin(), torch.zeros(3))
    with pytest.raises(ValueError, match="not reached"):
        theory.critical_dt(s4d_lin(1, real=-0.5), inputs.constant().moment(5), 1e9)


def test_undamped_energy_at_two_timescales():
    """32 modes, white input: bounded by 16 at dt = 1/sqrt(L), like L at dt = .01."""
    v = math.pi * torch.arange(32, dtype=torch.float64)
    A = torch.complex(torch.zeros_like(v), v)
    expected = {
        256: (7.5, 0.40),
        1024: (12.5, 1.6),
        4096: (15.0, 6.4),
        16384: (15.7, 25.5),
    }
    for L, pair in expected.items():
        R = inputs.white().moment(L)
        for dt, value in zip((L**-0.5, 0.01), pair, strict=True):
            assert float(theory.output_energy(A, dt, R)) == pytest.approx(
                value, rel=0.01
            )
