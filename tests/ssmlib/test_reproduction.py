"""Training of published configurations: groups, schedule, resuming, bad input."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from ssmbook.cli.main import app
from ssmlib.layers import ssm_layers
from ssmlib.published import configuration, names
from ssmlib.reproduction import (
    MODELS,
    Name,
    Training,
    gate,
    load,
    lra_mean,
    plan,
    results,
    run,
)
from ssmlib.reproduction.data import SOURCES
from ssmlib.reproduction.results import ARENA
from ssmlib.reproduction.training import factor, groups
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.split import Split
from ssmlib.training import files
from tests.ssmlib import layouts

SMALL = {"d_model": 8, "n_layers": 2, "batch_size": 5, "epochs": 3, "d_state": 8}
SMALL |= {"length": 32, "steps": 20, "warmup": 3}
NAME = Name("cifar", "paper", "S4D-LegS", 0)
CIFAR = Name("cifar-ablation", "paper", "S4D-LegS", 0)


def small(name="cifar", **changes):
    """A configuration at a width and length that take a second."""
    return replace(configuration(name), **SMALL | changes)


def made(row, n=20, seed=0) -> Split:
    """Noise in the form that a configuration reads."""
    rng = torch.Generator().manual_seed(seed)

    def part(n):
        if row.tokens:
            shape = (n, 2, 32) if row.pair else (n, 32)
            x = torch.randint(1, row.channels, shape, generator=rng)
        else:
            x = torch.randn(n, row.channels, 32, generator=rng)
        if row.outputs == 1:
            return x, torch.randn(n, generator=rng)
        return x, torch.randint(0, row.outputs, (n,), generator=rng)

    return Split(*part(n), *part(6), *part(6))


FILES = {
    "lra_listops": layouts.listops,
    "imdb": layouts.imdb,
    "lra_retrieval": layouts.retrieval,
    "cifar10": layouts.cifar10,
    "lra_pathfinder": layouts.pathfinder,
    "lra_pathx": layouts.pathx,
    "speech_commands": layouts.speech_commands,
    "bidmc": layouts.bidmc,
}


@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("ignore::ssmlib.tasks.files.UnpublishedWarning")
def test_each_row_trains_on_files_in_the_published_layout(name, tmp_path):
    source, _ = SOURCES[name]
    FILES[source](tmp_path / DATASETS[source].folder)
    split = load(name, tmp_path)
    training = Training(small(name, batch_size=2, n_layers=1), split)
    losses = [training.step() for _ in range(training.per_epoch)]
    assert all(map(math.isfinite, losses))
    assert training.progress.epoch == 1
    assert math.isfinite(training.test()[1])


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="cifar-10-batches-bin"):
        load("image", tmp_path)
    with pytest.raises(ValueError, match="row must be one of bidmc"):
        load("imagenet", tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ssmlib.tasks.files.UnpublishedWarning")
def test_the_command_stops_and_continues(tmp_path):
    """The smallest configuration on images, at its full width."""
    layouts.cifar10(tmp_path / DATASETS["cifar10"].folder)
    command = ["reproduce", "cifar-ablation", "--data", str(tmp_path)]
    command += ["--out", str(tmp_path / "out"), "--epochs", "2"]
    stopped = CliRunner().invoke(app, [*command, "--steps", "1"])
    assert "stopped after 1 steps" in stopped.output
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "2 of 100" in done.output
    assert "continued after epoch 1" in done.output
    found = json.loads(
        (tmp_path / "out" / f"{CIFAR.stem}.json").read_text(encoding="utf-8")
    )
    assert [*found["history"][0]] == ["train_loss", "valid_loss", "valid_accuracy"]
    assert "data_batch_1.bin is not the published file" in found["notes"][0]
    assert f"warning: {found['notes'][0]}" in done.output
    planned = CliRunner().invoke(app, [*command, "--plan"])
    assert "hours per epoch" in planned.output
    refused = CliRunner().invoke(app, ["reproduce", "imagenet"])
    assert refused.exit_code != 0
    assert "must be one of" in refused.output


@pytest.mark.parametrize("name", ["cifar", "text", "pathx", "bidmc"])
def test_the_groups_have_the_published_rates(name):
    row = small(name)
    model = row.model()
    found = {}
    for group in groups(row, model):
        for p in group["params"]:
            assert id(p) not in found
            found[id(p)] = group["lr"], group["weight_decay"]
    assert len(found) == sum(p.requires_grad for p in model.parameters())
    wanted = {"A": row.ssm_lr, "B": row.ssm_lr, "dt": row.dt_lr or row.lr}
    for layer in ssm_layers(model):
        for parameter, part in layer.ssm_names().items():
            p = getattr(layer, parameter)
            assert found.pop(id(p)) == (wanted[part], 0.0)
    assert {*found.values()} == {(row.lr, row.weight_decay)}


def test_the_schedule_rises_and_falls_as_a_cosine():
    row = small(steps=20, warmup=4)
    assert [factor(row, k, 7) for k in (0, 1, 4)] == [0, 0.25, 1]
    assert factor(row, 12, 7) == pytest.approx(0.5)
    assert factor(row, 20, 7) == factor(row, 500, 7) == 0
    without = replace(row, steps=None)
    assert factor(without, 3 * 7, 7) == 0
    halved = replace(row, halved_every=2)
    assert [factor(halved, 7 * k, 7) for k in range(5)] == [1, 1, 0.5, 0.5, 0.25]


def test_a_stopped_training_continues_with_the_same_losses(tmp_path):
    row = small()
    said: list[str] = []
    whole = run(NAME, Training(row, made(row)), tmp_path / "whole", say=said.append)
    assert whole is not None
    other = tmp_path / "parts"
    assert run(NAME, Training(row, made(row)), other, steps=6) is None
    parts = run(NAME, Training(row, made(row)), other, say=said.append)
    assert parts == whole
    assert whole["published"] == 0.8992
    assert "continued after epoch 1, step 2" in said
    assert (other / f"{NAME.stem}.json").read_text(encoding="utf-8") == (
        tmp_path / "whole" / f"{NAME.stem}.json"
    ).read_text(encoding="utf-8")


def test_the_best_epoch_is_tested():
    row = small(epochs=4)
    training = Training(row, made(row))
    states = []
    for _ in range(4 * training.per_epoch):
        epoch = training.progress.epoch
        training.step()
        if training.progress.epoch > epoch:
            state = training.model.state_dict()
            states.append({n: v.clone() for n, v in state.items()})
    valid = [own["valid_accuracy"] for own in training.progress.history]
    best = states[valid.index(max(valid))]
    training.test()
    for name, value in training.model.state_dict().items():
        torch.testing.assert_close(value, best[name], rtol=0, atol=0)


def test_dropout_is_that_of_the_row():
    row = small(dropout=0.5)
    training = Training(row, made(row))
    masks = training._masks() or []
    assert {tuple(m.shape) for m in masks} == {(5, 8, 1)}  # tied over time
    values = torch.cat([m.flatten() for m in masks])
    assert {*values.tolist()} == {0.0, 2.0}
    again = training._masks() or []
    assert again[0].equal(masks[0])
    training.step()
    later = training._masks() or []
    assert not later[0].equal(masks[0])


OTHERS = {
    "row": (replace(NAME, row="image"), {}),
    "seed": (replace(NAME, seed=1), {}),
    "configuration": (NAME, {"lr": 0.5}),
}


@pytest.mark.parametrize("what", [*OTHERS, "data"])
def test_a_checkpoint_of_another_training_is_refused(tmp_path, what):
    row = small()
    run(NAME, Training(row, made(row)), tmp_path, steps=1)
    name, changes = OTHERS.get(what, (NAME, {}))
    (tmp_path / f"{NAME.stem}.checkpoint").rename(tmp_path / f"{name.stem}.checkpoint")
    changed = replace(row, **changes)
    other = Training(changed, made(changed, seed=int(what == "data")))
    with pytest.raises(ValueError, match=f"another {what}"):
        run(name, other, tmp_path)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    row = small()
    run(NAME, Training(row, made(row)), tmp_path, steps=2)
    file = tmp_path / f"{NAME.stem}.checkpoint"
    before = file.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RuntimeError, match=r"No space left on device.*unchanged"):
        run(NAME, Training(row, made(row)), tmp_path, steps=4)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_damaged_checkpoint_is_refused(tmp_path):
    row = small()
    run(NAME, Training(row, made(row)), tmp_path, steps=1)
    file = tmp_path / f"{NAME.stem}.checkpoint"
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(ValueError, match="damaged"):
        run(NAME, Training(row, made(row)), tmp_path)


BAD = {
    "channels": ("cifar", {"channels": 1}, "must have 3 channels"),
    "tokens": ("text", {}, "at most 135 tokens"),
    "pairs": ("retrieval", {"pair": False}, r"shape \(n, 2, L\)"),
    "targets": ("bidmc", {"outputs": 3}, "targets must be numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_data_of_another_form_are_refused(case):
    name, changes, said = BAD[case]
    row = small(name)
    split = made(replace(row, **changes))
    if case == "tokens":
        split = split.map_x(lambda x: x + 100)
    with pytest.raises(ValueError, match=said):
        Training(row, split)


def test_an_unknown_model_or_device_is_refused(monkeypatch):
    row = small()
    with pytest.raises(ValueError, match="model must be one of S4-LegS"):
        Training(row, made(row), model="S5")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no CUDA device"):
        Training(row, made(row), device="cuda")


@pytest.mark.parametrize("model", MODELS)
def test_each_model_trains(model):
    row = small()
    assert math.isfinite(Training(row, made(row), model=model).step())


def test_a_plan_says_the_hours():
    row = small()
    training = Training(row, made(row))
    found = plan(training, epochs=7)
    count = sum(p.numel() for p in training.model.parameters() if p.requires_grad)
    assert (found.parameters, found.per_epoch, found.epochs) == (count, 4, 7)
    assert found.hours_per_epoch == pytest.approx(4 * found.seconds / 3600)
    assert f"{count:,} parameters, 7 epochs of 4 steps" in str(found)


def finished(folder, row, seed=0, test=0.5, epochs=40):
    """Write a result as `run` does."""
    own = {"row": row, "model": "S4D-LegS", "seed": seed, "test": test}
    own |= {"epochs": epochs, "published_epochs": 40}
    (folder / f"{row}-{seed}.json").write_text(json.dumps(own), encoding="utf-8")


def test_the_mean_of_the_arena_needs_all_six_tasks(tmp_path):
    for k, row in enumerate(ARENA):
        with pytest.raises(ValueError, match=f"none for {row}"):
            lra_mean(tmp_path)
        finished(tmp_path, row, test=0.1 * k, epochs=39)
        with pytest.raises(ValueError, match=f"none for {row}"):
            lra_mean(tmp_path)
        finished(tmp_path, row, test=0.1 * k)
    finished(tmp_path, "listops", seed=1, test=0.6)
    finished(tmp_path, "cifar")
    assert lra_mean(tmp_path) == pytest.approx((0.3 + 0.1 + 0.2 + 0.3 + 0.4 + 0.5) / 6)
    with pytest.raises(ValueError, match="none for listops"):
        lra_mean(tmp_path, "S4-LegS")


def test_another_file_is_no_result(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder"):
        results(tmp_path / "none")
    for text in ("[]", "{", '{"test": "x"}', '{"test": 0.5}'):
        (tmp_path / "a.json").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="must be a result of ssmbook reproduce"):
            results(tmp_path)


def test_gates_are_those_of_the_authors():
    history = [{"valid_accuracy": k / 40} for k in range(20)]
    below = gate("listops", history) or ""
    assert "after 10 epochs the accuracy is 22.5%, below the 50%" in below
    assert "has finished 3" in (gate("image", history[:3]) or "")
    assert gate("cifar", history) is None
