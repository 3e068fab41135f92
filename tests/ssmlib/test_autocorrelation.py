import contextlib
import math

import pytest
import scipy.linalg
import torch

from ssmbook.notebook.measure import peak_memory
from ssmlib import autocorrelation as ac
from ssmlib import inputs, uncertainty


def sample(n, L, seed=0):
    return inputs.ar1(0.8).sample(n, L, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n", "L"), [(7, 40), (500, 40), (1100, 1300), (1300, 1100)])
def test_matrix_free_is_dense(n, L):
    x = sample(n, L)
    exact = float(torch.linalg.eigvalsh(ac.second_moment(x))[-1])
    assert ac.largest_eigenvalue(x) == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize(("T", "L"), [(5, 1), (3, 2), (9, 5), (400, 64), (900, 300)])
@pytest.mark.parametrize("process", [inputs.white(), inputs.ar1(0.99)])
def test_windows_are_summed_along_diagonals(process, T, L):
    """A view of a series, its windows overlapping, has the moment of their copies."""
    series = process.sample(1, T, torch.Generator().manual_seed(T))[0] + 2
    x = ac.windows(series, L)
    moment = ac.second_moment(x.double())
    gram = ac._windows_gram(series.double(), len(x), L) / len(x)
    assert torch.allclose(gram, moment, rtol=1e-12)
    exact = float(torch.linalg.eigvalsh(moment)[-1])
    assert ac.largest_eigenvalue(x) == pytest.approx(exact, rel=1e-8)


def table(T):
    """A column of a table, whose values are not neighbors in memory."""
    return inputs.ar1(0.9).sample(T, 3, torch.Generator().manual_seed(0))[:, 1] + 0.2


OVERLAPPING = {
    "one step apart": lambda: ac.windows(sample(1, 1500)[0], 1100),
    "one step apart, many": lambda: ac.windows(sample(1, 3000)[0], 300),
    "three steps apart": lambda: ac.windows(sample(1, 2500)[0], 800, stride=3),
    "a remainder": lambda: ac.windows(sample(1, 2600)[0] + 1, 1100, stride=7),
    "few and long": lambda: ac.windows(sample(1, 2000)[0], 1900, stride=2),
    "transposed": lambda: ac.windows(sample(1, 1000)[0], 400, stride=2).mT,
    "every second value": lambda: ac.windows(sample(1, 1000)[0], 600)[:, ::2],
    "every second window": lambda: ac.windows(sample(1, 1500)[0], 400)[::2],
    "a column": lambda: ac.windows(table(1200), 500, stride=2),
    "half precision": lambda: ac.windows(sample(1, 1200)[0].half(), 500),
    "tiny": lambda: ac.windows(sample(1, 1200)[0] * 1e-200, 500, stride=2),
    "negative view": lambda: ac.windows((sample(1, 900)[0] * 1j).conj().imag, 400),
    "disjoint": lambda: ac.windows(sample(1, 1200)[0], 30, stride=30),
    "two of each": lambda: sample(400, 300).unfold(0, 2, 1).flatten(1),
    "repeated rows": lambda: sample(1, 400).expand(300, 400),
}


@pytest.mark.parametrize("make", OVERLAPPING.values(), ids=OVERLAPPING)
def test_overlapping_views_are_their_copies(make):
    """Products by Fourier transforms next to products with a copy of the view."""
    x = make()
    copy = x.double().clone(memory_format=torch.contiguous_format)
    size = float(copy.abs().max())
    exact = float(torch.linalg.svdvals(copy / size)[0]) ** 2 / len(x) * size * size
    if size > 1e-100:
        assert ac.largest_eigenvalue(x) == pytest.approx(exact, rel=1e-9)
        assert torch.allclose(ac.second_moment(x.double()), ac.second_moment(copy))
        assert torch.allclose(ac.toeplitz_moment(x.double()), ac.toeplitz_moment(copy))
    top = float(torch.linalg.svdvals(copy / size)[0]) / math.sqrt(len(x))
    found = ac.timescale(x) * size
    assert found == pytest.approx(1 / math.sqrt(x.shape[1]) / top, rel=1e-9)


TAKING_WINDOWS = {
    "largest_eigenvalue": (ac.largest_eigenvalue, 20_000),
    "timescale": (ac.timescale, 20_000),
    "toeplitz_moment": (ac.toeplitz_moment, 300),
    "second_moment": (ac.second_moment, 300),
}


@pytest.mark.slow
@pytest.mark.parametrize("bad", [1.0, math.nan, 1e305], ids=["finite", "NaN", "huge"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", TAKING_WINDOWS)
def test_windows_take_memory_for_their_series_only(name, stride, bad, monkeypatch):
    """Their entries are never formed together: gigabytes where L is long.

    Functions whose time grows with n L form them in blocks.
    """
    monkeypatch.setattr(ac, "_BLOCK", 2**17)
    call, L = TAKING_WINDOWS[name]
    series = torch.ones(2**16 if L > 300 else 2**17).double() * bad
    x = ac.windows(torch.zeros_like(series), L, stride)
    x.as_strided((len(series),), (1,)).copy_(series)  # not refused by `windows`
    entries = 8 * x.numel() / 2**20  # MiB
    assert entries > (3_000 if L > 300 else 100)

    def run():
        with contextlib.suppress(ValueError):
            call(x)

    assert peak_memory(run) / 2**20 < 0.25 * entries
    if math.isnan(bad):
        with pytest.raises(ValueError, match="x must be finite"):
            call(x)


@pytest.mark.parametrize(
    "process", [inputs.white(), inputs.ar1(0.9), inputs.equicorrelated(0.999)]
)
def test_long_windows_agree_with_the_dense_value(process):
    L = 700
    x = process.sample(300, L, torch.Generator().manual_seed(0))
    dense = scipy.linalg.eigh(
        ac.second_moment(x).numpy(), subset_by_index=[L - 1, L - 1], eigvals_only=True
    )
    assert ac.largest_eigenvalue(x) == pytest.approx(float(dense[0]), rel=1e-6)


def test_second_moment_is_the_mean_of_outer_products():
    x = sample(5, 3)
    assert torch.allclose(
        ac.second_moment(x), sum(torch.outer(r, r) for r in x) / 5, rtol=1e-14
    )


def test_toeplitz_moment_is_the_biased_sum():
    x = sample(4, 9)
    for k in range(9):
        brute = (x[:, : 9 - k] * x[:, k:]).sum() / (4 * 9)
        assert float(ac.toeplitz_moment(x)[k]) == pytest.approx(float(brute), abs=1e-14)


def test_timescale():
    x = sample(50, 20)
    top = ac.largest_eigenvalue(x)
    assert ac.timescale(x, 2.0) == pytest.approx(2 / math.sqrt(20 * top), rel=1e-12)
    constant = torch.ones(3, 100, dtype=torch.float64)
    assert ac.timescale(constant) == pytest.approx(1 / 100, rel=1e-12)


def test_windows_and_standardize():
    series = torch.arange(10.0)
    assert ac.windows(series, 4, stride=3).tolist()[-1] == [6, 7, 8, 9]
    w = ac.standardize(ac.windows(series, 4))
    assert torch.allclose(w.mean(-1), torch.zeros(7), atol=1e-6)
    assert torch.allclose(w.square().mean(-1), torch.ones(7))


def test_bad_data_is_refused():
    x = sample(3, 5)
    broken = x.clone()
    broken[1, 2] = math.nan
    for function in (ac.second_moment, ac.largest_eigenvalue, ac.timescale):
        with pytest.raises(ValueError, match="x must be finite"):
            function(broken)
    with pytest.raises(ValueError, match="at most the length of the series, 10"):
        ac.windows(torch.arange(10.0), 11)
    with pytest.raises(ValueError, match="series must be finite"):
        ac.windows(torch.tensor([1.0, math.nan]), 1)
    with pytest.raises(TypeError, match="real floating point"):
        ac.largest_eigenvalue(torch.ones(3, 3, dtype=torch.complex64))
    with pytest.raises(ValueError, match=r"shape \(n, L\)"):
        ac.largest_eigenvalue(torch.ones(3))
    with pytest.raises(ValueError, match="no constant sequence"):
        ac.standardize(torch.ones(2, 4))
    with pytest.raises(ValueError, match="zero throughout"):
        ac.timescale(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="constant must be positive"):
        ac.timescale(x, 0.0)


def test_the_timescale_of_a_moment_is_that_of_its_sequences():
    x = torch.randn(50, 12, generator=torch.Generator().manual_seed(0)).double()
    R = ac.second_moment(x)
    exact = ac.timescale(x)
    assert ac.moment_timescale(R) == pytest.approx(exact, rel=1e-12)
    row = torch.tensor([1.0, 0.5], dtype=torch.float64)
    assert ac.moment_timescale(row) == pytest.approx(3**-0.5)
    with pytest.raises(ValueError, match="R must not be zero throughout"):
        ac.moment_timescale(torch.zeros(3).double())


STRANGE = {
    "fp8": lambda: torch.ones(30, 30).to(torch.float8_e4m3fn),
    "sparse": lambda: torch.eye(30).to_sparse(),
    "sparse by rows": lambda: torch.eye(30).to_sparse_csr(),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "jagged": lambda: torch.nested.nested_tensor(
        [torch.ones(2), torch.ones(3)], layout=torch.jagged
    ),
    "meta": lambda: torch.ones(30, 30, device="meta"),
}
TAKING = {
    "standardize": ac.standardize,
    "second_moment": ac.second_moment,
    "toeplitz_moment": ac.toeplitz_moment,
    "largest_eigenvalue": ac.largest_eigenvalue,
    "timescale": ac.timescale,
    "windows": lambda x: ac.windows(x, 2),
    "moment_largest_eigenvalue": ac.moment_largest_eigenvalue,
    "of_sequences": uncertainty.of_sequences,
    "of_series": lambda x: uncertainty.of_series(x, 2),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", TAKING.values(), ids=TAKING)
@pytest.mark.parametrize("kind", STRANGE)
def test_tensors_without_plain_values_are_refused_by_name(kind, call):
    x = STRANGE[kind]()
    if (kind, call) == ("fp8", ac.moment_largest_eigenvalue):  # as any real matrix
        assert call(x) == pytest.approx(30)
        return
    with pytest.raises((TypeError, ValueError), match=r"^(x|R|series) must"):
        call(x)
