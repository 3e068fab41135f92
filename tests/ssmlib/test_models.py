import pytest
import torch
from torch import nn

from ssmlib.models import Ensemble, Start

SHAPES = [
    {},
    {"n_layers": 2},
    {"n_layers": 3, "norm": True},
    {"linear": True},
    {"linear": True, "n_layers": 2},
]
STARTS = [Start(dt=0.05), Start("inv", real=0.0, dt=(1e-3, 1e-1))]


def ensemble(starts=STARTS, seeds=(3, 4), channels=2, **options):
    return Ensemble(starts, seeds, channels, 3, d_model=4, d_state=8, **options)


def batch(groups=1, channels=2, L=40):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(groups, 5, channels, L, generator=generator)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 2])
def test_last_readout_is_the_last_step_of_the_sequence(shape, channels):
    """The product with the kernel against the convolution, forward and backward."""
    x = batch(channels=channels)
    last = ensemble(channels=channels, readout="last", **shape)
    whole = ensemble(channels=channels, readout="sequence", **shape)
    fast, plain = last(x), whole(x)[..., -1]
    assert fast.shape == (2, 5, 3)
    assert torch.allclose(fast, plain, rtol=1e-4, atol=1e-4)
    fast.square().sum().backward()
    plain.square().sum().backward()
    for (name, p), q in zip(last.named_parameters(), whole.parameters(), strict=True):
        assert torch.allclose(p.grad, q.grad, rtol=1e-3, atol=1e-2), name


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("readout", ["last", "pooled", "sequence"])
def test_a_member_is_the_same_model_alone(shape, readout):
    x = batch()
    together = ensemble(readout=readout, **shape)(x)
    for k, start in enumerate(STARTS):
        alone = ensemble([start], [(3, 4)[k]], readout=readout, **shape)(x)[0]
        assert torch.allclose(together[k], alone, rtol=1e-4, atol=1e-5)


def plain(model, e, x):
    """Member e of a sequence model, written out: x (B, channels, L) -> (B, o, L)."""
    H = model.d_model
    own = slice(e * H, (e + 1) * H)
    u = nn.functional.linear(x.mT, model.encoder[e])  # (B, L, H)
    for k, ssm in enumerate(model.ssms):
        K = ssm.kernel(x.shape[-1])[own]  # (H, L)
        rows = []
        for l in range(x.shape[-1]):
            past = u[:, : l + 1].flip(1)  # newest first
            rows.append((past * K[:, : l + 1].mT).sum(1) + ssm.D[own] * u[:, l])
        z = nn.functional.gelu(torch.stack(rows, 1))
        u = u + nn.functional.linear(z, model.mixers[k][e])
        if len(model.norms):
            scale, shift = model.norms[k][e].squeeze(-1)
            u = nn.functional.layer_norm(u, (H,), scale, shift)
    bias = model.decoder_bias[e].squeeze(-1)
    return nn.functional.linear(u, model.decoder[e], bias).mT


@pytest.mark.parametrize("norm", [False, True])
def test_against_the_model_written_out(norm):
    model = ensemble(readout="sequence", n_layers=2, norm=norm)
    with torch.no_grad():
        for p in (*model.norms, model.decoder_bias):  # not at their trivial start
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    x = batch(L=12)
    y = model(x)
    for e in range(2):
        assert torch.allclose(y[e], plain(model, e, x[0]), rtol=1e-4, atol=1e-4)


def test_pooled_is_the_mean_over_time():
    x = batch()
    pooled = ensemble(readout="pooled", linear=True)(x)
    whole = ensemble(readout="sequence", linear=True)(x)
    assert torch.allclose(pooled, whole.mean(-1), atol=1e-5)


@pytest.mark.parametrize("readout", ["last", "sequence"])
def test_groups_have_batches_of_their_own(readout):
    model = ensemble(readout=readout)
    x = batch(groups=2)
    y = model(x)
    assert torch.allclose(y[0], model(x[:1])[0], atol=1e-5)
    assert torch.allclose(y[1], model(x[1:])[1], atol=1e-5)


def test_members_do_not_touch_each_other():
    model = ensemble(n_layers=2, norm=True, readout="pooled")
    model(batch())[0].sum().backward()
    for p in model.parameters():
        own, other = p.grad.chunk(2)
        assert not other.any()
    assert own.abs().sum() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"starts": [], "seeds": []}, "E = 0"),
        ({"seeds": (1,)}, "seeds must be one a start"),
        ({"readout": "first"}, "readout must be one of last"),
        ({"linear": True, "norm": True}, "norm=True goes with linear=False"),
        ({"n_layers": 0}, "n_layers must be at least 1"),
        ({"starts": [Start("nope")] * 2}, "name must be one of"),
        ({"starts": [Start(dt=-1.0)] * 2}, "dt_min and dt_max"),
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
    starts = [Start(dt=0.1), Start(dt=0.01, later_dt=0.2)]
    model = Ensemble(starts, [0, 1], 1, 2, d_model=3, n_layers=2, readout="sequence")
    x = torch.randn(1, 5, 1, 20, generator=torch.Generator().manual_seed(0))
    seen = []
    hooks = [
        ssm.register_forward_pre_hook(lambda _, u: seen.append(u[0]))
        for ssm in model.ssms
    ]
    model.double()(x.double())
    for hook in hooks:
        hook.remove()
    for found, read in zip(model.float().layer_inputs(x), seen, strict=True):
        assert found.shape == (2, 5, 3, 20)
        assert not found.requires_grad
        assert torch.allclose(found.transpose(0, 1).flatten(1, 2), read, atol=1e-6)


def test_a_norm_does_not_magnify_the_rounding_of_zeros():
    """Where an input begins with zeros, so does what every layer reads."""
    model = Ensemble([Start(dt=0.1)], [0], 1, 2, d_model=4, n_layers=4, norm=True)
    x = torch.randn(1, 5, 1, 64, generator=torch.Generator().manual_seed(0))
    x[..., :8] = 0
    for read in model.layer_inputs(x):
        assert float(read[..., :8].abs().max()) < 1e-6
        assert float(read[..., 8:].abs().max()) > 0.1


def test_later_dt_is_that_of_the_layers_after_the_first():
    starts = [Start(dt=0.1), Start(dt=0.01, later_dt=0.2)]
    model = Ensemble(starts, [0, 0], 1, 1, d_model=2, n_layers=3)
    rates = [ssm.log_dt.exp().detach().view(2, 2)[:, 0] for ssm in model.ssms]
    expected = torch.tensor([[0.1, 0.01], [0.1, 0.2], [0.1, 0.2]])
    assert torch.allclose(torch.stack(rates), expected, rtol=1e-6)
    with pytest.raises(TypeError, match="later_dt must be a number or a pair"):
        Start(later_dt="long")
