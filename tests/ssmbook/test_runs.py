"""One notebook with other parameters: refused, run, kept, answered from disk."""

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import nbformat
import pytest

import ssmlib
from ssmbook.runs import execution, run_page, sharing
from ssmbook.runs.execution import NotebookFailed
from ssmbook.runs.jobs import plan_runs, run_job
from ssmbook.runs.stores import Store
from tests.ssmbook.toy import CODE, NOTEBOOK, documents, notebook, ssmbook


def ran(place, *arguments, status=0):
    out, _ = ssmbook(place, "run", *arguments, "--json", status=status)
    return json.loads(out)


@pytest.fixture(scope="module")
def first(place):
    """The document of a run with the default parameters."""
    return ran(place, "1")


@pytest.fixture
def with_run(own, place, first):
    """A toy repository of a test's own, in which that run is stored."""
    for name in (f"toy/{first['key'][:16]}", "mathjax"):
        shutil.copytree(place / "runs" / name, own / "runs" / name)
    return own


@pytest.mark.parametrize("name", ["1", "toy", NOTEBOOK])
def test_a_notebook_by_number_name_or_path(place, first, name):
    assert ran(place, name) == first | {"reused": True}


def test_typed_values(place):
    values = ["n=3", "rate=1e-3", "quick=true", "word=x=y"]
    document = ran(place, "1", *[part for v in values for part in ("-p", v)])
    assert document["parameters"] == {
        "n": 3,
        "rate": 0.001,
        "quick": True,
        "word": "x=y",
        "mode": "fine",
        "wait": False,
        "seed": 0,
        "device": "cpu",
    }
    assert document["records"]["double"] == {"value": 6, "atol": 0}
    assert document["records"]["shifted"]["value"] == 3.001


@pytest.mark.slow
@pytest.mark.parametrize(
    "word",
    ['it\'s "a" \\n', "two\nlines {n} é%s", "__import__('os')", ""],
)
def test_text_arrives_as_text(place, word):
    folder = ran(place, "1", "-p", f"word={word}")["folder"]
    executed = nbformat.read(f"{folder}/toy.ipynb", 4)
    (printed,) = [
        o.text for c in executed.cells[1:] for o in c.get("outputs", []) if "text" in o
    ]
    assert printed == f"{word!r} False 0.5\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1", "-p", "m=3"], "no parameter m; there are n, rate, word"),
        (["1", "-p", "n"], "expected name=value, got 'n'"),
        (["1", "-p", "n=1.5"], "n must be int, got '1.5'"),
        (["1", "-p", "n=10"], "n must be in [1..9], got 10"),
        (["1", "-p", "rate=nan"], "rate must be in [1e-06..1], got nan"),
        (["1", "-p", "quick=maybe"], "quick must be bool, got 'maybe'"),
        (["1", "-p", "mode=odd"], "mode must be one of fine, raise, die, hang"),
        (["1", "--runs", ""], "got ''"),
        (["1", "--runs", "s3://"], "got 's3://'"),
        (["1", "-p", "n=3", "-p", "n=4"], "n is given twice"),
        (["7"], "no chapter 7; there are toy (1)"),
        (["nothing.ipynb"], "there is no notebook nothing.ipynb"),
        (
            ["1", "--runs", "ftp://x/y"],
            "a store is a folder, or an address s3://BUCKET/... or gs://BUCKET/...",
        ),
    ],
)
def test_bad_calls_say_what_is_allowed(place, arguments, message):
    _, err = ssmbook(place, "run", *arguments, status=1)
    assert message in err


def test_a_run_is_kept_with_all_that_made_it(place):
    document = ran(place, "1", "-p", "n=4")
    folder = place / "runs" / "toy" / document["key"][:16]
    stored = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    names = {"toy.ipynb", "toy.html", "run.json", sharing.LOCK}
    assert names == {p.name for p in folder.iterdir()}
    assert stored["status"] == "complete"
    assert stored["threads"] == 1
    assert stored["packages"]["papermill"] == "2.7.0"
    assert stored["git"]["commit"] is stored["git"]["clean"] is None
    assert "not a git repository" in stored["git"]["reason"]
    assert stored["seconds"] > 0
    assert stored["version"] == ssmlib.__version__
    assert len(stored["modules"]) == 64
    assert {"device", "python", "platform"} < set(stored["machine"])
    page = (folder / "toy.html").read_text(encoding="utf-8")
    assert "Twice is 8." in page
    assert "n = 4" in page
    assert '<script src="http' not in page
    assert (place / "runs" / "mathjax" / "tex-svg.js").is_file()


@pytest.mark.slow
def test_the_same_run_again_is_answered_from_disk(place):
    first = ran(place, "1", "-p", "n=5")
    again = ran(place, "1", "-p", "n=5", "-p", "seed=0")  # a default, given
    assert (first["reused"], again["reused"]) == (False, True)
    assert again["started"] == first["started"]
    forced = ran(place, "1", "-p", "n=5", "--force")
    assert forced["key"] == first["key"]
    assert forced["started"] > first["started"]


@pytest.mark.slow
def test_an_edited_notebook_is_another_run(with_run, first):
    assert ran(with_run, "1")["reused"]
    path = with_run / NOTEBOOK
    path.write_text(
        path.read_text(encoding="utf-8").replace("2 * n", "3 * n"), encoding="utf-8"
    )
    second = ran(with_run, "1")
    assert second["key"] != first["key"]
    assert second["records"]["double"]["value"] == 6


def test_code_that_changes_under_a_run_spoils_it(own):
    path = own / NOTEBOOK
    (job,) = plan_runs(path, [{}])
    run = run_job(replace(job, text=job.text.replace("2 * n", "3 * n")), Store(own))
    assert run.failed
    assert "it was edited meanwhile" in run.error


def test_a_process_runs_one_at_a_time(own, monkeypatch):
    """A Dask worker may have many threads; papermill and Jupyter are not for them."""
    running, together = [], []

    def execute(*_, **options):
        running.append(1)
        time.sleep(0.1)
        together.append(len(running))
        running.pop()
        raise NotebookFailed("enough", "", None)

    monkeypatch.setattr(execution, "execute", execute)
    jobs = plan_runs(own / NOTEBOOK, [{"n": n} for n in range(1, 5)])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda job: run_job(job, Store(own / "runs")), jobs))
    assert together == [1, 1, 1, 1]


@pytest.mark.slow
def test_a_truncated_or_damaged_run_is_run_again(with_run, first):
    own = with_run
    folder = own / "runs" / "toy" / first["key"][:16]
    text = (folder / "run.json").read_text(encoding="utf-8")
    (folder / "run.json").write_text(text[: len(text) // 2], encoding="utf-8")
    damaged, none = ssmbook(own, "results", "1", status=1)[1].splitlines()
    assert damaged.startswith(f"{folder}/run.json is not JSON")
    assert damaged.endswith(f"run it again with --force, or remove {folder}")
    assert none == "there are no runs to tabulate"
    out, err = ssmbook(own, "run", "1", "--json")
    assert not json.loads(out)["reused"]
    assert err == f"{damaged}; it runs again now\n"
    (folder / "toy.ipynb").write_text("{}", encoding="utf-8")
    assert not ran(own, "1")["reused"]
    assert ran(own, "1")["reused"]


@pytest.mark.slow
def test_a_failed_run_says_so_and_is_tried_again(own):
    out, err = ssmbook(own, "run", "1", "-p", "n=3", "-p", "mode=raise", status=1)
    assert "ArithmeticError: n is too large" in err
    (short,) = documents(own, "failed.json")
    document = documents(own, "failed.json")[short]
    assert "n is too large" in document["traceback"]
    page = (own / "runs" / "toy" / short / "failed.html").read_text(encoding="utf-8")
    assert "ArithmeticError" in page
    assert out.endswith("failed.html\n")
    path = own / NOTEBOOK
    assert documents(own) == {}
    again = ran(own, "1", "-p", "n=3", "-p", "mode=raise", status=1)
    assert not again["reused"]
    assert path.is_file()


@pytest.mark.slow
def test_a_forced_run_that_fails_leaves_the_result(own):
    notebook(
        own / NOTEBOOK,
        "import pathlib\nfrom ssmbook import record\n"
        "record('double', n)\nassert not pathlib.Path('stop').exists()",
    )
    first = ran(own, "1")
    (own / NOTEBOOK).with_name("stop").touch()
    ssmbook(own, "run", "1", "--force", status=1)
    assert ran(own, "1") == first | {"reused": True}


def test_prose_of_a_page_is_plain():
    text = (
        "{cite:t}`liu2025autocorrelation` and {cite:p}`gu2022s4d, unknown1`: "
        "{glue:text}`x:.2f`, {glue:text}`../notebooks/a.ipynb::y:d`, [here](../b.md), "
        "[there](https://example.org)"
    )
    assert run_page._prose(text, {"x": 1.234}) == (
        "Liu and Li (2025) and Gu et al. (2022); unknown1: "
        "1.23, y, here, [there](https://example.org)"
    )


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("cli.main", "torch scipy pandas papermill nbconvert distributed matplotlib"),
        ("pages.sphinx_extension", "torch scipy.stats pandas papermill matplotlib"),
    ],
)
def test_heavy_imports_wait_until_they_are_needed(module, heavy):
    late = {*heavy.split()}
    code = f"import sys, ssmbook.{module}; print({late} & {{*sys.modules}})"
    call = [sys.executable, "-c", code]
    assert (
        subprocess.run(call, capture_output=True, encoding="utf-8").stdout == "set()\n"
    )


def test_a_store_that_cannot_be_written_is_seen_before_the_run(own):
    (own / "runs").mkdir()
    (own / "runs" / "mathjax").touch()
    ssmbook(own, "run", "1", status=1)
    assert not (own / NOTEBOOK).with_name("begun").exists()


@pytest.mark.slow
def test_a_notebook_from_elsewhere_even_one_called_failed(own):
    path = notebook(own / "a folder é" / "failed.ipynb")
    assert not ran(own, path)["reused"]
    assert ran(own, path)["reused"]
    _, err = ssmbook(own, "list", path, status=1)
    assert "is not of this book" in err


@pytest.mark.slow
def test_list_tells_findings_parameters_and_last_run(with_run, first):
    own = with_run
    (entry,) = json.loads(ssmbook(own, "list", "--json")[0])
    assert entry["title"] == "A toy"
    assert entry["findings"][0]["verdict"] == "reproduced"
    assert entry["parameters"][0] == {
        "name": "n",
        "type": "int",
        "default": 2,
        "allowed": "[1..9]",
        "help": "how many",
    }
    assert entry["last_run"] == {k: first[k] for k in ("started", "seconds")}
    text = ssmbook(own, "list", "toy")[0]
    for part in ("1 toy: A toy", "twice-is-small", "rate: float = 0.5", "last run"):
        assert part in text


@pytest.mark.slow
def test_a_run_whose_page_cannot_be_made_is_not_lost(own):
    """Its text pastes a record as a whole number, which is none any more."""
    path = own / NOTEBOOK
    code = CODE.replace('"double", 2 * n', '"double", 2.5 * n')
    notebook(path, code)
    failed = ran(own, "toy", status=1)
    assert failed["error"].startswith("its page cannot be made: Unknown format code")
    assert "failed.html" in failed["files"]
    assert (own / "runs" / "toy" / failed["key"][:16] / "failed.ipynb").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("named", ["run", "folder"])
def test_an_edited_notebook_of_a_run_is_not_evaluated(with_run, first, named):
    own = with_run
    folder = own / "runs" / "toy" / first["key"][:16]
    checked = folder if named == "run" else folder.parent
    ssmbook(own, "claims", "--check", checked)
    path = folder / "toy.ipynb"
    edited = path.read_text(encoding="utf-8").replace('"4"', '"40"')
    path.write_text(edited, encoding="utf-8")
    _, err = ssmbook(own, "claims", "--check", checked, status=1)
    assert "toy.ipynb is not the file" in err
