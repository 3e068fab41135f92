"""The published configurations: each is built, and those of the paper take a step."""

import pytest
import torch

from ssmlib import published
from ssmlib.layers import S4, S4D, optimizer, ssm_layers
from ssmlib.models import Model

#: the table of the paper's time: whether the norm stands before the layer, the range of
#: dt, the rate of A and B, the copies of A and B (0: one a feature)
TABLE = """
name layers H N norm before dropout lr decay batch epochs least most ssm copies pool
listops 8 128 64 batch 0 0 0.01 0.05 50 40 0.001 0.1 0.001 0 mean
text 6 256 64 batch 1 0 0.01 0.05 16 32 0.001 0.1 0.001 0 mean
retrieval 6 256 64 batch 1 0 0.01 0.05 64 20 0.001 0.1 0.001 0 mean
image 6 512 64 layer 0 0.1 0.01 0.05 50 200 0.001 0.1 0.001 2 mean
pathfinder 6 256 64 batch 1 0 0.004 0.03 64 200 0.001 0.1 0.001 0 last
pathx 6 256 64 batch 1 0 0.0005 0.05 16 50 0.0001 0.1 0.0005 0 mean
pathx-small 4 96 64 batch 1 0 0.0005 0.05 32 50 0.0001 0.01 0.0005 0 mean
cifar 6 512 64 layer 0 0.1 0.01 0.05 50 200 0.001 0.1 0.001 2 mean
speech 6 128 64 batch 1 0 0.01 0.05 16 40 0.001 0.1 0.001 2 mean
bidmc 6 128 256 layer 1 0 0.01 0.05 32 500 0.001 0.1 0.001 2 mean
cifar-ablation 4 128 64 layer 0 0.1 0.01 0.01 50 100 0.001 0.1 0.001 1 mean
speech-ablation 4 128 64 batch 1 0 0.004 0 32 10 0.001 0.1 0.001 1 last
bidmc-ablation 4 128 256 layer 1 0 0.004 0.01 32 200 0.001 0.1 0.001 1 mean
"""


def test_rows_are_those_of_the_table():
    _, *rows = TABLE.strip().splitlines()
    assert [row.split()[0] for row in rows] == list(published.names())
    for row in rows:
        name, *expected = row.split()
        c = published.configuration(name)
        found = (c.n_layers, c.d_model, c.d_state, c.norm, int(c.prenorm), c.dropout)
        found += (c.lr, c.weight_decay, c.batch_size, c.epochs, *c.dt, c.ssm_lr)
        found += (c.n_ssm or 0, c.pooling)
        said = [v if isinstance(v, str) else f"{v:g}" for v in found]
        assert said == expected, name


#: the rate of dt, by version, where it is not that of all: as the files have it
DT_RATES = {
    "pathfinder": (1e-3, 1e-3),
    "pathx": (5e-4, 1e-3),
    "pathx-small": (5e-4, 5e-4),
    "image": (None, 1e-3),
    "cifar": (1e-3, 1e-3),
    "bidmc": (1e-3, 1e-3),
}
WHOLE_RATE = ("listops", "text", "retrieval")


def test_the_rate_of_dt_is_that_of_the_files():
    for name, rates in (DT_RATES | dict.fromkeys(WHOLE_RATE, (None, None))).items():
        found = [published.configuration(name, v).dt_lr for v in ("paper", "head")]
        assert tuple(found) == rates, name


def sample(c, L):
    """Random input of length L, two sequences, and targets."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, 2, L) if c.pair else (2, L)
    if c.tokens:
        x = torch.randint(1, c.channels, shape, generator=generator)
    else:
        x = torch.randn(2, c.channels, L, generator=generator)
    if c.outputs == 1:
        return x, torch.randn(2, 1, generator=generator)
    return x, torch.ones(2, dtype=torch.int64)


@pytest.mark.slow
@pytest.mark.parametrize("name", published.names())
def test_a_row_of_the_paper_takes_a_step(name):
    """At the published length where the model is small, else at most 512 steps."""
    c = published.configuration(name)
    small = name in ("cifar-ablation", "pathx-small")
    model = c.model()
    assert sum(1 for _ in ssm_layers(model)) == c.n_layers
    adamw = optimizer(model, c.lr, c.weight_decay, c.ssm_lr)
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    x, y = sample(c, c.length if small else min(c.length, 512))
    out = model(x)
    assert out.shape == (2, c.outputs)
    loss = (
        torch.nn.functional.mse_loss(out, y)
        if c.outputs == 1
        else torch.nn.functional.cross_entropy(out, y)
    )
    loss.backward()
    adamw.step()
    assert bool(loss.isfinite())
    for key, p in model.named_parameters():
        assert bool(p.isfinite().all()), key
        assert not torch.equal(p, before[key]), key


@pytest.mark.slow
@pytest.mark.parametrize("name", published.names())
def test_the_later_version_is_built(name):
    now, then = (published.configuration(name, v) for v in ("head", "paper"))
    model = now.model(S4D, init="lin")
    assert len(list(ssm_layers(model))) == now.n_layers
    assert next(ssm_layers(model)).n_ssm == (now.n_ssm or now.d_model)
    assert (now == then) is (name not in published.LATER)


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.slow
def test_parameters_are_as_many_as_published():
    speech = published.configuration("speech")
    assert count(speech.model(S4D)) == 306_083
    assert count(speech.model(S4)) == 306_851
    assert count(published.configuration("cifar-ablation").model()) == 135_946


def test_the_means_of_the_arena_are_those_printed():
    """As the authors' tables and those who copy them have them; .005 of rounding."""
    printed = [86.09, 77.90, 84.89, 85.50, 86.06, 80.48, 53.66]
    table = published.lra()
    assert table["mean"].tolist() == pytest.approx(printed, abs=0.006)
    assert tuple(table) == (*published.TASKS, "mean")


def test_what_does_not_exist_is_listed():
    with pytest.raises(ValueError, match="name must be one of bidmc, bidmc-abl"):
        published.configuration("imagenet")
    with pytest.raises(ValueError, match="version must be one of head, paper"):
        published.configuration("text", "v2")


def test_two_documents_are_compared():
    c = published.configuration("retrieval")
    pair = published.Pair(Model(9, 4, d_model=4, d_state=4, tokens=True), 2)
    x = torch.randint(1, 9, (3, 2, 20))
    assert c.pair
    assert pair(x).shape == (3, 2)
    assert not torch.allclose(pair(x), pair(x.flip(1)))


def test_a_pair_depends_on_its_seed_alone():
    model = Model(9, 4, d_model=4, d_state=4, tokens=True)
    expected = published.Pair(model, 2, seed=3).state_dict()
    drawn = torch.random.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            found = published.Pair(model, 2, seed=3).state_dict()
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.random.get_rng_state(), drawn)
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        assert torch.equal(found[key], value), key


@pytest.mark.parametrize("shape", [(3, 20), (3, 1, 20), (3, 3, 20)])
def test_a_pair_reads_two_documents(shape):
    pair = published.Pair(Model(9, 4, d_model=4, d_state=4, tokens=True), 2)
    with pytest.raises(ValueError, match=r"x must have shape \(B, 2, L\), got"):
        pair(torch.ones(shape, dtype=torch.int64))


def test_arguments_of_a_published_model_are_named():
    with pytest.raises(TypeError, match="layer must be a class of SSM layers, got 's4"):
        published.configuration("text").model("s4")
    with pytest.raises(ValueError, match="name must be one of"):
        published.configuration(["text"])
    model = Model(9, 4, d_model=4, d_state=4, tokens=True)
    with pytest.raises(TypeError, match="seed must be an int"):
        published.Pair(model, 2, seed=0.5)
    with pytest.raises(ValueError, match="outputs must be at least 1, got 0"):
        published.Pair(model, 0)
