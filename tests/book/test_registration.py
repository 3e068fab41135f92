"""Predictions are older than what they are judged on, as git's history has it."""

import subprocess

import pytest
import yaml

from ssmbook.book import ledger as ledgers
from tests.book.conftest import CHAPTERS
from tests.conftest import ROOT

#: where the ledger has been
PLACES = ("book/claims", "book/claims.yml")


def git(*arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        pytest.skip(f"git's history is not here: {done.stderr.strip()}")
    return done.stdout


@pytest.fixture(scope="module")
def first_seen():
    """(claim, hash) -> the first commit that holds it, and their order in time."""
    if git("rev-parse", "--is-shallow-repository").strip() != "false":
        pytest.skip("this clone is shallow")
    log = git("log", "--reverse", "--format=commit %H", "--name-only", "--", *PLACES)
    seen, commit = {}, None
    for line in filter(None, log.splitlines()):
        if line.startswith("commit "):
            commit = line.split()[1]
        else:
            for entry in entries(commit, line):
                seen.setdefault(entry, commit)
    return seen


def entries(commit, path):
    """(claim, hash) of each entry of a file at a commit; none where it was deleted."""
    text = subprocess.run(
        ["git", "show", f"{commit}:{path}"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    loaded = yaml.load(text, yaml.CSafeLoader) or []
    for entry in loaded["claims"] if isinstance(loaded, dict) else loaded:
        parts = {
            name: tuple(
                ledgers._expectation({"because": "-", **e}, entry["id"])
                for e in entry.get(name) or ()
            )
            for name in ("expect", "limits")
        }
        null = {k: float(v) for k, v in (entry.get("null") or {}).items()}
        yield entry["id"], ledgers.predictions_hash(**parts, null=null)


def test_every_entry_was_registered(ledger):
    assert [c.id for c in ledger if not c.history] == []


def test_predictions_stand_in_history_as_registered(ledger, first_seen):
    edited = git("status", "--porcelain", "--", *PLACES)
    for claim in ledger:
        for version in claim.history:
            if not edited:
                assert (claim.id, version.hash) in first_seen, version


def test_predictions_of_training_are_older_than_their_records(ledger, first_seen):
    for claim in ledger:
        known = first_seen.get((claim.id, claim.history[0].hash))
        document = CHAPTERS[claim.notebook].document
        new = git("status", "--porcelain", "--", document)  # measured just now
        if claim.null and known and not new:
            measured = git("log", "-1", "--format=%H", "--", document).strip()
            between = git("rev-list", "--count", f"{known}..{measured}")
            assert int(between) > 0, claim.id


def test_entries_of_comparisons_have_a_null(ledger):
    """Where a notebook compares by training, each claim on figures with an error."""
    for claim in ledger:
        text = CHAPTERS[claim.notebook].path.read_text(encoding="utf-8")
        if "from ssmlib.training import compare" in text and claim.scale != "exact":
            assert claim.null, claim.id
