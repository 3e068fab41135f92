"""A block of one's own: that of `Model`, with a state, steps and dropout."""

import copy

import pytest
import torch
from torch import Tensor, nn

from ssmlib.layers import DSS, S4, S4D, KernelSSM, S4DReal
from ssmlib.models import OTHER_LAYERS, Block, Model

H, N, L = 4, 8, 24
OPTIONS = {
    "plain": {},
    "glu": {"norm": "layer", "mix": "glu"},
    "prenorm": {"norm": "layer", "prenorm": True, "mix": "glu", "bias": True},
    "batch norm": {"norm": "batch"},
}
LAYERS = {
    "S4D": lambda: S4D(H, N, real_transform="exp", dtype=torch.float64),
    "S4": lambda: S4(H, N, dtype=torch.float64),
    "DSS": lambda: DSS(H, N, length=L, dtype=torch.float64),
    "S4DReal": lambda: S4DReal(H, N, dtype=torch.float64),
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def u_of(L=L):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, H, L, generator=generator, dtype=torch.float64)


def block(options, layer="S4D"):
    """In evaluation, with a bias, scale, shift and moments that are not trivial."""
    made = Block(H, layer=LAYERS[layer](), dtype=torch.float64, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in (*made.named_parameters(), *made.named_buffers()):
            if not name.startswith("layer"):
                noise = torch.rand(value.shape, generator=generator)
                value.add_(0.3 * noise)
    return made.eval()


def test_the_call_of_the_documentation():
    made = Block(
        64, layer=S4D(64, real_transform="exp"), norm="layer", mix="glu", dropout=0.1
    )
    u = torch.randn(2, 64, 10)
    assert made(u).shape == u.shape
    y_t, state = made.eval().step(u[..., 0], made.initial_state(2))
    assert (y_t.shape, state.shape) == ((2, 64), (2, 64, 32))


@each_option
def test_it_is_a_block_of_a_model(options):
    """The same parameters in a model without encoder and decoder: the same output."""
    own, u = block(options), u_of()
    model = Model(
        H, H, d_model=H, d_state=N, pooling="none", dtype=torch.float64, **options
    ).eval()
    model.ssms[0] = own.layer
    with torch.no_grad():
        for end in (model.encoder, model.decoder):
            end.copy_(torch.eye(H))
        model.mixers[0].copy_(own.mixer)
        if own.mixer_bias is not None:
            model.mixer_biases[0].copy_(own.mixer_bias)
    if own.norm is not None:
        model.norms[0] = own.norm
    found = own(u)
    if model.prenorm:  # a model has one more norm, before its decoder
        found = model.norms[1](found)
    assert torch.allclose(model(u), found, rtol=0, atol=1e-12)


@each_option
@pytest.mark.parametrize("layer", LAYERS)
def test_steps_are_the_sequence(options, layer):
    """In float64, where only the order of operations differs."""
    made, u = block(options, layer), u_of()
    whole = made(u)
    first, state = made(u[..., :9], made.initial_state(3))
    steps = []
    for u_t in u[..., 9:].unbind(-1):
        y_t, state = made.step(u_t, state)
        steps.append(y_t)
    found = torch.cat([first, torch.stack(steps, -1)], -1)
    assert torch.allclose(found, whole, rtol=0, atol=1e-9)
    after = made(u, made.initial_state(3))[1]
    assert torch.allclose(state, after, rtol=0, atol=1e-9)


def test_dropout_is_drawn_in_training_only():
    made, u = Block(H, layer=S4D(H, N), mix="glu", dropout=0.5), u_of().float()
    torch.manual_seed(3)
    first = made(u)
    torch.manual_seed(3)
    assert torch.equal(made(u), first)
    assert not torch.equal(made(u), first)
    made.eval()
    assert torch.equal(made(u), made(u))
    plain = Block(H, layer=made.layer, mix="glu")
    assert torch.equal(made(u), plain(u))


def test_dropout_keeps_the_mean():
    """Within five standard errors of the mean of 2000 draws."""
    made, u = Block(H, layer=S4D(H, N), dropout=0.3, tied_dropout=True), u_of().float()
    with torch.no_grad():
        draws = torch.stack([made(u)[0, 0, -1] for _ in range(2000)])
        exact = made.eval()(u)[0, 0, -1]
    assert abs(draws.mean() - exact) < 5 * draws.std() / 2000**0.5


def test_the_parameters_are_those_of_the_seed():
    first, same, other = (Block(H, layer=S4D(H), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.mixer, same.mixer)
    assert not torch.equal(first.mixer, other.mixer)
    start = copy.deepcopy(first.state_dict())
    with torch.no_grad():
        for p in first.parameters():
            p.add_(1)
    first.reset_parameters()
    assert all(torch.equal(v, start[k]) for k, v in first.state_dict().items())


def test_a_layer_of_pytorch_s_kind_serves_without_steps():
    made = Block(H, layer=OTHER_LAYERS["lstm"](H))
    assert made(u_of().float()).shape == (3, H, L)
    with pytest.raises(ValueError, match="layer must be an SSM to have a step, got LS"):
        made.step(torch.zeros(3, H), torch.zeros(1))


class Decay(KernelSSM):
    def initial_values(self, generator):
        return {"rate": torch.rand(self.d_model, generator=generator).double()}

    def kernel(self, L: int) -> Tensor:
        return self.rate.unsqueeze(-1) * torch.ones(L)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Block(H, layer=S4D), TypeError, "layer must be a module, such as S4"),
        (lambda: Block(H, layer=S4D(5)), ValueError, "layer must have d_model = 4"),
        (
            lambda: Block(H, layer=OTHER_LAYERS["transformer"](H)),
            ValueError,
            "layer must not be a block of its own",
        ),
        (lambda: Block(0, layer=nn.Identity()), ValueError, "d_model must be at least"),
        (lambda: Block(H, layer=S4D(H), mix="no"), ValueError, "mix must be one of"),
        (lambda: Block(H, layer=S4D(H), norm="no"), ValueError, "norm must be one of"),
        (lambda: Block(H, layer=S4D(H), prenorm=True), ValueError, "give norm as well"),
        (lambda: Block(H, layer=S4D(H), dropout=1.0), ValueError, "dropout must be in"),
        (lambda: Block(H, layer=S4D(H), dropout="1"), TypeError, "dropout must be a"),
        (
            lambda: Block(H, layer=S4D(H), dtype=torch.float16),
            TypeError,
            "dtype must be float32 or float64",
        ),
        (lambda: Block(H, layer=S4D(H))(u_of()[0]), ValueError, "u must have shape"),
        (
            lambda: Block(H, layer=S4D(H)).step(u_of(), torch.zeros(1)),
            ValueError,
            r"u_t must have shape \(B, 4\)",
        ),
        (
            lambda: Block(H, layer=S4D(H)).step(u_of()[..., 0], torch.zeros(1)),
            ValueError,
            "state must be this layer's own",
        ),
        (
            lambda: Block(H, layer=S4D(H, bidirectional=True)).initial_state(2),
            ValueError,
            "a bidirectional layer has no state",
        ),
        (
            lambda: Block(H, layer=Decay(H)).initial_state(2),
            ValueError,
            "which defines a kernel alone",
        ),
        (
            lambda: Block(H, layer=S4D(H), dropout=0.1).step(
                torch.zeros(1, H), S4D(H).initial_state(1)
            ),
            ValueError,
            r"a step has no dropout, .*: call eval\(\) first",
        ),
        (
            lambda: Block(H, layer=S4D(H), norm="batch").step(
                torch.zeros(1, H), S4D(H).initial_state(1)
            ),
            ValueError,
            "norm 'batch' needs its running moments for a step",
        ),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
