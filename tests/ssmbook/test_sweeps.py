"""Sweeps: which runs a grid asks for, what comes of them, one table."""

import json

import pandas
import pytest
import yaml

from ssmbook.notebook import parameters
from ssmbook.runs import results, sharing, sweeps
from ssmbook.runs.document import Run
from ssmbook.runs.reading import stored_runs
from ssmbook.runs.stores import Store, sha256
from tests.ssmbook.outputs import notebook, output_of
from tests.ssmbook.toy import NOTEBOOK, documents, ssmbook


@pytest.fixture(scope="module")
def known(place):
    return parameters.interface(place / NOTEBOOK)


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("rate", "1e-3,0.01", [0.001, 0.01]),
        ("seed", "0:3", [0, 1, 2]),
        ("seed", "1:6:2", [1, 3, 5]),
        ("seed", "3:0:-1", [3, 2, 1]),
        ("seed", "4", [4]),
        ("quick", "true,False", [True, False]),
        ("word", 'a,"b,c"', ["a", "b,c"]),
    ],
)
def test_axes(known, name, text, values):
    assert sweeps.axis(known[name], text, "--grid") == values


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("seed", "0:a", "seed must read start:stop"),
        ("seed", "3:3", "seed has no values in '3:3'"),
        ("seed", "0:3:-1", "seed has no values in '0:3:-1'"),
        ("seed", "0:3:0", "with a step that is not 0, got '0:3:0'"),
        ("seed", "0:3:1:1", "seed must read start:stop"),
        ("seed", f"0:{10**30}", "seed has more than 1000000 values"),
        ("seed", f"{10**30}:0:-1", "seed has more than 1000000 values"),
        ("seed", f"0:{'9' * 5000}", "seed must read start:stop"),
        ("seed", "1e3", "seed must be int, got '1e3'"),
        ("rate", "1e-3,x", "rate must be float, got 'x'"),
        ("seed", "1,03", "seed must be int, got '03'.*without a leading zero"),
        ("seed", "0:03", "seed must read start:stop"),
        ("seed", "0:٣", "seed must read start:stop"),
        ("rate", "٠.٥", "rate must be float, got .*the digits 0 to 9"),
        ("seed", "", "seed has no values"),
        ("rate", "0.1,,1", "rate must be float, got ''"),
    ],
)
def test_bad_axes_are_refused(known, name, text, message):
    with pytest.raises(ValueError, match=message):
        sweeps.axis(known[name], text, "--grid")


def test_crossed_and_side_by_side():
    axes = {"a": [1, 2], "b": [3, 4]}
    crossed = [{"a": a, "b": b} for a in (1, 2) for b in (3, 4)]
    assert sweeps.product(axes) == crossed
    assert sweeps.zipped(axes) == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
    with pytest.raises(ValueError, match="must be of one length"):
        sweeps.zipped({"a": [1], "b": [1, 2]})
    assert sweeps.zipped({"a": [1, 1], "b": [3, 4]}) == [
        {"a": 1, "b": 3},
        {"a": 1, "b": 4},
    ]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"a": [1, 2, 1]}, "the axis a: 1 is given twice"),
        ({"a": [1], "b": [[1], [1]]}, r"the axis b: \[1\] is given twice"),
        ({"a": [0.1, 0.1]}, "the axis a: 0.1 is given twice"),
        ({"a": range(10_000), "b": range(1000)}, "a grid of 10000000 runs; at most"),
    ],
)
def test_grids_that_cannot_be_meant_are_refused(axes, message):
    with pytest.raises(ValueError, match=message):
        sweeps.product(axes)


@pytest.mark.parametrize(
    ("content", "choices"),
    [
        ({"grid": {"n": [1, 2]}}, [{"n": 1}, {"n": 2}]),
        (
            {"zip": {"n": [1, 2], "seed": [3, 4]}},
            [{"n": 1, "seed": 3}, {"n": 2, "seed": 4}],
        ),
        ({"runs": [{"n": 1}]}, [{"n": 1}]),
    ],
)
def test_choices_from_a_file(tmp_path, content, choices):
    path = tmp_path / "sweep.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert sweeps.from_file(path) == choices


@pytest.mark.parametrize(
    "text",
    ["[", "grid: 3", "runs: []", "runs: [3]", "grid: {n: 3}", "x: 1", "grid: {}"],
)
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "sweep.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"must hold one of|is not YAML"):
        sweeps.from_file(path)


# Workers cost five times as much as the runs: one sweep here has two.


@pytest.fixture(scope="module")
def swept(place):
    """Four runs, of which those with n=3 fail; what the command said."""
    arguments = ["--grid", "n=2,3", "--grid", "rate=0.1,0.2", "-p", "mode=raise"]
    return ssmbook(place, "sweep", "1", *arguments, "--jobs", "2", status=1)


@pytest.mark.slow
def test_a_run_that_fails_stops_no_other(place, swept):
    assert "4 runs: 2 complete (0 kept already), 2 failed" in swept[1]
    assert len(documents(place)) == 2
    failed = documents(place, "failed.json").values()
    assert len(failed) == 2
    assert all("n is too large" in document["traceback"] for document in failed)


@pytest.mark.slow
def test_one_tidy_table(place, swept):
    folder = place / "runs" / "toy"
    table = pandas.read_csv(folder / "results.csv")
    assert len(table) == 4
    assert {"n", "rate", "seed", "double", "shifted", "status", "commit"} < set(table)
    complete = table[table["status"] == "complete"]
    assert (complete["double"] == 2 * complete["n"]).all()
    assert table.loc[table["n"] > 2, "double"].isna().all()
    assert table.loc[table["n"] > 2, "error"].str.contains("n is too large").all()
    other = pandas.read_parquet(folder / "results.parquet")
    assert list(other.columns) == list(table.columns)
    assert (other["run"] == table["run"]).all()
    assert (folder / "results.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.slow
def test_results_of_the_sweep(place, swept, tmp_path):
    out, _ = ssmbook(place, "results", "1", "--record", "shifted", "-o", tmp_path)
    names = {"results.csv", "results.parquet", "results.svg"}
    assert {path.name for path in tmp_path.iterdir()} == {*names, sharing.LOCK}
    assert "results.svg" in out
    found = json.loads(ssmbook(place, "results", "1", "--json")[0])
    assert len(found) == 4
    _, err = ssmbook(place, "results", "1", "--record", "treble", status=1)
    assert "no record treble; there are double, shifted" in err


@pytest.mark.slow
def test_what_stands_is_not_run_again(place, swept):
    before = documents(place)
    out, err = ssmbook(
        place,
        "sweep",
        "1",
        "--grid",
        "rate=0.1,0.2",
        "-p",
        "mode=raise",
        "--json",
    )
    assert "2 runs: 2 complete (2 kept already), 0 failed" in err
    assert [d["reused"] for d in json.loads(out)] == [True, True]
    assert documents(place) == before


@pytest.mark.slow
def test_side_by_side_and_from_a_file(place, tmp_path):
    axes = ["--zip", "--grid", "n=1,2", "--grid", "seed=8,9"]
    _, err = ssmbook(place, "sweep", "1", *axes, "--jobs", "1")
    assert "2 runs: 2 complete" in err
    path = tmp_path / "sweep.yml"
    path.write_text(
        "runs: [{n: 1, seed: 8}, {n: 2, seed: 9}, {n: 1, seed: 8}]", encoding="utf-8"
    )
    _, err = ssmbook(place, "sweep", "1", "--from", path)
    assert "2 runs: 2 complete (2 kept already)" in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "give --grid or --from"),
        (["--grid", "n=1", "--jobs", "1", "--scheduler", "tcp://x:1"], 2, "not both"),
        (["--grid", "m=1"], 1, "no parameter m; there are n"),
        (["--grid", "n=8:12"], 1, "n must be in [1..9], got 10"),
        (["--grid", "n=0:99999999999"], 1, "n has more than 1000000 values"),
        (["--grid", "n=1,2", "--grid", "n=3"], 1, "n is given twice"),
        (["--grid", "n=1,2", "-p", "n=3"], 1, "n is given twice"),
        (["--grid", 'word="a'], 1, "unexpected end of data"),
        (["--grid", "n=1", "--scheduler", "nowhere"], 1, "no Dask scheduler"),
        (["--grid", "n=1", "--scheduler", "tls://x:1"], 1, "no Dask scheduler"),
        (["--grid", "n=0:9999", "--grid", "seed=0:9999"], 1, "a grid of 99980001 runs"),
    ],
)
def test_bad_sweeps_run_nothing(own, arguments, status, message):
    _, err = ssmbook(own, "sweep", "1", *arguments, status=status)
    assert message in " ".join(err.split())
    assert not documents(own)


@pytest.mark.slow
def test_several_states_are_told_apart(own):
    ssmbook(own, "sweep", "1", "--grid", "n=1,2", "--jobs", "1")
    path = own / NOTEBOOK
    path.write_text(
        path.read_text(encoding="utf-8").replace("2 * n", "300 * n"), encoding="utf-8"
    )
    _, err = ssmbook(own, "sweep", "1", "--grid", "n=1,2", "--jobs", "1")
    assert "several states" in err
    table = pandas.read_csv(own / "runs" / "toy" / "results.csv")
    assert len(table) == 4
    assert table["state"].nunique() == 2


def document(**changes):
    parts = {
        "notebook": "nb",
        "key": "0" * 64,
        "state": "2" * 16,
        "status": "complete",
        "started": "2026",
        "parameters": {"n": 1},
        "records": {"n": {"value": 2}},
    }
    return Run(**(parts | changes))


def test_a_record_whose_name_is_taken():
    table = results.table([document()])
    assert list(table.columns[-2:]) == ["n", "record_n"]
    with pytest.raises(ValueError, match="must not be named error"):
        results.table([document(parameters={"error": 1})])
    with pytest.raises(ValueError, match="no runs"):
        results.table([])


def test_no_two_records_share_a_column():
    records = {"n": {"value": 2}, "record_n": {"value": 3}}
    for order in (records, dict(reversed(records.items()))):
        table = results.table([document(records=order)])
        assert table["n"].item() == 1
        assert table["record_n"].item() == 3
        assert table["record_record_n"].item() == 2


@pytest.mark.parametrize("other", ["a", True, 2.5, [1]])
def test_a_parameter_of_two_types_is_tabulated(tmp_path, other):
    table = results.table([document(), document(parameters={"n": other})])
    results.write(table, tmp_path)
    read = pandas.read_parquet(tmp_path / "results.parquet")["n"]
    expected = [1, 2.5] if other == 2.5 else ["1", json.dumps(other)]
    assert list(read) == expected


def test_what_varies_with_most_values_first():
    table = pandas.DataFrame({"a": [1, 1, 1], "b": [1, 1, 2], "c": [1, 2, 3]})
    assert results.varied(table, ["a", "b", "c"]) == ["c", "b"]
    with pytest.raises(ValueError, match="nothing varies"):
        results.figure(table, ["a"], ["b"])


def test_equal_values_have_bars_of_no_length():
    """The mean of three times .1 is greater than .1, by rounding."""
    table = pandas.DataFrame({"a": [1, 1, 1, 2], "b": [0.1, 0.1, 0.1, 0.2]})
    assert table.b[:3].mean() > 0.1
    assert results.figure(table, ["a"], ["b"])


def test_failed_runs_are_told_apart_from_complete_ones(tmp_path):
    store, folder = Store(tmp_path), document().folder
    store.write(f"{folder}/failed.json", document(status="failed").to_json())
    assert [run.status for run in stored_runs(store, "nb", pytest.fail)] == ["failed"]
    path = notebook(
        tmp_path / "nb.ipynb", output_of("x", 2), parameters_cell="n: int = 1"
    )
    store.write(f"{folder}/nb.ipynb", path.read_bytes())
    files = {"nb.ipynb": sha256(path.read_bytes())}
    complete = document(records={"x": {"value": 2}}, files=files)
    store.write(f"{folder}/run.json", complete.to_json())
    assert stored_runs(store, "nb", pytest.fail) == [complete]
