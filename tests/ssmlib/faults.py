"""Faults of initializations, each from a public thread, and correct initializations."""

import torch
from torch import nn

from ssmlib import DSS, S4, S4D, Initialization, Model
from ssmlib.initialization.schemes import uniform
from ssmlib.layers import LRU, S5, S4DReal, Selective
from tests.ssmlib import standins


def _with(model, **values):
    with torch.no_grad():
        for name, value in values.items():
            owner = model
            *path, last = name.split("__")
            for part in path:
                owner = getattr(owner, part)
            parameter = getattr(owner, last)
            parameter.copy_(value(parameter) if callable(value) else value)
    return model


def ones():
    """huggingface/transformers#43717."""
    return _with(standins.Mamba2(), dt_bias=torch.ones(64))


def redrawn(seed=5):
    """huggingface/transformers#45591: a trained model whose dt was drawn again."""
    model, g = standins.Mamba2(seed=seed), standins.generator(seed + 1)
    noise = torch.randn(64, generator=g)
    return _with(model, A_log=lambda p: p + noise, D=lambda p: p + 0.1 * noise)


def infinite():
    """huggingface/transformers#47831: the logarithm of a draw that is 0 in bfloat16."""
    model = standins.GatedDeltaNet(qwen=True)
    return _with(model, A_log=lambda p: p.index_fill(0, torch.tensor([7]), -torch.inf))


def zeros():
    """fla-org/flame#42."""
    return _with(
        standins.GatedDeltaNet(), A_log=torch.zeros(64), dt_bias=0 * torch.ones(64)
    )


def of_log():
    """kmheckel/spyx#42: the inverse softplus of log dt."""
    x = torch.log(standins.drawn_dt(64, standins.generator(1)))
    return _with(standins.Mamba(), dt_proj__bias=x + torch.log1p(-torch.exp(-x.exp())))


def counted():
    """fla-org/flash-linear-attention#739: A = -1 ... -H over heads."""
    return _with(standins.Mamba2(), A_log=torch.log(torch.arange(1.0, 65)))


def rounded():
    """state-spaces/mamba#923."""
    model = standins.Mamba2()
    model.A_log = nn.Parameter(model.A_log.detach().bfloat16())
    return model


def garbage():
    """fla-org/flame#9: memory after to_empty."""
    raw = torch.full((64,), 0x7E000000, dtype=torch.int32) + torch.arange(64).int()
    return _with(standins.Mamba2(), A_log=raw.view(torch.float32))


def wrapped():
    """athms/mad-lab#3: a wrapper's own initialization over Mamba's."""
    model = standins.Mamba()
    nn.init.normal_(model.dt_proj.weight, std=0.02)
    nn.init.zeros_(model.dt_proj.bias)
    return model


def decayed():
    """athms/mad-lab#5: weight decay on A_log, by the optimizer itself."""
    model = standins.Mamba()
    optimizer = torch.optim.AdamW([model.A_log], lr=1e-2, weight_decay=0.1)
    for _ in range(100):
        model.A_log.grad = torch.zeros_like(model.A_log)
        optimizer.step()
    return model


def sign():
    """The logarithm of 1 / a in place of that of a."""
    return _with(standins.Mamba2(), A_log=lambda p: -p)


def no_logarithm():
    """A_log holds a itself."""
    return _with(standins.Mamba2(), A_log=lambda p: p.exp())


def generic(*names):
    """A model's init_weights, which draws parameters from N(0, 0.02^2)."""
    g = standins.generator(4)
    noise = {n: lambda p: 0.02 * torch.randn(p.shape, generator=g) for n in names}
    return _with(standins.S4D(64, 64), **noise)


#: by name the faulty model, the verdict, and words of the cause
FAULTS = {
    "ones": (ones, "off", "dt_bias is 1 everywhere"),
    "redrawn": (redrawn, "off", "drawn again"),
    "infinite": (infinite, "broken", "-inf is the logarithm"),
    "zeros": (zeros, "broken", "several devices"),
    "of log": (of_log, "off", "inverse softplus of log dt"),
    "counted": (counted, "off", "A = -1 ... -64 over heads"),
    "bfloat16": (rounded, "off", "stored in bfloat16"),
    "garbage": (garbage, "broken", "never initialized"),
    "wrapped": (wrapped, "off", "wrapper"),
    "decayed": (decayed, "off", "weight decay"),
    "sign": (sign, "off", "A_log has the wrong sign"),
    "no logarithm": (no_logarithm, "off", "A_log is -A itself"),
    "no steps": (lambda: generic("log_dt"), "off", "log_dt is near 0"),
    "zero steps": (
        lambda: _with(standins.S4D(), log_dt=torch.zeros(16)),
        "off",
        "log_dt is 0",
    ),
    "no turns": (lambda: generic("A_imag"), "off", "the frequencies are near 0"),
    "nothing": (
        lambda: generic("log_dt", "A_imag", "log_A_real"),
        "off",
        "log_A_real is near 0",
    ),
}


def _stack():
    return nn.ModuleList([standins.Mamba(seed=1), standins.Mamba2(seed=2)])


CORRECT = {
    "mamba": standins.Mamba,
    "small mamba": lambda: standins.Mamba(8, 4, seed=1),
    "large mamba": lambda: standins.Mamba(1536, 16, seed=2),
    "mamba in float64": lambda: standins.Mamba(seed=3).double(),
    "mamba2": standins.Mamba2,
    "small mamba2": lambda: standins.Mamba2(4, seed=1),
    "large mamba2": lambda: standins.Mamba2(2048, seed=2),
    "deltanet": lambda: standins.GatedDeltaNet(seed=3),
    "qwen": lambda: standins.GatedDeltaNet(32, seed=4, qwen=True),
    "s4d-lin": lambda: standins.S4D(seed=5),
    "s4d-inv": lambda: standins.S4D(256, 64, seed=6, scheme="inv"),
    "s4-legs": lambda: standins.S4Kernel(seed=7),
    "s4d-legs": lambda: standins.S4Kernel(64, 64, 8, low_rank=False, copies=2),
    "dss": lambda: standins.DSS(64, 16, seed=9),
    "s5": lambda: standins.s5(64, seed=10),
    "s5 in blocks": lambda: standins.s5(64, seed=11, blocks=4),
    "lru": lambda: standins.lru(64, seed=12),
    "lru on a ring": lambda: standins.lru(128, 8, 13, 0.9, 0.999, 0.314),
    "rwkv": lambda: standins.Rwkv(128, depth=0.5),
    "ours": lambda: Model(1, 4, d_model=16, n_layers=2),
    "ours, random": lambda: S4D(16, 32, init="random_imag", seed=3),
    "ours, undamped": lambda: S4D(16, init=Initialization(real=0.0, dt=0.01)),
    "ours, of each feature": lambda: S4D(8, init="dfout"),
    "ours, low rank": lambda: S4(8, 16, seed=14),
    "ours, real": lambda: S4DReal(8, 16, seed=15),
    "ours, softmax": lambda: DSS(8, 16, length=64, seed=16),
    "ours, one state": lambda: S5(8, 64, blocks=2, discretization="bilinear"),
    "ours, on a ring": lambda: LRU(8, 64),
    "ours, selective": lambda: Selective(32, 8, heads=32),
    "two kinds": _stack,
}


def trained(model, seed=0):
    """The model after steps of noise in the logarithms of dt and A."""
    g = standins.generator(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith(("A_log", "dt_bias", "dt_proj.bias")):
                p += 0.3 * torch.randn(p.shape, generator=g)
    return model


def chosen():
    """Mamba with a range of dt of one's own."""
    model = standins.Mamba(256)
    g = standins.generator(3)
    dt = 1e-4 * torch.exp(torch.log(torch.tensor(100.0)) * uniform(256, g))
    return _with(model, dt_proj__bias=standins.inverse_softplus(dt))


def mimetic():
    """The mimetic initialization: -A = exp(-8), dt = 1 (arXiv 2410.11135)."""
    bias = torch.full((64,), 0.541325)
    return _with(standins.Mamba2(), A_log=torch.full((64,), -8.0), dt_bias=bias)
