"""What the API pages say one can do, done: first calls, a layer of one's own."""

import re

import pytest
import torch
from torch.func import functional_call, jacrev

from ssmlib.initialization import Initialization
from ssmlib.layers import SSM
from ssmlib.tasks import images
from ssmlib.training import fit
from tests.conftest import ROOT
from tests.ssmlib.double import float64_fits


@pytest.fixture(scope="module")
def page():
    """The names that the section's code leaves."""
    text = (ROOT / "book" / "api" / "layers.md").read_text(encoding="utf-8")
    section = text.split("(own-layer)=")[1]
    code = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = {"__name__": "page"}
    for block in code:
        exec(block, names)
    assert len(code[0].splitlines()) <= 40
    return names


@pytest.mark.slow
@float64_fits()
def test_two_members_are_two_fits(page):
    """Features that were put side by side would share one time a step."""

    def trained(dt):
        return fit(images.digits(), {"dt": dt}, layer=page["SharedStep"], epochs=2)

    together = trained([0.01, 0.1])
    for k, dt in enumerate((0.01, 0.1)):
        alone = trained(dt)
        row, own = together.table.iloc[k], alone.table.iloc[0]
        assert row.test_loss == pytest.approx(own.test_loss, rel=1e-5)
        first, second = together.model.member(k), alone.model.member(0)
        for p, q in zip(first.parameters(), second.parameters(), strict=True):
            assert torch.allclose(p, q, rtol=0, atol=1e-6)
        assert first.ssms[0].log_dt.shape == (1,)


def test_it_has_every_form(page):
    init = Initialization("inv", real=0.0, dt=0.05)
    layer = page["SharedStep"](3, 8, init=init, dtype=torch.float64)
    assert isinstance(layer, SSM)
    u = torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(0)).double()
    y = layer(u)
    first, state = layer(u[..., :17], layer.initial_state(2))
    second, _ = layer(u[..., 17:], state)
    assert torch.allclose(torch.cat([first, second], -1), y, atol=1e-12)
    frozen = layer.recurrence()
    states = {"step": layer.initial_state(2), "frozen": frozen.initial_state(2)}
    for l in range(40):
        for name, step in (("step", layer.step), ("frozen", frozen)):
            y_t, states[name] = step(u[..., l], states[name])
            assert torch.allclose(y_t, y[..., l], atol=1e-12)
    with torch.no_grad():
        layer.A_re.fill_(0.1)
    layer.project_()
    assert not layer.A_re.any()
    layer.reset_parameters()
    assert torch.equal(layer(u), y)

    def of_dt(log_dt):
        return functional_call(layer, {"log_dt": log_dt}, (u,)).sum()

    assert jacrev(of_dt)(layer.log_dt.detach()).shape == (1,)


def test_the_frozen_step_is_the_trained_layer_s(page):
    ssm, frozen = page["model"].ssms[0], page["frozen"]
    u = torch.randn(1, page["model"].d_model, 1)
    y, _ = frozen(u[..., 0], frozen.initial_state(1))
    assert torch.allclose(y, ssm(u)[..., 0], atol=1e-5)


@pytest.mark.slow
def test_the_protocol_s_own_example(capsys):
    text = (ROOT / "book" / "protocol.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(code, {"__name__": "page"})
    assert "undamped" in capsys.readouterr().out


def test_the_first_calls():
    text = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {"__name__": "page"}
    exec(code, names)
    assert names["y"].shape == (2, 4, 1000)
    assert names["y_0"].shape == (2, 4)
    assert names["K"].shape == (4, 1000)
    assert names["A"].shape == (32,)
    assert names["energy"].shape == (2,)
    assert names["found"].dt > 0
    assert set(names["result"].table.arm) == {"default", "undamped"}


def test_the_names_of_other_code_lead_to_a_layer_here():
    text = (ROOT / "book" / "symbols.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {"__name__": "page"}
    exec(code, names)
    layer, L = names["layer"], names["L"]
    assert "A_re" not in dict(layer.named_parameters())
    assert not layer.A.real.any()
    turns = layer.A.imag * layer.log_dt.exp()[:, None] * L / (2 * torch.pi)
    assert torch.allclose(turns, torch.arange(32.0).double().expand(16, -1), atol=1e-3)
    for name in re.findall(r"`([A-Z]_(?:re|im)|log_dt)`[^|]*\|$", text, re.M):
        assert hasattr(layer, name)


def test_each_module_has_a_page_and_a_line():
    text = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    pages = {p.name for p in (ROOT / "book" / "api").glob("*.md")}
    assert set(re.findall(r"\[\]\(api/(\S+)\)", text)) == pages
