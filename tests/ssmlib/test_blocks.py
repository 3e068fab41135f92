"""A frozen recurrence that is fed a block of steps, next to its steps one by one."""

import copy
import math
import pickle

import pytest
import torch

from ssmlib.layers import DSS, LRU, S4, S4D, S5, LinOSS, S4DReal

H, N = 3, 8
LAYERS = {
    "S4D": lambda: S4D(H, N),
    "S4D, no skip": lambda: S4D(H, N, skip=False),
    "S4D, zero real part": lambda: S4D(H, N, init="fout"),
    "S4DReal": lambda: S4DReal(H, N),
    "DSS": lambda: DSS(H, N, variant="exp"),
    "S4": lambda: S4(H, N),
    "S4, bilinear": lambda: S4(H, N, discretization="bilinear"),
    "LRU": lambda: LRU(H, N),
    "S5": lambda: S5(H, N, skip=False),
    "LinOSS": lambda: LinOSS(H, N),
    "LinOSS, undamped": lambda: LinOSS(H, N, damping=False),
}
each_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
each_state = pytest.mark.parametrize("make", [LAYERS[k] for k in ("S4D", "S4", "LRU")])
dense_or_not = pytest.mark.parametrize("make", [LAYERS["S4D"], LAYERS["S4"]])


def normal(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def one_by_one(frozen, u, state):
    found = []
    for u_t in u.unbind(-1):
        y_t, state = frozen(u_t, state)
        found.append(y_t)
    return torch.stack(found, -1) if found else torch.zeros_like(u), state


def begun(frozen, B):
    """A state that is not zero."""
    zeros = frozen.initial_state(B)
    return zeros + normal(*zeros.shape, dtype=zeros.dtype)


@each_layer
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("B", [0, 1, 2])
@pytest.mark.parametrize("T", [0, 1, 7, 64, 65, 300])
def test_a_block_is_its_steps(make, dtype, B, T):
    frozen = make().recurrence(dtype)
    u, state = normal(B, H, T, dtype=dtype), begun(frozen, B)
    y, after = frozen(u, state)
    expected = one_by_one(frozen, u, state)
    # 300 roundings of values up to about 20.
    near = {"rtol": 0, "atol": 2e-4 if dtype == torch.float32 else 1e-12}
    for found, exact in zip((y, after), expected, strict=True):
        assert (found.shape, found.dtype) == (exact.shape, exact.dtype)
        assert torch.allclose(found, exact, **near)


@each_state
def test_blocks_of_any_lengths_continue_one_another(make):
    layer = make()
    frozen, u = layer.recurrence(torch.float64), normal(2, H, 200)
    whole, _ = frozen(u, frozen.initial_state(2))
    state, found = frozen.initial_state(2), []
    for part in u.split((1, 0, 70, 64, 65), -1):
        y, state = frozen(part, state)
        found.append(y)
    assert torch.allclose(torch.cat(found, -1), whole, rtol=0, atol=1e-12)
    assert torch.allclose(layer.double()(u), whole, rtol=0, atol=1e-10)


@dense_or_not
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 40, 99])
def test_a_bad_value_reaches_later_steps_of_its_own_sequence_only(make, bad, at):
    frozen, u = make().recurrence(), normal(2, H, 100, dtype=torch.float32)
    state = begun(frozen, 2)
    clean, clean_state = frozen(u, state)
    u[1, 2, at] = bad
    y, after = frozen(u, state)
    assert y[1, 2, at:].isnan().all()
    y[1, 2, at:] = clean[1, 2, at:]
    assert torch.equal(y, clean)
    touched = after.isnan()
    own = frozen.initial_state(2).bool()
    (own[:, :, 1, 2] if own.ndim == 4 else own[2, 1])[:] = True
    assert torch.equal(touched, own)
    assert torch.equal(after[~own], clean_state[~own])


@each_state
def test_the_buffers_of_now_are_used(make):
    frozen, other = make().recurrence(), make().recurrence()
    u, state = normal(1, H, 70, dtype=torch.float32), frozen.initial_state(1)
    before, _ = frozen(u, state)
    with torch.no_grad():
        for buffer in other.buffers():
            buffer *= 0.5
    frozen.load_state_dict(other.state_dict())
    changed, _ = frozen(u, state)
    assert torch.allclose(changed, one_by_one(frozen, u, state)[0], atol=1e-5)
    assert not torch.allclose(changed, before, atol=1e-2)
    wide, _ = frozen.double()(u.double(), state.double())
    expected = one_by_one(frozen, u.double(), state.double())[0]
    assert wide.dtype == torch.float64
    assert torch.allclose(wide, expected, rtol=0, atol=1e-12)


@each_state
def test_tables_are_no_part_of_a_state_dict_or_a_copy(make):
    frozen = make().recurrence()
    u, state = normal(1, H, 70, dtype=torch.float32), frozen.initial_state(1)
    names, size = list(frozen.state_dict()), len(pickle.dumps(frozen))
    y, _ = frozen(u, state)
    assert list(frozen.state_dict()) == names
    assert len(pickle.dumps(frozen)) == size
    for twin in (copy.deepcopy(frozen), pickle.loads(pickle.dumps(frozen))):
        assert torch.equal(twin(u, state)[0], y)


@each_state
def test_a_block_has_gradients_also_after_inference(make):
    frozen = make().recurrence(torch.float64)
    u, state = normal(1, H, 70).requires_grad_(), begun(frozen, 1)
    with torch.inference_mode():
        frozen(u, state)
    pairs = []
    for run in (frozen, lambda *given: one_by_one(frozen, *given)):
        given = state.clone().requires_grad_()
        y, after = run(u, given)
        value = y.square().sum() + after.square().sum()
        pairs.append(torch.autograd.grad(value, (u, given)))
    for found, expected in zip(*pairs, strict=True):
        assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9)


@each_state
def test_autocast_leaves_a_block_in_its_dtype(make):
    frozen = make().recurrence()
    u, state = normal(1, H, 70, dtype=torch.float32), begun(frozen, 1)
    expected = frozen(u, state)
    with torch.autocast("cpu"):
        found = frozen(u, state)
    assert all(map(torch.equal, found, expected))


@each_state
def test_blocks_of_another_shape_are_refused(make):
    frozen = make().recurrence()
    state = frozen.initial_state(2)
    for u in (torch.ones(2, H + 1, 5), torch.ones(2, H, 5).double(), torch.ones(H)):
        with pytest.raises(ValueError, match=r"u_t must have shape \(B, 3\), or"):
            frozen(u, state)
    with pytest.raises(ValueError, match="state must be this recurrence's own"):
        frozen(torch.ones(1, H, 5), state)
