import json
import math
import re

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ssmbook.cli.main import app
from ssmlib import figures, inputs
from ssmlib import recommend as advice
from ssmlib.initialization import Initialization
from ssmlib.layers import S4D
from ssmlib.recommend import recommend
from ssmlib.tasks import own


def draws(process, n, L):
    return process.sample(n, L, torch.Generator().manual_seed(0))


def test_white_sequences_ask_for_the_root_of_the_length():
    L = 64
    found = recommend(draws(inputs.white(), 2000, L))
    assert found.dt_low <= 1 / math.sqrt(L) <= found.dt_high
    assert found.real == 0
    assert found.imag_scale == pytest.approx(2 / (found.dt * L))
    assert found.d_state == L
    assert found.mean_share < 0.1


def test_constant_sequences_ask_for_the_length():
    L = 64
    found = recommend(draws(inputs.constant(), 2000, L))
    assert found.dt == pytest.approx(1 / L, rel=0.05)
    assert found.imag_scale == 1


def test_constant_sets_the_scale_of_dt_alone():
    x = draws(inputs.ar1(0.9), 1, 2000)[0]
    one, half = recommend(x, 128), recommend(x, 128, constant=0.5)
    assert half.dt == pytest.approx(one.dt / 2)
    assert half.moment == one.moment


@pytest.mark.parametrize(
    "process", [inputs.white(), inputs.ar1(0.9), inputs.constant()]
)
@pytest.mark.parametrize("mean", [0.0, 10.0])
def test_what_is_recommended_is_what_it_claims(process, mean):
    """No repeat within a window, no aliasing, no forgetting."""
    L = 64
    found = recommend(draws(process, 500, L) + mean)
    z = found.init.modes(found.d_state, None)[0] * found.init.fixed_dt
    assert float(z.imag.max()) < math.pi + 1e-9
    layer = S4D(1, found.d_state, init=found.init)
    assert bool(torch.isfinite(layer.kernel(L)).all())
    assert float(layer.log_dt.detach().exp()) == pytest.approx(found.dt)
    assert float((2 * z.real * L).min().exp()) >= advice.FORGOTTEN
    if found.real == 0:
        gap = float(z.imag[1] - z.imag[0])
        assert 2 * math.pi / gap >= L * (1 - 1e-9)


def test_a_mean_is_named():
    x = draws(inputs.white(), 500, 32)
    assert "Subtract it" in str(recommend(x + 5))
    assert "Subtract it" not in str(recommend(x))
    assert 0.9 < recommend(x + 5).mean_share <= 1
    assert recommend(torch.ones(30, 8, dtype=torch.float64)).mean_share == 1


def test_text_json_and_figure_agree():
    found = recommend(draws(inputs.ar1(0.9), 1, 1000)[0], 64)
    text = str(found)
    assert all(len(line) <= 79 for line in text.splitlines())
    for answer in ("lambda_max", "dt", "real part", "frequencies", "d_state"):
        assert answer in found.reasons
    assert f"{found.dt:.3g}" in text
    again = json.loads(json.dumps(found.as_dict()))
    assert again["dt"] == found.dt
    assert again["moment"]["low"] == found.moment.low
    assert figures.svg(advice.figure(found)).startswith("<svg")


def test_the_figure_shows_how_far_back_a_window_is_seen():
    found = recommend(draws(inputs.ar1(0.9), 1, 1000)[0], 64)
    memory = advice.figure(found).axes[1]
    damped, undamped, *repeat = memory.lines
    ages, weights = damped.get_data()
    assert weights == pytest.approx(np.exp(-ages * found.dt))  # |e^{-dt age / 2}|^2
    assert set(undamped.get_ydata()) == {1.0}
    assert not repeat  # S4D-Lin's modes return after 2 / dt steps
    slow = recommend(draws(inputs.white(), 500, 64))
    *_, repeat = advice.figure(slow).axes[1].lines
    assert repeat.get_xdata()[0] == pytest.approx(2 / slow.dt)


def test_the_code_it_prints_runs():
    found = recommend(draws(inputs.ar1(0.9), 100, 64))
    *_, first, second = str(found).splitlines()
    scope = {"Initialization": Initialization, "S4D": S4D, "N": 16, "d_model": 2}
    exec(first.strip() + "\nlayer = " + second.strip(), scope)
    assert float(scope["layer"].log_dt.detach().exp()[0]) == pytest.approx(
        found.dt, rel=0.01
    )


def test_bad_arguments():
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="L must be given for one series"):
        recommend(x)
    with pytest.raises(ValueError, match="L must be that of x, 10"):
        recommend(x.view(100, 10), 20)
    with pytest.raises(ValueError, match="constant must be positive"):
        recommend(x, 10, constant=0)
    with pytest.raises(TypeError, match="x must be real floating point"):
        recommend(x + 0j, 10)
    with pytest.raises(TypeError, match="x must be a tensor"):
        recommend([1.0, 2.0], 10)
    with pytest.raises(ValueError, match=r"x must have shape \(n, L\)"):
        recommend(x.view(10, 10, 10))


@pytest.fixture
def folder(tmp_path):
    values = np.random.default_rng(0).standard_normal(400)
    lines = [str(v) for v in values]

    def csv(name, header, rows):
        (tmp_path / name).write_text(
            "\n".join([header, *rows]) + "\n", encoding="utf-8"
        )

    csv("one.csv", "x", lines)
    csv("two.csv", "t,x", [f"{k},{v}" for k, v in enumerate(lines)])
    csv("gap.csv", "x", [*lines[:7], "", *lines[8:]])
    csv("text.csv", "x", [*lines[:7], "oops", *lines[8:]])
    csv("constant.csv", "x", ["1.5"] * 400)
    days = [f"2020-{k};{v}".replace(".", ",") for k, v in enumerate(lines)]
    csv("comma.csv", "date;v", days)
    np.save(tmp_path / "windows.npy", values.reshape(25, 16).astype(np.float32))
    np.save(tmp_path / "few.npy", values.reshape(10, 40))
    np.save(tmp_path / "complex.npy", values * 1j)
    np.save(tmp_path / "pickled.npy", np.array([{}, 1], dtype=object))
    np.save(tmp_path / "cube.npy", values.reshape(4, 10, 10))
    return tmp_path


def ask(*arguments):
    return CliRunner().invoke(app, ["recommend", *map(str, arguments)])


def test_the_command_reads_what_it_is_given(folder):
    text = ask(folder / "one.csv")
    assert text.exit_code == 0
    assert "400 steps, read in windows of L = 16" in text.stdout
    drawn = folder / "drawn.svg"
    found = ask(
        folder / "two.csv", "--column", "x", "--length", 16, "--json", "--figure", drawn
    )
    assert json.loads(found.stdout)["L"] == 16
    assert drawn.read_text(encoding="utf-8").startswith("<svg")
    assert "25 independent sequences" in ask(folder / "windows.npy").stdout
    assert ask("digits", "--standardize").exit_code == 0


def test_standardizing_takes_the_mean_away():
    raw, standard = ask("seattle_tmax"), ask("seattle_tmax", "--standardize")
    assert "Subtract it" in raw.stdout
    assert "Subtract it" not in standard.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["two.csv"], "column must be given, one of t, x"),
        (["two.csv", "--column", "y"], "column must be one of t, x; got 'y'"),
        (["gap.csv"], "must hold numbers throughout: line 9 has a gap"),
        (["comma.csv"], "has rows with more fields than names"),
        (["text.csv"], "must hold numbers throughout: line 9 has 'oops'"),
        (["constant.csv"], "x must not be constant"),
        (["none.csv"], "there is no file"),
        (["few.npy"], "at least 20 sequences, got 10"),
        (["complex.npy"], "must hold real numbers"),
        (["pickled.npy"], "without pickles"),
        (["cube.npy"], r"\(T,\) or \(n, L\)"),
        (["one.csv", "--length", "101"], "at least 4 windows, 404 values"),
        (["one.csv", "--figure", "drawn.png"], "figure must be an .svg"),
        (["windows.npy", "--column", "x"], "column goes with a .csv file only"),
    ],
)
def test_the_command_says_what_is_wrong(folder, arguments, message):
    name, *rest = arguments
    result = ask(folder / name, *rest)
    assert result.exit_code == 1
    flat = " ".join(result.stderr.split())
    assert re.search(message, flat), flat


def test_a_name_that_is_no_data_set_lists_them():
    result = ask("sunspots")
    assert result.exit_code == 1
    assert all(name in result.stderr for name in own.names())
