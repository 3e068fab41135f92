"""The mathematics of the live figures is the library's, in a browser."""

import math
import re

import numpy as np
import pytest
import torch

from ssmlib import inputs, uncertainty
from ssmlib.autocorrelation import (
    moment_largest_eigenvalue,
    standardize,
    toeplitz_moment,
)
from ssmlib.discretization import zoh
from ssmlib.initialization import initialize, lattice, spectrum
from ssmlib.kernels import log_vandermonde
from ssmlib.recommend import recommend
from ssmlib.theory import conditioning, memory, timescale
from tests.conftest import ROOT

pytestmark = pytest.mark.browser
SCRIPTS = ("modes", "gram", "memory", "series")
#: what is asked of a closed form, and of a condition number for each unit of it
EXACT, ROUNDING = 1e-10, 1e-15


@pytest.fixture(scope="module")
def js(browser):
    page = browser.new_page()
    for name in SCRIPTS:
        page.add_script_tag(path=ROOT / "book" / "_static" / "live" / f"{name}.js")
    yield page.evaluate
    page.close()


@pytest.mark.parametrize("a", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("rho", [0.0, 0.9, 0.99])
@pytest.mark.parametrize("L", [16, 256, 4096])
def test_energy_and_bound(js, a, rho, L):
    steps = [1e-4, 3e-3, 0.0101, 0.2, 1.0]
    A, _ = initialize("lin", 64, real=-a)
    process = inputs.white() if rho == 0 else inputs.ar1(rho)
    R = process.moment(L)
    found = js(
        "([a, L, rho, steps]) => { const A = ssm.initialize('lin', 64, -a);"
        "return steps.map((dt) => [ssm.energy(A, dt, L, rho),"
        "ssm.bound(32, dt, L, rho)]) }",
        [a, L, rho, steps],
    )
    energies, bounds = np.array(found).T
    expected = timescale.output_energy(A, torch.tensor(steps, dtype=torch.float64), R)
    assert energies == pytest.approx(expected.numpy(), rel=EXACT)
    expected = timescale.bound(A, torch.tensor(steps, dtype=torch.float64), R)
    assert bounds == pytest.approx(expected.numpy(), rel=EXACT)


@pytest.mark.parametrize("gap", [0.4, 1.0, 2.3, 8.0])
@pytest.mark.parametrize("a", [0.25, 0.5, 1.0])
def test_condition_numbers(js, gap, a):
    G = conditioning.gram(lattice(8, gap, real=-a, first=1))
    expected = conditioning.condition_number(G)
    found = js(
        "([m, d, a]) => ssm.conditionNumber(ssm.gram(ssm.lattice(m, d), a))",
        [8, gap, a],
    )
    assert found == pytest.approx(expected, rel=max(EXACT, ROUNDING * expected))
    closed = js("([d, a]) => ssm.latticeCondition(d, a)", [gap, a])
    assert closed == pytest.approx(conditioning.lattice_condition(gap, a), rel=EXACT)


def test_a_singular_matrix_has_no_condition_number(js):
    assert js("() => ssm.conditionNumber(ssm.gram([1, 2, 2], .5)) === Infinity")


@pytest.mark.parametrize("name", ["lin", "inv", "inv2", "quad", "real"])
def test_kernels(js, name):
    A, B = initialize(name, 32)
    _, B_bar = zoh(A, B, torch.tensor(0.013, dtype=torch.float64))
    expected = log_vandermonde(B_bar, 0.013 * A, 500)
    found = js("name => [...ssm.kernel(ssm.initialize(name, 32), .013, 500)]", name)
    assert found == pytest.approx(expected.numpy(), rel=EXACT, abs=EXACT)


@pytest.mark.parametrize("dt", [1e-3, 0.02, 0.3])
@pytest.mark.parametrize("name", ["lin", "inv", "inv2", "quad", "real"])
def test_memory_of_schemes(js, name, dt):
    poles = torch.exp(dt * spectrum(initialize(name, 32)[0]))
    found = js(
        "([name, dt]) => { const p = ssm.ofStep(ssm.initialize(name, 32), dt);"
        "return [...ssm.memoryFunction(p, 600)] }",
        [name, dt],
    )
    expected = memory.memory_function(poles, 600)
    assert found == pytest.approx(expected.numpy(), rel=EXACT, abs=EXACT)


def test_memory_and_group_delay_of_chosen_poles(js):
    poles = [[0.9, 0.3], [0.9, -0.3], [-0.2, 0.7], [-0.2, -0.7], [0.5, 0.0]]
    tensor = torch.tensor([complex(*p) for p in poles], dtype=torch.complex128)
    found = js("p => [...ssm.memoryFunction(ssm.distinct([...p, ...p]), 200)]", poles)
    expected = memory.memory_function(tensor, 200)
    assert found == pytest.approx(expected.numpy(), rel=EXACT, abs=EXACT)
    omega = torch.linspace(0, math.pi, 50, dtype=torch.float64)
    delay = js(
        "([p, w]) => w.map((x) => ssm.groupDelay(p, x))", [poles, omega.tolist()]
    )
    expected = memory.group_delay(tensor, omega)
    assert delay == pytest.approx(expected.numpy(), rel=EXACT)


@pytest.mark.parametrize("a", [0.0, 0.5])
@pytest.mark.parametrize("gap", [0.0, math.pi, 2 * math.pi / 20])
def test_memory_of_a_window(js, gap, a):
    """Of which undamped modes on the grid of the window share all inputs evenly."""
    T, dt = 400, 0.05  # S4D-Lin repeats after 40 steps, the grid after T
    poles = torch.exp(dt * spectrum(lattice(16, gap, real=-a)))
    held, answers = js(
        "([gap, a, dt, T]) => { const A = Array.from({ length: 16 },"
        "(_, n) => [-a, n * gap]); const rows = ssm.windowBasis(ssm.ofStep(A, dt), T);"
        "return [[...ssm.finiteMemory(rows)], [...ssm.answers(rows, 70)]] }",
        [gap, a, dt, T],
    )
    expected = memory.finite_memory_function(poles, T)
    assert held == pytest.approx(expected.numpy(), abs=EXACT)
    rows = memory.window_basis(poles, T)
    expected = (rows[:, 70].conj() @ rows).real
    assert answers == pytest.approx(expected.numpy(), abs=EXACT)


def ar1(rho, T, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return inputs.ar1(rho).sample(1, T, generator)[0].double()


@pytest.mark.parametrize("L", [1, 2, 16, 100, 300])
@pytest.mark.parametrize("rho", [0.0, 0.99])
def test_largest_eigenvalues(js, L, rho):
    r = toeplitz_moment(ar1(rho, 1500)[None])[:L]
    found = js("r => ssm.largestOf(r)", r.tolist())
    assert found == pytest.approx(moment_largest_eigenvalue(r), rel=EXACT)


def series():
    t = torch.arange(800).double()
    season = torch.sin(2 * torch.pi * t / 50) + 0.1 * ar1(0.5, 800)
    return {"ar1": ar1(0.9, 1000) + 2, "season": season,
            "standard": standardize(season[None])[0]}  # fmt: skip


@pytest.mark.parametrize("name", series())
def test_what_is_fitted_to_a_series(js, name, monkeypatch):
    x, L = series()[name], 64
    fitted = {}

    def keep(r, a, length):
        fitted["a"] = a
        return unpatched(r, a, length)

    unpatched = uncertainty._autocovariances
    monkeypatch.setattr(uncertainty, "_autocovariances", keep)
    expected = uncertainty.of_series(x, L)
    found = js(
        "([x, L]) => { const f = ssm.fit(x, L); return [f.plain, f.a, f.standard] }",
        [x.tolist(), L],
    )
    assert found[0] == pytest.approx(expected.plain, rel=EXACT)
    assert found[1] == pytest.approx(fitted["a"], rel=1e-6, abs=EXACT)
    assert found[2] == (name == "standard")


@pytest.mark.parametrize("name", series())
def test_intervals_have_the_library_s_limit(js, name):
    """Other random numbers: ends within four standard errors of a difference."""
    x, L, n = series()[name], 64, 12
    found = js(
        "([x, L, n]) => Array.from({ length: n }, (_, seed) => {"
        "const i = ssm.ofSeries(x, L, seed); return [i.low, i.estimate, i.high] })",
        [x.tolist(), L, n],
    )
    ours = [uncertainty.of_series(x, L, seed=seed) for seed in range(n)]
    theirs = np.log([[i.low, i.estimate, i.high] for i in ours])
    ours = np.log(found)
    se = np.hypot(ours.std(0, ddof=1), theirs.std(0, ddof=1)) / math.sqrt(n)
    # A standardized series' upper end may be its limit L, without a spread.
    assert (abs(ours.mean(0) - theirs.mean(0)) <= 4 * se + 1e-9).all()


@pytest.mark.parametrize("rho", [0.0, 0.999])
def test_what_is_recommended(js, rho):
    x, L = ar1(rho, 1200), 256
    advice = recommend(x, L)
    moment = advice.moment
    found = js(
        "([i, L]) => ssm.recommend(i, L)",
        [{"estimate": moment.estimate, "low": moment.low, "high": moment.high}, L],
    )
    for key, value in {
        "dt": advice.dt, "low": advice.dt_low, "high": advice.dt_high,
        "real": advice.real, "imagScale": advice.imag_scale, "states": advice.d_state,
    }.items():  # fmt: skip
        assert found[key] == pytest.approx(value, rel=EXACT), key


@pytest.mark.parametrize("x", [ar1(0.9, 800) + 40, ar1(0.99, 300)])
def test_what_is_cautioned(js, x):
    """Of the mean and of few data, for numbers in the scale that they have."""
    advice = recommend(x, 64, raw=True)
    moment = {key: getattr(advice.moment, key) for key in ("estimate", "low", "high")}
    found = js("([x, i]) => ssm.cautions(x, i, 64)", [x.tolist(), moment])
    told = re.findall(r"\d+(?= %)|\d+\.\d+(?=:)", "\n".join(found))
    assert told == re.findall(r"\d+(?=%)|\d+\.\d+(?=:)", "\n".join(advice.cautions))
    assert len(found) == len(told) == 1 + (len(x) == 300)


@pytest.mark.parametrize("name", [*series(), "line", "parabola", "growing", "walk"])
def test_what_is_doubted(js, name):
    """The same doubts, and in the same order; the sentences are shorter."""
    noise, t = ar1(0.0, 800), torch.linspace(-1.7, 1.7, 800).double()
    x = {**series(), "line": t + noise, "parabola": t**2 + noise,
         "growing": (2 + t) * noise, "walk": noise.cumsum(0)}[name]  # fmt: skip
    kinds = {"straight": "line", "cubic": "curve", "slow curve": "curve",
             "independent": "slow", "halves": "halves"}  # fmt: skip

    def kind(sentence):
        return next(kinds[word] for word in kinds if word in sentence)

    expected = [kind(doubt) for doubt in uncertainty.of_series(x, 64).doubts]
    found = js("([x, L]) => ssm.fit(x, L).doubts", [x.tolist(), 64])
    assert [kind(doubt) for doubt in found] == expected
    assert bool(expected) == (name not in series())


@pytest.mark.parametrize("shift", [0.0, 20.0])
def test_the_scale_that_is_removed(js, shift):
    x = standardize(ar1(0.9, 500)[None])[0] * (3 if shift else 1) + shift
    found = js("x => ssm.standard(x)", x.tolist())
    advice = recommend(x, 32)
    assert found["shift"] == pytest.approx(advice.shift, rel=EXACT)
    assert found["scale"] == pytest.approx(advice.scale, rel=EXACT)
