"""Tensors that are views, masked or quantized, and numbers of other types."""

import json
from fractions import Fraction

import numpy as np
import pytest
import torch

from ssmlib import autocorrelation, inputs, statistics, uncertainty
from ssmlib.kernels import dense_kernel, vandermonde_product
from ssmlib.layers import DenseRecurrence, Recurrence
from ssmlib.models import Model
from ssmlib.recommend import recommend
from ssmlib.tasks.baselines import baselines
from ssmlib.tasks.split import Split
from ssmlib.theory import memory, width

GENERATOR = torch.Generator().manual_seed(0)
SERIES = torch.randn(200, dtype=torch.complex128, generator=GENERATOR)
TABLE = torch.randn(40, 8, dtype=torch.complex128, generator=GENERATOR)
POLES = 0.9 * torch.exp(1j * torch.tensor([0.3, 1.0], dtype=torch.float64))
MOMENT = inputs.ar1(0.5).moment(8)
OPTIONS = {"d_model": 2, "d_state": 4}


def negative(x):
    """The same real numbers as a view with the negative bit."""
    view = torch.complex(x, -x).conj().imag
    assert view.is_neg()
    return view


def conjugate(x):
    view = x.conj().clone(memory_format=torch.contiguous_format)
    view = view.resolve_conj().conj()
    assert view.is_conj()
    return view


REAL = {
    "mean": statistics.mean,
    "paired": lambda x: statistics.paired(x, x.flip(0)).se,
    "slope": lambda x: statistics.slope(x, x.flip(0)),
    "bootstrap": lambda x: statistics.bootstrap(np.mean, x),
    "largest_gap": lambda x: statistics.largest_gap(x, x.flip(0)),
    "recommend": lambda x: recommend(x, 16).as_dict(),
    "recommend, raw": lambda x: recommend(x, 16, raw=True).as_dict(),
    "of_series": lambda x: uncertainty.of_series(x, 16),
    "timescale": lambda x: autocorrelation.timescale(x[None]),
    "legs_basis": lambda x: width.legs_basis(3, x.abs()).tolist(),
    "coloured": lambda x: memory.coloured_memory_function(
        POLES, MOMENT + 0 * x[:8]
    ).tolist(),
    "baselines": lambda x: baselines(
        Split(
            *(part for _ in range(3) for part in (x[:160].view(16, 10), x[:16])),
        )
    ).to_dict(),
}


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("name", REAL)
def test_a_negative_view_is_its_numbers(name):
    x = SERIES.real.contiguous()
    view = negative(x)
    assert torch.equal(view, x)
    assert REAL[name](view) == REAL[name](x)


def test_a_negative_moment_or_time_is_its_numbers():
    R = memory.coloured_memory_function(POLES, negative(MOMENT))
    assert torch.equal(R, memory.coloured_memory_function(POLES, MOMENT))
    times = torch.linspace(0, 2, 5, dtype=torch.float64)
    assert torch.equal(width.legs_basis(3, negative(times)), width.legs_basis(3, times))


COMPLEX = {
    "memory_function": lambda z: memory.memory_function(z, 5),
    "finite": lambda z: memory.finite_memory_function(z, 5),
    "coloured": lambda z: memory.coloured_memory_function(z, MOMENT),
    "fisher": lambda z: memory.fisher_memory(z, torch.ones_like(z), 5),
    "fisher, B": lambda z: memory.fisher_memory(POLES, z, 5),
    "largest_gap": lambda z: torch.tensor(statistics.largest_gap(z, 2 * POLES)),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_a_conjugate_view_is_its_numbers(name):
    assert torch.equal(COMPLEX[name](conjugate(POLES)), COMPLEX[name](POLES))


TAKERS = {
    "values": statistics.mean,
    "x": lambda x: statistics.slope(x, [1, 2, 3]),
    "draws": lambda x: statistics.bootstrap(np.mean, x),
    "found": lambda x: statistics.largest_gap(x, torch.ones(3)),
    "x ": lambda x: recommend(x, 1),
    "x  ": lambda x: autocorrelation.timescale(x[None]),
    "x   ": lambda x: Model(1, 1, **OPTIONS)(x.view(1, 1, 3)),
    "t": lambda x: width.legs_basis(3, x),
    "R": lambda x: memory.coloured_memory_function(POLES, x),
    "x_train": lambda x: baselines(Split(*[x.view(3, 1), torch.ones(3)] * 3)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TAKERS)
def test_a_masked_or_quantized_tensor_is_refused_by_name(name):
    masked = torch.masked.masked_tensor(
        torch.ones(3), torch.tensor([True, True, False])
    )
    quantized = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    for bad, kind in ((masked, "MaskedTensor"), (quantized, "quantized torch.qint8")):
        with pytest.raises(TypeError, match=rf"^{name.strip()} must be .* {kind}"):
            TAKERS[name](bad)


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("L", [np.int64(16), np.int32(16), np.uint8(16)])
@pytest.mark.parametrize("C", [np.float32(0.5), Fraction(1, 2), np.float64(0.5)])
def test_a_recommendation_has_the_types_of_json(L, C):
    x = SERIES.real.contiguous()
    plain = recommend(x, 16, constant=0.5)
    found = recommend(x, L, constant=C, seed=np.int64(0), raw=np.bool_(False))
    assert found == plain
    assert json.loads(json.dumps(found.as_dict())) == json.loads(
        json.dumps(plain.as_dict())
    )


@pytest.mark.parametrize("value", [np.float32(0.5), Fraction(1, 2), np.float64(0.5)])
def test_an_estimate_has_numbers_of_python(value):
    found = statistics.Estimate(value, value, np.int64(3), value)
    assert found == statistics.Estimate(0.5, 0.5, 3, 0.5)
    assert {type(v) for v in vars(found).values()} == {float, int}
    assert json.dumps(vars(found))


GAPS = [
    ([0], [1], torch.uint8, 1.0),
    ([100], [-100], torch.int8, 2.0),
    ([-(2**63)], [2**62], torch.int64, 3.0),
    ([True, False], [True, True], torch.bool, 1.0),
    ([60000.0], [-60000.0], torch.float16, 2.0),
    ([1.5e308], [-1.5e308], torch.float64, 2.0),
    ([1e-310], [2e-310], torch.float64, 0.5),
    ([3e38 + 3e38j], [-3e38 - 3e38j], torch.complex64, 2.0),
]


@pytest.mark.parametrize(("found", "exact", "dtype", "gap"), GAPS)
def test_the_largest_gap_does_not_depend_on_the_dtype(found, exact, dtype, gap):
    found, exact = torch.tensor(found, dtype=dtype), torch.tensor(exact, dtype=dtype)
    assert statistics.largest_gap(found, exact) == pytest.approx(gap, rel=1e-12)
    arrays = found.numpy(), exact.numpy()
    assert statistics.largest_gap(*arrays) == pytest.approx(gap, rel=1e-12)


@pytest.mark.parametrize("bad", [[], [np.nan, 1.0], [np.inf, 1.0], [1j * np.nan, 1]])
def test_the_largest_gap_is_of_finite_numbers(bad):
    good = torch.ones(len(bad))
    for values in (torch.tensor(bad), np.array(bad)):
        with pytest.raises(ValueError, match=r"found must (be finite|hold at least)"):
            statistics.largest_gap(values, good)
        if len(bad):
            with pytest.raises(ValueError, match="exact must be finite"):
                statistics.largest_gap(good, values)


HUGE = {
    "n": lambda: statistics.count_error(10**308, 10**310),
    "freedom": lambda: statistics.Estimate(1.0, 1.0, 10**400),
}


@pytest.mark.parametrize("name", HUGE)
def test_an_integer_beyond_float64_is_refused(name):
    with pytest.raises(ValueError, match=rf"^{name} must be within float64's range"):
        HUGE[name]()


def test_intervals_at_the_ends_of_their_arguments():
    assert statistics.count_error(10**30, 10**31) == pytest.approx(0.3 * 10**15.5)
    assert statistics.Estimate(1.0, 1.0, 10**30).half == pytest.approx(1.959964)
    # 2 / (pi (1 - level)) is the quantile of Student's t with 1 degree, far out.
    level = 1 - 2.0**-53
    half = statistics.Estimate(1.0, 1.0, 1, level).half
    assert half == pytest.approx(2 / np.pi * 2**53)


EYE, ONES = torch.eye(2, dtype=torch.float64) / 2, torch.ones(2, dtype=torch.float64)
SYSTEM = (EYE, ONES, ONES)
LAYERS = {
    "vandermonde_product": lambda d: vandermonde_product(POLES, POLES, 4, d),
    "Recurrence": lambda d: Recurrence(POLES[None], POLES[None], ONES[:1], d),
    "DenseRecurrence": lambda d: DenseRecurrence(
        EYE[None], ONES[None], ONES[None], ONES[:1], d
    ),
    "dense_kernel": lambda d: dense_kernel(*SYSTEM, 4, d),
    "dense_kernel, complex": lambda d: dense_kernel(
        EYE + 0j, ONES + 0j, ONES + 0j, 4, d
    ),
}


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.uint8, "float32"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_dtype_that_would_cut_the_values_is_refused(name, dtype):
    with pytest.raises(TypeError, match=r"dtype must be .*(float32|complex64).*, got"):
        LAYERS[name](dtype)


def test_a_complex_kernel_has_a_complex_dtype():
    for dtype in (torch.float64, torch.float32, torch.float16):
        with pytest.raises(TypeError, match="dtype must be complex64 or complex128"):
            LAYERS["dense_kernel, complex"](dtype)
    for name, dtype in (
        ("dense_kernel", torch.complex64),
        ("dense_kernel", torch.float16),
        ("dense_kernel, complex", torch.complex64),
    ):
        found = LAYERS[name](dtype)
        assert found.dtype == dtype
        assert torch.equal(
            found.to(torch.complex128).real, 2 * 0.5 ** torch.arange(4.0)
        )
