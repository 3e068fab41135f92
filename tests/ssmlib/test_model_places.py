"""The device, dtype, dropout, layer options and seed of a model."""

from functools import partial

import pytest
import torch
from torch.nn.utils import prune

from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.models import OTHER_LAYERS, Block, Ensemble, Model
from ssmlib.tasks import images
from ssmlib.training import fit

SHAPE = {"d_model": 4, "d_state": 8, "n_layers": 2}
FULL = SHAPE | {"norm": "batch", "mix": "glu", "bias": True}


def equal(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(n == m and torch.equal(v, w) for (n, v), (m, w) in pairs)


def test_the_call_of_the_documentation():
    model = Model(
        1,
        10,
        d_model=64,
        dropout=0.1,
        layer_options={"bidirectional": True},
        device="cpu",
    )
    assert model(torch.randn(2, 1, 9)).shape == (2, 10)
    assert model.ssms[0].bidirectional


def test_options_of_the_layers_are_those_of_a_partial():
    one = Model(2, 3, layer_options={"real_transform": "exp", "n_ssm": 2}, **SHAPE)
    layer = partial(S4D, real_transform="exp", n_ssm=2)
    assert equal(one, Model(2, 3, layer=layer, **SHAPE))


@pytest.mark.parametrize("layer", [S4D, *OTHER_LAYERS])
@pytest.mark.parametrize("how", ["argument", "context", "default"])
def test_every_tensor_is_on_the_device(layer, how):
    options = FULL | {"layer": layer}
    if how == "argument":
        model = Model(2, 3, device="meta", **options)
    elif how == "context":
        with torch.device("meta"):
            model = Model(2, 3, **options)
    else:
        torch.set_default_device("meta")
        try:
            model = Model(2, 3, **options)
        finally:
            torch.set_default_device("cpu")
    own = {n: t for n, t in (*model.named_parameters(), *model.named_buffers())}
    assert {t.device.type for t in own.values()} == {"meta"}
    model.to_empty(device="cpu").reset_parameters()
    assert equal(model, Model(2, 3, **options))


def test_a_block_is_on_the_device():
    made = Block(4, layer=S4D(4, device="meta"), norm="layer", bias=True, device="meta")
    assert {p.device.type for p in made.parameters()} == {"meta"}


@pytest.mark.parametrize("layer", [S4D, *OTHER_LAYERS])
def test_every_tensor_has_the_dtype(layer):
    model = Model(2, 3, layer=layer, dtype=torch.float64, **FULL).eval()
    own = (*model.parameters(), *model.buffers())
    assert {t.dtype for t in own} == {torch.float64}
    assert model(torch.randn(2, 2, 9).double()).dtype == torch.float64
    rounded = Model(2, 3, layer=layer, **FULL)
    for exact, near in zip(
        own, (*rounded.parameters(), *rounded.buffers()), strict=True
    ):
        assert torch.equal(exact.float(), near)
    model.reset_parameters()
    if layer is S4D:  # drawn in float64, and not rounded on the way
        assert torch.equal(model.ssms[0].C_re.float(), rounded.ssms[0].C_re)
        assert not torch.equal(model.ssms[0].C_re, rounded.ssms[0].C_re.double())


@pytest.mark.parametrize(
    "make",
    [
        *(partial(layer, 3, 8) for layer in (S4D, S4, S4DReal)),
        partial(DSS, 3, 8, variant="exp"),
        *(partial(layer, 3) for layer in OTHER_LAYERS.values()),
        partial(Model, 2, 3, **SHAPE),
        partial(Block, 3, layer=S4D(3)),
    ],
)
def test_no_seed_draws_from_the_generator_of_torch(make):
    torch.manual_seed(5)
    one, other = make(seed=None), make(seed=None)
    torch.manual_seed(5)
    same = make(seed=None)
    assert equal(one, same)
    assert not equal(one, other)
    assert equal(one, make(seed=one.seed))
    one.reset_parameters()  # the initial values, not others
    assert equal(one, same)


def test_a_seed_leaves_the_generator_of_torch_alone():
    state = torch.random.get_rng_state()
    Model(2, 3, **SHAPE)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("pooling", ["last", "mean", "none"])
@pytest.mark.parametrize("mix", ["linear", "glu"])
def test_dropout_draws_the_masks(pooling, mix):
    model = Model(2, 3, dropout=0.4, mix=mix, pooling=pooling, **SHAPE)
    x = torch.randn(2, 2, 9)
    torch.manual_seed(1)
    found = model(x)
    torch.manual_seed(1)
    masks = [torch.empty(s).bernoulli_(0.6) / 0.6 for s in model.mask_shapes(2, 9)]
    assert torch.equal(found, model(x, masks))
    plain = Model(2, 3, mix=mix, pooling=pooling, **SHAPE)
    assert torch.equal(model.eval()(x), plain(x))


def test_hooks_of_a_layer_run_with_pooling_last():
    x, seen = torch.randn(2, 2, 9), []
    model = Model(2, 3, d_model=4, d_state=8)
    before = model(x)
    handle = model.ssms[0].register_forward_hook(lambda *_: seen.append(1))
    # One product against a convolution: only the rounding differs.
    assert torch.allclose(model(x), before, rtol=1e-4, atol=1e-5)
    assert seen == [1]
    handle.remove()
    assert torch.equal(model(x), before)


def test_pruned_parameters_are_current_with_pooling_last():
    x = torch.randn(2, 2, 9)
    model = Model(2, 3, d_model=4, d_state=8)
    prune.identity(model.ssms[0], "C_re")
    before = model(x)
    with torch.no_grad():
        model.ssms[0].C_re_orig.mul_(3)
    assert not torch.allclose(model(x), before, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dropout": 1.0}, ValueError, r"dropout must be in \[0, 1\), got 1.0"),
        ({"dropout": -0.1}, ValueError, r"dropout must be in \[0, 1\), got -0.1"),
        ({"dropout": "a"}, TypeError, "dropout must be a real number, got str"),
        ({"dropout": 0.1, "linear": True}, ValueError, "dropout goes with linear=Fal"),
        ({"dropout": 0.1, "layer": "transformer"}, ValueError, "with no Transformer"),
        ({"layer_options": ["n_ssm"]}, TypeError, "layer_options must map names to v"),
        ({"layer_options": {"dt": 0.1, "seed": 1}}, ValueError, "leave out dt, seed"),
        (
            {"layer": "gru", "layer_options": {"n_ssm": 1}},
            ValueError,
            "layer_options go with SSM layers, not with 'gru'",
        ),
        ({"dtype": torch.float16}, TypeError, "dtype must be float32 or float64"),
        ({"seed": 1.5}, TypeError, "seed must be an int"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        Model(2, 3, **options)


def test_an_ensemble_has_no_dropout_of_its_own():
    with pytest.raises(ValueError, match="models must have dropout=0 in an ensemble"):
        Ensemble([Model(2, 3, dropout=0.1)])
    for name in ("dropout", "layer_options", "dtype"):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
            fit(images.digits(), [{}], **{name: None})
