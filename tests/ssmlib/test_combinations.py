"""Every option of a layer and a model with every other, and the smallest sizes."""

import copy
import random
from functools import partial

import numpy as np
import pytest
import torch

from ssmlib import initialization
from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.models import OTHER_LAYERS, Ensemble, Model, Norm
from tests.ssmlib.test_layers import Kernel

SSMS = {
    "S4D": S4D,
    "S4": partial(S4, init="legs"),
    "DSS": partial(DSS, length=16, init="legs"),
    "DSS, exp": partial(DSS, variant="exp"),
    "S4DReal": partial(S4DReal, init="real"),
    "kernel": Kernel,
}


def as_layer(name, **options):
    """A function of a model's arguments, with the initialization that the layer has."""
    made = SSMS[name]
    own = made.keywords if isinstance(made, partial) else {}
    fixed = {"init": own["init"]} if "init" in own else {}

    def layer(d_model, d_state, *, init, seed, **rest):
        given = {"init": init} | fixed | rest | options
        return made(d_model, d_state, seed=seed, **given)

    return layer


LAYER_SPACE = {
    "kind": [name for name in SSMS if name != "kernel"],
    "dtype": [torch.float32, torch.float64],
    "bidirectional": [False, True],
    "skip": [True, False],
    "n_ssm": [None, 1],
    "real_transform": ["free", "exp", "softplus", "relu", "stable"],
    "frozen": [(), ("A",), ("dt", "A", "B")],
    "d_model": [1, 2],
    "d_state": [2, 6],
    "L": [1, 2, 9],
    "B": [0, 1, 3],
}
MODEL_SPACE = {
    "kind": [*SSMS, *OTHER_LAYERS],
    "dtype": [torch.float32, torch.float64],
    "bidirectional": [False, True],
    "pooling": ["last", "mean", "none"],
    "norm": [False, "layer", "batch"],
    "prenorm": [False, True],
    "mix": ["linear", "glu"],
    "linear": [False, True],
    "bias": [False, True],
    "tied_dropout": [False, True],
    "tokens": [False, True],
    "lengths": [False, True],
    "frozen": [(), ("A", "B", "dt")],
    "n_layers": [1, 2],
    "d_model": [1, 4],
    "d_state": [2, 6],
    "L": [1, 7],
    "B": [0, 1, 3],
}


def pairwise(space, valid=lambda row: True, seed=0):
    """Rows that hold every pair of values which a valid row can hold."""
    draw = random.Random(seed)
    names = list(space)
    rows = [{n: draw.choice(v) for n, v in space.items()} for _ in range(20_000)]
    rows = [row for row in rows if valid(row)]

    # A row of `holds` says which value of each name a row has; `missing`, by two such
    # values, which pairs no chosen row has yet.
    holds = np.array([[row[n] == v for n in names for v in space[n]] for row in rows])
    holds = holds.astype(np.float32)
    name = np.repeat(np.arange(len(names)), [len(space[n]) for n in names])
    missing = (holds.T @ holds > 0) & (name[:, None] < name)

    def new(some):
        return ((holds[some] @ missing) * holds[some]).sum(1)

    chosen = []
    while missing.any():
        some = draw.sample(range(len(rows)), min(200, len(rows)))
        best = some[new(some).argmax()]
        if not new([best]):
            best = np.flatnonzero(new(slice(None)))[0]
        chosen.append(rows[best])
        missing &= np.outer(holds[best], holds[best]) == 0
    return chosen


def valid_model(row):
    """What construction does not refuse (each refusal is a test of its own)."""
    baseline = row["kind"] in OTHER_LAYERS
    if row["kind"] == "kernel" and (row["bidirectional"] or row["frozen"]):
        return False
    if row["linear"] and (row["norm"] or row["mix"] != "linear"):
        return False
    if row["prenorm"] and not row["norm"]:
        return False
    if baseline and (row["frozen"] or row["bidirectional"]):
        return False
    return not (baseline and row["dtype"] == torch.float64)


LAYER_ROWS, MODEL_ROWS = pairwise(LAYER_SPACE), pairwise(MODEL_SPACE, valid_model)


def identify(row):
    return "-".join(str(value).removeprefix("torch.") for value in row.values())


def finite(*tensors):
    return all(bool(t.isfinite().all()) for t in tensors if t is not None)


@pytest.mark.parametrize("row", LAYER_ROWS, ids=identify)
def test_a_layer(row):
    row = dict(row)
    kind, L, B = row.pop("kind"), row.pop("L"), row.pop("B")
    d_model, d_state = row.pop("d_model"), row.pop("d_state")
    layer = SSMS[kind](d_model, d_state, seed=3, **row)
    u = torch.randn(B, d_model, L, dtype=row["dtype"], requires_grad=True)
    y = layer(u)
    assert y.shape == u.shape
    assert y.dtype == u.dtype
    y.square().sum().backward()
    assert finite(y, u.grad, *(p.grad for p in layer.parameters()))
    other = copy.deepcopy(layer)
    assert torch.equal(other(u), y)
    fresh = SSMS[kind](d_model, d_state, seed=4, **row)
    fresh.load_state_dict(layer.state_dict())
    assert torch.equal(fresh(u), y)
    assert layer.last_weights(L).shape == (d_model, L)
    if not layer.bidirectional:
        state, steps = layer.initial_state(B), []
        whole, after = layer(u, state)
        for l in range(L):
            y_l, state = layer.step(u[..., l], state)
            steps.append(y_l)
        assert torch.allclose(torch.stack(steps, -1), y, atol=1e-4)
        assert torch.allclose(whole, y, atol=1e-4)
        assert torch.allclose(after, state, atol=1e-4)
        frozen = layer.recurrence()
        step, _ = frozen(u[..., 0].detach(), frozen.initial_state(B))
        assert torch.allclose(step, steps[0], atol=1e-4)
    exact = other.double()(u.double())
    assert torch.allclose(exact, y.double(), atol=1e-3, rtol=1e-3)
    assert layer.to("meta")(u.to("meta")).shape == y.shape


def model_of(row, seed=3):
    row = {k: v for k, v in row.items() if k not in ("L", "B", "lengths")}
    kind, dtype = row.pop("kind"), row.pop("dtype")
    both = {"bidirectional": row.pop("bidirectional")}
    layer = kind if kind in OTHER_LAYERS else as_layer(kind, dtype=dtype, **both)
    return Model(5 if row["tokens"] else 2, 3, layer=layer, seed=seed, **row)


@pytest.mark.parametrize("row", MODEL_ROWS, ids=identify)
def test_a_model(row):
    model, B, L = model_of(row), row["B"], row["L"]
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, L + 1, (B,), generator=generator)
    lengths = lengths if row["lengths"] else None
    if row["tokens"]:
        x = torch.randint(0, 5, (B, L), generator=generator)
    else:
        x = torch.randn(B, 2, L, generator=generator)
    y = model(x, lengths=lengths)
    assert y.shape == ((B, 3, L) if row["pooling"] == "none" else (B, 3))
    assert y.dtype == torch.float32
    y.square().sum().backward()
    assert finite(y, *(p.grad for p in model.parameters()))
    masks = [torch.ones(shape) for shape in model.mask_shapes(B, L)]
    model.eval()
    y = model(x, lengths=lengths).detach()
    assert finite(y)
    assert torch.allclose(model(x, masks, lengths=lengths), y, atol=1e-5)
    assert torch.equal(copy.deepcopy(model)(x, lengths=lengths), y)
    fresh = model_of(row, seed=4).eval()
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(x, lengths=lengths), y)
    inputs = model.layer_inputs(x)
    assert [u.shape for u in inputs] == [(B, row["d_model"], L)] * row["n_layers"]
    together = Ensemble([model, fresh]).eval()
    given = {} if lengths is None else {"lengths": lengths[None]}
    assert torch.allclose(together(x[None], **given)[1], y, rtol=1e-3, atol=1e-4)
    assert together.layer_inputs(x[None])[0].shape == (2, B, row["d_model"], L)
    double = copy.deepcopy(model).double()
    exact = double(x if row["tokens"] else x.double(), lengths=lengths)
    assert torch.allclose(exact, y.double(), rtol=1e-2, atol=1e-3)
    there = None if lengths is None else lengths.to("meta")
    assert model.to("meta")(x.to("meta"), lengths=there).shape == y.shape


REFUSED = [
    ({"linear": True, "norm": "layer"}, "norm and mix go with linear=False"),
    ({"linear": True, "mix": "glu"}, "norm and mix go with linear=False"),
    ({"prenorm": True}, "prenorm=True says where norm stands"),
    ({"layer": "gru", "frozen": ("A",)}, "init, dt and frozen go with SSM layers"),
    ({"layer": "gru", "later_dt": 0.1}, "init, dt and frozen go with SSM layers"),
    ({"d_model": 0}, "d_model must be at least 1"),
    ({"layer": "gru", "d_model": 0}, "d_model must be at least 1"),
    ({"d_state": 1}, "d_state must be"),
    ({"d_state": 3}, "d_state must be"),
    ({"frozen": ("C",)}, "frozen must be one of A, B, dt"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=str)
def test_other_combinations_are_refused_at_construction(options, message):
    with pytest.raises(ValueError, match=message):
        Model(2, 3, **options)


@pytest.mark.parametrize("L", [1, 9, 4096])
@pytest.mark.parametrize("kind", SSMS)
@pytest.mark.parametrize("both", [False, True])
def test_an_empty_batch_has_zero_gradients(kind, both, L):
    options = {} if kind != "DSS" else {"length": L}
    layer = SSMS[kind](2, 4, bidirectional=both, **options)
    if kind == "kernel" and both:
        return
    u = torch.zeros(0, 2, L, requires_grad=True)
    y = layer(u)
    y.sum().backward()
    assert y.shape == u.shape == u.grad.shape
    assert not any(p.grad.any() for p in layer.parameters())


@pytest.mark.parametrize("kind", SSMS)
def test_no_step_is_refused(kind):
    layer = SSMS[kind](2, 4)
    with pytest.raises(ValueError, match=r"u must have shape \(B, 2, L\) with L >= 1"):
        layer(torch.zeros(3, 2, 0))
    calls = (layer.impulse_response, layer.last_weights, layer.kernel)
    for call in calls[: 2 if kind == "kernel" else 3]:
        with pytest.raises(ValueError, match="L must be at least 1, got 0"):
            call(0)
    for kind_of_input in ({}, {"tokens": True}):
        model = Model(2, 3, **kind_of_input)
        x = torch.zeros((3, 0) if kind_of_input else (3, 2, 0))
        with pytest.raises(ValueError, match=r"x must have shape .* with L >= 1"):
            model(x.long() if kind_of_input else x)


def test_an_input_of_another_dtype_is_refused():
    for model in (Model(2, 3), Model(2, 3, pooling="mean")):
        for x in (torch.zeros(1, 2, 5).double(), torch.zeros(1, 2, 5).long()):
            with pytest.raises(TypeError, match=r"x must be torch\.float32, as the"):
                model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert bool(model(torch.zeros(1, 2, 5)).isfinite().all())
            model(torch.zeros(1, 2, 5).bfloat16())


#: everything that draws or makes parameters
MADE = {
    **{name: partial(made, 3, 8) for name, made in SSMS.items()},
    **{f"init {n}": partial(S4D, 3, 8, init=n) for n in initialization.names()},
    "bidirectional": partial(S4D, 3, 8, bidirectional=True, dtype=torch.float64),
    **{name: partial(Model, 2, 3, layer=name) for name in OTHER_LAYERS},
    "model": partial(
        Model, 2, 3, n_layers=2, norm="batch", mix="glu", bias=True, prenorm=True
    ),
    "tokens": partial(Model, 5, 3, tokens=True, norm="layer"),
    "norm": partial(Norm, "batch", 3),
}


@pytest.fixture
def default_dtype():
    before = torch.get_default_dtype()
    yield torch.set_default_dtype
    torch.set_default_dtype(before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", MADE)
def test_the_default_dtype_changes_no_bit(name, dtype, default_dtype):
    def run():
        made = MADE[name]()
        shape = (2, 3, 9) if not isinstance(made, Model) else (2, 2, 9)
        u = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=like)
        if name == "tokens":
            u = torch.ones(2, 9, dtype=torch.int64)
        return [*made.state_dict().values(), made(u), *made.buffers()]

    like = torch.float64 if name == "bidirectional" else torch.float32
    expected = run()
    default_dtype(dtype)
    found = run()
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", MADE)
def test_the_default_device_places_every_part(name):
    with torch.device("meta"):
        made = MADE[name]()
    assert all(t.is_meta for t in (*made.parameters(), *made.buffers()))


@pytest.mark.parametrize("name", MADE)
def test_the_global_generator_is_neither_read_nor_changed(name):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = MADE[name]()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    second = MADE[name]()
    assert all(map(torch.equal, first.parameters(), second.parameters()))
