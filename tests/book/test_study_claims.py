"""Claims that wait for their study: complete, without copies, older than its parts."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from ssmbook.ledger.decision import Part, decide
from ssmbook.ledger.expectations import Expectation
from ssmbook.notebook import strict_yaml
from ssmbook.notebook.executed import Executed
from ssmbook.studies.design import PILOT
from ssmbook.studies.parts import measured
from ssmbook.studies.running import measurement
from tests.book.conftest import CHAPTERS
from tests.conftest import ROOT

STUDIES = measured(ROOT)
WAITING = {
    path.parent.name: strict_yaml.load(path)
    for path in sorted((ROOT / "studies").glob("*/claims.yml"))
}
FIELDS = {"id", "paper", "reviewer", "where", "source", "url", "date", "says"}
FIELDS |= {"expect", "scale"}


@pytest.mark.parametrize("name", WAITING)
def test_each_predicts_contrasts_of_its_study(name):
    contrasts = STUDIES[name].study.contrasts
    parts = {}
    for entry in WAITING[name]:
        assert set(entry) <= FIELDS, entry["id"]
        expected = [Expectation(**e) for e in entry["expect"]]
        assert {e.key for e in expected} <= set(contrasts), entry["id"]
        parts[entry["id"]] = [Part(str(e.key), 0, 0, 1, *e.ends) for e in expected]
    decide(parts)  # refuses two of one prediction


def git(*arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    if done.returncode or "true" in done.stderr:
        pytest.skip("git's history is not here")
    return done.stdout.split()


@pytest.mark.parametrize("name", STUDIES)
def test_the_design_was_committed_before_the_first_part(name):
    if git("rev-parse", "--is-shallow-repository") != ["false"]:
        pytest.skip("this clone is shallow")
    home = f"studies/{name}"
    stated = git("log", "--format=%H", "--diff-filter=A", "--", f"{home}/study.yml")
    claimed = git("log", "--format=%H", "--diff-filter=A", "--", f"{home}/claims.yml")
    parts = git("log", "--format=%H", "--diff-filter=A", "--", f"{home}/*/*.csv")
    for part in parts[-1:]:
        for earlier in (*stated[-1:], *claimed[-1:]):
            assert int(*git("rev-list", "--count", f"{earlier}..{part}")) > 0


def predictions(entries):
    """What each claim predicts, by id."""
    found = {}
    for entry in entries:
        expected = [Expectation(**e) for e in entry["expect"]]
        found[entry["id"]] = sorted((e.key, *e.ends) for e in expected)
    return found


@pytest.mark.parametrize("name", STUDIES)
def test_no_edge_moved_since_the_first_part(name, ledger):
    """The predictions are those that were committed before the measurement.

    A further one may be added, which makes a claim harder to hold; its line says that
    it came after the measurement.
    """
    if git("rev-parse", "--is-shallow-repository") != ["false"]:
        pytest.skip("this clone is shallow")
    parts = git("log", "--format=%H", "--", f"studies/{name}/base/*.csv")
    if not parts:
        return
    stated = subprocess.run(
        ["git", "show", f"{parts[-1]}^:studies/{name}/claims.yml"],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    registered = predictions(yaml.safe_load(stated.stdout))
    assert predictions(WAITING[name]) == registered
    for claim in ledger:
        if claim.measured_by == name:
            own = {(e.key, *e.ends) for e in claim.expect}
            (first,) = {claim.id, *claim.former} & {*registered}
            assert own >= {*registered[first]}, claim.id
            if own > {*registered[first]}:
                assert any(v.after for v in claim.history), claim.id


@pytest.mark.parametrize("name", STUDIES)
def test_a_complete_study_decides_its_claims(name, ledger):
    if STUDIES[name].looks:
        # A claim may be stated again, on a later study of the same chapter.
        chapter = STUDIES[name].study.chapter
        complete = {
            k for k, s in STUDIES.items() if s.study.chapter == chapter and s.looks
        }
        own = [c for c in ledger if c.measured_by in complete]
        on_study = {one for c in own for one in (c.id, *c.former)}
        waiting = {entry["id"] for entry in WAITING.get(name, [])}
        assert waiting <= on_study, "move its claims to book/claims"


@pytest.mark.parametrize("name", STUDIES)
def test_its_chapter_measures_it(name):
    """The cells of a part exist, and take the parameters that the designs give."""
    study = STUDIES[name].study
    executed = Executed.read(CHAPTERS[study.chapter].path)
    node = measurement(executed.node)
    sources = "\n".join(cell.source for cell in node.cells)
    assert "ssmbook.record_losses(" in sources
    known = executed.interface
    for design in study.designs:
        for parameter in study.values(design, study.blocks(design)[0]):
            assert parameter in known, (name, design, parameter)
    if PILOT in study.designs:
        assert f'ssmbook.study("{name}", "pilot")' in sources
