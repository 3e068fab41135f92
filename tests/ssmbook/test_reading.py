"""Stored runs that were damaged: one line each, the others shown, status 1."""

import json
import shutil
from dataclasses import fields

import nbformat
import pytest

from ssmbook.notebook import parameters
from ssmbook.notebook.files import sealed
from ssmbook.runs.document import Run
from ssmbook.runs.jobs import finished_run, plan_runs
from ssmbook.runs.reading import DamagedRun, OldRun, read_run, run_in, stored_runs
from ssmbook.runs.stores import Store, sha256
from tests.ssmbook.outputs import output_of
from tests.ssmbook.toy import NOTEBOOK, ssmbook


def store_run(store, notebook, key, **changes):
    """A complete run of the toy, its notebook executed by hand; its document."""
    node = nbformat.read(notebook, 4)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.execution_count = 1
    values = {n: p.default for n, p in parameters.interface(notebook).items()}
    injected = [f"{name} = {value!r}" for name, value in changes.items()]
    tags = {"tags": ["injected-parameters"]}
    cell = nbformat.v4.new_code_cell(
        "\n".join(injected), metadata=tags, execution_count=1
    )
    values |= changes
    cell.outputs = [output_of("double", 2 * values["n"], atol=0)]
    node.cells.insert(2, cell)
    content = nbformat.writes(node).encode()
    run = Run(
        notebook="toy",
        key=key,
        state="0" * 16,
        parameters=values,
        status="complete",
        started=f"2026-01-01T00:00:0{changes.get('seed', 0)}",
        records={"double": {"value": 2 * values["n"], "atol": 0}},
        files={"toy.ipynb": sha256(content)},
    )
    store.write(f"{run.folder}/toy.ipynb", content)
    store.write(f"{run.folder}/run.json", run.to_json())
    return run


@pytest.fixture(scope="module")
def book(place):
    """The toy book with three runs, n being 1, 2 and 3."""
    store = Store(place / "runs")
    for n in (1, 2, 3):
        store_run(store, place / NOTEBOOK, f"{n}" * 64, n=n, seed=n)
    return place


@pytest.fixture
def folder(book):
    """The folder of the second run, restored after the test."""
    path = book / "runs" / "toy" / ("2" * 16)
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    yield path
    shutil.rmtree(path)
    path.mkdir()
    for name, content in before.items():
        (path / name).write_bytes(content)


def edit(name, change):
    def apply(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return apply


def forge(**parts):
    """A document with other parts and a checksum that fits."""

    def change(content):
        stored = json.loads(content)
        del stored["checksum"]
        return sealed(stored | parts)

    return edit("run.json", change)


def forged_notebook(folder):
    """Another record in the notebook, and a document that names the new notebook."""
    path = folder / "toy.ipynb"
    path.write_bytes(path.read_bytes().replace(b'plain": "4"', b'plain": "40"'))
    forge(files={"toy.ipynb": sha256(path.read_bytes())})(folder)


@pytest.mark.parametrize("name", [f.name for f in fields(Run) if f.name != "reused"])
def test_the_checksum_covers_each_field(name):
    stored = json.loads(Run("toy", "1" * 64, "0" * 16, {"n": 1}).to_json())
    other = {"x": stored[name]}
    content = json.dumps(stored | {name: other}).encode()
    with pytest.raises(ValueError, match="its checksum does not fit"):
        Run.from_json(content, "run.json")
    del stored[name]
    with pytest.raises(ValueError, match="its checksum does not fit"):
        Run.from_json(json.dumps(stored).encode(), "run.json")


def a_folder_instead(folder):
    (folder / "run.json").unlink()
    (folder / "run.json").mkdir()


DAMAGES = {
    "record": (
        edit("run.json", lambda c: c.replace(b'"value": 4', b'"value": 40')),
        "checksum does not fit",
    ),
    "date": (
        edit("run.json", lambda c: c.replace(b"2026-", b"2025-")),
        "checksum does not fit",
    ),
    "no git": (forge(git=None), "bad field git"),
    "variables of another type": (
        forge(machine={"environment": {"passed": []}}),
        "bad field machine",
    ),
    "records of another type": (forge(records=[]), "bad field records"),
    "a record of another type": (forge(records={"double": 4}), "bad field records"),
    "a record that is text": (
        forge(records={"double": {"value": "4"}}),
        "must be a Python int or float",
    ),
    "a name that leads elsewhere": (
        forge(files={"../../x": "0" * 64}),
        "without a path",
    ),
    "another key": (forge(key="4" * 64), "is of another run"),
    "another notebook": (forge(notebook="other"), "is of another run"),
    "another seed": (
        forge(parameters={"n": 2, "seed": 5}),
        "its parameters are not those",
    ),
    "an unknown field": (forge(more=1), "fields missing \\[\\], unknown \\['more'\\]"),
    "another record, forged": (
        forge(records={"double": {"value": 5, "atol": 0}}),
        "its records are not those",
    ),
    "another notebook, forged": (forged_notebook, "its records are not those"),
    "notebook": (
        edit("toy.ipynb", lambda c: c.replace(b'plain": "4"', b'plain": "40"')),
        "is not the file that was stored",
    ),
    "no notebook": (lambda folder: (folder / "toy.ipynb").unlink(), "is missing"),
    "no content": (edit("run.json", lambda c: b""), "is not JSON"),
    "half": (edit("run.json", lambda c: c[: len(c) // 2]), "is not JSON"),
    "a list": (edit("run.json", lambda c: b"[]"), "must hold a JSON object"),
    "not UTF-8": (edit("run.json", lambda c: b"\xff" + c), "is not UTF-8"),
    "nested": (edit("run.json", lambda c: b"[" * 100_000), "nested too deep"),
    "a folder": (a_folder_instead, "Is a directory"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_left_out_with_a_line(book, folder, damage):
    apply, message = DAMAGES[damage]
    store, told = Store(book / "runs"), []
    assert len(stored_runs(store, "toy", pytest.fail)) == 3
    apply(folder)
    found = stored_runs(store, "toy", told.append)
    assert [run.parameters["n"] for run in found] == [1, 3]
    (error,) = told
    assert isinstance(error, DamagedRun)
    text = str(error)
    assert f"{folder}/run.json" in text
    assert "\n" not in text
    assert text.endswith(f"run it again with --force, or remove {folder}")
    with pytest.raises(DamagedRun, match=message):
        read_run(store, f"toy/{folder.name}")


def test_a_run_without_checksum_is_of_an_old_version(book, folder):
    def change(content):
        parts = json.loads(content)
        del parts["checksum"]
        return json.dumps(parts).encode()

    edit("run.json", change)(folder)
    with pytest.raises(OldRun, match="has no checksum: an older version wrote it"):
        read_run(Store(book / "runs"), f"toy/{folder.name}")
    with pytest.raises(OldRun, match="has no checksum"):
        run_in(folder)
    out, err = ssmbook(book, "results", "1", "--json")  # absent, no error
    assert len(json.loads(out)) == 2
    assert "has no checksum" in err


def test_a_damaged_run_is_run_again(book, monkeypatch):
    (job,) = plan_runs(book / NOTEBOOK, [{"n": 4}])
    store = Store(book / "again")
    store_run(store, book / NOTEBOOK, job.key, n=4)
    assert finished_run(job, store).reused
    path = book / "again" / job.folder / "run.json"
    path.write_bytes(path.read_bytes().replace(b'"value": 8', b'"value": 9'))
    assert finished_run(job, store) is None


@pytest.mark.parametrize("command", ["results", "list"])
def test_commands_say_what_they_leave_out(book, folder, command):
    arguments = (
        [command, "1", "--json"] if command == "results" else [command, "--json"]
    )
    ssmbook(book, *arguments)
    DAMAGES["record"][0](folder)
    out, err = ssmbook(book, *arguments, status=1)
    assert json.loads(out)
    assert f"{folder}/run.json was changed: its checksum does not fit" in err
    assert "damaged runs, which the answer leaves out: 1" in err
    assert '"value": 40' not in out


def test_an_edited_run_does_not_change_a_verdict(book, folder):
    (judged,) = json.loads(ssmbook(book, "claims", "--check", folder, "--json")[0])
    assert judged["values"] == {"double": 4}
    DAMAGES["notebook"][0](folder)
    _, err = ssmbook(book, "claims", "--check", folder, status=1)
    assert "toy.ipynb is not the file that was stored with it" in err
    assert "Traceback" not in err


def test_a_moved_run_is_still_checked(book, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(book / "runs" / "toy" / ("3" * 16), moved)
    assert run_in(moved).parameters["n"] == 3
    forge(parameters={"n": 1})(moved)
    with pytest.raises(DamagedRun, match="its parameters are not those"):
        run_in(moved)
