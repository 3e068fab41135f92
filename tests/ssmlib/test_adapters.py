"""`initialize_` gives the layers of others an initialization, or refuses it."""

import math
import warnings
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from ssmlib import DSS, S4, S4D, Initialization
from ssmlib.adapters import (
    Adapter,
    Refused,
    Report,
    audit,
    find,
    initialize_,
    kinds,
    register,
)
from ssmlib.hippo import legs_nplr
from ssmlib.initialization import initialize
from ssmlib.layers import S5, Selective
from tests.ssmlib import standins

REAL = Initialization("real", dt=(1e-3, 1e-1))
LIN = Initialization("lin", real=-0.3, imag_scale=0.5, dt=0.02)
MODULES = {
    "ssmlib": (lambda: S4D(8, 16), LIN),
    "s4": (standins.S4Kernel, Initialization("legs", dt=0.02)),
    "s4d-kernel": (lambda: standins.S4Kernel(low_rank=False, copies=4), LIN),
    "s4d": (standins.S4D, LIN),
    "dss": (standins.DSS, LIN),
    "mamba": (standins.Mamba, REAL),
    "mamba2": (standins.Mamba2, REAL),
    "gated-deltanet": (standins.GatedDeltaNet, REAL),
    "rwkv4": (standins.Rwkv, REAL),
    "ssmlib-selective": (lambda: Selective(16, 8, heads=16), REAL),
}


def modes_of(model):
    (site,) = find(model).sites
    return site.modes


@pytest.mark.parametrize("kind", MODULES)
def test_the_parameters_are_those_of_the_initialization(kind):
    make, init = MODULES[kind]
    model = make()
    report = initialize_(model, init, strict=True)
    assert isinstance(report, Report)
    ((found, names, _),) = report.changed.values()
    assert found == kind
    assert names
    assert kind in str(report)
    assert not report.refused
    modes = modes_of(model)
    H, n = modes.A.shape
    wanted, _ = init.modes(2 * n, torch.Generator())
    # float32 stores logarithms, whose rounding of 1e-7 an exponential keeps.
    dt = torch.full((H,), 0.02) if init.dt == 0.02 else None
    if kind == "rwkv4":  # dt is a factor of the decay
        assert bool(((-modes.A.real >= 1e-3 * 0.999) & (-modes.A.real <= 0.1001)).all())
        return
    assert torch.allclose(modes.A, wanted.expand(H, n), rtol=1e-5, atol=1e-5)
    if dt is not None:
        assert torch.allclose(modes.dt[:, 0], dt.double(), rtol=1e-5)
    else:
        assert bool(((modes.dt > 0.999e-3) & (modes.dt < 0.1001)).all())
        assert len(modes.dt.unique()) == H


@pytest.mark.parametrize("kind", MODULES)
def test_the_published_law_is_restored(kind):
    make, _ = MODULES[kind]
    model = make()
    ((_, names, _),) = initialize_(model, "published").changed.values()
    with torch.no_grad():
        for name in names:
            model.get_parameter(name).fill_(math.nan)
    assert audit(model).rows[0]["verdict"] == "broken"
    initialize_(model, "published", strict=True)
    assert audit(model).rows[0]["verdict"] == "as published"


def test_the_same_seed_gives_the_same_bits():
    one, two, three = standins.Mamba(), standins.Mamba(), standins.Mamba()
    initialize_(one, REAL, seed=3)
    initialize_(two, REAL, seed=torch.Generator().manual_seed(3))
    initialize_(three, REAL, seed=4)
    assert torch.equal(one.dt_proj.bias, two.dt_proj.bias)
    assert not torch.equal(one.dt_proj.bias, three.dt_proj.bias)
    assert torch.equal(one.dt_proj.weight, standins.Mamba().dt_proj.weight)


def test_our_own_layer_computes_what_a_fresh_one_does():
    """Up to C, which is not touched: the kernels agree after C is copied."""
    for cls, init in ((S4D, LIN), (S4, Initialization("legs", dt=0.02)), (DSS, LIN)):
        options = {"length": 64} if cls is DSS else {}
        layer, fresh = cls(4, 8, **options), cls(4, 8, init=init, **options)
        initialize_(layer, init)
        with torch.no_grad():
            for name in layer.readout_parameters:
                getattr(fresh, name).copy_(getattr(layer, name))
        assert torch.allclose(layer.kernel(64), fresh.kernel(64), atol=1e-6)
        assert layer.init == init
        layer.reset_parameters()
        assert torch.equal(layer.A_re, fresh.A_re)


def test_each_layer_of_a_model_has_its_own_draw():
    model = nn.ModuleList([standins.Mamba(), nn.Linear(2, 2), standins.Mamba()])
    report = initialize_(model, REAL)
    assert list(report.changed) == ["0", "2"]
    assert not torch.equal(model[0].dt_proj.bias, model[2].dt_proj.bias)


# What the parametrization cannot hold


REFUSED = {
    "undamped s4d": (standins.S4D, Initialization(real=0.0), "real=-1e-4"),
    "undamped mamba": (
        standins.Mamba,
        Initialization("real", real=0.0),
        "small one, such as real=-1e-4",
    ),
    "frequencies in mamba": (standins.Mamba, LIN, 'nearest possible is Init.*"real"'),
    "frequencies in rwkv": (
        standins.Rwkv,
        Initialization("inv"),
        "real modes only",
    ),
    "hippo weights in mamba": (
        standins.Mamba,
        Initialization(((-1.0,) * 16, (2.0,) * 16)),
        'no input weights B.*B="one"',
    ),
    "hippo weights in s4d": (
        standins.S4D,
        Initialization("legs", B="hippo"),
        "no input weights",
    ),
    "lin in s4": (standins.S4Kernel, LIN, 'HiPPO matrix.*Initialization\\("legs"\\)'),
    "poles of each feature in dss": (
        standins.DSS,
        Initialization("dfout"),
        "shares its modes",
    ),
    "poles of each feature in copies": (
        lambda: standins.S4Kernel(low_rank=False, copies=4),
        Initialization("dfout", options={"phases": "half"}),
        "shares 4 copies",
    ),
    "undamped exp": (
        lambda: S4D(4, 8, real_transform="exp"),
        Initialization(real=0.0),
        "cannot hold the real part 0",
    ),
    "fast stable": (
        lambda: S4D(4, 8, real_transform="stable"),
        Initialization("lin", real=-3.0),
        "nearest possible is -2",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_layer_that_cannot_hold_it_is_left_alone(case):
    make, init, words = REFUSED[case]
    model = make()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(Refused, match=words):
        initialize_(model, init)
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_the_lru_refuses_a_frequency_of_zero_and_no_damping():
    with pytest.raises(Refused, match=r"theta_log.*nearest possible is a phase"):
        initialize_(standins.lru(), LIN, kind="lru")
    with pytest.raises(Refused, match=r"\|lambda\| = 1: the nearest"):
        initialize_(standins.lru(), Initialization("inv", real=0.0), kind="lru")


def test_other_layers_are_initialized_unless_strict():
    model = nn.ModuleList([standins.S4D(), standins.Mamba()])
    with pytest.raises(Refused, match="1: mamba has real modes"):
        initialize_(model, LIN, strict=True)
    with pytest.warns(UserWarning, match="1 layers are not changed: 1: mamba has real"):
        report = initialize_(model, LIN)
    assert list(report.changed) == ["0"]
    assert "1: not changed, mamba has real" in str(report)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(initialize_(model, LIN, kind="s4d").changed) == ["0"]


# Pytrees


def test_s5_gets_b_from_the_eigenvectors_of_hippo():
    """V B is real again: V of the whole state, by the conjugates of the stored half."""
    tree = {"layers": [standins.s5(), {"other": np.zeros(3)}]}
    found = initialize_(tree, "legs", kind="s5")
    own = found["layers"][0]
    assert isinstance(own["B"], np.ndarray)
    assert own["B"].dtype == np.float32
    assert found["layers"][1] is not tree["layers"][1]
    assert np.array_equal(own["C"], tree["layers"][0]["C"])
    _, _, _, V = legs_nplr(32)
    half = V[:, 16:].flip(-1)  # of the frequencies above 0, descending
    B = torch.complex(*torch.from_numpy(own["B"]).double().unbind(-1))
    whole = torch.cat([half, half.conj()], -1) @ torch.cat([B, B.conj()])
    # float32 stores B, whose entries are of size 0.2
    assert float(whole.imag.abs().max()) < 1e-6
    real = whole.real
    assert float(real.std()) == pytest.approx(32**-0.5, rel=0.15)  # 256 draws
    assert float(real.abs().max()) <= 2 * 32**-0.5 / 0.87962566 + 1e-6
    assert np.allclose(own["Lambda_im"], initialize("legs", 32)[0].imag, rtol=1e-6)


def test_a_pytree_goes_in_and_out():
    tree = standins.lru()
    kept = {name: value.copy() for name, value in tree.items()}
    found = initialize_(tree, Initialization("lru", options={"r_min": 0.9}), kind="lru")
    assert all(np.array_equal(tree[name], value) for name, value in kept.items())
    radius = np.exp(-np.exp(found["nu_log"].astype(float)))
    assert radius.min() >= 0.9 - 1e-6
    # gamma normalizes; float32 rounds 1 - radius^2 near the circle
    assert np.allclose(np.exp(2 * found["gamma_log"]), 1 - radius**2, rtol=1e-3)
    assert audit(found).rows[0]["verdict"] == "as published"


class Pair(NamedTuple):
    first: dict
    rest: tuple


def test_a_pytree_keeps_its_structure_and_types():
    tensors = {name: torch.from_numpy(v).double() for name, v in standins.lru().items()}
    tree = Pair({"x": 3}, (tensors, [standins.lru(), None]))
    found = initialize_({"all": tree}, "lru", kind="lru")["all"]
    assert isinstance(found, Pair)
    assert found.first == {"x": 3}
    inner, (other, nothing) = found.rest
    assert inner["nu_log"].dtype == torch.float64
    assert not torch.equal(inner["nu_log"], tensors["nu_log"])
    assert inner["B_re"] is tensors["B_re"]
    assert isinstance(other["nu_log"], np.ndarray)
    assert nothing is None


def test_s5_without_conjugate_symmetry_is_refused():
    tree = standins.s5()
    tree["Lambda_im"][::2] *= -1
    with pytest.raises(Refused, match="conj_sym=True"):
        initialize_(tree, "legs", kind="s5")


# Bad input


def test_a_model_without_such_layers_lists_what_was_looked_for():
    with pytest.raises(ValueError, match=r"looked for .*mamba \(A_log, dt_proj.bias"):
        initialize_(nn.Linear(2, 2), REAL)
    with pytest.raises(ValueError, match=r"looked for lru \(nu_log"):
        audit(standins.Mamba(), kind="lru")


def test_bad_arguments_are_refused_by_name():
    model = standins.Mamba()
    with pytest.raises(TypeError, match="model must be a torch module"):
        initialize_(3, REAL)
    with pytest.raises(ValueError, match="kind must be one of"):
        initialize_(model, REAL, kind="mamba3")
    with pytest.raises(ValueError, match="name must be one of"):
        initialize_(model, "nothing")
    with pytest.raises(TypeError, match="strict must be"):
        initialize_(model, REAL, strict=1)
    with pytest.raises(TypeError, match="seed must be"):
        initialize_(model, REAL, seed=0.5)


def test_unknown_shapes_are_reported_and_others_initialized():
    strange = standins.Mamba2()
    strange.A_log = nn.Parameter(torch.zeros(4, 4, 4))
    model = nn.ModuleList([strange, standins.Mamba()])
    with pytest.warns(UserWarning, match="A_log of mamba2 must have shape"):
        report = initialize_(model, REAL)
    assert list(report.changed) == ["1"]
    assert list(report.unknown) == ["0"]
    with pytest.raises(ValueError, match="A_log of mamba2 must have shape"):
        initialize_(model, REAL, strict=True)


def test_a_dtype_that_cannot_hold_a_value_is_refused():
    model = standins.S4D().half()
    with pytest.raises(ValueError, match=r"A_imag in torch\.float16 must be"):
        initialize_(model, Initialization(imag_scale=1e6, dt=0.01))


def test_an_adapter_must_be_new():
    with pytest.raises(TypeError, match="adapter must be an Adapter"):
        register(3)
    with pytest.raises(ValueError, match="new kind, got 'mamba'"):
        register(next(s.adapter for s in find(standins.Mamba()).sites))
    assert issubclass(Adapter, object)
    assert len(set(kinds())) == len(kinds())


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_the_poles_of_our_s5_are_those_of_its_recurrence(discretization):
    layer = S5(3, 8, discretization=discretization, dtype=torch.float64)
    initialize_(layer, Initialization("legs", dt=(0.1, 1.0)), seed=2)
    poles = torch.exp(modes_of(layer).log[0])
    state, u = layer.initial_state(1), torch.ones(1, 3, dtype=torch.float64)
    with torch.no_grad():
        _, first = layer.step(u, state)
        _, second = layer.step(0 * u, first)
    before, after = (torch.as_tensor(s).flatten() for s in (first, second))
    assert torch.allclose(after, poles * before, rtol=1e-9)
    fresh = layer.log_dt.detach().clone()
    layer.reset_parameters()  # draws from the new range, not from the old one
    assert float(layer.log_dt.exp().detach().min()) > 0.0999
    assert not torch.equal(layer.log_dt, fresh)
