"""Arguments near both ends of float64's range: a finite result, or a refusal by name.

Squares and products of finite arguments may leave the range after the arguments were
checked. `test_scales` compares the results themselves.
"""

import itertools
import warnings

import numpy as np
import pytest
import torch

from ssmlib import statistics
from ssmlib.theory import timescale
from tests.ssmlib.promises import PROMISES

SIZES = (1e-308, 1e-155, 1e155, 1e307)
#: functions whose kernel shows an overflow as NaN, as their fast forms do not look
UNCHECKED = {
    *("phi", "krylov", "dense_kernel", "dense_kernel_reference"),
    *("powers", "final_states", "log_vandermonde", "log_vandermonde_reference"),
}
#: functions with a result that may be exactly zero, or smaller than any float64
MAY_VANISH = {
    *("mean_delay", "memory_quantile", "cost", "edges", "legs_basis", "minimum"),
    "ceiling",
    *("normal_responses", "tail_probability", "effective_capacity", "final_state"),
    *("zoh", "bilinear", "dplr_kernel_reference", "timescale", "normal_kernels"),
}


def leaves(result) -> list[torch.Tensor]:
    """The real numbers of a result."""
    if isinstance(result, torch.Tensor):
        found = result.detach()
        return [torch.view_as_real(found) if found.is_complex() else found.double()]
    if isinstance(result, statistics.Estimate):
        return leaves((result.value, result.se))
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves(part)]
    if isinstance(result, (int, float, np.ndarray)):
        return [torch.as_tensor(result, dtype=torch.float64)]
    return []


def scaled(function) -> list[dict]:
    """The good arguments with one or two of those that are floats far from 1."""
    good = {name: value for name, (_, value) in PROMISES[function].items()}
    kinds = (float, torch.Tensor, np.ndarray)
    floats = [name for name, value in good.items() if isinstance(value, kinds)]
    pairs = [(name,) for name in floats]
    if function is not timescale.critical_dt:  # it scans thousands of steps for each
        pairs += itertools.combinations(floats, 2)
    return [
        good | {n: good[n] * s for n, s in zip(names, sizes, strict=True)}
        for names in pairs
        for sizes in itertools.product(SIZES, repeat=len(names))
    ]


@pytest.mark.parametrize(
    "function",
    [f for f in PROMISES if f.__name__ not in UNCHECKED],
    ids=lambda f: f"{f.__module__.rsplit('.', 1)[-1]}.{f.__name__}",
)
def test_no_overflow_goes_unnoticed(function):
    good = {name: value for name, (_, value) in PROMISES[function].items()}
    vanishes = not any(leaf.any() for leaf in leaves(function(**good)))
    for arguments in scaled(function):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                found = leaves(function(**arguments))
            except ValueError:
                continue
        for leaf in found:
            assert bool(leaf.isfinite().all()), arguments
        if found and not vanishes and function.__name__ not in MAY_VANISH:
            assert any(leaf.any() for leaf in found), arguments
