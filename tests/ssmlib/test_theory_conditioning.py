import math

import mpmath
import pytest
import torch
from scipy.integrate import quad
from scipy.linalg import toeplitz

from ssmlib import inputs
from ssmlib.initialization import initialize
from ssmlib.theory import conditioning as theory


def modes(v, a=0.5):
    v = torch.as_tensor(v, dtype=torch.float64)
    return torch.complex(torch.full_like(v, -a), v)


def lattice(m, delta, a=0.5, first=1):
    return modes(delta * torch.arange(first, m + first, dtype=torch.float64), a)


def eigenvalues(G):
    return torch.linalg.eigvalsh(G)


A_MIXED = torch.complex(
    torch.tensor([-0.5, -0.5, -1.3, -0.2]).double(),
    torch.tensor([0.0, 2.0, -3.1, 0.7]).double(),
)


@pytest.mark.parametrize("readout", theory.READOUTS)
def test_gram_is_the_integral(readout):
    """Against quadrature, mode by mode, with unequal real parts too."""
    functions = [
        lambda t, w=w: math.exp(w.real * t) * math.cos(w.imag * t)
        for w in A_MIXED.tolist()
    ]
    if readout == "complex":
        functions += [
            lambda t, w=w: math.exp(w.real * t) * math.sin(w.imag * t)
            for w in A_MIXED.tolist()
            if w.imag
        ]
    G = theory.gram(A_MIXED, readout=readout)
    assert G.shape == (len(functions), len(functions))
    for j, f in enumerate(functions):
        for k, g in enumerate(functions):
            value, _ = quad(lambda t, f=f, g=g: f(t) * g(t), 0, 100, limit=400)
            assert float(G[j, k]) == pytest.approx(value, abs=1e-9)


def test_gram_of_equal_real_parts_is_two_lorentzians():
    a, v = 0.3, torch.tensor([0.0, 1.0, 2.5]).double()
    A = 2 * a
    d, s = v[:, None] - v, v[:, None] + v
    expected = 0.5 * (A / (A**2 + d**2) + A / (A**2 + s**2))
    assert torch.allclose(theory.gram(modes(v, a)), expected, rtol=1e-13)


@pytest.mark.parametrize("readout", theory.READOUTS)
@pytest.mark.parametrize("a", [0.0, 0.5])
def test_features_are_the_impulse_responses(readout, a):
    A, dt, L = lattice(3, 2.0, a, first=0), 0.1, 20
    h = torch.zeros(3, dtype=torch.complex128)
    rows = []
    for s in range(L):
        beta = [dt if w == 0 else (torch.exp(dt * w) - 1) / w for w in A]
        h = torch.exp(dt * A) * h + torch.tensor(beta) * (s == 0)
        rows.append(torch.cat([h.real, h.imag[1:]]) if readout == "complex" else h.real)
    F = theory.features(A, dt, L, readout=readout)
    assert torch.allclose(F, torch.stack(rows), atol=1e-13)


def test_discrete_gram_tends_to_the_continuous_one():
    A, dt = lattice(4, 2.0), 1e-3
    F = theory.features(A, dt, 40_000)
    assert torch.allclose(F.mT @ F / dt, theory.gram(A), atol=2e-3)


@pytest.mark.parametrize(
    ("v", "rank"),
    [([1, 2, 3], 3), ([0, 1, 2], 3), ([1, 2, -2], 2), ([0, 0, 0], 1), ([1, 1], 1)],
)
def test_positive_definite_iff_sizes_are_distinct(v, rank):
    found = eigenvalues(theory.gram(modes(v)))
    assert int((found > 1e-12).sum()) == rank
    assert (theory.condition_number(theory.gram(modes(v))) < math.inf) == (
        rank == len(v)
    )


def test_eigenvalues_of_one_two_three():
    found = eigenvalues(theory.gram(modes([1, 2, 3])))
    assert found.tolist() == pytest.approx([0.197, 0.424, 1.022], abs=5e-4)


@pytest.mark.parametrize("delta", [0.5, 1, 1.5, 2, 2.3, math.pi, 5])
@pytest.mark.parametrize("readout", theory.READOUTS)
def test_lattices_reach_their_limit_from_below(delta, readout):
    limit = theory.lattice_condition(delta, readout=readout)
    found = [
        theory.condition_number(theory.gram(lattice(m, delta), readout=readout))
        for m in (8, 64, 512)
    ]
    assert found == sorted(found)
    assert found[-1] < limit
    gaps = [1 - value / limit for value in found]
    if readout == "real":
        assert gaps[-1] < 0.01
    else:  # its symbol jumps: the gap closes like 1/m
        assert gaps[2] < gaps[1] / 4


LATTICES = {  # delta: condition numbers of 8 and of 512 frequencies
    0.5: (146, 266.3),
    1: (9.03, 11.56),
    1.5: (3.53, 4.114),
    2.3: (1.91, 2.085),
    math.pi: (1.46, 1.542),
}


@pytest.mark.parametrize("delta", LATTICES)
def test_lattice_table(delta):
    for m, expected in zip((8, 512), LATTICES[delta], strict=True):
        found = theory.condition_number(theory.gram(lattice(m, delta)))
        assert found == pytest.approx(expected, rel=3e-3)


def test_a_mode_at_zero_doubles_its_entry():
    found = theory.condition_number(theory.gram(lattice(512, math.pi, first=0)))
    assert found == pytest.approx(2.40, abs=5e-3)


@pytest.mark.parametrize(("delta", "expected"), [(2.3, 14.85), (math.pi, 7.21)])
def test_half_lattice_with_sines(delta, expected):
    A = modes(delta * (torch.arange(128, dtype=torch.float64) + 0.5))
    found = theory.condition_number(theory.gram(A, readout="complex"))
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("delta", "expected"), [(2.3, 15.22), (math.pi, 7.34)])
def test_complex_lattice_is_the_toeplitz_matrix_of_its_exponentials(delta, expected):
    """The complex inner products -1/(w_j + w_k^*) alone, 1024 frequencies."""
    A = lattice(1024, delta)
    values = torch.linalg.eigvalsh(-1 / (A[:, None] + A.conj()))
    found = float(values[-1] / values[0])
    assert found == pytest.approx(expected, rel=3e-3)
    assert found < theory.lattice_condition(delta, readout="complex")


@pytest.mark.parametrize("a", [0.1, 0.5, 2.0])
def test_only_the_ratio_of_a_and_delta_counts(a):
    found = theory.condition_number(theory.gram(lattice(64, 4.6 * a, a)))
    same = theory.condition_number(theory.gram(lattice(64, 2.3)))
    assert found == pytest.approx(same, rel=1e-10)
    assert theory.lattice_condition(4.6 * a, a) == pytest.approx(
        theory.lattice_condition(2.3)
    )


def test_separated_frequencies_keep_the_bound():
    """400 random sets: smallest eigenvalue above Gershgorin's bound, none below the
    lattice's by more than rounding."""
    generator = torch.Generator().manual_seed(0)
    for delta in (2.0, 2.3, 4.0):
        for _ in range(400):
            gaps = delta + torch.rand(24, generator=generator).double() ** 4 * 3
            v = torch.cumsum(gaps, 0) - gaps[0] * (
                torch.rand(1, generator=generator) < 0.5
            )
            least = float(eigenvalues(theory.gram(modes(v)))[0])
            assert least > theory.separation_bound(delta)


def test_separation_bound_turns_positive_at_root_two_pi_a():
    edge = math.sqrt(2) * math.pi * 0.5
    assert theory.separation_bound(edge) == pytest.approx(0, abs=1e-12)
    assert theory.separation_bound(2.3) == pytest.approx(0.0336, abs=5e-5)
    assert float(eigenvalues(theory.gram(lattice(512, 2.3)))[0]) == pytest.approx(
        0.373, abs=5e-4
    )


def test_gershgorin_on_the_lattice():
    """The circles themselves at delta = 2.3: between the bound and lambda_min."""
    for first, expected in ((1, 0.222), (0, 0.188)):
        G = theory.gram(lattice(512, 2.3, first=first))
        circles = 2 * G.diagonal() - G.abs().sum(1)
        assert float(circles.min()) == pytest.approx(expected, abs=1e-3)
        assert theory.separation_bound(2.3) < float(circles.min())
        assert float(circles.min()) < float(eigenvalues(G)[0])


def test_gaps_of_the_schemes():
    for name, expected in {"lin": 3.14, "inv": 0.657, "legs": 0.547}.items():
        v = initialize(name, 128)[0].imag.sort()[0]
        assert float(v.diff().min()) == pytest.approx(expected, abs=2e-3)


TABLE = {
    8: {"lin": 2.38, "inv": 6.75, "legs": 4.36},
    32: {"lin": 2.40, "inv": 21.7, "legs": 16.9},
    64: {"lin": 2.40, "inv": 31.4, "legs": 33.8},
}


@pytest.mark.parametrize("m", TABLE)
def test_named_schemes(m):
    for name, expected in TABLE[m].items():
        found = theory.condition_number(theory.gram(initialize(name, 2 * m)[0]))
        assert found == pytest.approx(expected, rel=3e-3)


def test_real_modes_against_multiprecision():
    """S4D-Real is a Cauchy matrix: 5.6e10 at 8 modes, singular to doubles at 32."""
    mpmath.mp.dps = 40
    G = mpmath.matrix(8, 8)
    for j in range(8):
        for k in range(8):
            G[j, k] = mpmath.mpf(1) / (j + k + 2)
    values = mpmath.eigsy(G, eigvals_only=True)
    exact = float(values[7] / values[0])
    found = theory.condition_number(theory.gram(initialize("real", 16)[0]))
    assert exact == pytest.approx(5.6e10, rel=0.01)
    assert found == pytest.approx(exact, rel=1e-3)
    big = theory.gram(initialize("real", 64)[0])
    assert theory.condition_number(big) == math.inf


def test_finite_length():
    """m = 32, L = 1024; the normalised kernels at two timescales."""
    L = 1024
    expected = {
        (L**-0.5, 0.0): (1.00, 1.00),
        (L**-0.5, 0.5): (1.54, 7.07),
        (1 / L, 0.0): (1.00, math.inf),
        (1 / L, 0.5): (2.66, math.inf),
    }
    for (dt, a), pair in expected.items():
        for readout, value in zip(theory.READOUTS, pair, strict=True):
            F = theory.features(
                lattice(32, math.pi, a, first=0), dt, L, readout=readout
            )
            found = theory.condition_number(F.mT @ F, normalized=True)
            assert found == pytest.approx(value, abs=5e-3)


def test_kernels_are_orthogonal_on_the_fourier_grid():
    L, dt = 256, 1 / 16
    F = theory.features(
        lattice(32, 2 * math.pi / (dt * L), 0.0, first=0), dt, L, readout="complex"
    )
    G = F.mT @ F
    assert torch.allclose(G, torch.diag(G.diagonal()), atol=1e-12)


def test_coloured_input_multiplies_the_condition():
    L, A = 1024, lattice(32, math.pi, 0.5, first=0)
    F = theory.features(A, L**-0.5, L)
    undamped = theory.features(lattice(32, math.pi, 0.0, first=0), L**-0.5, L)
    expected = {  # at a = .5 and a = 0
        0.0: (5.18, 4.64),
        0.5: (45.0, 41.6),
        0.9: (1.59e3, 1656),
        0.99: (7.83e4, 1.66e5),
    }
    for rho, pair in expected.items():
        row = inputs.ar1(rho).moment(L)
        R = torch.from_numpy(toeplitz(row.numpy()))
        for kernels, value in zip((F, undamped), pair, strict=True):
            found = theory.condition_number(kernels.mT @ R @ kernels)
            assert found == pytest.approx(value, rel=5e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.gram(modes([1.0], 0.0)), "A must have real parts < 0"),
        (lambda: theory.gram(modes([1.0], -1.0)), "A must have real parts <= 0"),
        (lambda: theory.gram(modes([1.0]), readout="pairs"), "readout must be one of"),
        (lambda: theory.features(modes([1.0]), 0.0, 4), "dt must be positive"),
        (lambda: theory.features(modes([1.0]), 0.1, 0), "L must be at least 1"),
        (lambda: theory.condition_number(torch.ones(2, 3)), "G must have shape"),
        (lambda: theory.lattice_condition(0.0), "delta must be positive"),
        (lambda: theory.separation_bound(2.0, -1.0), "a must be positive"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_eigenvalues_must_be_complex():
    with pytest.raises(TypeError, match="A must be complex"):
        theory.gram(torch.ones(3))
