"""PyTorch's global state: a fit neither depends on it nor changes it."""

import random
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import torch

from ssmlib.models import OTHER_LAYERS
from ssmlib.training import fit
from tests.ssmlib.test_training_options import OPTIONS, task

DATA = task()


@contextmanager
def put(get, set_, value):
    before = get()
    set_(value)
    try:
        yield
    finally:
        set_(before)


STATES = {
    "default dtype": lambda: put(
        torch.get_default_dtype, torch.set_default_dtype, torch.float64
    ),
    "default device": lambda: torch.device("meta"),
    "no gradient": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "precision of products": lambda: put(
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
        "medium",
    ),
    "deterministic": lambda: put(
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
        True,
    ),
    "errors of NumPy": lambda: np.errstate(all="raise"),
}


@cache
def undisturbed(**options):
    """What the state as it is gives, for all others."""
    return run(**options)


def run(**options):
    grid = [{"dropout": 0.2}, {}] if not options else [{}]
    return fit(DATA, grid, n_layers=2, norm=True, **OPTIONS | options)


def observed():
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_float32_matmul_precision(),
        random.getstate(),
        torch.random.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
    )


@pytest.mark.parametrize("name", STATES)
def test_global_state_changes_no_bit(name):
    expected = undisturbed()
    with STATES[name]():
        before = observed() if name != "default device" else None
        found = run()
        assert before is None or observed() == before
    assert found.table.equals(expected.table)
    assert found.curves.equals(expected.curves)
    for key, value in expected.model.state_dict().items():
        assert torch.equal(found.model.state_dict()[key], value), key
    assert all(p.requires_grad for p in found.model.parameters())
    assert not any(p.is_inference() for p in found.model.parameters())


@pytest.mark.parametrize("layer", OTHER_LAYERS)
@pytest.mark.parametrize("name", ["default dtype", "inference"])
def test_nor_one_of_a_baseline(name, layer):
    expected = undisturbed(layer=layer)
    with STATES[name]():
        found = run(layer=layer)
    assert found.table.equals(expected.table)


def test_a_fit_that_fails_puts_the_state_back():
    with STATES["default dtype"]():
        with pytest.raises(ValueError, match="epochs must be"):
            run(epochs=0)
        assert torch.get_default_dtype() is torch.float64
