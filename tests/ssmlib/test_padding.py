"""The values beyond `lengths` change no output, gradient or running moment."""

import math
from functools import partial

import pytest
import torch

from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.models import OTHER_LAYERS, Ensemble, Model, Norm

LAYERS = {
    "S4D": S4D,
    "bidirectional": partial(S4D, bidirectional=True),
    "S4": partial(S4),
    "DSS": partial(DSS, length=16),
    "S4DReal": S4DReal,
    **{name: name for name in OTHER_LAYERS},
}
INIT = {"S4": "legs", "S4DReal": "real"}
BLOCKS = {
    "plain": {},
    "bias": {"bias": True, "n_layers": 2},
    "linear": {"linear": True, "n_layers": 2},
    "layer norm": {"norm": "layer", "n_layers": 2},
    "batch norm": {"norm": "batch", "bias": True},
    "glu, norm first": {"mix": "glu", "norm": "layer", "prenorm": True},
    "batch norm first": {"norm": "batch", "prenorm": True, "n_layers": 2},
}
GARBAGE = (math.nan, math.inf, -math.inf, 1e30)
OTHER_TOKENS = (-7, 99)
#: each pooling, and each kind of input
ENDS = (("last", False), ("mean", False), ("none", False), ("mean", True))
LENGTHS = torch.tensor([9, 2, 5, 1])
VALID = torch.arange(9) < LENGTHS[:, None]


def model(name, pooling, blocks, tokens, seed=0):
    return Model(
        6 if tokens else 2,
        3,
        layer=LAYERS[name],
        init=INIT.get(name, "lin"),
        d_model=4,
        d_state=8,
        pooling=pooling,
        tokens=tokens,
        seed=seed,
        **BLOCKS[blocks],
    )


def clean(tokens):
    generator = torch.Generator().manual_seed(0)
    if tokens:
        return torch.randint(1, 6, (4, 9), generator=generator) * VALID
    return torch.randn(4, 2, 9, generator=generator) * VALID[:, None]


def spoiled(tokens):
    """What `clean` gives, every kind of garbage at the steps beyond the lengths."""
    x = clean(tokens)
    kinds = torch.tensor(OTHER_TOKENS if tokens else GARBAGE)
    values = kinds[torch.arange(x.numel()) % len(kinds)].view_as(x)
    return torch.where(VALID if tokens else VALID[:, None], x, values)


def results(made, x, lengths=LENGTHS):
    """Outputs in training and evaluation, all gradients, all buffers."""
    grads = [] if x.dtype == torch.int64 else [x.requires_grad_()]
    y = made(x, lengths=lengths)
    y.square().sum().backward()
    evaluated = made.eval()(x, lengths=lengths)
    grads += [p for p in made.parameters() if p.grad is not None]
    return [y, evaluated, *(p.grad for p in grads), *made.buffers()]


@pytest.mark.slow
@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize("name", LAYERS)
def test_garbage_beyond_lengths_changes_no_bit(name, blocks):
    for pooling, tokens in ENDS:
        expected = results(model(name, pooling, blocks, tokens), clean(tokens))
        assert all(t.isfinite().all() for t in expected)
        found = results(model(name, pooling, blocks, tokens), spoiled(tokens))
        assert len(found) == len(expected)
        assert all(map(torch.equal, found, expected)), pooling


@pytest.mark.parametrize("name", ["S4D", "bidirectional", "gru", "transformer"])
@pytest.mark.parametrize("tokens", [False, True])
def test_garbage_changes_no_bit_of_an_ensemble(name, tokens):
    def grads(x):
        both = [model(name, "mean", "batch norm", tokens, seed=s) for s in (0, 1)]
        together = Ensemble(both)
        y = together(x[None], lengths=LENGTHS[None])
        y.square().sum().backward()
        return [y, *(p.grad for p in together.parameters() if p.grad is not None)]

    expected = grads(clean(tokens))
    found = grads(spoiled(tokens))
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("value", GARBAGE)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["layer", "batch", *OTHER_LAYERS])
def test_a_norm_or_baseline_alone_replaces_the_padding_too(kind, training, value):
    def one(x):
        part = OTHER_LAYERS[kind](4) if kind in OTHER_LAYERS else Norm(kind, 4)
        part.train(training)
        x = x.clone().requires_grad_()
        y = torch.where(VALID[:, None], part(x, VALID[:, None]), 0)
        y.square().sum().backward()
        grads = [p.grad for p in part.parameters() if p.grad is not None]
        return [y, x.grad, *grads, *part.buffers()]

    u = torch.randn(4, 4, 9, generator=torch.Generator().manual_seed(1))
    u = torch.where(VALID[:, None], u, 0)
    expected, found = one(u), one(torch.where(VALID[:, None], u, value))
    assert all(map(torch.equal, found, expected))


def test_tokens_out_of_range_before_the_end_are_refused():
    x = spoiled(True)
    x[1, 0] = 6
    with pytest.raises(ValueError, match=r"tokens of x must be in 0 .. 5, got 0 to 6"):
        model("S4D", "mean", "plain", True)(x, lengths=LENGTHS)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_lengths_of_any_integer_dtype(dtype, pooling):
    x = torch.randn(2, 2, 300, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([200, 7])
    made = model("S4D", pooling, "plain", False)
    found = made(x, lengths=lengths.to(dtype))
    assert torch.equal(found, made(x, lengths=lengths))


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([9, 2, 5, 1], "lengths must be a tensor, got list"),
        (LENGTHS.float(), "lengths must be integers, got torch.float32"),
        (LENGTHS > 2, "lengths must be integers, got torch.bool"),
    ],
)
def test_lengths_of_another_type_are_refused(lengths, message):
    with pytest.raises(TypeError, match=message):
        model("S4D", "mean", "plain", False)(clean(False), lengths=lengths)
