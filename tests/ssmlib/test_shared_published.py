"""LRU and S5 against arrays that their authors' code computed.

`published_shared.json` has the arrays, in float32, and the commits of the code. Of the
laws it has quantiles of large draws.
"""

import json
import math
from pathlib import Path

import pytest
import torch

from ssmlib.initialization import Initialization
from ssmlib.layers import LRU, S5

FOUND = json.loads(
    Path(__file__).with_name("published_shared.json").read_text(encoding="utf-8")
)
#: Kolmogorov-Smirnov at a level of 0.1 %, times the square root of the draws
KS = 1.95


def arrays(name):
    return {
        key: torch.tensor(part["values"], dtype=torch.float64).view(part["shape"])
        for key, part in FOUND[name].items()
        if key != "commit"
    }


def test_lru_is_theirs():
    """Theirs is Re C x, so C is twice ours."""
    p = arrays("lru")
    n, H = p["B_re"].shape
    layer = LRU(H, 2 * n, dtype=torch.float64)
    values = {key: p[key] for key in layer.state_dict()}
    values |= {"C_re": p["C_re"] / 2, "C_im": p["C_im"] / 2}
    layer.load_state_dict(values)
    y = layer(p["u"].mT.unsqueeze(0))[0].mT
    assert torch.allclose(y, p["y"], rtol=1e-5, atol=1e-5)  # theirs is in float32


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_s5_is_theirs(rule):
    p = arrays(f"s5_{rule}")
    n, H = p["B"].shape[:2]
    layer = S5(H, 2 * n, discretization=rule, dtype=torch.float64)
    values = {"A_re": p["Lambda_re"], "A_im": p["Lambda_im"], "D": p["D"]}
    values |= {"log_dt": p["log_step"].squeeze(-1)}
    for letter in "BC":
        values[f"{letter}_re"], values[f"{letter}_im"] = p[letter].unbind(-1)
    layer.load_state_dict(values)
    y = layer(p["u"].mT.unsqueeze(0))[0].mT
    assert torch.allclose(y, p["y"], rtol=1e-5, atol=1e-5)  # theirs is in float32


def distance(values, cdf):
    """The largest distance of the empirical distribution from a continuous one."""
    share = cdf(values.detach().double().flatten().sort().values)
    steps = torch.arange(len(share) + 1, dtype=torch.float64) / len(share)
    return float(torch.maximum(share - steps[:-1], steps[1:] - share).max())


def from_quantiles(values, quantiles, levels):
    """The largest distance of the empirical distribution from theirs, at its levels."""
    values = values.detach().double().flatten().sort().values
    at = torch.searchsorted(values, torch.tensor(quantiles, dtype=torch.float64))
    return float((at / len(values) - torch.tensor(levels)).abs().max())


def test_the_poles_of_lru_have_the_published_law():
    law, n = FOUND["lru_law"], 10_000
    options = {key: law[key] for key in ("r_min", "r_max", "max_phase")}
    init = Initialization("lru", options=options)
    layer = LRU(1, 2 * n, init=init, seed=4, dtype=torch.float64)
    low, high = law["r_min"] ** 2, law["r_max"] ** 2
    square = torch.exp(-2 * torch.exp(layer.nu_log))
    assert distance(square, lambda s: (s - low) / (high - low)) < KS / math.sqrt(n)
    phase = torch.exp(layer.theta_log)
    assert distance(phase, lambda p: p / law["max_phase"]) < KS / math.sqrt(n)
    for key in ("nu_log", "theta_log", "gamma_log"):  # theirs has as many draws
        gap = from_quantiles(getattr(layer, key), law[key], law["levels"])
        assert gap < KS * math.sqrt(2 / n), key


def test_the_weights_of_lru_have_the_published_law():
    law = FOUND["lru_law"]
    layer = LRU(1, 20_000, dtype=torch.float64)
    B = torch.stack([layer.B_re, layer.B_im]).detach()
    C = torch.stack([layer.C_re, layer.C_im]).detach()
    # Standard deviations of 20,000 numbers each, ours and theirs: 0.7 % of them.
    assert float(B.std()) == pytest.approx(law["B_std"], rel=0.03)
    ours = 2 * float(C.std()) * 100
    assert ours == pytest.approx(law["C_std_times_sqrt_states"], rel=0.03)


def test_s5_has_the_published_law():
    law = FOUND["s5_law"]
    H, N, blocks = law["H"], law["N"], law["blocks"]
    layer = S5(H, N, blocks=blocks, seed=4, dtype=torch.float64)
    theirs = torch.tensor(law["A_im"], dtype=torch.float64)
    ours = layer.A_im.detach()[: N // (2 * blocks)].flip(0)
    assert torch.allclose(ours, theirs, rtol=1e-5)  # theirs is in float32
    assert float(layer.A_re.mean()) == pytest.approx(law["A_re"], rel=1e-5)
    for letter in "BC":
        size = torch.hypot(*(getattr(layer, f"{letter}_{k}") for k in ("re", "im")))
        gap = from_quantiles(size, law[f"{letter}_size"], law["levels"])
        # Entries of a column mix the same N draws: not independent, but nearly so.
        assert gap < KS * math.sqrt(2 / size.numel()), letter
    # In HiPPO's basis B is real, and truncated at two standard deviations.
    _, V = layer._block(torch.Generator())
    B = torch.complex(layer.B_re, layer.B_im).detach().unflatten(0, (blocks, -1))
    real = 2 * (V @ B).real
    assert float(real.abs().max()) < 2 / (math.sqrt(N) * 0.8796) * 1.0001
    assert float(real.std()) == pytest.approx(1 / math.sqrt(N), rel=0.03)
