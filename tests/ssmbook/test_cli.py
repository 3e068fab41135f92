"""The command itself: version, examples, completion, statuses, progress, tables."""

import os
import shlex
import subprocess
import sys

import pandas
import pytest
import typer

from ssmbook.cli import completion, examples, tables, terminal
from ssmbook.cli.main import app
from ssmbook.notebook.chapters import chapters
from ssmbook.runs.jobs import plan_runs, run_job
from ssmbook.runs.remaining import Remaining, in_words
from ssmbook.runs.stores import Store
from tests.conftest import ROOT
from tests.ssmbook import toy
from tests.ssmbook.toy import ssmbook

GROUP = typer.main.get_command(app)
CALLS = [line for lines in examples.EXAMPLES.values() for line in lines]


def test_the_version_is_that_of_the_packages(place):
    said, _ = ssmbook(place, "--version")
    text = (ROOT / "ssmlib" / "__init__.py").read_text(encoding="utf-8")
    assert f'__version__ = "{said.split()[1]}"' in text


def test_every_command_has_examples_or_is_a_guest():
    guests = {"audit", "recommend", "reproduce"}  # of ssmlib, whose help has its own
    former = {"deposits"}
    assert set(GROUP.commands) == set(examples.EXAMPLES) | guests | former
    for name in guests:
        assert "ssmbook" in GROUP.commands[name].help


@pytest.mark.parametrize("line", CALLS)
def test_an_example_is_a_call_that_its_command_accepts(line):
    name, *arguments = shlex.split(line)
    command = GROUP.commands[name]
    assert f"ssmbook {line}" in command.epilog
    context = command.make_context(name, arguments, resilient_parsing=False)
    assert context.command is command


def completed(line, folder):
    """What bash completes; the last word is incomplete."""
    words = line.split(" ")
    names = {"_SSMBOOK_COMPLETE": "complete_bash", "COMP_WORDS": line}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['ssmbook']; "
         "from ssmbook.cli import main; main()"],
        cwd=folder,
        env=os.environ | names | {"COMP_CWORD": str(len(words) - 1)},
        capture_output=True,
        encoding="utf-8",
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.slow
def test_the_shell_completes_names_of_chapters_and_studies(tmp_path):
    begun = [slug for slug in chapters(ROOT) if slug.startswith("real")]
    assert len(begun) > 1
    assert completed("ssmbook run real", ROOT) == begun
    assert "ablations" in completed("ssmbook study a", ROOT)
    assert completed("ssmbook run real", tmp_path) == []


def test_names_are_completed_in_a_repository_only(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    assert completion.chapters("") == [*chapters(ROOT)]
    assert completion.studies("full-") == ["full-mnist"]
    monkeypatch.chdir(tmp_path)
    assert completion.chapters("") == completion.studies("") == []


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--version"], 0),
        (["list", "1"], 0),
        (["list", "unknown"], 1),
        (["run", "1", "-p", "n=99"], 1),
        (["unknown"], 2),
        (["sweep", "1"], 2),
        (["run", "1", "--threads", "0"], 2),
    ],
)
def test_the_exit_status_is_as_documented(place, arguments, status):
    ssmbook(place, *arguments, status=status)


def test_the_statuses_are_on_the_page():
    page = (ROOT / "book" / "rerun.md").read_text(encoding="utf-8")
    table = page.split("| status |")[1].split("\n\n")[0]
    for status in (0, 1, 2, 130):
        assert f"\n| {status} |" in table


def test_the_time_that_is_left_follows_from_what_finished():
    """a took 10 s before and 20 s now, so b and c, 30 s before, will take 60 s."""
    times = iter([0.0, 20.0, 20.0, 80.0])
    seconds = {"s": 5.0, "a": 10.0, "b": 20.0, "c": 10.0}
    left = Remaining(seconds, lambda: next(times))
    assert left.finished("s", reused=True) == ("1 of 4", "")
    assert left.finished("a", reused=False) == ("2 of 4", "; about 60 s left")
    assert left.finished("b", reused=False) == ("3 of 4", "; about 7 s left")
    assert left.finished("c", reused=False) == ("4 of 4", "")


def test_a_run_of_unknown_length_counts_as_a_typical_one():
    times = iter([0.0, 10.0])
    left = Remaining({"a": 10.0, "b": None}, lambda: next(times))
    assert left.finished("a", reused=False) == ("1 of 2", "; about 10 s left")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (119, "119 s"), (121, "3 min"), (9e3, "2.5 h")]
)
def test_times_in_words(seconds, words):
    assert in_words(seconds) == words


def test_a_table_shows_what_varies_and_the_newest_runs(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    rows = [
        {"seed": k, "n": 2, "status": "complete", "seconds": 1.25, "x": k / 3}
        for k in range(30)
    ]
    tables._show(pandas.DataFrame(rows), ["seed", "n"], ["x"])
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].split() == ["seed", "status", "seconds", "x"]
    assert lines[1].split() == ["10", "complete", "1.25", "3.333"]
    assert lines[20].split()[0] == "29"
    assert "the newest 20 of 30 runs" in lines[-1]


@pytest.mark.slow
def test_a_sweep_ends_with_a_table_and_leaves_stdout_to_files(place):
    out, err = ssmbook(place, "sweep", "1", "--grid", "seed=0:2")
    assert [line.rsplit("/", 1)[-1] for line in out.splitlines()] == [
        "results.csv",
        "results.parquet",
        "results.svg",
    ]
    heads, *rows = [l.split() for l in err.splitlines()[-3:]]
    assert heads == ["seed", "status", "seconds", "double", "shifted"]
    assert sorted(row[:2] for row in rows) == [["0", "complete"], ["1", "complete"]]
    out, err = ssmbook(place, "results", "1", "--record", "shifted")
    assert {l.split()[-1] for l in err.splitlines()[-2:]} == {"2.5", "3.5"}


@pytest.mark.slow
def test_a_run_tells_of_each_cell(tmp_path):
    """Three code cells; text is not counted, nor what is added to the notebook."""
    steps = []
    path = toy.notebook(tmp_path / "toy.ipynb", "1 + 1")
    (job,) = plan_runs(path, [{}])
    run = run_job(job, Store(str(tmp_path / "runs")), step=lambda: steps.append(1))
    assert not run.failed, run.error
    assert len(steps) == 3


def test_a_bar_is_drawn_on_a_terminal_only(capsys):
    with terminal.progress("toy", 2) as step:
        step()
        step()
    assert capsys.readouterr() == ("", "")
