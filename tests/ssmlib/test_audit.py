"""`audit`: measured values against other computations, faults, and no false alarm."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from ssmlib import S4D, Initialization
from ssmlib.adapters import Uniform, audit, find, initialize_
from ssmlib.adapters._modes import median, quantiles
from ssmlib.adapters.laws import as_uniform
from ssmlib.adapters.measure import energy, mf90
from ssmlib.figures import svg
from ssmlib.initialization.schemes import uniform
from ssmlib.theory import memory, timescale
from tests.ssmlib import faults, standins

# Verdicts


@pytest.mark.parametrize("name", faults.FAULTS)
def test_each_fault_is_found_with_its_cause(name):
    make, verdict, words = faults.FAULTS[name]
    found = audit(make(), 256)
    (row,) = found.rows
    assert row["verdict"] == verdict
    assert words in row["cause"]
    assert row["off"]
    assert any(words in text for text in found.warnings)
    assert words.split()[0] in str(found)
    json.loads(found.json())


@pytest.mark.parametrize("name", faults.CORRECT)
def test_no_alarm_on_a_correct_initialization(name):
    found = audit(faults.CORRECT[name](), 256)
    assert {row["verdict"] for row in found.rows} == {"as published"}
    assert found.warnings == ()
    assert not any(row["cause"] + row["off"] for row in found.rows)


def test_a_correct_law_raises_no_alarm_in_a_thousand_draws():
    """At 1e-6 per test, one alarm in 3,000 tests has a probability of 0.3 %."""
    g = torch.Generator().manual_seed(0)
    for law in (Uniform(1, 16), Uniform(1e-3, 0.1, log=True)):
        for n in (1, 3, 24, 128):
            assert all(law.fits(law.draw(n, g), 1e-4) for _ in range(375))


def test_the_kolmogorov_test_finds_another_law():
    u = torch.linspace(0, 1, 200, dtype=torch.float64)
    assert as_uniform(u) > 0.99
    assert as_uniform(u**2) < 1e-6  # distance 1/4, p = 2 exp(-2 * 200 / 16) = 3e-11


def test_a_choice_of_ones_own_is_described_and_not_blamed():
    for make, words in (
        (faults.chosen, "log-uniform in 0.0001"),
        (faults.mimetic, "dt 1 for all"),
    ):
        found = audit(make(), 256)
        (row,) = found.rows
        assert row["verdict"] == "no published law"
        assert words in row["law"]
        assert row["cause"] == ""
        assert found.warnings == ()


def test_rates_that_training_spread_are_no_choice_of_a_range():
    """64 rates, log-uniform with normal noise: one draw in a hundred looks uniform."""
    causes = [audit(faults.redrawn(s), 64).rows[0]["cause"] for s in range(20)]
    assert sum("drawn again" in cause for cause in causes) >= 18


def test_a_range_of_ones_own_is_described():
    """A and dt each pass a test at 1 %; A below 1 is no weight decay."""
    own = []
    for seed in range(20):
        model = standins.Mamba2(seed=seed)
        rates = 0.1 + 3.9 * uniform(64, standins.generator(seed + 1))
        with torch.no_grad():
            model.A_log.copy_(torch.log(rates))
        (row,) = audit(model, 64).rows
        assert "weight decay" not in row["cause"]
        own.append(row["verdict"] == "no published law" and "uniform" in row["law"])
    assert sum(own) >= 17


def test_a_memory_that_nobody_chooses_is_no_choice():
    """The inverse softplus of the size of log dt: dt between 2.3 and 6.9."""
    model = standins.Mamba2()
    size = -torch.log(standins.drawn_dt(64, standins.generator(3)))
    with torch.no_grad():
        model.dt_bias.copy_(standins.inverse_softplus(size))
    (row,) = audit(model, 64).rows
    assert row["verdict"] == "off"
    assert "inverse softplus of -log dt" in row["cause"]
    with torch.no_grad():
        model.dt_bias.fill_(20.0)
    (row,) = audit(model, 64).rows
    assert row["verdict"] == "off"


def test_a_trained_layer_is_off_and_says_so():
    (row,) = audit(faults.trained(standins.Mamba2()), 256).rows
    assert row["verdict"] == "off"
    assert "training moved A and dt" in row["cause"]


def test_a_broken_layer_is_compared_with_the_law_of_its_package():
    """The law of fla, with a median of 17 tokens, and not that of Qwen."""
    (row,) = audit(faults.zeros(), 64).rows
    assert row["verdict"] == "broken"
    assert "flash-linear-attention" in row["law"]
    assert 14 < row["expected"] < 20


def test_an_unstable_layer_is_broken():
    tree = standins.s5()
    tree["Lambda_re"][3] = 0.1
    (row,) = audit(tree, 64).rows
    assert row["verdict"] == "broken"
    assert "outside the unit circle" in row["cause"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_parameters_that_are_not_finite_are_broken(value):
    model = standins.S4D()
    with torch.no_grad():
        model.log_dt[2] = value
    (row,) = audit(model, 64).rows
    assert row["verdict"] == "broken"
    assert "log_dt is not finite in 1 of 16 values" in row["cause"]


# The numbers that were seen


def heads(n=200_000):
    return standins.Mamba2(n, seed=0)


def test_the_median_memory_of_the_law_is_14_tokens():
    """A uniform in 1 to 16, dt log-uniform: 1 / (A dt) has the median 14.12."""
    (row,) = audit(heads(), 64).rows
    assert row["memory_50"] == pytest.approx(14.12, abs=0.15)  # 3 standard errors
    assert row["expected"] == pytest.approx(14.12, abs=1.0)  # of 4,096 draws


def test_the_memory_of_one_to_128_is_two_tokens():
    """Its median is 2.02; 2.07 was seen in one draw of the 128 dt."""
    medians = []
    for seed in range(200):
        model = standins.Mamba2(128, seed=seed)
        A = torch.arange(1.0, 129)
        with torch.no_grad():
            model.A_log.copy_(torch.log(A))
        medians.append(audit(model, 64).rows[0]["memory_50"])
    low, high = np.quantile(medians, [0.025, 0.975])
    assert np.median(medians) == pytest.approx(2.02, abs=0.1)
    assert low < 2.07 < high


@pytest.mark.parametrize(
    ("A_log", "dt_bias", "tokens"), [(None, 1.0, 0.0897), (0.0, 0.0, 1.4427)]
)
def test_the_memory_of_ones_and_of_zeros(A_log, dt_bias, tokens):
    """1 / (8.5 log(1 + e)) = 0.0896, and 1 / log 2 = 1.4427."""
    model = heads()
    with torch.no_grad():
        model.dt_bias.fill_(dt_bias)
        if A_log is not None:
            model.A_log.fill_(A_log)
    (site,) = find(model).sites
    assert median(site.modes.memory) == pytest.approx(tokens, rel=5e-3)


# Measured values


def test_memory_is_the_time_to_decay_by_e():
    layer = S4D(4, 8, init="inv", dtype=torch.float64)
    (site,) = find(layer).sites
    poles = torch.exp(layer.modes()[0]).detach()
    after = poles.abs() ** site.modes.memory
    assert torch.allclose(after, torch.full_like(after, math.exp(-1)), rtol=1e-9)


def test_mf90_is_where_the_memory_function_reaches_90_percent():
    layer = S4D(3, 8, dt=0.1, dtype=torch.float64)
    (site,) = find(layer).sites
    poles = torch.exp(layer.modes()[0][1]).detach()
    poles = torch.cat([poles, poles.conj()]).resolve_conj()
    MF = memory.memory_function(poles, 2000).cumsum(0)
    wanted = int((MF < 0.9 * MF[-1]).sum())
    assert mf90(site.modes, 1) == pytest.approx(wanted, abs=1)  # rounding at the edge


def test_mf90_of_one_real_mode_is_that_of_a_geometric_law():
    """MF(tau) = (1 - q) q^tau with q = lambda^2, which sums to 1 - q^(tau + 1)."""
    model = standins.Mamba2(8)
    (site,) = find(model).sites
    for h in range(8):
        q = float(torch.exp(2 * site.modes.log.real[h, 0]))
        assert mf90(site.modes, h) == math.ceil(math.log(0.1) / math.log(q)) - 1


def test_energy_is_that_of_the_layer_s_own_kernel():
    """The mean over C of the sum of squares of the kernel, which is linear in C.

    Of C = 1 and C = i for one mode at a time: each part of C has variance 1/2.
    """
    layer = S4D(3, 8, dtype=torch.float64, skip=False)
    wanted = torch.zeros(3, dtype=torch.float64)
    with torch.no_grad():
        for name in ("C_re", "C_im"):
            for n in range(4):
                layer.C_re.zero_()
                layer.C_im.zero_()
                getattr(layer, name)[:, n] = 1
                wanted += layer.kernel(50).square().sum(-1) / 2
    found = audit(layer, 50)
    assert torch.allclose(found.energies[0], wanted, rtol=1e-9)


def test_energy_of_colored_input_is_that_of_the_theory():
    (site,) = find(S4D(2, 8, dtype=torch.float64)).sites
    row = 0.9 ** torch.arange(40, dtype=torch.float64)
    modes = site.modes
    found = energy(modes, row, "pairs")
    for h in range(2):
        dt = float(modes.dt[h])
        wanted = timescale.output_energy(modes.A[h], dt, row, readout="pairs")
        assert float(found[h]) == pytest.approx(float(wanted), rel=1e-9)


def test_energy_of_a_selective_layer_is_that_of_its_recurrence():
    """h_t = exp(A dt) h + dt u, and a readout of N(0, 1): dt^2 sum of lambda^2s."""
    model = standins.Mamba(4, 3)
    dt = torch.nn.functional.softplus(model.dt_proj.bias.double()).detach()
    A = -torch.arange(1, 4, dtype=torch.float64)
    decay = torch.exp(A * dt[:, None])
    h, wanted = torch.zeros(4, 3, dtype=torch.float64), torch.zeros(4).double()
    for t in range(30):
        h = decay * h + (dt[:, None] if t == 0 else 0)
        wanted += h.square().sum(-1)
    assert torch.allclose(audit(model, 30).energies[0], wanted, rtol=1e-5)


def test_inputs_enter_by_their_autocorrelation():
    layer = S4D(2, 8)
    x = torch.randn(4000, 64, generator=torch.Generator().manual_seed(0))
    white, seen = audit(layer, 64), audit(layer, 64, x)
    # 256,000 values: the autocorrelation is off by 0.2 %, summed over few lags
    assert torch.allclose(seen.energies[0], white.energies[0], rtol=0.1)
    walk = audit(layer, 64, x.cumsum(-1))
    assert bool((walk.energies[0] > 5 * white.energies[0]).all())
    series = audit(layer, 64, x.reshape(-1))
    assert torch.allclose(series.energies[0], white.energies[0], rtol=0.1)


def test_undamped_modes_have_infinite_memory():
    layer = S4D(2, 8, init=Initialization(real=0.0, dt=0.01))
    found = audit(layer, 64)
    (row,) = found.rows
    assert row["memory_50"] == math.inf
    assert row["mf90"] == math.inf
    assert row["verdict"] == "as published"
    assert math.isfinite(row["energy"])
    assert found.as_dict()["layers"][0]["memory_50"] == "inf"


def test_aliased_modes_are_counted():
    """dt = 0.2 turns S4D-Lin's modes by 0.2 pi n: those above n = 5 alias."""
    (row,) = audit(S4D(2, 16, dt=0.2), 64).rows
    assert row["aliased"] == 2 / 8
    assert row["frequency_max"] == pytest.approx(0.2 * math.pi * 7)


def test_quantiles_are_entries_and_the_median_is_the_middle():
    x = torch.tensor([3.0, math.inf, 1.0, 2.0])
    assert quantiles(x) == (1.0, 2.5, math.inf)


# The object


def test_the_table_has_a_row_per_layer_and_the_features_one_each():
    found = audit(nn.ModuleDict({"a": standins.Mamba(8), "b": standins.Mamba2(8)}), 64)
    assert list(found.table.layer) == ["a", "b"]
    assert found.table.note.str.contains("dt of the bias").all()
    rows = found.features("b")
    assert len(rows) == 8
    assert rows == found.features(1)
    dt = torch.nn.functional.softplus(found.sites[1].module.dt_bias)
    assert [row["dt"] for row in rows] == pytest.approx(dt.tolist(), rel=1e-6)
    with pytest.raises(ValueError, match="layer must be one of a, b"):
        found.features("c")


def test_what_training_moved():
    model = standins.Mamba2()
    before = audit(model, 64)
    assert list(before.compare(audit(model)).what) == ["nothing moved"]
    after = audit(faults.trained(model), 64)
    (row,) = before.compare(after).to_dict("records")
    assert row["dt_moved"] == pytest.approx(0.3, rel=0.3)  # 64 draws of 0.3
    assert row["A_moved"] == pytest.approx(0.3, rel=0.3)
    assert row["what"].startswith("moved dt by")
    initialize_(model, "published", seed=9)
    (row,) = after.compare(audit(model, 64)).to_dict("records")
    assert "dt was drawn again" in row["what"]
    with torch.no_grad():
        model.A_log.mul_(0.9)
    (row,) = audit(model, 64).compare(audit(model, 64)).to_dict("records")
    before = audit(model, 64)
    with torch.no_grad():
        model.A_log.mul_(0.9)
    (row,) = before.compare(audit(model, 64)).to_dict("records")
    assert row["what"] == "A_log was multiplied by 0.9: weight decay"


def test_an_audit_keeps_the_values_that_it_saw():
    model = standins.Mamba2()
    found = audit(model, 64)
    before = found.rows
    with torch.no_grad():
        model.dt_bias.fill_(1)
    assert found.rows == before


def test_other_models_cannot_be_compared():
    found = audit(standins.Mamba2())
    with pytest.raises(ValueError, match="other must be of the same model"):
        found.compare(audit(standins.Mamba2(8)))
    with pytest.raises(TypeError, match="other must be an Audit"):
        found.compare(3)


def test_the_figure_has_a_row_per_layer():
    model = nn.ModuleDict({"a": standins.Mamba(8), "b": standins.Mamba2(8)})
    axis = audit(model, 64).figure().axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]


@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_faulty_layer_is_drawn_too(name):
    found = audit(faults.FAULTS[name][0](), 64)
    assert "<svg" in svg(found.figure())
    assert len(found.features(0)) == found.rows[0]["features"]


def test_bad_arguments_are_refused_by_name():
    model = standins.Mamba2()
    with pytest.raises(TypeError, match="L must be"):
        audit(model, 2.0)
    with pytest.raises(ValueError, match="L must be"):
        audit(model, 0)
    with pytest.raises(ValueError, match="inputs must have at least L = 64"):
        audit(model, 64, torch.randn(3, 10))
    with pytest.raises(TypeError, match="inputs must be"):
        audit(model, 64, [1.0])
    with pytest.raises(TypeError, match="model must be a torch module"):
        audit("model.pt")


def test_shapes_that_no_adapter_knows_are_reported_and_others_audited():
    strange = standins.Mamba()
    strange.A_log = nn.Parameter(torch.zeros(3, 3))
    with torch.device("meta"):
        empty = nn.Module()
        empty.A_log = nn.Parameter(torch.zeros(4))
        empty.dt_bias = nn.Parameter(torch.zeros(4))
        empty.a_proj = nn.Linear(2, 2)
    found = audit(nn.ModuleDict({"a": strange, "b": standins.Mamba(), "c": empty}))
    assert [row["layer"] for row in found.rows] == ["b"]
    first, second = found.warnings
    assert "a was not audited: A_log of mamba must have shape (64, any)" in first
    assert "c was not audited" in second
    assert "meta device" in second
