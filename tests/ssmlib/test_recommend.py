import json
import math
import re

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ssmbook.cli.main import app
from ssmlib import _advice, figures, inputs
from ssmlib import recommend as advice
from ssmlib.initialization import Initialization
from ssmlib.layers import S4D
from ssmlib.recommend import recommend
from ssmlib.tasks import own

pytestmark = pytest.mark.usefixtures("few_draws")


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
    found = recommend(draws(process, 500, L) + mean, raw=True)
    z = found.init.modes(found.d_state, None)[0] * found.init.fixed_dt
    assert float(z.imag.max()) < math.pi + 1e-9
    layer = S4D(1, found.d_state, init=found.init)
    assert bool(torch.isfinite(layer.kernel(L)).all())
    assert float(layer.log_dt.detach().exp()) == pytest.approx(found.dt)
    assert float((2 * z.real * L).min().exp()) >= _advice.FORGOTTEN
    if found.real == 0:
        gap = float(z.imag[1] - z.imag[0])
        assert 2 * math.pi / gap >= L * (1 - 1e-9)


def test_a_mean_is_named():
    x = draws(inputs.white(), 500, 32)
    assert "Subtract it" in str(recommend(x + 5, raw=True))
    assert "Subtract it" not in str(recommend(x + 5))
    assert 0.9 < recommend(x + 5, raw=True).mean_share <= 1
    ones = torch.ones(30, 8, dtype=torch.float64)
    assert recommend(ones, raw=True).mean_share == 1


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


def test_data_are_standardized_by_one_mean_and_one_scale():
    """As a user would do with a data set; the numbers are given, to apply them."""
    for x, L in ((draws(inputs.ar1(0.9), 1, 2000)[0], 64),
                 (draws(inputs.ar1(0.9), 100, 64), None)):  # fmt: skip
        found = recommend(3.2 * x + 20, L)
        assert found.shift == pytest.approx(20 + 3.2 * float(x.mean()))
        assert found.scale == pytest.approx(3.2 * float(x.std(correction=0)))
        by_hand = recommend((3.2 * x + 20 - found.shift) / found.scale, L, raw=True)
        assert found.dt == pytest.approx(by_hand.dt, rel=1e-9)
        assert found.moment.high == pytest.approx(by_hand.moment.high, rel=1e-9)
        first = str(found).splitlines()[0]
        assert f"subtract {found.shift:.6g}, divide by {found.scale:.6g}" in first
        assert "in the scale that it has" in str(by_hand).splitlines()[0]
        assert recommend(3.2 * x + 20, L, raw=True).dt < found.dt / 10
    assert "standardized input; add 19.9" in str(recommend(x - 20)).splitlines()[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_data_of_lower_precision_give_the_same_answer(dtype):
    x = draws(inputs.ar1(0.9), 1, 2000)[0].to(dtype)
    found = recommend(x.requires_grad_(), 64)
    assert found.dt == recommend(x.detach().double(), 64).dt
    assert found.dt == recommend(torch.stack([x, x])[0].detach(), 64).dt
    torch.set_default_dtype(torch.float64)
    try:
        assert found.dt == recommend(x, 64).dt
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_scale_of_data_does_not_matter():
    x = draws(inputs.ar1(0.9), 1, 2000)[0].double()
    dt = recommend(x, 64).dt
    for scale in (1e-300, 1e-150, 1e-30, 1e150, 1e306):
        assert recommend(scale * x, 64).dt == pytest.approx(dt, rel=1e-9), scale
    wide = torch.stack([x, x * 0]).mT[:, 0]  # not contiguous
    assert recommend(wide, 64).dt == pytest.approx(dt, rel=1e-12)


@pytest.mark.parametrize(
    ("L", "rho", "where", "what"),
    [
        (64, 0.9, "inside", "keep the default."),
        (1024, 0.9, "inside", "train with both and compare"),
        (16, 0.0, "above", "keep the default"),
        (2048, 1.0, "below", "initialize with this Δ"),
    ],
)
def test_the_decision_and_the_configurations_agree(L, rho, where, what):
    process = inputs.constant() if rho == 1 else inputs.ar1(rho)
    found = recommend(draws(process, 200, L))
    second = str(found).splitlines()[1]
    assert second.startswith(f"Δ = {found.dt:.3g}, {where} S4D's default range")
    assert what in found.decision
    steps = [init.dt for _, init in found.configurations]
    rule = [found.dt, found.dt / 4]
    default = Initialization().dt
    assert steps == ([*rule, default] if where == "below" else [default, *rule])
    for _, init in found.configurations:
        if init.dt == default:
            assert init == Initialization()
        elif init.real == 0:  # damping would forget the window, undamped modes repeat
            assert math.exp(-init.dt * L) < _advice.FORGOTTEN
            assert init.imag_scale == pytest.approx(2 / (init.dt * L))
        else:
            assert math.exp(-init.dt * L) >= _advice.FORGOTTEN
            assert init.imag_scale == 1


def test_a_delay_decides_the_real_part():
    x = draws(inputs.white(), 200, 256)
    plain = recommend(x)
    assert recommend(x, delay=None) == plain
    assert plain.real == 0  # damping would forget the window
    near, far = recommend(x, delay=10), recommend(x, delay=200)
    assert (near.dt, far.dt) == (plain.dt, plain.dt)
    assert math.exp(-near.dt * 10) >= _advice.FORGOTTEN > math.exp(-far.dt * 200)
    assert near.init == Initialization("lin", real=-0.5, dt=near.dt)
    assert far.init == plain.init
    (_, damped), (_, grid), (_, default) = far.configurations
    # A damped one whose squared weight at the delay is the limit, and an undamped one
    assert math.exp(-damped.dt * 200) == pytest.approx(_advice.FORGOTTEN)
    assert (damped.real, grid) == (-0.5, plain.init)
    assert default == Initialization()
    assert "forgets an input of 200 steps ago" in far.decision
    assert "an input of 10 steps ago has" in near.reasons["real part"]
    assert recommend(x, delay=0).real == -0.5


@pytest.mark.parametrize(("delay", "kind"), [(-1, ValueError), (64, ValueError),
                                             (1.0, TypeError)])  # fmt: skip
def test_a_delay_is_within_the_window(delay, kind):
    with pytest.raises(kind, match="delay"):
        recommend(draws(inputs.white(), 100, 64), delay=delay)


def test_the_code_it_prints_runs():
    found = recommend(draws(inputs.ar1(0.9), 100, 64))
    scope = {"Initialization": Initialization, "S4D": S4D, "N": 16, "d_model": 2}
    codes = re.findall(r"^ +(init = .*)$", str(found), re.M)
    assert len(codes) == 3
    for code, (_, init) in zip(codes, found.configurations, strict=True):
        exec(code + "\nlayer = S4D(d_model, N, init=init)", scope)
        if init.dt != Initialization().dt:
            dt = float(scope["layer"].log_dt.detach().exp()[0])
            assert dt == pytest.approx(init.dt, rel=0.01)


X = torch.randn(1000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        ((X,), {}, ValueError, "L must be given for one series"),
        ((X, 10.0), {}, TypeError, "L must be an int, got float"),
        ((X, True), {}, TypeError, "L must be an int, got bool"),
        ((X, 0), {}, ValueError, "L must be at least 1, got 0"),
        ((X, 500), {}, ValueError, "at least 4 windows, 2000 values for L = 500"),
        ((X.view(100, 10), 20), {}, ValueError, "L must be that of x, 10, .* got 20"),
        ((X.view(10, 100),), {}, ValueError, "at least 20 sequences .* got 10"),
        ((X[:, None],), {}, ValueError, r"\(1000, 1\); if .*, give x\[:, 0\] and L"),
        ((X[None],), {}, ValueError, r"\(1, 1000\); if .*, give x\[0\] and L"),
        ((X.view(10, 10, 10),), {}, ValueError, r"\(n, L\).* got \(10, 10, 10\)"),
        ((X[0], 1), {}, ValueError, r"\(n, L\).* got \(\)"),
        ((X[:0], 1), {}, ValueError, r"\(n, L\).* got \(0,\)"),
        ((X[:1], 1), {}, ValueError, "x must not be constant"),
        ((X.tolist(), 10), {}, TypeError, "x must be a tensor, got list"),
        ((X.numpy(), 10), {}, TypeError, "torch.as_tensor"),
        ((X + 0j, 10), {}, TypeError, "real floating point, got torch.complex64"),
        ((X.long(), 10), {}, TypeError, "real floating point, got torch.int64"),
        ((X > 0, 10), {}, TypeError, "real floating point, got torch.bool"),
        ((X.to_sparse(), 10), {}, ValueError, "x must be a dense tensor"),
        ((X.to("meta"), 10), {}, ValueError, "x must be a dense tensor"),
        ((X / 0, 10), {}, ValueError, "x must be finite"),
        ((X * math.nan, 10), {}, ValueError, "x must be finite"),
        ((X * 0, 10), {}, ValueError, "x must not be constant: it is zero"),
        ((X * 0 + 1.5, 10), {}, ValueError, "constant: all its values are 1.5"),
        ((X.view(100, 10) * 0 + 2,), {}, ValueError, "constant: all its values are 2"),
        ((X * 0 + 1.5, 10), {"raw": True}, ValueError, "x must not be constant"),
        ((X.double() * 1e150, 10), {"raw": True}, ValueError, "1e-100 and 1e100, got"),
        ((X, 10), {"constant": 0}, ValueError, "constant must be positive"),
        ((X, 10), {"constant": math.nan}, ValueError, "constant must be finite"),
        ((X, 10), {"constant": "1"}, TypeError, "constant must be a number, got str"),
        ((X, 10), {"constant": True}, TypeError, "constant must be a number, got bool"),
        ((X, 10), {"raw": "no"}, TypeError, "raw must be True or False, got 'no'"),
        ((X, 10), {"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ((X, 10), {"seed": 0.5}, TypeError, "seed must be an int, got float"),
    ],
)
def test_bad_arguments(arguments, options, kind, message):
    with pytest.raises(kind, match=message):
        recommend(*arguments, **options)


def test_a_figure_is_of_a_recommendation():
    with pytest.raises(TypeError, match="advice must be a Recommendation, got float"):
        advice.figure(0.1)


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
    (tmp_path / "headless.csv").write_text("\n".join(lines), encoding="utf-8")
    csv("coded.csv", "x", [*lines[:7], "-9999", *lines[8:]])
    np.save(tmp_path / "column.npy", values[:, None])
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
    flat = " ".join(text.stdout.split())
    assert "400 steps, read in windows of L = 16. The first line is read as" in flat
    assert "with the name 'x'. The length was chosen from" in flat
    drawn = folder / "drawn.svg"
    found = ask(
        folder / "two.csv", "--column", "x", "--length", 16, "--json", "--figure", drawn
    )
    assert json.loads(found.stdout)["L"] == 16
    assert drawn.read_text(encoding="utf-8").startswith("<svg")
    assert "25 independent sequences" in ask(folder / "windows.npy").stdout
    assert ask("digits", "--raw").exit_code == 0


def test_progress_goes_to_stderr(folder):
    result = ask(folder / "one.csv", "--json")
    assert "reading" in result.stderr
    assert "computing lambda_max" in result.stderr
    json.loads(result.stdout)


def test_the_same_numbers_in_each_file_give_the_same_answer(folder):
    """One column, a header or none, text or an array, in one row or column."""
    expected = json.loads(ask(folder / "one.csv", "--json").stdout)["dt"]
    for name, *rest in (
        ("headless.csv",),
        ("two.csv", "--column", "x"),
        ("comma.csv", "--column", "v"),
        ("column.npy",),
    ):
        found = json.loads(ask(folder / name, *rest, "--json").stdout)
        assert found["dt"] == pytest.approx(expected, rel=1e-12), name


def test_raw_data_are_not_standardized():
    raw, standard = ask("seattle_tmax", "--raw"), ask("seattle_tmax")
    assert "Subtract it" in raw.stdout
    assert "Subtract it" not in standard.stdout
    first = "seattle_tmax: for standardized input; subtract 16.4391, divide by 7.34724"
    assert standard.stdout.splitlines()[0] == first
    assert "in the scale that it has" in raw.stdout.splitlines()[0]


def test_a_code_for_a_missing_value_comes_before_the_advice(folder):
    text = ask(folder / "coded.csv").stdout
    assert "do not use it before the first warning is resolved" in " ".join(
        text.split()
    )
    assert text.index("-9999 occurs once at value 8,") < text.index("1. ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["two.csv"], "column must be given, one of t, x"),
        (["two.csv", "--column", "y"], "column must be one of t, x; got 'y'"),
        (["gap.csv"], "must hold numbers throughout: line 9 has a gap"),
        (["comma.csv"], "column must be given, one of date, v"),
        (["text.csv"], "must hold numbers throughout: line 9 has 'oops'"),
        (["constant.csv"], "x must not be constant"),
        (["none.csv"], "there is no file"),
        (["few.npy"], "at least 20 sequences .* got 10"),
        (["complex.npy"], "must hold real numbers"),
        (["pickled.npy"], "without pickles"),
        (["cube.npy"], r"\(T,\), one series, or \(n, L\)"),
        (["one.csv", "--length", "101"], "at least 4 windows, 404 values"),
        (["one.csv", "--figure", "drawn.png"], "figure must be an .svg"),
        (["windows.npy", "--column", "x"], "column goes with a table"),
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
