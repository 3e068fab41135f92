"""A bad argument of a public function is refused by its name, or gives no number.

Each row has a good call and the kind of each argument; every bad value of the kind is
tried in turn.
"""

import math
import warnings

import numpy as np
import pytest
import torch

from ssmlib import (
    autocorrelation,
    curves,
    discretization,
    hippo,
    initialization,
    inputs,
    statistics,
)
from ssmlib.kernels import dense, diagonal, dplr, tables
from ssmlib.theory import conditioning, learning, memory, timescale, width
from tests.ssmlib import calls

HUGE = 10**15
BAD = {
    "integer": [True, 2.0, "3", None, math.nan, -1, torch.ones(2)],
    "size": [True, 2.0, "3", None, math.nan, 0, -1, HUGE, torch.ones(2)],
    "number": [True, "1", None, 1j, math.nan, math.inf, -math.inf, [1.0], np.ones(2)],
    "positive": [True, "1", None, 1j, math.nan, math.inf, 0.0, -1.0, [1.0]],
    "share": [True, "1", None, 1j, math.nan, math.inf, 0.0, 1.0, -1.0, 2.0],
    "name": ["no", 1, None, ["real"], 1.5],
    "real": [
        "array",
        "list",
        None,
        1.0,
        "complex",
        "nan",
        "inf",
        "-inf",
        "empty",
    ],
    "complex": ["array", "list", None, 1.0, "parts", "nan", "inf", "empty"],
    "draws": ["complex", "nan", "inf", "empty", "one", ["a", "b", "c"], None],
    "curves": ["complex", "empty", ["a", "b", "c"], None],
}


def spoiled(value, how):
    """The good value of an argument, spoiled as a bad value says."""
    if not isinstance(how, str) or not isinstance(value, (torch.Tensor, np.ndarray)):
        return how
    if how in ("nan", "inf", "-inf"):
        value = value.clone() if isinstance(value, torch.Tensor) else value.copy()
        value.reshape(-1)[value.size // 2 if isinstance(value, np.ndarray) else 0] = (
            float(how)
        )
        return value
    return {
        "array": lambda: np.asarray(value),
        "list": lambda: value.tolist(),
        "complex": lambda: value + 0j,
        "parts": lambda: value.real,
        "empty": lambda: value[:0],
        "one": lambda: value[:1],
    }.get(how, lambda: how)()


A, B, POLES, X, ROW, G = calls.A, calls.B, calls.POLES, calls.X, calls.ROW, calls.G
STEPS, U, MATRIX, VECTOR = calls.STEPS, calls.U, calls.MATRIX, calls.VECTOR
GRID, DRAWS = calls.GRID, np.array(calls.DRAWS)
ENERGY = {
    "A": ("complex", A),
    "dt": ("positive", 0.1),
    "R": ("real", ROW),
    "B": ("complex", B),
    "readout": ("name", "complex"),
}
POLE = {"eigenvalues": ("complex", POLES)}
DELAYS = POLE | {"T": ("size", 9)}
LAYER = POLE | {"weights": ("complex", B), "teacher": ("real", ROW)}
NOISY = {"A_bar": ("complex", POLES), "B_bar": ("complex", B)}
DISCRETE = {"A": ("complex", A), "B": ("complex", B), "dt": ("positive", 0.1)}
DENSE = {
    "A_bar": ("dense", MATRIX),
    "B_bar": ("dense", VECTOR),
    "C": ("dense", VECTOR),
    "L": ("size", 9),
}
MODES = {"v": ("modes", B), "x": ("modes", A), "L": ("size", 9)}
CURVE = {"x": ("draws", GRID), "curves": ("curves", calls.CURVES)}
PAIR = {"x": ("draws", GRID + 3), "y": ("draws", calls.CURVES[0] + 1)}

PROMISES = {
    autocorrelation.windows: {
        "series": ("real", calls.SERIES),
        "L": ("size", 8),
        "stride": ("integer", 2),
    },
    autocorrelation.standardize: {"x": ("real", X)},
    autocorrelation.second_moment: {"x": ("real", X)},
    autocorrelation.toeplitz_moment: {"x": ("real", X)},
    autocorrelation.largest_eigenvalue: {"x": ("real", X)},
    autocorrelation.moment_largest_eigenvalue: {"R": ("real", ROW)},
    autocorrelation.moment_timescale: {"R": ("real", ROW)},
    autocorrelation.timescale: {"x": ("real", X), "constant": ("positive", 1.0)},
    statistics.mean: {"values": ("draws", DRAWS), "level": ("share", 0.9)},
    statistics.paired: {
        "a": ("draws", DRAWS),
        "b": ("draws", DRAWS[::-1]),
        "level": ("share", 0.9),
    },
    statistics.count_error: {"count": ("integer", 3), "n": ("integer", 9)},
    statistics.slope: PAIR,
    statistics.log_log_slope: PAIR,
    curves.minimum: CURVE | {"width": ("number", 1.0)},
    curves.cost: CURVE | {"at": ("number", 1.0)},
    curves.edges: CURVE | {"rise": ("number", 1.0)},
    curves.ceiling: CURVE | {"factor": ("number", 2.0)},
    inputs.ar1: {"rho": ("number", 0.5)},
    inputs.power_law: {"alpha": ("positive", 0.5)},
    inputs.equicorrelated: {"r": ("number", 0.5)},
    inputs.sinusoid: {"omega": ("number", 0.5)},
    hippo.legs: {"N": ("size", 6)},
    hippo.legs_nplr: {"N": ("size", 6)},
    hippo.legs_frequencies: {"N": ("size", 6)},
    hippo.legs_input_weights: {"omega": ("real", STEPS)},
    hippo.fout: {"N": ("size", 6)},
    discretization.phi: {"z": ("tensor", A)},
    discretization.zoh: DISCRETE,
    discretization.bilinear: DISCRETE,
    dense.krylov: {
        "A": ("dense", MATRIX),
        "x": ("dense", VECTOR),
        "count": ("integer", 5),
    },
    dense.dense_kernel: DENSE,
    dense.dense_kernel_reference: DENSE | {"L": ("integer", 9)},
    tables.powers: {
        "x": ("modes", A),
        "count": ("integer", 4),
        "dtype": ("name", torch.float32),
    },
    diagonal.final_states: {"u": ("tensor", U), "x": ("modes", A)},
    diagonal.log_vandermonde: MODES,
    diagonal.log_vandermonde_reference: MODES,
    dplr.dplr_kernel_reference: {
        "A": ("complex", A),
        "P": ("complex", B / 3),
        "B": ("complex", B),
        "C": ("complex", B),
        "dt": ("positive", 0.1),
        "L": ("size", 9),
    },
    initialization.is_random: {"name": ("name", "lin")},
    initialization.initialize: {
        "name": ("name", "rand"),
        "N": ("size", 8),
        "imag_scale": ("number", 1.0),
        "B": ("name", "one"),
    },
    initialization.low_rank: {"name": ("good", "legs"), "N": ("size", 8)},
    initialization.lattice: {
        "n": ("size", 4),
        "spacing": ("number", 1.0),
        "real": ("number", -1.0),
    },
    initialization.spectrum: {"A": ("complex", A)},
    initialization.window_spacing: {"dt": ("positive", 0.1), "L": ("integer", 9)},
    initialization.window_grid: {"dt": ("positive", 0.1), "L": ("integer", 9)},
    conditioning.gram: {"A": ("complex", A), "readout": ("name", "real")},
    conditioning.features: {
        "A": ("complex", A),
        "dt": ("positive", 0.1),
        "L": ("size", 9),
        "readout": ("name", "real"),
    },
    conditioning.condition_number: {"G": ("real", G)},
    conditioning.lattice_condition: {
        "delta": ("positive", 1.5),
        "a": ("positive", 0.5),
        "readout": ("name", "real"),
    },
    conditioning.separation_bound: {"delta": ("positive", 1.5), "a": ("positive", 0.5)},
    learning.descent_error: {
        "F": ("real", X),
        "target": ("real", X[:, 0]),
        "steps": ("integer", 3),
    },
    learning.least_error: {
        "F": ("real", X),
        "target": ("real", X[:, 0]),
        "cut": ("number", 1e-9),
    },
    learning.recovery: {"F": ("real", X), "cut": ("number", 1e-9)},
    learning.recovery_with_noise: {"F": ("real", X), "noise": ("positive", 0.1)},
    learning.descent_excess: {
        "G": ("real", G),
        "best": ("real", A.imag),
        "steps": ("integer", 3),
    },
    learning.two_mode_condition: {"d": ("positive", 0.3)},
    learning.two_mode_error: {
        "d": ("positive", 0.3),
        "e": ("positive", 0.2),
        "sign": ("integer", 1),
    },
    learning.population_loss: LAYER,
    learning.loss_gradient: LAYER,
    learning.readout_kernel: DELAYS,
    memory.distinct: POLE | {"tol": ("number", 1e-9)},
    memory.memory_function: DELAYS,
    memory.whitened_kernels: DELAYS,
    memory.window_basis: DELAYS,
    memory.finite_memory_function: DELAYS,
    memory.memory_capacity: POLE,
    memory.group_delay: POLE | {"omega": ("real", STEPS)},
    memory.mean_delay: POLE,
    memory.memory_quantile: POLE | {"share": ("share", 0.9)},
    memory.coloured_memory_function: POLE | {"R": ("real", ROW)},
    memory.effective_capacity: NOISY | {"noise": ("positive", 0.1)},
    memory.fisher_memory: NOISY | {"T": ("size", 9)},
    timescale.output_energy: ENERGY,
    timescale.bound: ENERGY,
    timescale.damped_bound: ENERGY,
    timescale.stationary_energy: {
        "A": ("complex", calls.UNDAMPED),
        "dt": ("positive", 0.1),
        "L": ("integer", 9),
        "density": ("name", torch.ones_like),
        "readout": ("name", "complex"),
    },
    timescale.critical_dt: {
        "A": ("complex", calls.UNDAMPED),
        "R": ("real", ROW),
        "threshold": ("positive", 1.0),
    },
    timescale.final_state: {
        "A": ("complex", A),
        "dt": ("positive", 0.1),
        "x": ("real", X),
    },
    timescale.tail_probability: {
        "states": ("complex", torch.complex(X, X)),
        "level": ("real", STEPS),
    },
    width.transfer_gap: {"N": ("size", 8), "s": ("tensor", 1j * STEPS)},
    width.legs_basis: {"n": ("size", 3), "t": ("real", STEPS)},
    width.normal_kernels: {
        "N": ("size", 8),
        "n": ("integer", 3),
        "dt": ("positive", 0.1),
        "L": ("size", 9),
        "discretization": ("name", "zoh"),
        "input_scale": ("number", 0.5),
    },
    width.normal_responses: {
        "N": ("size", 8),
        "n": ("integer", 3),
        "t": ("real", STEPS),
    },
    width.eigenvector_digits: {"N": ("size", 8)},
}
# Unchecked values: a kernel with NaN in it shows it. Only the type is refused.
BAD["modes"] = ["array", "list", None, 1.0, "parts", torch.ones(2, 3).to(torch.int64)]
BAD["dense"] = ["array", "list", None, 1.0, "empty"]
BAD["tensor"] = ["array", "list", None, 1.0]
#: values of a kind that an argument takes all the same: module, argument, value
TAKEN = {
    ("timescale", "B", "None"),
    ("timescale", "B", "'parts'"),
    ("timescale", "dt", "[1.0]"),
    ("learning", "steps", "2.0"),
    ("learning", "steps", "tensor([1., 1.])"),
    ("learning", "sign", "-1"),
    ("memory", "omega", "'empty'"),
    ("memory_noise", "A_bar", "'parts'"),
    ("memory_noise", "B_bar", "'parts'"),
}


def taken(function, name: str, how) -> bool:
    """Whether the argument takes this value, bad for others of its kind."""
    return (function.__module__.rsplit(".", 1)[-1], name, repr(how)) in TAKEN


CASES = [
    pytest.param(function, name, how, id=f"{function.__name__}-{name}-{how!s:.20}")
    for function, arguments in PROMISES.items()
    for name, (kind, _) in arguments.items()
    for how in BAD.get(kind, ())
    if not taken(function, name, how)
]


@pytest.mark.parametrize(("function", "name", "how"), CASES)
def test_a_bad_argument_is_refused_by_its_name(function, name, how):
    arguments = {key: value for key, (_, value) in PROMISES[function].items()}
    function(**arguments)
    arguments[name] = spoiled(arguments[name], how)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
            function(**arguments)


def test_every_public_function_has_its_promises():
    """But names, checks, unchecked parts of fast paths, and those tested elsewhere."""
    without = {
        *("conjugate", "stacked", "full_precision", "vandermonde_product", "uniform"),
        *("zoh_parts", "bilinear_parts", "dense_parts", "dense_final_state", "names"),
        *("check_options", "check_hippo", "check_state_size", "as_initialization"),
        *("checked_real", "modes_at"),
        *("white", "constant", "holm", "bootstrap", "moved", "largest_gap"),
        *("split", "plain_tables", "tables", "one_by_one", "real_product", "real_phi"),
    }
    found = {name.rsplit(".", 1)[-1] for name in calls.public()}
    assert found == without | {function.__name__ for function in PROMISES}


@pytest.mark.parametrize(
    "process",
    [
        inputs.white(),
        inputs.ar1(0.5),
        inputs.power_law(0.5),
        inputs.equicorrelated(0.3),
        inputs.sinusoid(0.4),
    ],
    ids=lambda process: process.name,
)
def test_a_process_refuses_bad_sizes_by_name(process):
    for bad in BAD["size"]:
        with pytest.raises((ValueError, TypeError), match=r"\bL\b"):
            process.moment(bad)
        with pytest.raises((ValueError, TypeError), match=r"\bL\b"):
            process.sample(2, bad, calls.generator())
        if process.largest_eigenvalue and bad is not HUGE:
            with pytest.raises((ValueError, TypeError), match=r"\bL\b"):
                process.largest_eigenvalue(bad)
        if bad is not HUGE:
            with pytest.raises((ValueError, TypeError), match=r"\bn\b"):
                process.sample(bad, 9, calls.generator())
    with pytest.raises(TypeError, match="generator must be"):
        process.sample(2, 9, None)


def test_shapes_of_a_dense_system_are_refused():
    for bad in (MATRIX[0, 0], MATRIX[..., :3], VECTOR[..., :0]):
        with pytest.raises(ValueError, match="A_bar must be"):
            dense.dense_kernel(bad, VECTOR, VECTOR, 9)
    with pytest.raises(ValueError, match="A_bar must be"):
        dense.dense_kernel(MATRIX, VECTOR[..., :3], VECTOR, 9)
    with pytest.raises(ValueError, match="must broadcast"):
        dense.dense_kernel(MATRIX, VECTOR, VECTOR.repeat(3, 1), 9)
    state = torch.zeros_like(U)[..., :4]
    args = MATRIX[:1].expand(3, 4, 4), VECTOR[:1].expand(3, 4)
    for bad in (U[0], U + 0j, U[..., :0]):
        with pytest.raises(ValueError, match="u must be real"):
            dense.dense_final_state(*args, bad, state)
    with pytest.raises(ValueError, match="A_bar must be"):
        dense.dense_final_state(*args, U, state[..., :3])


@pytest.mark.parametrize("L", [10**15, 2**62])
def test_what_exceeds_memory_is_refused_before_it_is_tried(L):
    with pytest.raises(ValueError, match="GB of memory"):
        initialization.lattice(L, 1.0)


def test_a_bootstrap_refuses_what_is_no_number():
    with pytest.raises(ValueError, match="statistic must be finite"):
        statistics.bootstrap(lambda x: math.inf, DRAWS)
    with pytest.raises(TypeError, match="statistic must be a real number"):
        statistics.bootstrap(lambda x: x, DRAWS)
    with pytest.raises(TypeError, match="draws must hold real numbers"):
        statistics.bootstrap(np.mean, DRAWS + 0j)
    with pytest.raises(ValueError, match="draws must be of one length"):
        statistics.bootstrap(np.mean)
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\)"):
        statistics.bootstrap(np.mean, DRAWS, level=95)
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\)"):
        statistics.holm([statistics.mean(DRAWS)], level=1.0)


def test_integers_and_half_precision_give_right_numbers():
    count = torch.tensor([[2, 1], [1, 2]])
    assert autocorrelation.moment_largest_eigenvalue(count) == pytest.approx(3)
    assert conditioning.condition_number(count) == pytest.approx(3)
    assert statistics.mean([True, False, True, False]).value == 0.5
    for dtype in (torch.float16, torch.bfloat16):
        row = ROW.to(dtype)
        exact = timescale.output_energy(A, 0.1, row.double())
        assert torch.equal(timescale.output_energy(A, 0.1, row), exact)
        found = autocorrelation.moment_largest_eigenvalue(row)
        assert found == autocorrelation.moment_largest_eigenvalue(row.double())
        assert statistics.mean(row).value == pytest.approx(float(row.double().mean()))


def test_a_tensor_with_a_gradient_is_data_like_any_other():
    x = X.clone().requires_grad_()
    for function in (
        autocorrelation.largest_eigenvalue,
        autocorrelation.timescale,
        lambda x: statistics.mean(x[:, 0]).value,
        lambda x: conditioning.condition_number(x.mT @ x),
        lambda x: learning.least_error(x, x[:, 0] ** 2),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert function(x) == function(X)
