"""Discrete initializations: against closed forms, published laws and brute force."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from ssmlib import inputs
from ssmlib.initialization import (
    Initialization,
    for_delay,
    for_spectrum,
    initialize_discrete,
)
from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.theory import memory


def poles(log: torch.Tensor) -> torch.Tensor:
    """All poles of one feature, with conjugates."""
    return torch.cat([torch.exp(log), torch.exp(log).conj()])


@pytest.mark.parametrize(("N", "xi"), [(8, 0.05), (32, 0.01), (64, 0.002)])
def test_evenly_spaced_poles_have_a_memory_in_steps(N, xi):
    """MF(d) = (1 - q) q^floor(d / N) with q = exp(-xi N): they repeat after N steps."""
    log, _ = initialize_discrete("dfout", N, xi=xi)
    found = memory.memory_function(poles(log[0]), 4 * N)
    q = math.exp(-xi * N)
    wanted = (1 - q) * q ** (torch.arange(4 * N) // N).double()
    assert found.numpy() == pytest.approx(wanted.numpy(), abs=1e-12)


def test_phases_are_as_described():
    def phase(**options):
        return initialize_discrete("dfout", 8, 3, **options)[0].imag.numpy()

    turn, n, h = 2 * math.pi, np.arange(4), np.arange(3)[:, None]
    circle = turn * (n + (h + 0.5) / 3) / 8
    assert phase() == pytest.approx(circle)
    plain = phase(offsets=False)
    assert plain == pytest.approx(np.tile(turn * (n + 0.5) / 8, (3, 1)))
    assert phase(phases="half")[0] == pytest.approx(np.linspace(0, math.pi, 4))
    assert phase(phases="tokens")[1] == pytest.approx(turn / np.array([2, 3, 4, 5]))
    blocks = np.sort(phase(phases="blocks").ravel())
    assert blocks == pytest.approx(turn * (np.arange(12) + 0.5) / 24)
    # With conjugates, the phases of one feature without offset are evenly spaced.
    every = np.sort(np.concatenate([plain[0], turn - plain[0]]))
    assert np.diff(every) == pytest.approx(turn / 8)


def test_damping_is_drawn_for_each_feature():
    log, _ = initialize_discrete("dfout", 2, 4000, xi=(1e-3, 1e-1), seed=3)
    xi = -2 * log.real[:, 0].numpy()
    law = stats.loguniform(1e-3, 1e-1)
    assert stats.kstest(xi, law.cdf).pvalue > 1e-3
    fixed, _ = initialize_discrete("dfout", 4, 2, xi=0.2)
    assert fixed.real.numpy() == pytest.approx(-0.1)
    random = initialize_discrete("dfout", 2, 4000, phases="random")[0].imag
    uniform = stats.uniform(0, math.pi)
    assert stats.kstest(random.numpy().ravel(), uniform.cdf).pvalue > 1e-3


def test_the_ring_has_the_published_law():
    log, B = initialize_discrete("lru", 2, 10_000, r_min=0.3, r_max=0.9, max_phase=2.0)
    square = torch.exp(2 * log.real).numpy().ravel()
    law = stats.uniform(0.09, 0.81 - 0.09)
    assert stats.kstest(square, law.cdf).pvalue > 1e-3
    phase = np.mod(log.imag.numpy().ravel(), 2 * math.pi)
    assert stats.kstest(phase, stats.uniform(0, 2).cdf).pvalue > 1e-3
    assert stats.pearsonr(square, phase).pvalue > 1e-3
    assert B.abs().square().numpy().ravel() == pytest.approx(1 - square)


def test_the_ring_normalizes_white_input():
    """By running the recurrence: every mode has the mean square 1."""
    log, B = initialize_discrete("lru", 8, 1, r_max=0.95, seed=1)
    rng = torch.Generator().manual_seed(0)
    u = torch.randn(20_000, 400, generator=rng, dtype=torch.float64)
    x = torch.zeros(20_000, 4, dtype=torch.complex128)
    for t in range(400):
        x = torch.exp(log) * x + B * u[:, t, None]
    size = x.abs().square()
    error = size.std(0) / math.sqrt(len(size))
    assert bool(((size.mean(0) - 1).abs() < 4 * error).all())


def test_memory_times_are_geometric():
    log, _ = initialize_discrete("post", 12, 2, longest=243)
    times = (-1 / log.real).numpy()
    assert times == pytest.approx(np.tile(3.0 ** np.arange(6), (2, 1)))
    assert not log.imag.any()


@pytest.mark.parametrize("name", ["dfout", "lru"])
def test_a_layer_has_the_poles_and_the_weights(name):
    """Its kernel is that of the discrete system, by powers of the poles."""
    init = Initialization(name)
    layer = S4D(3, 8, init=init, seed=5, dtype=torch.float64)
    log_A, B_bar, C = layer.modes()
    assert layer.dt.flatten().tolist() == pytest.approx([1.0] * 3)
    assert B_bar.abs().max() < 1.001
    power = torch.exp(log_A).unsqueeze(-1) ** torch.arange(20)
    kernel = 2 * ((C * B_bar).unsqueeze(-1) * power).sum(1).real
    assert layer.kernel(20).detach().numpy() == pytest.approx(
        kernel.detach().numpy(), abs=1e-12
    )
    assert len({*log_A.imag.flatten().tolist()}) == 12  # each feature has its own


def test_a_pair_per_feature_is_a_discrete_system():
    log, B = initialize_discrete("lru", 8, 3, seed=2)
    layer = S4D(3, 8, init=(log, B), dt=1.0, dtype=torch.float64)
    log_A, B_bar, _ = layer.modes()
    assert torch.exp(log_A).detach().numpy() == pytest.approx(torch.exp(log).numpy())
    assert B_bar.detach().numpy() == pytest.approx(B.numpy(), abs=1e-12)
    assert Initialization((log, B)) == Initialization((log.clone(), B.clone()))
    real = S4DReal(2, 4, init="post")
    assert bool((real.A.real < 0).all())


def test_options_make_an_initialization_of_their_own():
    one = Initialization("dfout", options={"xi": 0.01, "phases": "half"})
    assert one == Initialization("dfout", options={"phases": "half", "xi": 0.01})
    assert one != Initialization("dfout")
    assert len({one, replace(one)}) == 1
    log, _ = one.modes(8, torch.Generator().manual_seed(0), 2)
    assert log.shape == (2, 4)
    assert log.real.numpy() == pytest.approx(-0.005)


def test_frequencies_divide_the_power_into_equal_shares():
    rng = torch.Generator().manual_seed(0)
    x = inputs.ar1(0.9).sample(200, 2048, rng)
    log, _ = for_spectrum(x, 16, 4)
    edges = np.sort(log.imag.numpy().ravel())
    # The distribution function of an AR(1)'s power on (0, pi), in closed form
    share = 2 / math.pi * np.arctan(1.9 / 0.1 * np.tan(edges / 2))
    assert share == pytest.approx((np.arange(32) + 0.5) / 32, abs=0.01)
    white, _ = for_spectrum(inputs.white().sample(200, 2048, rng), 16)
    even = math.pi * (np.arange(8) + 0.5) / 8
    assert white.imag.numpy()[0] == pytest.approx(even, abs=0.05)


@pytest.mark.parametrize("delay", [16, 20, 100])
def test_no_other_radius_recovers_a_delay_better(delay):
    N = 16
    log, _ = for_delay(delay, N)

    def recovered(scale: float) -> float:
        changed = torch.complex(scale * log[0].real, log[0].imag)
        return float(memory.memory_function(poles(changed), delay + 1)[delay])

    best = recovered(1.0)
    k = delay // N
    assert best == pytest.approx((k / (k + 1)) ** k / (k + 1), abs=1e-12)
    assert all(recovered(scale) < best for scale in (0.5, 0.9, 1.1, 2.0))
    short, _ = for_delay(3, N)
    assert float(memory.memory_function(poles(short[0]), 4)[3]) == pytest.approx(0.95)


BAD = {
    "xi below 0": (lambda: initialize_discrete("dfout", 8, xi=-0.1), "xi"),
    "an empty range": (lambda: initialize_discrete("dfout", 8, xi=(0.1, 0.01)), "low"),
    "r_min > r_max": (
        lambda: initialize_discrete("lru", 8, r_min=0.9, r_max=0.5),
        "r_min <= r_max",
    ),
    "a radius that no weight normalizes": (
        lambda: initialize_discrete("lru", 8, r_min=1.0),
        "r_min < 1",
    ),
    "a phase of 0": (
        lambda: initialize_discrete("lru", 8, max_phase=0.0),
        r"max_phase must be in \(0, 2 pi\]",
    ),
    "a phase above one turn": (
        lambda: initialize_discrete("lru", 8, max_phase=6.3),
        r"max_phase must be in \(0, 2 pi\]",
    ),
    "N odd": (lambda: initialize_discrete("dfout", 7), "even"),
    "an option of another scheme": (
        lambda: initialize_discrete("lru", 8, xi=0.1),
        "lru has the options r_min, r_max, max_phase, not xi",
    ),
    "an unknown scheme": (
        lambda: initialize_discrete("lin", 8),
        "dfout, linoss, lru, post",
    ),
    "another dt": (lambda: S4D(2, 8, init="dfout", dt=0.1), "needs dt = 1, got 0.1"),
    "a real part": (lambda: Initialization("lru", real=0.0), "do not go with a disc"),
    "a scaled frequency": (
        lambda: Initialization("lru", imag_scale=2.0),
        "do not go with a discrete",
    ),
    "options of a scheme that has none": (
        lambda: Initialization("lin", options={"xi": 0.1}),
        "options go with the schemes dfout, lru, post, linoss",
    ),
    "an unknown option": (
        lambda: Initialization("dfout", options={"r_min": 0.1}),
        "dfout has the options phases, offsets, xi",
    ),
    "bilinear": (
        lambda: S4D(2, 8, init="dfout", discretization="bilinear"),
        "needs discretization 'zoh'",
    ),
    "poles of other features": (
        lambda: S4D(4, 8, init=initialize_discrete("dfout", 8, 3), dt=1.0),
        r"must hold the poles of 4 features, \(4, 4\)",
    ),
    "S4": (lambda: S4(2, 8, init="dfout"), "goes with the schemes legs and fout"),
    "DSS": (lambda: DSS(2, 8, init="dfout", variant="exp"), "B = 1"),
    "a constant": (lambda: for_spectrum(torch.ones(100), 8), "must not be constant"),
    "a series of few steps": (
        lambda: for_spectrum(torch.randn(7), 8),
        "at least N = 8 steps",
    ),
    "a delay below 0": (lambda: for_delay(-1, 8), "delay"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()
