"""What a stack can be made of: blocks, norms, tokens, lengths, baselines; counts."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from ssmlib.initialization import Initialization
from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.models import OTHER_LAYERS, Ensemble, Model, Norm
from ssmlib.tasks.split import Split
from ssmlib.training import fit
from tests.ssmlib.double import float64_fits

SHAPE = {"d_model": 4, "d_state": 8, "n_layers": 2}
LAYERS = {
    "S4D": S4D,
    "S4": S4,
    "DSS": partial(DSS, length=64),
    "S4DReal": S4DReal,
    "bidirectional": partial(S4D, bidirectional=True),
    **{name: name for name in OTHER_LAYERS},
}
BEGIN = {"S4D": "lin", "S4": "legs", "DSS": "legs", "S4DReal": "real"}
OPTIONS = {
    "plain": {},
    "layer norm": {"norm": "layer"},
    "batch norm": {"norm": "batch", "pooling": "mean"},
    "glu": {"mix": "glu", "norm": "layer", "prenorm": True, "bias": True},
    "glu, batch norm": {"mix": "glu", "norm": "batch", "prenorm": True, "bias": True},
}


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("expected", "layer", "options"),
    [
        (306_083, S4D, {"channels": 1, "outputs": 35}),
        (306_851, S4, {"channels": 1, "outputs": 35, "init": "legs"}),
    ],
)
def test_the_speech_configuration_has_as_many_parameters(expected, layer, options):
    """As many as the authors' code makes of its own configuration."""
    model = Model(
        **options,
        layer=partial(layer, bidirectional=True, n_ssm=2),
        d_model=128,
        d_state=64,
        n_layers=6,
        mix="glu",
        norm="batch",
        prenorm=True,
        bias=True,
        pooling="mean",
    )
    assert count(model) == expected


def test_the_colour_cifar_configurations_have_as_many_parameters():
    shape = {"d_model": 128, "d_state": 64, "n_layers": 4, "pooling": "mean"}
    shape |= {"norm": "layer", "bias": True}
    minimal = Model(3, 10, **shape, mix="glu", frozen=("B",))
    assert count(minimal) == 201_482
    ablation = partial(S4D, bidirectional=True, n_ssm=1)
    assert count(Model(3, 10, **shape, layer=ablation)) == 135_946


def written_out(model, x):
    """The block of the paper with PyTorch's modules, x (B, channels, L)."""
    H = model.d_model

    def normed(k, u):
        if model.norm == "layer":
            norm = nn.LayerNorm(H)
            u = u.mT
        else:
            norm = nn.BatchNorm1d(H).train(model.training)
            norm.running_mean.copy_(model.norms[k].running_mean[:, 0])
            norm.running_var.copy_(model.norms[k].running_var[:, 0])
        norm.weight.data = model.norms[k].scale[:, 0]
        norm.bias.data = model.norms[k].shift[:, 0]
        u = norm(u)
        return u.mT if model.norm == "layer" else u

    u = nn.functional.conv1d(x, model.encoder[..., None], model.encoder_bias[:, 0])
    for k, ssm in enumerate(model.ssms):
        z = normed(k, u) if model.prenorm else u
        z = nn.functional.gelu(ssm(z))
        z = nn.functional.conv1d(
            z, model.mixers[k][..., None], model.mixer_biases[k][:, 0]
        )
        u = u + (nn.functional.glu(z, 1) if model.mix == "glu" else z)
        u = u if model.prenorm else normed(k, u)
    u = normed(-1, u) if model.prenorm else u
    return model.decoder @ u + model.decoder_bias


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("prenorm", [True, False])
@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("mix", ["linear", "glu"])
def test_the_block_of_the_paper(mix, norm, prenorm, training):
    options = {"mix": mix, "norm": norm, "prenorm": prenorm, "bias": True}
    model = Model(2, 3, **SHAPE, **options, pooling="none")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # not as they begin
        for name, p in (*model.named_parameters(), *model.named_buffers()):
            if not name.startswith("ssms"):
                p.add_(0.3 * torch.rand(p.shape, generator=generator))
    model.train(training)
    x = torch.randn(5, 2, 12, generator=generator)
    with torch.no_grad():
        expected = written_out(copy.deepcopy(model), x)
        assert torch.allclose(model(x), expected, atol=1e-4)
        if norm == "layer":
            for pooling, rest in (("last", expected[..., -1]), ("mean", None)):
                model.pooling = pooling
                rest = expected.mean(-1) if rest is None else rest
                assert torch.allclose(model(x), rest, atol=1e-4)


def test_batch_norm_keeps_the_running_moments_of_pytorch_s():
    ours, theirs = Norm("batch", 3), nn.BatchNorm1d(3)
    for k in range(4):
        u = torch.randn(5, 3, 7, generator=torch.Generator().manual_seed(k)) + k
        assert torch.allclose(ours(u), theirs(u), atol=1e-5)
    assert torch.allclose(ours.running_mean[:, 0], theirs.running_mean, atol=1e-6)
    assert torch.allclose(ours.running_var[:, 0], theirs.running_var, atol=1e-5)
    assert torch.allclose(ours.eval()(u), theirs.eval()(u), atol=1e-5)


def data(tokens=True, L=12):
    """(x, lengths): tokens of five kinds or two channels, 0 beyond each length."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, L + 1, (6,), generator=generator)
    lengths[0] = L
    valid = torch.arange(L) < lengths[:, None]
    if tokens:
        x = torch.randint(1, 5, (6, L), generator=generator) * valid
    else:
        x = torch.randn(6, 2, L, generator=generator) * valid[:, None]
    return x, lengths


def models(name, options, tokens, seeds=(0, 1), **more):
    options = SHAPE | options | more | {"layer": LAYERS[name], "tokens": tokens}
    init = BEGIN.get(name, "lin")
    return [Model(5 if tokens else 2, 3, init=init, seed=s, **options) for s in seeds]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "tokens", "pooling"),
    [
        ("plain", True, "last"),
        ("plain", False, "mean"),
        ("layer norm", True, "mean"),
        ("batch norm", True, "last"),
        ("glu", True, "mean"),
        ("glu", False, "last"),
        ("glu, batch norm", True, "mean"),
    ],
)
@pytest.mark.parametrize("name", LAYERS)
def test_padding_changes_nothing_and_a_member_is_itself(name, options, tokens, pooling):
    """More padding, sequences alone, others beside: the same outputs."""
    x, lengths = data(tokens)
    both = models(name, OPTIONS[options] | {"pooling": pooling}, tokens)
    padded = nn.functional.pad(x, (0, 9))
    for model in both:
        found = model(x, lengths=lengths)
        assert torch.allclose(model(padded, lengths=lengths), found, atol=1e-5)
    first = both[0].eval()
    found = first(x, lengths=lengths)
    for k, length in enumerate(lengths):
        alone = first(x[k : k + 1, ..., :length])
        assert torch.allclose(alone[0], found[k], atol=1e-4)
    first.train()
    ensemble = Ensemble(both)
    together = ensemble(x[None], lengths=lengths[None])
    grouped = ensemble(torch.stack([x, x.flip(0)]), lengths=torch.stack(
        [lengths, lengths.flip(0)]))  # fmt: skip
    for k, model in enumerate(both):
        assert torch.allclose(together[k], model(x, lengths=lengths), atol=1e-5)
        own = (x, lengths) if k == 0 else (x.flip(0), lengths.flip(0))
        alone = model(own[0], lengths=own[1])
        assert torch.allclose(grouped[k], alone, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
@float64_fits()
def test_a_fit_s_member_is_itself_alone(name):
    """Trained beside others: tokens, lengths, batch norm, dropout, what is frozen."""
    x, lengths = data()
    x, lengths = x.repeat(4, 1), lengths.repeat(4)
    y = (lengths > lengths.median()).long()
    split = Split(x, y, x, y, x, y, *[lengths] * 3)
    shape = SHAPE | {"mix": "glu", "norm": "batch", "bias": True, "tied_dropout": True}
    shape |= {"pooling": "mean", "layer": LAYERS[name], "epochs": 2, "batch_size": 8}
    grid = [{}, {"lr": 0.05, "dropout": 0.3}]
    if name in BEGIN:
        grid = [c | {"init": BEGIN[name], "frozen": ("A",)} for c in grid[1:]] + [
            {"init": BEGIN[name]}
        ]
    if name == "transformer":
        grid[1].pop("dropout")
    together = fit(split, grid, seeds=[3, 4], **shape)
    assert together.table.test_loss.nunique() == 4
    k = 0
    for seed in (3, 4):
        for entry in grid:
            alone = fit(split, [entry], seeds=[seed], **shape).model.member(0)
            member = together.model.member(k)
            assert alone.state_dict().keys() == member.state_dict().keys()
            for key, value in alone.state_dict().items():
                other = member.state_dict()[key]
                assert torch.allclose(value, other, rtol=0, atol=1e-6), key
            out = [m.eval()(x, lengths=lengths) for m in (alone, member)]
            assert torch.allclose(*out, rtol=0, atol=1e-5)
            assert {n for n, _ in alone.named_buffers()} == {
                n for n, _ in member.named_buffers()
            }
            k += 1


def test_frozen_within_a_fit_stays_bit_for_bit():
    x, lengths = data(tokens=False)
    y = lengths % 2
    split = Split(x, y, x, y, x, y, *[lengths] * 3)
    grid = [{"frozen": ("A", "B")}, {}, {"frozen": ("A", "B", "dt")}]
    found = fit(split, grid, epochs=3, **SHAPE)
    start = Model(2, 2, **SHAPE).ssms[0]
    for k, entry in enumerate(grid):
        ssm = found.model.member(k).ssms[0]
        for name, part in ssm.ssm_names().items():
            kept = part in entry.get("frozen", ())
            assert torch.equal(getattr(ssm, name), getattr(start, name)) is kept
            assert (name in dict(ssm.named_buffers())) is kept
    every = fit(split, [{"frozen": ("A",)}] * 2, epochs=1, **SHAPE).model
    assert "A_re" in dict(every.stacked.ssms[0].named_buffers())


def test_masks_of_a_gated_block_are_two_and_may_be_tied():
    model = Model(2, 3, **SHAPE, mix="glu", norm="layer")
    assert model.mask_shapes(5, 9) == [(5, 4, 9)] * 2 + [(5, 4, 1)] * 2
    tied = Model(2, 3, **SHAPE, mix="glu", tied_dropout=True, pooling="mean")
    assert tied.mask_shapes(5, 9) == [(5, 4, 1)] * 4
    x = torch.randn(5, 2, 9)
    ones = [torch.ones(shape) for shape in tied.mask_shapes(5, 9)]
    assert torch.allclose(tied(x, ones), tied(x))
    for k in range(4):
        masks = [mask.clone() for mask in ones]
        masks[k].zero_()
        assert not torch.allclose(tied(x, masks), tied(x))


def test_batch_norm_of_a_model_that_diverged_stays():
    norm = Norm("batch", 2)
    norm(torch.full((3, 2, 4), torch.nan))
    assert torch.equal(norm.running_mean, torch.zeros(2, 1))
    assert torch.equal(norm.running_var, torch.ones(2, 1))


@pytest.mark.parametrize(
    ("x", "lengths", "message"),
    [
        (torch.full((2, 5), 7), None, "tokens of x must be in 0 .. 4, got 7 to 7"),
        (torch.full((2, 5), -1), None, "tokens of x must be in 0 .. 4, got -1"),
        (torch.ones(2, 5).long(), torch.tensor([0, 5]), "lengths must be in 1 .. 5"),
        (torch.ones(2, 5).long(), torch.tensor([2, 6]), "lengths must be in 1 .. 5"),
        (torch.ones(2, 5).long(), torch.tensor([2]), r"lengths must have shape \(2,\)"),
        (torch.ones(2, 1, 5).long(), None, r"x must have shape \(B, L\)"),
    ],
)
def test_tokens_and_lengths_out_of_range(x, lengths, message):
    model = Model(5, 3, tokens=True, **SHAPE)
    with pytest.raises(ValueError, match=message):
        model(x, lengths=lengths)


def test_tokens_are_integers():
    with pytest.raises(TypeError, match="x must be tokens, int64, got"):
        Model(5, 3, tokens=True, **SHAPE)(torch.ones(2, 5))


def test_a_split_says_what_is_wrong_with_its_lengths():
    x, lengths = data()
    y = torch.arange(6) % 2
    whole = [x, y] * 3
    for bad, message in (
        ([lengths, lengths, None], "lengths must be given for each part, or for none"),
        ([lengths + 12] * 3, "lengths_train must be in 1 .. 12"),
        ([lengths.int()] * 3, "lengths_train must be int64"),
        ([lengths[:3]] * 3, r"lengths_train must be int64 \(6,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(Split(*whole, *bad), [{}], **SHAPE)
    with pytest.raises(ValueError, match="x_train must hold tokens >= 0"):
        fit(Split(-x, y, x, y, x, y), [{}], **SHAPE)
    each = torch.zeros(6, 12).long()
    each[:, 1] = 1
    with pytest.raises(ValueError, match="must be classes, -100 beyond each length"):
        fit(
            Split(*[x, each] * 3, *[lengths] * 3),
            [{}],
            pooling="none",
            **SHAPE,
        )


def test_a_baseline_has_no_init():
    with pytest.raises(ValueError, match="init, dt and frozen go with SSM layers, not"):
        Model(2, 3, layer="lstm", init=Initialization(dt=0.1))
    with pytest.raises(ValueError, match="layer must be one of cnn, gru, lstm, transf"):
        Model(2, 3, layer="rnn")


@pytest.mark.parametrize("name", OTHER_LAYERS)
def test_a_baseline_draws_from_its_seed_alone(name):
    state = torch.random.get_rng_state()
    first, same, other = (Model(2, 3, layer=name, seed=s, **SHAPE) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    x = torch.randn(2, 2, 9)
    assert torch.equal(first(x), same(x))
    assert not torch.equal(first(x), other(x))


@pytest.mark.parametrize("name", ["lstm", "gru", "cnn"])
def test_recurrent_and_convolutional_baselines_are_causal(name):
    layer = OTHER_LAYERS[name](4)
    u = torch.randn(2, 4, 120)
    late = u.clone()
    late[..., 90:] = 0
    assert torch.allclose(layer(u)[..., :90], layer(late)[..., :90], atol=1e-6)
    early = u.clone()
    early[..., 10] += 1
    moved = (layer(early) - layer(u)).abs().amax((0, 1)) > 1e-7
    assert not moved[:10].any()
    assert bool(moved[10])
    if name == "cnn":  # as far back as its dilations reach, and no further
        assert bool(moved[90])
        assert not moved[91:].any()


def test_a_transformer_sees_where_a_step_is_and_no_padding():
    layer = OTHER_LAYERS["transformer"](4)
    u = torch.randn(1, 4, 6)
    swapped = u.flip(-1)
    assert not torch.allclose(layer(u).flip(-1), layer(swapped), atol=1e-3)
    valid = torch.arange(6).view(1, 1, 6) < 4
    noisy = torch.where(valid, u, 100.0)
    assert torch.allclose(layer(u, valid)[..., :4], layer(noisy, valid)[..., :4])
