"""What PyTorch expects of a normalization layer, and of every part of a model."""

import copy
import io
import pickle
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.optim.swa_utils import AveragedModel, update_bn

from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.models import OTHER_LAYERS, Ensemble, Model, Norm
from ssmlib.models.norms import BatchNorm

SHAPE = {"d_model": 4, "d_state": 8, "norm": "batch", "pooling": "mean"}
PARTS = {
    "S4D": {},
    "S4": {"layer": S4, "init": "legs"},
    "DSS": {"layer": partial(DSS, length=16)},
    "S4DReal": {"layer": S4DReal, "init": "real"},
    "glu": {"mix": "glu", "bias": True, "prenorm": True, "n_layers": 2},
    "layer norm": {"norm": "layer"},
    "tokens": {"tokens": True, "bias": True},
    **{name: {"layer": name} for name in OTHER_LAYERS},
}


def batches(count=3):
    draw = torch.Generator().manual_seed(0)
    return [2 + torch.randn(5, 2, 9, generator=draw) for _ in range(count)]


def pair(momentum=0.1):
    ours, theirs = Norm("batch", 2), nn.BatchNorm1d(2, momentum=momentum)
    ours.momentum = momentum
    return ours, theirs


def same_moments(ours, theirs):
    assert torch.allclose(ours.running_mean[:, 0], theirs.running_mean, atol=1e-6)
    assert torch.allclose(ours.running_var[:, 0], theirs.running_var, atol=1e-5)
    u = batches()[0]
    assert torch.allclose(ours.eval()(u), theirs.eval()(u), atol=1e-5)


def test_the_moments_of_a_model_are_estimated_again():
    model = Model(2, 3, **SHAPE, n_layers=2).eval()
    keys = list(model.state_dict())
    with torch.no_grad():
        for norm in model.norms:
            norm.running_mean.fill_(7)
    update_bn(batches(), model)
    assert not model.training
    expected = Model(2, 3, **SHAPE, n_layers=2)
    sums = [[], []]
    for k, norm in enumerate(expected.norms):
        norm.register_forward_pre_hook(lambda _, u, k=k: sums[k].append(u[0]))
    for x in batches():
        expected(x)
    for norm, read in zip(model.norms, sums, strict=True):
        mean = torch.stack([u.mean((0, 2)) for u in read]).mean(0)
        var = torch.stack([u.transpose(0, 1).flatten(1).var(1) for u in read]).mean(0)
        assert torch.allclose(norm.running_mean[:, 0], mean, atol=1e-5)
        assert torch.allclose(norm.running_var[:, 0], var, rtol=1e-4)
        assert norm.momentum == 0.1
    assert list(model.state_dict()) == keys


def test_the_moments_of_averaged_weights_are_estimated_again():
    averaged = AveragedModel(Model(2, 3, **SHAPE))
    update_bn(batches(), averaged)
    assert bool((averaged.module.norms[0].running_mean != 0).all())


@pytest.mark.parametrize("momentum", [None, 0.1, 0.5, 1.0])
def test_momentum_is_that_of_pytorch_s(momentum):
    ours, theirs = pair(momentum)
    for again in range(2):
        for u in batches():
            assert torch.allclose(ours(u), theirs(u), atol=1e-5)
        same_moments(ours, theirs)
        assert ours.num_batches_tracked == (3 if momentum is None else 0), again
        for norm in (ours, theirs):
            norm.train().reset_running_stats()


@pytest.mark.parametrize("padded", [False, True])
def test_moments_may_be_frozen_or_absent(padded):
    ours, theirs = pair()
    u = batches()[0]
    valid = torch.ones(5, 1, 9, dtype=torch.bool) if padded else None
    for norm in (ours, theirs):
        norm.track_running_stats = False
    assert torch.allclose(ours(u, valid), theirs(u), atol=1e-5)
    same_moments(ours, theirs)
    for norm in (ours, theirs):
        norm.running_mean = norm.running_var = None
        norm.train()
    for _ in range(2):
        assert torch.allclose(ours(u, valid), theirs(u), atol=1e-5)
        ours.eval(), theirs.eval()
    ours.reset_running_stats()


def test_synchronized_batch_norm_is_refused():
    with pytest.raises(AttributeError, match="cannot become a SyncBatchNorm"):
        nn.SyncBatchNorm.convert_sync_batchnorm(Model(2, 3, **SHAPE))
    layer_norm = Model(2, 3, **SHAPE | {"norm": "layer"})
    nn.SyncBatchNorm.convert_sync_batchnorm(layer_norm)
    assert not hasattr(Norm("batch", 2), "num_features")


def test_the_class_follows_from_the_kind():
    assert isinstance(Norm("batch", 2), nn.modules.batchnorm._BatchNorm)
    assert not isinstance(Norm("layer", 2), nn.modules.batchnorm._BatchNorm)
    assert list(Norm("batch", 2).state_dict()) == [
        *("scale", "shift", "running_mean", "running_var")
    ]
    for bad in ("group", None):
        with pytest.raises(ValueError, match="norm must be one of batch, layer"):
            Norm(bad, 2)
    with pytest.raises(ValueError, match="d_model must be at least 1"):
        Norm("batch", 0)


def test_a_pickle_from_before_batch_norm_had_a_class():
    norm = Norm("batch", 2)
    norm(batches()[0])
    old = Norm("layer", 2)
    old.__setstate__(vars(norm))
    assert type(old) is BatchNorm
    u = batches()[1]
    assert torch.equal(old.eval()(u), norm.eval()(u))


def test_a_state_dict_from_before_options_were_stored():
    norm, other = Norm("batch", 2), Norm("batch", 2)
    norm(batches()[0])
    state = norm.state_dict()
    state._metadata[""] = {"version": 1}
    assert other.load_state_dict(state).missing_keys == []
    assert torch.equal(other.running_mean, norm.running_mean)


def model(part, **more):
    options = SHAPE | PARTS[part] | more
    return Model(6 if options.get("tokens") else 2, 3, seed=5, **options)


def x_of(made):
    if made.tokens:
        return torch.randint(0, 6, (4, 9), generator=torch.Generator().manual_seed(0))
    return batches()[0]


def file_of(made):
    file = io.BytesIO()
    torch.save(made, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, copy.copy, lambda m: pickle.loads(pickle.dumps(m)), file_of],
)
@pytest.mark.parametrize("part", PARTS)
def test_copies_give_the_same_bits(part, copied):
    made = model(part)
    made(x_of(made))
    other = copied(made)
    assert torch.equal(other.eval()(x_of(made)), made.eval()(x_of(made)))
    assert repr(other) == repr(made)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_reset_from_its_seed(part):
    made = model(part)
    start = copy.deepcopy(made.state_dict())

    def reset(module):
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()

    for again in (made.reset_parameters, lambda: made.apply(reset)):
        with torch.no_grad():
            for t in made.state_dict().values():
                t.add_(1)
        again()
        for key, value in made.state_dict().items():
            assert torch.equal(value, start[key]), key
    with torch.device("meta"):
        empty = model(part)
    assert all(t.is_meta for t in empty.state_dict().values())
    empty.to_empty(device="cpu").reset_parameters()
    for key, value in empty.state_dict().items():
        assert torch.equal(value, start[key]), key


@pytest.mark.parametrize("part", PARTS)
def test_a_member_of_an_ensemble_is_reset_as_itself(part):
    both = [model(part), Model(**signature(part), seed=8)]
    together = Ensemble(both)
    for k, alone in enumerate(both):
        member = together.member(k)
        with torch.no_grad():
            for p in member.parameters():
                p.add_(1)
        member.reset_parameters()
        for key, value in alone.state_dict().items():
            assert torch.equal(member.state_dict()[key], value), key
    with pytest.raises(ValueError, match="of an ensemble, reset each member"):
        together.stacked.reset_parameters()


def signature(part):
    options = SHAPE | PARTS[part]
    return {"channels": 6 if options.get("tokens") else 2, "outputs": 3} | options


@pytest.mark.parametrize("name", ["log_dt", "A_re", "C_re", "D"])
def test_a_parametrized_layer_has_the_same_output_and_groups(name):
    from ssmlib.layers import parameter_groups

    class Shifted(nn.Module):
        def forward(self, x):
            return x + 1

        def right_inverse(self, x):
            return x - 1

    plain, layer, u = S4D(3, 8), S4D(3, 8), torch.randn(2, 3, 9)
    parametrize.register_parametrization(layer, name, Shifted())
    for made in (layer, copy.deepcopy(layer)):
        assert torch.allclose(made(u), plain(u), atol=1e-5)
        made(u).sum().backward()
        sizes = [len(group["params"]) for group in parameter_groups(made, 0.1)]
        assert sizes == [len(group["params"]) for group in parameter_groups(plain, 0.1)]


def test_replicas_read_the_parameters_of_the_original():
    """As `nn.DataParallel` makes them: tensors as attributes, and no parameters."""

    def replica(module):
        found = module._replicate_for_data_parallel()
        found._former_parameters = {}
        for name, child in module._modules.items():
            found._modules[name] = replica(child)
        for name, p in module._parameters.items():
            setattr(found, name, None if p is None else p.clone())
            if p is not None:
                found._former_parameters[name] = p
        return found

    for part in ("S4D", "S4", "DSS", "S4DReal", "glu", "layer norm", "tokens", "cnn"):
        made = model(part).eval()
        x = x_of(made)
        assert torch.equal(replica(made)(x), made(x))


@pytest.mark.parametrize("part", ["S4D", "S4", "DSS", "S4DReal"])
def test_half_precision_parameters_are_refused(part):
    made = model(part)
    for half in (made.half(), made.bfloat16()):
        dtype = half.encoder.dtype
        with pytest.raises(TypeError, match="an SSM must stay in float32 or float64"):
            half(x_of(made).to(dtype))


@pytest.mark.parametrize("lengths", [None, torch.tensor([3, 8])])
def test_a_model_is_trained_whatever_the_default_device(lengths):
    x, found = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(0)), []
    for device in ("cpu", "meta"):
        model = Model(1, 2, **SHAPE).train()
        with torch.device(device):
            model(x, lengths=lengths).square().sum().backward()
        found.append([p.grad for p in model.parameters()] + list(model.buffers()))
    assert all(map(torch.equal, *found))
