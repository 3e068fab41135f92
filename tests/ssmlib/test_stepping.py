"""A model one step at a time, frozen or not, next to its whole sequence."""

import copy
import pickle

import pytest
import torch

from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.models import Model, ModelRecurrence
from tests.ssmlib.test_block import Decay

SHAPE = {"d_model": 4, "d_state": 8, "n_layers": 2}
OPTIONS = {
    "plain": {},
    "linear": {"linear": True},
    "glu": {"norm": "layer", "mix": "glu"},
    "prenorm": {"norm": "layer", "prenorm": True, "mix": "glu", "bias": True},
    "batch norm": {"norm": "batch", "bias": True},
    "prenorm, batch": {"norm": "batch", "prenorm": True},
    "tokens": {"tokens": True, "norm": "layer"},
    "dropout": {"dropout": 0.3},
    "S4": {"layer": S4, "init": "legs"},
    "DSS": {"layer": DSS, "layer_options": {"length": 40}, "init": "legs"},
    "S4DReal": {"layer": S4DReal, "init": "real"},
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
each_pooling = pytest.mark.parametrize("pooling", ["last", "none"])


def made(options, pooling="none", dtype=torch.float64):
    """In evaluation, with biases, scales, shifts and moments that are not trivial."""
    model = Model(5, 3, pooling=pooling, dtype=dtype, **SHAPE, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in (*model.named_parameters(), *model.named_buffers()):
            if not name.startswith("ssms"):
                value.add_(0.3 * torch.rand(value.shape, generator=generator))
    return model.eval()


def input_of(model, L=24):
    generator = torch.Generator().manual_seed(0)
    if model.tokens:
        return torch.randint(0, 5, (3, L), generator=generator)
    x = torch.randn(3, 5, L, generator=generator, dtype=torch.float64)
    return x.to(model.encoder.dtype)


def near(found, exact, atol=1e-9):
    """In float64 only the order of operations differs."""
    assert (found.shape, found.dtype) == (exact.shape, exact.dtype)
    return torch.allclose(found, exact, rtol=0, atol=atol)


def test_the_calls_of_the_documentation():
    model = Model(1, 10, d_model=64)
    y, state = model.prefill(torch.randn(2, 1, 30))
    y_t, state = model.step(torch.randn(2, 1), state)
    frozen = model.recurrence()
    state = frozen.from_state(state)
    y_t, state = frozen(torch.randn(2, 1), state)
    assert y.shape == y_t.shape == (2, 10)


@each_option
@each_pooling
def test_a_prompt_and_its_steps_are_the_sequence(options, pooling):
    model = made(options, pooling)
    x = input_of(model)
    y, state = model.prefill(x[..., :10])
    assert near(y, model(x[..., :10]))
    second, after = model.prefill(x[..., 10:], state)
    for l in range(10, 24):
        y_t, state = model.step(x[..., l], state)
        if pooling == "last":
            assert near(y_t, model(x[..., : l + 1]))
        else:
            assert near(y_t, model(x)[..., l])
            assert near(y_t, second[..., l - 10])
    assert all(near(one, other) for one, other in zip(state, after, strict=True))


@each_option
def test_the_frozen_model_goes_on_from_the_state_of_the_model(options):
    model = made(options)
    x = input_of(model)
    frozen = model.recurrence()
    _, state = model.prefill(x[..., :10])
    own = frozen.from_state(state)
    zeros = frozen.initial_state(3)
    for l in range(10):
        _, zeros = frozen(x[..., l], zeros)
    assert all(near(one, other) for one, other in zip(own, zeros, strict=True))
    many, after = frozen(x[..., 10:], own)
    assert near(many, model(x)[..., 10:])
    for l in range(10, 24):
        y_t, own = frozen(x[..., l], own)
        assert near(y_t, model(x)[..., l])
    assert all(near(one, other) for one, other in zip(own, after, strict=True))


def test_float32_is_near_float64():
    model = made(OPTIONS["prenorm"], dtype=torch.float32)
    x = input_of(model)
    exact = copy.deepcopy(model).double()(x.double())
    frozen = model.recurrence()
    y, _ = frozen(x, frozen.initial_state(3))
    # 24 steps of two blocks, each rounded to 6e-8 of values of order 1.
    assert near(y.double(), exact, 1e-4)
    wide = model.recurrence(torch.float64)
    y, _ = wide(x.double(), wide.initial_state(3))
    assert near(y, exact, 1e-6)  # the layers' parameters are rounded to float32


def test_gradients_pass_through_steps():
    model = made(OPTIONS["glu"])
    x = input_of(model, 4)
    y, state = model.prefill(x[..., :2])
    total = y.square().sum()
    for l in (2, 3):
        y_t, state = model.step(x[..., l], state)
        total = total + y_t.square().sum()
    own = torch.autograd.grad(total, list(model.parameters()))
    whole = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
    for one, other in zip(own, whole, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)


def test_the_frozen_model_is_a_module_that_keeps_its_values():
    model = made(OPTIONS["prenorm"])
    x, frozen = input_of(model), model.recurrence()
    before = frozen(x, frozen.initial_state(3))[0]
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1)
    assert torch.equal(frozen(x, frozen.initial_state(3))[0], before)
    assert not list(frozen.parameters())
    again = pickle.loads(pickle.dumps(frozen))
    assert torch.equal(again(x, again.initial_state(3))[0], before)
    other = model.recurrence()
    other.load_state_dict(frozen.state_dict())
    assert torch.equal(other(x, other.initial_state(3))[0], before)


@pytest.mark.slow
def test_it_exports_to_onnx(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = made(OPTIONS["prenorm"], dtype=torch.float32)
    x, frozen = input_of(model), model.recurrence()
    state = frozen.from_state(model.prefill(x[..., :10])[1])
    path = tmp_path / "model.onnx"
    torch.onnx.export(frozen, (x[..., 10], state), path, dynamo=True)
    session = onnxruntime.InferenceSession(path)
    names = [entry.name for entry in session.get_inputs()]
    values = [x[..., 10].numpy(), *(own.numpy() for own in state)]
    y_t, *after = session.run(None, dict(zip(names, values, strict=True)))
    exact, own = frozen(x[..., 10], state)
    # Another order of float32 sums of at most 8 values of order 1.
    assert near(torch.from_numpy(y_t), exact, 1e-5)
    for found, other in zip(after, own, strict=True):
        assert near(torch.from_numpy(found), other, 1e-5)


@pytest.mark.slow
def test_it_compiles_whole():
    model = made(OPTIONS["prenorm"], dtype=torch.float32)
    frozen = model.recurrence()
    x, state = input_of(model)[..., 0], frozen.initial_state(3)
    found = torch.compile(frozen, backend="aot_eager", fullgraph=True)(x, state)
    assert near(found[0], frozen(x, state)[0], 1e-6)
    exported = torch.export.export(frozen, (x, state)).module()
    assert near(exported(x, state)[0], frozen(x, state)[0], 1e-6)


def of(options, call):
    model = Model(2, 3, **SHAPE | {"n_layers": 1} | options)
    return lambda: call(model)


def steps(model):
    return model.step(torch.zeros(1, 2), (torch.zeros(1, 4, 4).cdouble(),))


REFUSED = {
    "mean": ({"pooling": "mean"}, "pooling must be 'last' or 'none' for a step"),
    "bidirectional": (
        {"layer_options": {"bidirectional": True}},
        "a bidirectional layer has no state",
    ),
    "lstm": ({"layer": "lstm"}, "layer must be an SSM to have a step, got LSTM"),
    "kernel": ({"layer": Decay}, "which defines a kernel alone"),
    "dropout": ({"dropout": 0.1}, r"a step has no dropout.*call eval\(\) first"),
    "batch": ({"norm": "batch"}, "norm 'batch' needs its running moments for a step"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_without_a_step_says_so(name):
    options, message = REFUSED[name]
    for call in (
        steps,
        lambda model: model.prefill(torch.zeros(1, 2, 5)),
        lambda model: model.recurrence(),
        lambda model: model.initial_state(2),
    ):
        with pytest.raises(ValueError, match=message):
            of(options, call)()


def test_a_state_of_another_model_is_refused():
    model = Model(2, 3, **SHAPE)
    x_t = torch.zeros(1, 2)
    frozen = model.recurrence()
    for other in (
        Model(2, 3, **SHAPE | {"n_layers": 3}),
        Model(2, 3, **SHAPE | {"d_state": 4}),
        Model(2, 3, **SHAPE | {"d_model": 8}),
        Model(2, 3, **SHAPE, layer=S4, init="legs"),
    ):
        state = other.initial_state(1)
        with pytest.raises(ValueError, match="state must be"):
            model.step(x_t, state)
        with pytest.raises(ValueError, match="state must be"):
            model.prefill(x_t.unsqueeze(-1), state)
        with pytest.raises(ValueError, match="state must be"):
            frozen.from_state(state)
        with pytest.raises(ValueError, match="state must be"):
            frozen(x_t, other.recurrence().initial_state(1))
    with pytest.raises(ValueError, match="state must be this layer's own"):
        model.step(x_t, model.initial_state(2))
    with pytest.raises(ValueError, match="state must be a tuple of 2 tensors"):
        model.step(x_t, model.initial_state(1)[0])
    with pytest.raises(ValueError, match="state must be this recurrence's own"):
        frozen(x_t, model.initial_state(1))


def test_a_mode_without_input_has_no_state_in_the_recurrence():
    layer = S4D(2, 4)
    with torch.no_grad():
        layer.B_re[:, 0] = layer.B_im[:, 0] = 0
    frozen, state = layer.recurrence(), layer.initial_state(1)
    assert not frozen.from_state(state).any()
    with pytest.raises(ValueError, match="state must be 0 in a mode whose B is 0"):
        frozen.from_state(state + 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (of({}, lambda m: m.step(torch.zeros(1, 3), ())), ValueError, "x_t must have"),
        (of({}, lambda m: m.step([0.0], ())), TypeError, "x_t must be a tensor"),
        (
            of({}, lambda m: m.step(torch.zeros(1, 2).double(), ())),
            TypeError,
            "x_t must be torch.float32",
        ),
        (
            of({"tokens": True}, lambda m: m.step(torch.zeros(1, 2), ())),
            ValueError,
            r"x_t must have shape \(B,\)",
        ),
        (
            of({}, lambda m: m.recurrence(torch.float16)),
            TypeError,
            "dtype must be float32 or float64",
        ),
        (
            of({}, lambda m: m.recurrence()(torch.zeros(1, 3), ())),
            ValueError,
            "x_t must have shape",
        ),
        (
            of(
                {"tokens": True},
                lambda m: m.recurrence()(torch.full((1,), 9), m.initial_state(1)),
            ),
            ValueError,
            "tokens of x_t must be in 0 .. 1",
        ),
        (of({}, lambda m: m.initial_state(1.5)), TypeError, "batch must be an int"),
        (of({}, lambda m: m.initial_state(-1)), ValueError, "batch must be at least"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_recurrence_is_of_the_documented_class():
    assert isinstance(Model(1, 2).recurrence(), ModelRecurrence)
