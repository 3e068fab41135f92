"""Studies in parts: the code as it stands trains a model of one to the stored loss."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ssmbook.notebook.files import read_notebook
from ssmbook.studies.parts import Measured, measured
from ssmlib import autocorrelation, inputs
from ssmlib.initialization import window_grid
from ssmlib.tasks import audio, delay, images, listops, medical, series
from ssmlib.tasks.split import drawn
from ssmlib.training import compare, fit
from tests.book.conftest import CHAPTERS
from tests.conftest import ROOT

STUDIES = {slug: own for slug, own in measured(ROOT).items() if own.parts["base"]}


def ablations(p, seed):
    """Arterial pressure, S4D-Lin."""
    data = medical.pressure(128, 1000, seed, horizon=16)
    steps = len(data.x_train) // p["batch_size"]
    return "pressure", "S4D-Lin", {}, data, {"epochs": -(-p["steps"] // steps)}


def copying(p, seed):
    """The grid of the window at the rule's timescale, which the first seed decides."""

    def recall(seed):
        own = p["n_train"], p["L"], p["vocabulary"], p["delay"]
        return delay.recall(*own, seed)

    dt = autocorrelation.timescale(recall(seed).x_train.flatten(0, 1))
    start = {"init": window_grid(dt, p["L"])}
    options = {"linear": True, "pooling": "none"}
    return "recall", "grid 0", start, recall(seed), options


def sequential_mnist(p, seed):
    """Raw images, the grid of the window at 2^-9."""
    data = drawn(images.mnist(seed), p["n_train"], seed).unit_power()
    return "raw", "-9", {"init": window_grid(2.0**-9, 784)}, data, {}


def deeper_and_nonlinear(p, seed):
    """Raw digits, one block, the grid of the window at 2^-5."""
    data = drawn(images.digits(seed), p["n_train"], seed).unit_power()
    start = {"init": window_grid(2.0**-5, 64)}
    return "one block, raw", "-5", start, data, {"n_layers": 1}


def rule_in_training(p, seed):
    """White noise, the rule's timescale."""
    L, dt = p["L_max"], p["L_max"] ** -0.5
    data = delay.block_copy(p["n_train"], L, L // 8, seed, inputs.white())
    options = {"linear": True, "batch_size": p["n_train"] // 4}
    return "white", "0", {"init": window_grid(dt, L)}, data, options


def zero_real_part(p, seed):
    """White noise, the grid of the window at the rule's timescale."""
    L, dt = p["L_train"], p["L_train"] ** -0.5
    data = delay.block_copy(p["n_train"], L, L // 8, seed, inputs.white())
    options = {"linear": True, "d_model": 4, "d_state": 32}
    return "white", "zero 0", {"init": window_grid(dt, L)}, data, options


def sequence_length(p, seed):
    """White noise at the shortest length, the rule's timescale."""
    data = delay.block_copy(p["n_train"], 64, 8, seed, inputs.white())
    return "white, 64", "0", {"init": window_grid(2.0**-3, 64)}, data, {"linear": True}


def real_series(p, seed):
    """Hourly temperatures, S4D's default range."""
    own = "sf_temperature", p["L"], p["n_train"], seed, p["horizon"]
    return "sf_temperature", "default", {}, series.forecast(*own), {}


def fixed_recurrent_weights(p, seed):
    """Block copy, S4D-Lin, all trained."""
    data = delay.block_copy(p["n_train"], 128, 16, seed)
    steps = len(data.x_train) // p["batch_size"]
    epochs = {"epochs": -(-p["steps"] // steps)}
    return "block copy, S4D-Lin", "trained", {}, data, epochs


def by_the_cells(chapter, p, seed, stop):
    """The names that a chapter's cells define, until one that contains `stop`."""
    names: dict = p | {"seed": seed, "n_seeds": 1}
    for cell in read_notebook(CHAPTERS[chapter].path).cells:
        if "part" in cell.metadata.get("tags", ()):
            if stop in cell.source:
                break
            exec(cell.source, names)
    return names


def stable_parametrizations(p, seed):
    """Softplus at 64 steps, with the ratio of rates that the pilot chose."""
    names = by_the_cells("stable-parametrizations", p, seed, "own_table")
    given, _ = names["arms"](64)
    shape = {"linear": True, "d_model": 4, "d_state": 8}
    data = names["data"](64, seed)
    return "length 64", "softplus", given["softplus"], data, shape


def active_timescales(p, seed):
    """Decorrelated images, S4D's default range."""
    names = by_the_cells("active-timescales", p, seed, "own_table")
    data = names["sets"]["decorrelated"][0]
    return "decorrelated", "trained", {"dt": names["RANGE"]}, data, {}


def mimetic(p, seed):
    """Copying, S4D at the rate of all parameters."""
    data = by_the_cells("mimetic", p, seed, "options = {")["data"]["copying"][0]
    shape = {"pooling": "none", "n_layers": 2, "bias": True, "norm": "layer"}
    return "copying", "S4D", {"ssm_share": 1.0}, data, shape | {"prenorm": True}


def initialized_right(p, seed):
    """Lost frequencies, by the layers that the notebook defines."""
    arms = by_the_cells("initialized-right", p, seed, "seeds = range")["arms"]
    data = delay.block_copy(p["n_train"], p["L"], 16, seed)
    shape = {"linear": True, "d_model": 4, "d_state": 32}
    return "recall", "frequencies lost", arms["frequencies lost"], data, shape


def unhippo(p, seed):
    """Frozen states of HiPPO, without noise, where SSMLIB_DATA has the recordings."""
    folder = Path(os.environ.get("SSMLIB_DATA", ""), "free-spoken-digit-dataset")
    if not folder.is_dir() or "SSMLIB_DATA" not in os.environ:
        pytest.skip("SSMLIB_DATA names no folder with the spoken digits")
    names = by_the_cells("unhippo", p, seed, "if data:")
    whole = audio.spoken_digits(folder, longest=4096, stride=2).unit_power()
    states, _ = names["states_of"](names["recordings"](whole, seed), "HiPPO", p["N"])
    layer = {"layer": names["no_layer"], "norm": "layer"}
    shape = {"pooling": "mean", "mix": "glu", "bias": True}
    return "clean, 0", "HiPPO", layer, states.unit_power(), shape


CASES = {
    "initialized-right": initialized_right,
    "unhippo": unhippo,
    "active-timescales": active_timescales,
    "mimetic": mimetic,
    "stable-parametrizations": stable_parametrizations,
    "fixed-recurrent-weights": fixed_recurrent_weights,
    "real-series": real_series,
    "sequence-length": sequence_length,
    "zero-real-part": zero_real_part,
    "rule-in-training": rule_in_training,
    "ablations": ablations,
    "copying": copying,
    "deeper-and-nonlinear": deeper_and_nonlinear,
    "sequential-mnist": sequential_mnist,
}


def test_each_study_with_parts_has_a_case():
    own = {study.study.chapter for study in STUDIES.values()}
    assert own <= {*CASES, "initial-memory", "long-range"}


@pytest.mark.slow
@pytest.mark.parametrize("slug", sorted({*STUDIES} & {*CASES}))
def test_a_model_trains_to_the_stored_loss(slug):
    study: Measured = STUDIES[slug]
    part = study.parts["base"][0]
    p, seed = part.run.parameters, part.losses.seeds[0]
    task, arm, start, data, options = CASES[slug](p, seed)
    (stored,) = [
        row
        for row in part.losses.rows
        if (row["task"], row["arm"], row["budget"], row["seed"])
        == (task, arm, "short", seed)
    ]
    own = {k: p[k] for k in ("batch_size", "d_model", "d_state", "epochs") if k in p}
    own |= {"rates": {arm: stored["lr"]}, "seeds": [seed], "longer": 0}
    found = compare(data, {arm: start}, **own | options)
    # Rounding errors grow over the steps; other arms or seeds differ by far more.
    again = found.figures(arm, budget="short")[0]
    assert again == pytest.approx(stored["test_loss"], rel=0.05)


@pytest.mark.slow
def test_the_notebook_s_own_optimizer_trains_to_the_stored_loss():
    """Its cells as they stand, without those that choose rates and store losses."""
    part = STUDIES["initial-memory"].parts["base"][0]
    p, seed = part.run.parameters, part.losses.seeds[0]
    path = ROOT / "notebooks" / "memory" / "initial-memory.ipynb"
    names: dict = p | {"seed": seed, "n_seeds": 1}
    for cell in read_notebook(path).cells:
        if "part" in cell.metadata.get("tags", ()) and "known = {}" not in cell.source:
            if "own_table" in cell.source:
                break
            exec(cell.source, names)
    rows = {
        row["arm"]: row
        for row in part.losses.rows
        if (row["task"], row["budget"], row["seed"]) == ("delay 8", "short", seed)
    }
    own = [rows[name] for name in names["names"]]
    lrs = [row["lr"] for row in own]
    again = names["trained"](names["pairs"], 8, lrs, p["steps"])
    assert again == pytest.approx([row["test_loss"] for row in own], rel=0.05)


@pytest.mark.slow
def test_a_model_of_listops_trains_to_the_stored_loss():
    """S4D-LegS, which has one budget only."""
    part = STUDIES["long-range"].parts["base"][0]
    p, seed = part.run.parameters, part.losses.seeds[0]
    bounds = {"min_length": 5, "max_length": 33, "max_depth": 4, "max_args": 4}
    (stored,) = [
        row
        for row in part.losses.rows
        if (row["arm"], row["seed"]) == ("S4D-LegS", seed)
    ]
    start = {"init": "legs", "lr": stored["lr"], "ssm_lr": stored["lr"] / 10}
    shape = {k: p[k] for k in ("batch_size", "d_model", "d_state", "n_layers")}
    found = fit(
        listops.split(p["n"], seed=seed, **bounds),
        [start],
        seeds=[seed],
        epochs=p["epochs"],
        bias=True,
        norm="layer",
        **shape,
    )
    assert found.table.test_loss[0] == pytest.approx(stored["test_loss"], rel=0.05)
