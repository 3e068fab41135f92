"""codecheck.yml: every file that it names exists, and it invents nothing."""

import nbformat
import pytest
import yaml

from ssmbook.publish import codecheck
from tests.book.conftest import CHAPTERS


@pytest.fixture
def content(root):
    return yaml.safe_load((root / codecheck.NAME).read_text(encoding="utf-8"))


def test_the_file_is_the_one_that_the_repository_makes(root):
    text = (root / codecheck.NAME).read_text(encoding="utf-8")
    assert text == codecheck.text(root), "run python -m ssmbook.publish.codecheck"
    assert text.startswith("---\n")


def test_every_file_of_the_manifest_exists_with_its_outputs(content, root):
    files = [item["file"] for item in content["manifest"]]
    assert len(set(files)) == len(files) == len(CHAPTERS) + 1
    for name in files:
        assert (root / name).is_file(), name
    notebooks = [name for name in files if name.endswith(".ipynb")]
    assert {root / name for name in notebooks} == {c.path for c in CHAPTERS.values()}
    for name in notebooks:
        cells = nbformat.read(root / name, 4).cells
        assert any(cell.get("outputs") for cell in cells), name
    assert all(item["comment"] for item in content["manifest"])


def test_authors_and_papers_are_those_of_the_citation(content, root):
    cited = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    paper = content["paper"]
    assert paper["title"] == cited["title"]
    assert paper["authors"] == cited["authors"]
    assert paper["reference-other"] == [own["url"] for own in cited["references"]]


def test_what_does_not_exist_yet_is_marked(content):
    unknown = ["summary", "repository", "check_time", "certificate", "report"]
    values = [content[name] for name in unknown]
    values += [content["paper"]["reference"], content["codechecker"][0]["name"]]
    assert set(values) == {codecheck.PLACEHOLDER}
