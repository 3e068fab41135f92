import pytest
import torch
from torch import nn

from ssmlib.initialization import Initialization
from ssmlib.layers import S4D
from ssmlib.models import Ensemble, Model

SHAPES = [
    {},
    {"n_layers": 2},
    {"n_layers": 3, "norm": True},
    {"linear": True},
    {"linear": True, "n_layers": 2},
]
INITS = [Initialization(dt=0.05), Initialization("inv", real=0.0)]


def ensemble(inits=INITS, seeds=(3, 4), channels=2, **options):
    options = {"d_model": 4, "d_state": 8} | options
    return Ensemble(
        [
            Model(channels, 3, init=init, seed=seed, **options)
            for init, seed in zip(inits, seeds, strict=True)
        ]
    )


def batch(groups=1, channels=2, L=40):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(groups, 5, channels, L, generator=generator)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 2])
def test_last_pooling_is_the_last_step_of_the_sequence(shape, channels):
    """The product with the kernel against the convolution, forward and backward."""
    x = batch(channels=channels)
    last = ensemble(channels=channels, pooling="last", **shape)
    whole = ensemble(channels=channels, pooling="none", **shape)
    fast, plain = last(x), whole(x)[..., -1]
    assert fast.shape == (2, 5, 3)
    assert torch.allclose(fast, plain, rtol=1e-4, atol=1e-4)
    fast.square().sum().backward()
    plain.square().sum().backward()
    for (name, p), q in zip(last.named_parameters(), whole.parameters(), strict=True):
        assert torch.allclose(p.grad, q.grad, rtol=1e-3, atol=1e-2), name


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pooling", ["last", "mean", "none"])
def test_a_member_is_the_same_model_alone(shape, pooling):
    x = batch()
    model = ensemble(pooling=pooling, **shape)
    together = model(x)
    for k, init in enumerate(INITS):
        alone = ensemble([init], [(3, 4)[k]], pooling=pooling, **shape)(x)[0]
        assert torch.allclose(together[k], alone, rtol=1e-4, atol=1e-5)
        assert torch.allclose(together[k], model.member(k)(x[0]), rtol=1e-4, atol=1e-5)


def test_a_member_is_an_ordinary_module_of_its_own():
    model = ensemble(n_layers=2)
    start = {k: v.clone() for k, v in model.member(1).state_dict().items()}
    member = model.member(1)
    with torch.no_grad():
        for p in member.parameters():
            p.add_(1)
    for k, v in model.member(1).state_dict().items():
        assert torch.equal(v, start[k]), k
    member.load_state_dict(start)
    for ssm in member.ssms:  # begins anew as itself, not as another member
        ssm.reset_parameters()
    assert all(torch.equal(v, start[k]) for k, v in member.state_dict().items())
    for k in (-1, 2):
        with pytest.raises(ValueError, match=r"k must be in 0 .. 1, got"):
            model.member(k)


def test_models_of_one_kind_only():
    with pytest.raises(ValueError, match="E = 0"):
        Ensemble([])
    for other in ({"d_model": 8}, {"pooling": "mean"}, {"linear": True}):
        with pytest.raises(ValueError, match="models must differ in their parameters"):
            Ensemble([Model(1, 2), Model(1, 2, **other)])


def test_a_bidirectional_layer_serves_as_well():
    def both(*arguments, **options):
        return S4D(*arguments, bidirectional=True, **options)

    x = batch()
    shape = {"n_layers": 2, "layer": both}
    last, whole = ensemble(**shape)(x), ensemble(pooling="none", **shape)(x)[..., -1]
    assert torch.allclose(last, whole, rtol=1e-4, atol=1e-4)


def plain(model, x):
    """A model without pooling, written out: x (B, channels, L) -> (B, outputs, L)."""
    H = model.d_model
    u = nn.functional.linear(x.mT, model.encoder)  # (B, L, H)
    for k, ssm in enumerate(model.ssms):
        K = ssm.kernel(x.shape[-1])  # (H, L)
        rows = []
        for l in range(x.shape[-1]):
            past = u[:, : l + 1].flip(1)  # newest first
            rows.append((past * K[:, : l + 1].mT).sum(1) + ssm.D * u[:, l])
        z = nn.functional.gelu(torch.stack(rows, 1))
        u = u + nn.functional.linear(z, model.mixers[k])
        if model.norm:
            scale, shift = (p.squeeze(-1) for p in model.norms[k].parameters())
            u = nn.functional.layer_norm(u, (H,), scale, shift)
    bias = model.decoder_bias.squeeze(-1)
    return nn.functional.linear(u, model.decoder, bias).mT


@pytest.mark.parametrize("norm", [False, True])
def test_against_the_model_written_out(norm):
    model = ensemble(pooling="none", n_layers=2, norm=norm)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in (*model.stacked.norms.parameters(), model.stacked.decoder_bias):
            p.add_(torch.randn(p.shape, generator=generator))  # not as they begin
    x = batch(L=12)
    y = model(x)
    for e in range(2):
        assert torch.allclose(y[e], plain(model.member(e), x[0]), rtol=1e-4, atol=1e-4)


def test_mean_pooling_is_the_mean_over_time():
    x = batch()
    pooled = ensemble(pooling="mean", linear=True)(x)
    whole = ensemble(pooling="none", linear=True)(x)
    assert torch.allclose(pooled, whole.mean(-1), atol=1e-5)


@pytest.mark.parametrize("pooling", ["last", "none"])
def test_groups_have_batches_of_their_own(pooling):
    model = ensemble(pooling=pooling)
    x = batch(groups=2)
    y = model(x)
    assert torch.allclose(y[0], model(x[:1])[0], atol=1e-5)
    assert torch.allclose(y[1], model(x[1:])[1], atol=1e-5)


def test_members_do_not_touch_each_other():
    model = ensemble(n_layers=2, norm=True, pooling="mean")
    model(batch())[0].sum().backward()
    for p in model.parameters():
        own, other = p.grad.chunk(2)
        assert not other.any()
    assert own.abs().sum() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "first"}, "pooling must be one of last"),
        ({"linear": True, "norm": True}, "norm and mix go with linear=False"),
        ({"linear": True, "mix": "glu"}, "norm and mix go with linear=False"),
        ({"prenorm": True}, "give norm as well"),
        ({"norm": "group"}, "norm must be one of batch, layer"),
        ({"mix": "swish"}, "mix must be one of glu, linear"),
        ({"n_layers": 0}, "n_layers must be at least 1"),
        ({"inits": ["nope"] * 2}, "name must be one of"),
        ({"channels": 0}, "channels must be at least 1"),
        ({"later_dt": -1.0}, "dt must be positive"),
        ({"seeds": (-1, 0)}, "seed must be at least 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ensemble(**arguments)


@pytest.mark.parametrize("shape", [(1, 5, 3, 40), (3, 5, 2, 40), (5, 2, 40)])
def test_bad_inputs(shape):
    with pytest.raises(ValueError, match="x must have shape"):
        ensemble()(torch.zeros(shape))


def test_layer_inputs_are_what_the_layers_read():
    model = ensemble(n_layers=3, later_dt=0.2)
    x = batch()
    found = model.layer_inputs(x)
    for e in range(2):
        member, seen = model.member(e).double(), []
        for ssm in member.ssms:
            ssm.register_forward_pre_hook(lambda _, u, seen=seen: seen.append(u[0]))
        member.pooling = "none"
        member(x[0].double())
        assert len(found) == len(seen) == 3
        for got, read in zip(found, seen, strict=True):
            assert got.shape == (2, 5, 4, 40)
            assert not got.requires_grad
            assert torch.allclose(got[e], read, atol=1e-6)


def test_silence_goes_through_blocks_with_norm():
    """Where an input begins with zeros, so does what every layer reads, exactly."""
    init = Initialization(dt=0.1)
    model = Model(1, 2, init=init, d_model=4, n_layers=4, norm=True, pooling="none")
    x = torch.randn(5, 1, 640, generator=torch.Generator().manual_seed(0))
    x[..., :80] = 0
    for read in model.layer_inputs(x):
        assert not read[..., :80].any()
        assert float(read[..., 80:].abs().max()) > 0.1
    y = model(x).detach()
    assert torch.equal(y[..., :80], y[..., :1].expand(-1, -1, 80))
    exact = model.double()(x.double()).detach()
    assert float((y - exact).abs().max() / exact.abs().max()) < 1e-4


def test_later_dt_is_that_of_the_layers_after_the_first():
    model = Model(1, 1, init=Initialization(dt=0.1), later_dt=0.2, n_layers=3)
    rates = [float(ssm.log_dt.detach().exp().mean()) for ssm in model.ssms]
    assert rates == pytest.approx([0.1, 0.2, 0.2])
    with pytest.raises(TypeError, match="dt must be a number or a range"):
        Model(1, 1, later_dt="long")
