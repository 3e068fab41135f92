import math

import pytest
import torch
from scipy import stats

from ssmlib import hippo
from ssmlib.initialization import (
    SCHEMES,
    Initialization,
    as_initialization,
    initialize,
    low_rank,
    names,
    spectrum,
    window_grid,
)
from ssmlib.theory import conditioning

N = 64
n = torch.arange(N // 2, dtype=torch.float64)
FREQUENCIES = {
    "lin": math.pi * n,
    "inv": N / math.pi * (N / (2 * n + 1) - 1),
    "inv2": N / math.pi * (N / (n + 1) - 1),
    "quad": (1 + 2 * n) ** 2 / math.pi,
    "legs": hippo.legs_frequencies(N),
    "fout": math.pi * n,
    "real": torch.zeros(N // 2).double(),
}


@pytest.mark.parametrize("name", FREQUENCIES)
def test_frequencies_are_the_published_ones(name):
    A, B = initialize(name, N)
    assert torch.allclose(A.imag, FREQUENCIES[name], rtol=1e-14)
    damping = {"real": -(n + 1), "fout": torch.zeros_like(n)}
    expected = damping.get(name, torch.full_like(n, -0.5))
    assert torch.equal(A.real, expected)
    assert torch.equal(B, torch.ones(N // 2, dtype=torch.complex128))


@pytest.mark.parametrize("name", names())
def test_every_scheme_gives_stable_modes_of_the_right_shape(name):
    A, B = initialize(name, 8)
    assert A.shape == B.shape == (4,)
    assert A.dtype == B.dtype == torch.complex128
    assert bool((A.real <= 0).all())
    A, _ = initialize(name, 8, real=0.0, imag_scale=0.1)
    assert bool((A.real == 0).all())
    assert torch.allclose(A.imag, 0.1 * initialize(name, 8)[0].imag)


def test_random_schemes_repeat_with_their_seed():
    for name in ("random_imag", "random_inv", "random_real", "rand"):
        assert torch.equal(
            initialize(name, N, seed=3)[0], initialize(name, N, seed=3)[0]
        )
        assert not torch.equal(
            initialize(name, N, seed=3)[0], initialize(name, N, seed=4)[0]
        )


def test_random_schemes_have_the_published_laws():
    """What is drawn, mapped to what is uniform or normal: one by one, 2,048 modes."""
    size = 4096
    uniform = {
        "random_imag": lambda A: A.imag / (math.pi * size / 2),
        "random_inv": lambda A: (size / (A.imag * math.pi / size + 1) - 1) / size,
        "random_real": lambda A: -A.real,
    }
    for name, back in uniform.items():
        drawn = back(initialize(name, size)[0]).numpy()
        assert stats.kstest(drawn, "uniform").pvalue > 1e-3, name
    rand = initialize("rand", size)[0].imag.log().numpy()
    assert stats.kstest(rand, "norm").pvalue > 1e-3


def test_hippo_weights():
    _, B = initialize("legs", N, B="hippo")
    assert float(2 * B.abs().square().sum()) == pytest.approx(N**2, rel=1e-12)


@pytest.mark.parametrize("name", ["legs", "fout"])
def test_the_low_rank_form_is_hippo_s(name):
    """Same characteristic: C (s - A)^-1 B of both forms, for C = B and at five s."""
    A, B = initialize(name, N, B="hippo")
    P = low_rank(name, N)
    both = [torch.cat([part, part.conj()]) for part in (A, B, P)]
    form = torch.diag(both[0]) - torch.outer(both[2], both[2].conj())
    matrix, b = (part + 0j for part in getattr(hippo, name)(N))
    one = torch.eye(N)
    for s in (1.0, 3j, 0.1 + 40j, -0.3 + 200j, 1000.0):
        ours = both[1].conj() @ torch.linalg.solve(s * one - form, both[1])
        theirs = b @ torch.linalg.solve(s * one - matrix, b)
        assert abs(ours - theirs) < 1e-10 * abs(theirs), s
    with pytest.raises(ValueError, match="a low-rank term goes with the schemes legs"):
        low_rank("lin", N)
    with pytest.raises(ValueError, match="N must be even"):
        low_rank(name, 7)


def test_unknown_scheme_lists_the_known_ones():
    with pytest.raises(ValueError, match="legs") as caught:
        initialize("hippo", N)
    assert all(name in str(caught.value) for name in SCHEMES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "legs", "N": 7}, "N must be even"),
        ({"name": "lin", "N": 7}, "N must be even"),
        ({"name": "lin", "N": 0}, "N must be at least 2"),
        ({"name": "lin", "N": 8, "real": 0.1}, "real must be at most 0"),
        ({"name": "lin", "N": 8, "imag_scale": math.nan}, "imag_scale"),
        ({"name": "lin", "N": 8, "B": "hippo"}, "legs and fout only"),
        ({"name": "lin", "N": 8, "B": "ones"}, "B must be one of"),
        ({"name": "lin", "N": 8, "seed": 1}, "random schemes only"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        initialize(**arguments)


def test_spectrum_closes_under_conjugation_and_counts_real_modes_once():
    found = spectrum(initialize("lin", 8)[0])
    assert found.numel() == 7  # the mode at frequency 0 has no partner
    assert torch.allclose(found.sum().imag, torch.zeros(1).double())
    assert spectrum(initialize("legs", 8)[0]).numel() == 8
    assert spectrum(torch.tensor([-1 + 0j, -1 + 0j, -1 - 0j])).numel() == 1


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_on_the_grid_of_a_window_dt_is_size_alone():
    """The kernels of two dt are multiples of each other, with period L."""
    kernels = {}
    for dt in (0.3, 0.02):
        start = window_grid(dt, 12)
        A, _ = start.modes(8, torch.Generator())
        assert start.fixed_dt == dt
        kernels[dt] = conditioning.features(A, dt, 24, readout="complex") / dt
    torch.testing.assert_close(kernels[0.3], kernels[0.02])
    torch.testing.assert_close(kernels[0.3][:12], kernels[0.3][12:])
    with pytest.raises(ValueError, match="dt must be"):
        window_grid(0.0, 12)


def test_the_object_holds_what_initialize_takes():
    init = Initialization("legs", real=-0.1, imag_scale=2.0, B="hippo", dt=0.1)
    found = init.modes(8, generator())
    options = {"real": -0.1, "imag_scale": 2.0, "B": "hippo"}
    assert all(map(torch.equal, found, initialize("legs", 8, **options)))
    assert init.log_dt(3, generator()).tolist() == [math.log(0.1)] * 3
    assert init.fixed_dt == 0.1
    drawn = Initialization("rand").modes(8, generator(5))
    assert all(map(torch.equal, drawn, initialize("rand", 8, seed=5)))


def test_a_range_of_dt_is_drawn_from():
    """Uniform in the logarithm, between its ends: not one of two values."""
    drawn = Initialization(dt=(1e-3, 1e-1)).log_dt(2000, generator()) / math.log(10)
    assert stats.kstest(drawn.numpy(), "uniform", (-3, 2)).pvalue > 1e-3


def test_a_pair_is_kept_exactly_and_compared():
    A, B = initialize("inv", 8, real=0.0)
    one, same = (Initialization((A.clone(), B.clone()), dt=0.1) for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    assert one != Initialization((A * 0.5, B), dt=0.1)
    assert all(map(torch.equal, one.modes(8, generator()), (A, B)))


def test_what_init_may_be():
    init = Initialization("inv", dt=0.1)
    assert as_initialization(init) is init
    assert as_initialization("inv", 0.1) == init
    assert as_initialization("inv", real=0.0) == Initialization("inv", real=0.0)
    with pytest.raises(ValueError, match="dt, real cannot be given beside an Init"):
        as_initialization(init, 0.1, real=0.0)


PAIR = initialize("lin", 8)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scheme": "lim"}, ValueError, "must be one of"),
        ({"B": "hippo"}, ValueError, "legs and fout only"),
        ({"real": 0.5}, ValueError, "real must be at most 0"),
        ({"scheme": PAIR, "real": 0.0}, ValueError, "go with a scheme's name"),
        ({"scheme": PAIR[:1]}, TypeError, "a pair .A, B. of tensors"),
        ({"scheme": (PAIR[0], PAIR[1][1:])}, ValueError, "of one shape"),
        ({"scheme": (-PAIR[0], PAIR[1])}, ValueError, "A of init must have real parts"),
        (
            {"scheme": (PAIR[0], math.nan * PAIR[1])},
            ValueError,
            "B of init must be fin",
        ),
        ({"dt": 0}, ValueError, "dt must be positive"),
        ({"dt": (0.1, math.nan)}, ValueError, "dt must be positive"),
        ({"dt": (0.1, 0.01)}, ValueError, "low <= high"),
        ({"dt": (0.1,)}, TypeError, "a number or a range"),
        ({"dt": "fast"}, TypeError, "a number or a range"),
    ],
)
def test_options_a_scheme_does_not_have_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Initialization(**arguments)


def test_a_fixed_dt_is_asked_of_a_range():
    with pytest.raises(ValueError, match="dt must be one number here, got the range"):
        _ = Initialization().fixed_dt
