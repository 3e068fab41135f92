"""To cite, to archive, to install: the files that travel, and that they agree."""

import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

import ssmlib
from ssmbook.cli import doctor
from ssmbook.publish import citation, conformance
from ssmbook.publish.datasets import registered
from tests.ssmbook.toy import NOTEBOOK, ssmbook


@pytest.mark.network
def test_codemeta_and_zenodo_are_what_citation_cff_says(root):
    for name, text in citation.generated(root).items():
        assert (root / name).read_text(encoding="utf-8") == text, (
            f"{name}: run ssmbook citation"
        )


def test_the_papers_and_licences_are_in_them(root):
    papers = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))[
        "references"
    ]
    assert len(papers) == 3
    codemeta = json.loads((root / "codemeta.json").read_text(encoding="utf-8"))
    zenodo = json.loads((root / ".zenodo.json").read_text(encoding="utf-8"))
    for paper, there, related in zip(
        papers,
        codemeta["referencePublication"],
        zenodo["related_identifiers"],
        strict=True,
    ):
        assert there["name"] == paper["title"]
        assert related["identifier"].removeprefix("arXiv:") in paper["url"]
    assert [url.rpartition("/")[2] for url in codemeta["license"]] == [
        "MIT",
        "CC-BY-4.0",
    ]
    assert zenodo["license"] == "MIT"


@pytest.mark.network
def test_a_citation_that_does_not_fit_the_schema_is_refused(root, tmp_path):
    (root / "_build").mkdir(exist_ok=True)
    (tmp_path / "_build").symlink_to(root / "_build")
    text = (root / "CITATION.cff").read_text(encoding="utf-8")
    (tmp_path / "CITATION.cff").write_text(
        text.replace("type: software", "type: hard"), encoding="utf-8"
    )
    with pytest.raises(ValueError, match="does not fit its schema"):
        citation.generated(tmp_path)


@pytest.mark.network
def test_the_environment_can_be_solved(root, tmp_path):
    """The conda side asks for Python and pip alone; this is all the rest."""
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    (_, _, section) = environment["dependencies"]
    wanted = tmp_path / "wanted.txt"
    wanted.write_text(
        "\n".join(line for line in section["pip"] if line != "-e ."), encoding="utf-8"
    )
    report = tmp_path / "report.json"
    call = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    call += ["-q", "--report", report, "-r", wanted]
    run = subprocess.run(call, capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    solved = {
        e["metadata"]["name"]
        for e in json.loads(report.read_text(encoding="utf-8"))["install"]
    }
    assert len(solved) == len(section["pip"]) - 1


def test_the_dockerfile_is_clean(root):
    tool = Path(sys.executable).with_name("hadolint")
    run = subprocess.run(
        [tool, root / "Dockerfile"], capture_output=True, encoding="utf-8"
    )
    assert run.returncode == 0, run.stdout + run.stderr


# The archive


def git(place, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=place, check=True)


@pytest.fixture(scope="module")
def committed(place):
    ssmbook(place, "notebooks")
    git(place, "init", "-q")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "all of it")
    return place


@pytest.fixture(scope="module")
def packed(committed):
    out, _ = ssmbook(committed, "archive")
    digest, path = out.split()
    return Path(path), digest


@pytest.mark.slow
def test_the_same_bytes_from_elsewhere(committed, packed, tmp_path):
    """And twice from here: `test_what_git_does_not_see_is_not_packed`."""
    path, digest = packed
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    git(tmp_path, "clone", "-q", committed, "a-longer-name")
    assert ssmbook(tmp_path / "a-longer-name", "archive")[0].split()[0] == digest


@pytest.mark.slow
def test_what_an_archive_holds(committed, packed, tmp_path):
    with tarfile.open(packed[0]) as tar:
        members = tar.getmembers()
        tar.extractall(tmp_path, filter="data")
    show = ["git", "show", "-s", "--format=%ct"]
    stamp = subprocess.check_output(show, cwd=committed)
    assert {member.mtime for member in members} == {int(stamp)}
    assert {member.uid for member in members} == {0}
    (folder,) = tmp_path.iterdir()
    stored = (committed / NOTEBOOK).read_bytes()
    assert (folder / "source" / NOTEBOOK).read_bytes() == stored
    assert "Twice is" in (
        folder / "book" / "notebooks" / "part" / "toy.html"
    ).read_text(encoding="utf-8")
    records = json.loads((folder / "records.json").read_text(encoding="utf-8"))
    assert records["toy"]["double"]["value"] == 4
    commit = json.loads((folder / "environment.json").read_text(encoding="utf-8"))[
        "commit"
    ]
    assert commit in (folder / "README.md").read_text(encoding="utf-8")
    assert folder.name == f"ssmbook-{ssmlib.__version__}-{commit[:7]}"
    (claim,) = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    assert claim["verdict"] == "reproduced"
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(lines) == len(files) - 1
    for path in files:  # nothing says where it was made
        assert str(committed).encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_the_crate_describes_the_book(packed, tmp_path):
    with tarfile.open(packed[0]) as tar:
        tar.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    graph = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))[
        "@graph"
    ]
    by_id = {entity["@id"]: entity for entity in graph}
    assert len(by_id) == len(graph)
    root = by_id["./"]
    assert {"book/", "source/", "source/notebooks/part/toy.ipynb"} <= {
        part["@id"] for part in root["hasPart"]
    }
    assert len(root["citation"]) == 3
    assert {"@id": "#data-mnist"} in root["isBasedOn"]
    assert {"@id": "#data-cifar10"} not in root["isBasedOn"]  # no package has it
    for name in (part["@id"] for part in root["hasPart"]):
        assert (folder / name).exists()
        assert by_id[name]["license"]
    assert by_id["#toy/double"]["value"] == 4
    assert by_id["#claim-twice-is-small"]["creativeWorkStatus"] == "reproduced"


@pytest.mark.slow
@pytest.mark.network
def test_the_crate_is_valid(packed, root, tmp_path):
    with tarfile.open(packed[0]) as tar:
        tar.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    place = root / "_build" / "roc-validator"
    conformance.validate(folder, place)
    description = folder / "ro-crate-metadata.json"
    text = description.read_text(encoding="utf-8")
    description.write_text(text.replace('"datePublished"', '"x"'), encoding="utf-8")
    with pytest.raises(ValueError, match=r"(?s)no valid RO-Crate:.*datePublished"):
        conformance.validate(folder, place)


@pytest.mark.slow
def test_a_dirty_tree_is_refused(committed, packed):
    (committed / "stray").touch()
    try:
        _, err = ssmbook(committed, "archive", status=1)
    finally:
        (committed / "stray").unlink()
    assert "the tree is not clean" in err
    assert "stray" in err


@pytest.mark.slow
def test_what_git_does_not_see_is_not_packed(committed, packed, tmp_path):
    exclude = committed / ".git" / "info" / "exclude"
    exclude.write_text("hidden*\n", encoding="utf-8")
    stray = committed / "book" / "_static" / "hidden.css"
    stray.touch()
    git(committed, "update-index", "--assume-unchanged", "book/intro.md")
    page = committed / "book" / "intro.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text + "\nNot committed.\n", encoding="utf-8")
    try:
        out, _ = ssmbook(committed, "archive", "-o", tmp_path)
    finally:
        stray.unlink()
        page.write_text(text, encoding="utf-8")
        git(committed, "update-index", "--no-assume-unchanged", "book/intro.md")
    assert out.split()[0] == packed[1]


@pytest.mark.slow
def test_links_are_refused(committed, tmp_path):
    git(tmp_path, "clone", "-q", committed, "linked")
    place = tmp_path / "linked"
    (place / "link").symlink_to("/etc/hostname")
    git(place, "add", "link")
    git(place, "commit", "-qm", "a link")
    _, err = ssmbook(place, "archive", status=1)
    assert "links cannot be archived: link" in err


@pytest.mark.slow
def test_a_copy_within_another_repository_has_no_commit(own, tmp_path):
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "--allow-empty", "-qm", "another's")
    out, _ = ssmbook(own, "run", "1", "--json")
    found = json.loads(out)["git"]
    assert found["commit"] is found["clean"] is None
    assert "and is not its top" in found["reason"]
    assert "no commit to archive" in ssmbook(own, "archive", status=1)[1]


@pytest.mark.slow
def test_another_environment_than_the_locks_is_refused(committed):
    lock = committed / "requirements-torch.lock"
    pins = lock.read_text(encoding="utf-8")
    lock.write_text(pins.replace("torch==", "torch==9."), encoding="utf-8")
    git(committed, "commit", "-qam", "another lock")
    try:
        _, err = ssmbook(committed, "archive", status=1)
    finally:
        git(committed, "reset", "-q", "--hard", "HEAD~1")
    assert "not the environment of the lock" in err
    assert "torch" in err


def test_outside_git_there_is_nothing_to_archive(own):
    _, err = ssmbook(own, "archive", status=1)
    assert "no git repository" in err


def test_the_repository_holds_no_third_party_data(root):
    """Neither a file that a loader knows by its hash, nor a kind that data comes in."""
    known = set()
    for path in (root / "ssmlib" / "tasks").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        known |= {w for w in text.replace('"', " ").split() if len(w) == 64}
    assert len(known) > 15
    if not (root / ".git").exists():
        pytest.skip("outside git there is no list of the repository's files")
    listed = subprocess.check_output(["git", "ls-files"], cwd=root, encoding="utf-8")
    for name in listed.split("\n"):
        path = root / name
        if path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest() not in known, name
            if path.suffix in (".csv", ".npy", ".npz", ".gz", ".parquet", ".png"):
                own = name == "benchmarks/results.csv" or name.startswith("studies/")
                assert own, name


def test_the_data_sets_are_those_that_packages_register():
    found = {entry["name"]: entry for entry in registered()}
    assert {"mnist", "co2", "sp500_returns", "patches", "listops"} < set(found)
    assert all(entry["license"] and entry["description"] for entry in found.values())
    calls = doctor.loaders()
    assert {name for name, entry in found.items() if entry["load"]} == set(calls)
    assert {"vowels", "arterial_pressure"} < set(calls)
    assert "listops" not in calls


# The doctor


@pytest.mark.slow
def test_the_doctor_finds_nothing_wrong_here(place):
    findings = json.loads(ssmbook(place, "doctor", "--json")[0])
    assert {"Python", "packages", "device", "memory", "disk", "data"} == {
        finding["what"] for finding in findings
    }


@pytest.mark.slow
def test_the_doctor_names_a_miss_and_its_fix(own, tmp_path):
    (own / "requirements.lock").write_text(
        "numpy==1.0\nnothing-such==1\n", encoding="utf-8"
    )
    (own / "requirements-torch.lock").unlink()
    out, _ = ssmbook(own, "doctor", status=1)
    assert "MISS" in out
    assert f"to fix it: {sys.executable} -m pip install numpy==1.0" in out
    assert "nothing-such: missing, the lock says 1" in out


def test_data_that_does_not_load_is_a_miss():
    def gone():
        raise ValueError("not the file this project knows")

    (finding,) = doctor.data({"digits": gone})
    assert "not the file" in finding.status
    assert finding.fix
