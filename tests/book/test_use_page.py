"""Use it in your project: each program of the page runs as it stands there."""

import re
import subprocess
import sys
import types

import pytest
import torch
from torch import nn

from tests.conftest import ROOT

PAGE = (ROOT / "book" / "use.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^## ([^\n]+)\n.*?```python\n(.*?)```", PAGE, re.M | re.S))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a program in an empty folder; the names that it leaves."""
    monkeypatch.chdir(tmp_path)

    def program(title):
        names = {"__name__": "program"}
        exec(PROGRAMS[title], names)
        return names

    return program


def test_the_page_has_five_programs():
    assert len(PROGRAMS) == 5
    assert PAGE.count("```python") == 5


@pytest.mark.slow
def test_the_classifier_learns_and_is_saved(run, tmp_path):
    names = run("A classifier")
    # Guessing is right in a tenth; a linear model in about nine of ten.
    assert names["accuracy"] > 0.8
    stored = torch.load(tmp_path / "digits.pt", weights_only=True)
    names["model"].load_state_dict(stored)


class _Module(nn.Module):
    """The part of Lightning's module that the page uses."""

    def save_hyperparameters(self):
        self.hparams = {"lr": 0.01}

    def log(self, name, value):
        self.logged = {name: value.item()}


def _step(module):
    x, y = torch.randn(4, 1, 50), torch.tensor([0, 1, 2, 3])
    loss = module.training_step((x, y), 0)
    loss.backward()
    assert loss.isfinite()
    groups = module.configure_optimizers().param_groups
    assert [(g["lr"], g["weight_decay"]) for g in groups] == [(0.01, 0.01), (1e-3, 0)]


def test_the_lightning_module_trains_without_lightning(run, monkeypatch):
    """With a stand-in for the package, so that the program is always executed."""
    stand_in = types.ModuleType("lightning")
    stand_in.LightningModule = _Module
    monkeypatch.setitem(sys.modules, "lightning", stand_in)
    module = run("PyTorch Lightning")["Classifier"](1, 10)
    _step(module)
    assert [*module.logged] == ["train_loss"]


def test_the_lightning_module_trains(run):
    lightning = pytest.importorskip("lightning")
    module = run("PyTorch Lightning")["Classifier"](1, 10)
    batches = torch.utils.data.TensorDataset(
        torch.randn(8, 1, 50), torch.randint(10, (8,))
    )
    options = {"logger": False, "enable_checkpointing": False}
    trainer = lightning.Trainer(fast_dev_run=True, accelerator="cpu", **options)
    trainer.fit(module, torch.utils.data.DataLoader(batches, batch_size=4))


@pytest.mark.slow
def test_the_exported_step_is_the_layer(run):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    # float32 over 100 steps of a state of size 32: some hundred roundings of 6e-8
    assert run("Streaming and ONNX")["difference"] < 1e-4


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path):
    program = tmp_path / "ddp.py"
    program.write_text(PROGRAMS["Several processes"], encoding="utf-8")
    call = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, "-m", *call, str(program)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "same parameters: True" in done.stdout


@pytest.mark.slow
def test_the_forecast_is_better_than_repeating(run):
    names = run("Forecasting a series of your own")
    # The noise alone is 0.5, and repeating errs by its step and twice the noise.
    assert 0.4 < names["own"] < 0.75 < names["repeated"]
    assert abs(names["forecast"].mean() - 15) < 1
