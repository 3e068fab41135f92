"""A bad argument of a public function is refused by its name, or gives no number.

Each row of `promises` has a good call and the kind of each argument; every bad value of
the kind is tried in turn.
"""

import math
import warnings

import numpy as np
import pytest
import torch

from ssmlib import (
    autocorrelation,
    initialization,
    inputs,
    statistics,
)
from ssmlib.kernels import dense
from ssmlib.theory import conditioning, learning, timescale
from tests.ssmlib import calls
from tests.ssmlib.promises import DRAWS, MATRIX, PROMISES, ROW, VECTOR, A, U, X

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
    # Unchecked values: a kernel with NaN in it shows it. Only the type is refused.
    "modes": ["array", "list", None, 1.0, "parts", torch.ones(2, 3).to(torch.int64)],
    "dense": ["array", "list", None, 1.0, "empty"],
    "tensor": ["array", "list", None, 1.0],
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


#: values of a kind that an argument takes all the same: module, argument, value
TAKEN = {
    ("timescale", "B", "None"),
    ("timescale", "B", "'parts'"),
    ("timescale", "dt", "[1.0]"),
    ("learning", "steps", "2.0"),
    ("learning", "steps", "tensor([1., 1.])"),
    ("learning", "sign", "-1"),
    ("memory", "omega", "'empty'"),
    ("hippo", "noise", "[1.0]"),
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
        *("checked_real", "modes_at", "count", "pair", "principal"),
        *("initialize_discrete", "check_options_discrete", "dfout", "lru", "post"),
        *("for_spectrum", "for_delay", "linoss", "check_rule", "draw", "edges"),
        *("largest_stable", "transition", "poles", "from_poles"),
        *("white", "constant", "holm", "bootstrap", "moved", "largest_gap"),
        *("split", "plain_tables", "tables", "one_by_one", "real_product", "real_phi"),
        *("plain_autograd", "squared_kernel", "squared_kernel_reference", "recorded"),
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
